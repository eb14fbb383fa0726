"""What the engine under Keras does: TensorFlow by its own kernels where they are quicker, another by the equations."""

import keras

if keras.backend.backend() == "tensorflow":
    from runner.backends.keras.kernels.tensorflow import (
        apply_adadelta,
        apply_adagrad,
        apply_adam,
        apply_amsgrad,
        apply_momentum,
        bias_add,
        dense,
        erfc,
        half_square,
        row,
        scan,
        softplus,
        values,
    )
else:
    from runner.backends.keras.kernels.equations import (
        apply_adadelta,
        apply_adagrad,
        apply_adam,
        apply_amsgrad,
        apply_momentum,
        bias_add,
        dense,
        erfc,
        half_square,
        row,
        scan,
        softplus,
        values,
    )

__all__ = [
    "apply_adadelta",
    "apply_adagrad",
    "apply_adam",
    "apply_amsgrad",
    "apply_momentum",
    "bias_add",
    "dense",
    "erfc",
    "half_square",
    "row",
    "scan",
    "softplus",
    "values",
]
