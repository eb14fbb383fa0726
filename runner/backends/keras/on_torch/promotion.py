"""Type promotion of Keras on torch, which ends at 32 bits, brought to that of Keras on TensorFlow."""

from __future__ import annotations

import keras
from keras.src.backend.common import dtypes

from runner.errors import RunnerError

_WIDE = ("float64", "int64")


def keep_64_bits() -> None:
    """Lets Keras compute in float64 what is given in float64: a matmul or a mean would be one of float32.

    Raises:
        RunnerError: this version of Keras does not let itself be told.
    """
    # No public setting does this; on TensorFlow the table has these very entries.
    getattr(dtypes, "BIT64_TO_BIT32_DTYPE", {}).update({name: name for name in _WIDE})
    for name in _WIDE:
        found = keras.backend.result_type(name, name)
        if found != name:
            raise RunnerError(
                f"parity.control: Keras {keras.__version__} on torch makes {found} of {name}."
                " Leave parity.control out, or install another version of Keras."
            )
