"""Keras on TensorFlow, by a Keras model under its fit."""

import os

# Set before TensorFlow is imported: it tells every machine without a GPU so in six lines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Keras reads its framework from here; whatever a person's keras.json says, this backend is TensorFlow's.
os.environ["KERAS_BACKEND"] = "tensorflow"
