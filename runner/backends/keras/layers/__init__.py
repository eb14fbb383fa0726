"""The layer tree as a Keras functional model, and its weights in the canonical names and layout."""

from runner.backends.keras.layers.network import Network, network

__all__ = ["Network", "network"]
