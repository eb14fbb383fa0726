"""The forms in which a trained network leaves: each is written and carried out by what it is for."""

from __future__ import annotations

import importlib.util
import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from runner import backend, folders, forward
from runner import weights as weight_files
from runner.errors import Fault
from runner.exports import onnx_file
from runner.network_file import NETWORK
from runner.network_reading import StoredNetwork

Answer = Callable[[NDArray[Any]], NDArray[np.float64]]


class Format(ABC):
    """One form: the ending of its file, empty for a folder; what it needs and the extra that brings it.

    ``checker`` is the package that carries the written file out.
    """

    ending: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    extra: ClassVar[str]
    checker: ClassVar[str]

    @abstractmethod
    def write(self, network: StoredNetwork, path: Path) -> None:
        """Writes a network to a path where nothing is yet."""

    @abstractmethod
    def carried_out(self, path: Path) -> Answer:
        """Returns what gives the answers of what was written."""

    def precision(self, network: StoredNetwork) -> int:
        """Returns in which precision the form carries the network out: 64, or 32."""
        return network.precision

    def faults(self, name: str) -> list[Fault]:
        """Returns which packages are not installed; imports nothing of them."""
        missing = [each for each in self.packages if importlib.util.find_spec(each) is None]
        remedy = f"Type: pip install {folders.installable(self.extra)}"
        return [
            Fault("--format", f"needs {package}, which is not installed", name, None, remedy)
            for package in missing
        ]

    @property
    def checked_by(self) -> str:
        """Who carried the file out, with the version."""
        return f"{self.checker} {metadata.version(self.checker)}"


class _Onnx(Format):
    ending, packages, extra, checker = ".onnx", ("onnx", "onnxruntime"), "onnx", "onnxruntime"

    def write(self, network: StoredNetwork, path: Path) -> None:
        """Writes one file of ONNX."""
        onnx_file.write(network, path)

    def carried_out(self, path: Path) -> Answer:
        """Returns the answers by ONNX Runtime."""
        return onnx_file.carried_out(path)

    def precision(self, network: StoredNetwork) -> int:
        """Returns 32: ONNX Runtime has no convolution in float64."""
        return 32


class _Torch(Format):
    ending, packages, extra, checker = ".pt2", ("torch",), "torch", "torch"

    def write(self, network: StoredNetwork, path: Path) -> None:
        """Writes a program of torch.export."""
        folder = path.with_name(f"{path.name}.folder")
        try:
            backend.load_export("runner.backends.torch").export_stored(network=network, folder=folder)
            (written,) = folder.iterdir()
            written.replace(path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def carried_out(self, path: Path) -> Answer:
        """Returns the answers by torch.export's own loader."""
        return backend.load_export("runner.backends.torch").carried_out(path=path)


class _SavedModel(Format):
    ending, packages, extra, checker = "", ("keras", "tensorflow"), "keras", "tensorflow"

    def write(self, network: StoredNetwork, path: Path) -> None:
        """Writes the folder of a SavedModel."""
        backend.load_export("runner.backends.keras").export_stored(network=network, folder=path)

    def carried_out(self, path: Path) -> Answer:
        """Returns the answers by TensorFlow's own loader."""
        return backend.load_export("runner.backends.keras").carried_out(path=path)


class _Safetensors(Format):
    ending, packages, extra, checker = ".safetensors", ("safetensors",), "all", "numpy"

    def write(self, network: StoredNetwork, path: Path) -> None:
        """Writes the arrays, and the description of the network in the header."""
        texts = {NETWORK: json.dumps(network.described)}
        weight_files.save(network.weights, path, precision=network.precision, texts=texts)

    def carried_out(self, path: Path) -> Answer:
        """Returns the answers in plain NumPy."""
        from safetensors import safe_open

        weights = weight_files.read(path)
        with safe_open(path, framework="numpy") as file:
            described: Mapping[str, Any] = json.loads(file.metadata()[NETWORK])
        return lambda inputs: forward.predict(described, weights, inputs)


FORMATS: Mapping[str, Format] = {
    "onnx": _Onnx(),
    "torch": _Torch(),
    "saved_model": _SavedModel(),
    "safetensors": _Safetensors(),
}


def of_ending(path: Path) -> str | None:
    """Returns the form whose file has the ending of a path, or None."""
    ending = path.suffix.lower()
    return next((name for name, each in FORMATS.items() if each.ending and each.ending == ending), None)
