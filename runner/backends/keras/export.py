"""A trained network as a SavedModel of TensorFlow, from and to the units of the data."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runner.backend import Job
from runner.backends.keras.layers import Network, network
from runner.backends.keras.model import KerasModel
from runner.backends.keras.prediction import restored
from runner.experiment import Output
from runner.network_file import NETWORK
from runner.network_reading import StoredNetwork, Units
from runner.results import Program


def export(*, model: KerasModel, job: Job, folder: Path) -> Program:
    """Writes the network as a program of the framework's own, in evaluation mode, and returns what was written.

    Args:
        model: the network with the weights that are kept.
        job: what it was built from.
        folder: where the SavedModel goes.
    """
    mixed = job.experiment.training.precision == "bf16-mixed"
    trained = _in_float32(model, job) if mixed else model.network
    return _written(trained, model.dtype, job.experiment.output, job.splits, folder)


def export_stored(*, network: StoredNetwork, folder: Path) -> Program:
    """Writes a network that was read from its files as such a program.

    Args:
        network: what is written, in the precision in which it was trained.
        folder: where the SavedModel goes.
    """
    dtype = "float64" if network.precision == 64 else "float32"
    program = _written(restored(network), dtype, network.output, network, folder)
    # Where TensorFlow keeps what it does not read itself.
    (folder / "assets.extra").mkdir()
    (folder / "assets.extra" / NETWORK).write_text(json.dumps(network.described), encoding="utf-8")
    return program


def carried_out(*, path: Path) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
    """Returns what gives the answers of a program that was written, by the framework's own loader."""
    program = tf.saved_model.load(str(path))
    return lambda inputs: program(tf.constant(inputs, tf.float64)).numpy()


def _written(trained: Network, dtype: str, output: Output, units: Units, folder: Path) -> Program:
    program = tf.Module()
    program.weights = [variable.value for variable in trained.variables]
    program.__call__ = _predictor(trained, dtype, output, units)
    tf.saved_model.save(program, str(folder))
    return Program(folder, "tensorflow", {"tensorflow": importlib.metadata.version("tensorflow")})


def _predictor(trained: Network, dtype: str, output: Output, units: Units) -> Any:
    """Returns the network between the units of the data: float64 in and out, inside the precision of the training."""
    width = trained.output_shape[-1]

    def predict(inputs: Any) -> Any:
        standardised = tf.cast((inputs - units.input_mean) / units.input_scale, dtype)
        # TensorFlow gives the convolution of no rows a wrong shape.
        logits = tf.cond(
            tf.shape(inputs)[0] > 0,
            lambda: trained(standardised, training=False),
            lambda: tf.zeros((0, width), dtype),
        )
        return answer(tf.cast(logits, tf.float64))

    def answer(logits: Any) -> Any:
        match output:
            case "softmax":
                return tf.nn.softmax(logits, axis=-1)
            case "sigmoid":
                return tf.math.sigmoid(logits)
            case "exponential":
                return tf.exp(logits)
            case "identity":
                return logits * units.target_scale + units.target_mean

    rows = tf.TensorSpec((None, *trained.input_shape[1:]), tf.float64, name="inputs")
    return tf.function(predict, input_signature=[rows], autograph=False, jit_compile=False)


def _in_float32(model: KerasModel, job: Job) -> Network:
    """Returns the network without the roundings of bfloat16: a layer of Keras keeps the precision that it was made with."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        copy = network(Network, tree=job.tree, input_shape=job.input_shape, seed=job.experiment.seed)
    finally:
        keras.config.set_dtype_policy(policy)
    copy.load_by_name(model.weights())
    return copy
