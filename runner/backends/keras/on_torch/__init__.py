"""Keras on its torch engine: a third arm of a comparison, and no backend to train with."""

import os

# Keras reads its engine when it is imported: after this package, and in a process of its own.
os.environ["KERAS_BACKEND"] = "torch"
