"""The matrix of cases: every member of every vocabulary, and whole trainings, PyTorch against Keras against plain NumPy."""
