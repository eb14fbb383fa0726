"""Data sets that scikit-learn fetches, into and from its own folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from runner.data.download import Tell
from runner.data.records import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Task
from runner.layers import Shape

NAME = "data.name"


@dataclass(frozen=True)
class _Known:
    """What is known of a data set before it is there.

    Args:
        task: what is predicted.
        rows: how many there are.
        input_shape: of one example.
        classes: the names of the classes; empty for a regression.
        files: what scikit-learn keeps it as, below its folder.
    """

    task: Task
    rows: int
    input_shape: Shape
    classes: tuple[str, ...]
    files: tuple[str, ...]


# Sources: Pace and Barry, 1997; Blackard and Dean, 1999; AT&T Laboratories Cambridge, 1994.
_KNOWN = {
    "california_housing": _Known("regression", 20_640, (8,), (), ("cal_housing_py3.pkz",)),
    "covtype": _Known(
        "multiclass",
        581_012,
        (54,),
        (
            "spruce or fir",
            "lodgepole pine",
            "ponderosa pine",
            "cottonwood or willow",
            "aspen",
            "Douglas fir",
            "krummholz",
        ),
        ("covertype/samples_py3", "covertype/targets_py3"),
    ),
    "olivetti_faces": _Known(
        "multiclass", 400, (64, 64, 1), tuple(str(number) for number in range(40)), ("olivetti_py3.pkz",)
    ),
}


@dataclass(frozen=True)
class _Fetching:
    """A data set in scikit-learn's own folder, which SCIKIT_LEARN_DATA may name.

    scikit-learn keeps it as a pickle of its own making. That is why no key of ours names the folder: a configuration from
    someone else cannot lead to a pickle from someone else.
    """

    name: str
    files: tuple[str, ...]

    @property
    def action(self) -> str:
        """What is done to have it."""
        return "downloading"

    @property
    def folder(self) -> Path:
        """Where it lies or will lie."""
        import os

        return Path(os.environ.get("SCIKIT_LEARN_DATA", "~/scikit_learn_data")).expanduser()

    def missing(self) -> tuple[str, ...]:
        """Returns the files that are not there."""
        return tuple(name for name in self.files if not (self.folder / name).is_file())

    def fault(self) -> Fault | None:
        """Returns nothing: what is not there can be downloaded."""
        return None

    def note(self) -> str | None:
        """Returns what a run would download, or None where everything is there."""
        if not self.missing():
            return None
        return f"{NAME}: a run would let scikit-learn download {self.name} to {self.folder}."

    def fetch(self, tell: Tell) -> None:
        """Lets scikit-learn bring it.

        Raises:
            ConfigurationError: it is neither there nor to be had.
        """
        tell(self.name, 0, None)
        self.read()

    def read(self) -> Any:
        """Returns what scikit-learn makes of it.

        Raises:
            ConfigurationError: it is neither there nor to be had.
        """
        from sklearn import datasets

        function = f"fetch_{self.name}"
        try:
            return getattr(datasets, function)()
        except OSError as error:
            rule = f"{self.name} is not there, and scikit-learn could not download it: {error}"
            remedy = (
                f'Where there is a network type: python -c "from sklearn.datasets import {function}; {function}()", and copy'
                f" {' and '.join(self.files)} of its scikit_learn_data to {self.folder}."
            )
            raise ConfigurationError([Fault(NAME, rule, remedy=remedy)]) from error


def fetched(*, name: Literal["california_housing", "covtype", "olivetti_faces"]) -> Source:
    """Real data sets that scikit-learn downloads once: house prices, kinds of forest, and faces of forty people.

    Args:
        name: as scikit-learn calls it.
    """
    known = _KNOWN[name]
    files = _Fetching(name, known.files)
    return Source(
        "fetched",
        known.task,
        known.input_shape,
        known.classes,
        known.rows,
        partial(_read, files, known),
        files=files,
    )


def _read(files: _Fetching, known: _Known) -> Arrays:
    bunch = files.read()
    inputs = np.asarray(bunch.data, np.float64).reshape(-1, *known.input_shape)
    if not known.classes:
        return inputs, np.asarray(bunch.target, np.float64).reshape(-1, 1)
    targets = np.asarray(bunch.target, np.int64)
    # The kinds of forest are numbered from 1.
    return inputs, targets - targets.min()
