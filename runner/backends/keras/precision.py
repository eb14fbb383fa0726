"""The precision in which Keras computes, a setting of the whole process."""

from __future__ import annotations

import keras

from runner.experiment import Precision


def choose(precision: Precision) -> str:
    """Sets the precision of the layers and of the optimizer, and returns the type of inputs and losses."""
    dtype = "float64" if precision == 64 else "float32"
    # Both are needed: the layers take the policy, the optimizer and the inputs the float type.
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bf16-mixed" else dtype)
    return dtype
