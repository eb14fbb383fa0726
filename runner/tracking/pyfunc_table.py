"""The recorded model of a table as MLflow carries it out: raw columns in; what it needs of the project lies with it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel
from safetensors.numpy import load_file


class TableNetwork(PythonModel):
    """A network behind the preparation that its training rows have fitted."""

    def load_context(self, context: Any) -> None:
        from runner.data.tables.fitted import load

        files = {name: Path(path) for name, path in context.artifacts.items()}
        # By its path, and not as a module that another model may have brought under the same name.
        found = importlib.util.spec_from_file_location("forward", files["forward"])
        assert found is not None
        assert found.loader is not None
        self.forward: Any = importlib.util.module_from_spec(found)
        found.loader.exec_module(self.forward)
        self.network = self.forward.read(files["network"])
        self.weights = load_file(files["weights"])
        self.prepared = load(files["preparation"].parent)

    # MLflow reads the annotation of the input, and knows the bare name alone.
    def predict(
        self,
        context: Any,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> np.ndarray:
        """Returns probabilities, or values in the units of the data, of rows of a table.

        Raises:
            MlflowException: a value is none of its column's kind; a server answers that the request was bad.
        """
        from runner.errors import ConfigurationError

        try:
            inputs = self.prepared.transform(model_input.reset_index(drop=True))
        except ConfigurationError as error:
            raise MlflowException.invalid_parameter_value(error.faults[0].rule) from error
        outputs: np.ndarray[Any, Any] = self.forward.predict(self.network, self.weights, inputs)
        return outputs


set_model(TableNetwork())
