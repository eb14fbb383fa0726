"""Functions that return the body of a network: everything before the output layer, which follows from the loss."""

from runner.architectures.own import native
from runner.architectures.sequential import rnn, transformer
from runner.architectures.shipped import autoencoder, cnn, linear, mlp, resnet
from runner.architectures.written import tree

__all__ = ["autoencoder", "cnn", "linear", "mlp", "native", "resnet", "rnn", "transformer", "tree"]
