"""A trained network in a form that others read: ONNX, a program of PyTorch or TensorFlow, safetensors."""
