"""Keras on TensorFlow, by a Keras model under its fit."""

import os

# Keras reads its framework from here; whatever a person's keras.json says, this backend is TensorFlow's.
os.environ["KERAS_BACKEND"] = "tensorflow"
# Read when TensorFlow loads: of its compiled code's log, errors are enough unless a person asks for more.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
