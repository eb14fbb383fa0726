"""Real data sets that scikit-learn carries in its wheel: nothing is downloaded."""

from __future__ import annotations

from functools import partial

import numpy as np

from runner.data.records import Arrays, Source
from runner.errors import ConfigurationError, Fault
from runner.experiment import Task
from runner.layers import Shape


def digits() -> Source:
    """Handwritten digits of 8 x 8 pixels with values from 0 to 16. Source: Alpaydin and Kaynak, 1998."""
    return _source("digits", "multiclass", 1797, (8, 8, 1), tuple("0123456789"))


def iris() -> Source:
    """Sepal and petal length and width, in cm, of three species of iris. Source: Fisher, 1936."""
    return _source("iris", "multiclass", 150, (4,), ("setosa", "versicolor", "virginica"))


def wine() -> Source:
    """Chemical analyses of wines from three cultivars. Source: Forina et al., 1991."""
    return _source("wine", "multiclass", 178, (13,), ("class_0", "class_1", "class_2"))


def breast_cancer() -> Source:
    """Measures of cell nuclei, malignant or benign. Source: Street, Wolberg and Mangasarian, 1993."""
    return _source("breast_cancer", "binary", 569, (30,), ("malignant", "benign"))


def diabetes() -> Source:
    """Progression of diabetes after one year, from ten measures. Source: Efron et al., 2004."""
    return _source("diabetes", "regression", 442, (10,), ())


def _source(name: str, task: Task, rows: int, input_shape: Shape, classes: tuple[str, ...]) -> Source:
    read = partial(_read, name, input_shape=input_shape, classes=classes)
    return Source(name, task, input_shape, classes, rows, read)


def _read(name: str, *, input_shape: Shape, classes: tuple[str, ...]) -> Arrays:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    names = tuple(str(word) for word in bunch.get("target_names", ()))
    if names != classes:
        raise ConfigurationError(
            [
                Fault(
                    "data",
                    f"must have the classes {', '.join(classes)}",
                    ", ".join(names) or "none",
                    remedy=f"The installed scikit-learn ships another {name}; install a supported release.",
                )
            ]
        )
    inputs = np.asarray(bunch.data, np.float64)
    targets = np.asarray(bunch.target, np.int64 if classes else np.float64)
    return inputs.reshape(len(inputs), *input_shape), targets if classes else targets[:, None]
