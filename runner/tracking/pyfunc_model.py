"""The recorded model as MLflow carries it out: a copy of this file lies with it, and it needs NumPy alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from safetensors.numpy import load_file


class NumpyNetwork(PythonModel):
    """A network from ``network.json`` and ``weights.safetensors``, by the ``forward.py`` beside them."""

    def load_context(self, context: Any) -> None:
        files = {name: Path(path) for name, path in context.artifacts.items()}
        # By its path, and not as a module that another model may have brought under the same name.
        found = importlib.util.spec_from_file_location("forward", files["forward"])
        assert found is not None
        assert found.loader is not None
        self.forward: Any = importlib.util.module_from_spec(found)
        found.loader.exec_module(self.forward)
        self.network = self.forward.read(files["network"])
        self.weights = load_file(files["weights"])

    # MLflow reads the annotation of the input, and knows the bare name alone.
    def predict(
        self,
        context: Any,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Returns probabilities, or values in the units of the data, of rows in the units of the data.

        Raises:
            MlflowException: a number is missing or not finite; a server answers that the request was bad.
        """
        if not np.isfinite(model_input).all():
            row = int(np.argwhere(~np.isfinite(model_input))[0][0])
            raise MlflowException.invalid_parameter_value(
                f"row {row} has a number that is missing or not finite"
            )
        outputs: np.ndarray[Any, Any] = self.forward.predict(self.network, self.weights, model_input)
        return outputs


set_model(NumpyNetwork())
