"""The layer tree as a PyTorch module, and its weights in the canonical names and layout."""

from runner.backends.torch.layers.network import Network

__all__ = ["Network"]
