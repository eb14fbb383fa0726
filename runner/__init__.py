"""One YAML trains on PyTorch or on Keras with the same numbers, and MLflow remembers it."""
