"""The transformer of a table's columns, all of it scikit-learn's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runner.data.tables.columns import Column, Settings

if TYPE_CHECKING:
    import pandas as pd

_MOST_QUANTILES = 1000


def fitted(table: pd.DataFrame, columns: Sequence[Column], settings: Settings, *, scaled: bool) -> Any:
    """Returns a ``ColumnTransformer`` that is fitted on rows.

    Numbers come first, then whether they were missing, then truth values, then one input for each category or its code.

    Args:
        table: the training rows, of numbers and words; see :func:`runner.data.tables.fitted.plain`.
        columns: what the columns are.
        settings: how they become numbers.
        scaled: whether numbers are scaled at all.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import Pipeline

    booleans = [each.name for each in columns if each.kind == "boolean"]
    words = [each.name for each in columns if each.kind == "category"]
    numbers = [name for name in table.columns if name not in (*booleans, *words)]
    strategy = (
        {"strategy": "constant", "fill_value": 0.0}
        if settings.impute == "zero"
        else {"strategy": settings.impute}
    )
    steps: list[tuple[str, Any]] = [("impute", SimpleImputer(**strategy, keep_empty_features=True))]
    if scaled and settings.scale != "none":
        steps.append(("scale", _scaler(settings, len(table))))
    parts: list[tuple[str, Any, list[str]]] = []
    if numbers:
        parts.append(("numbers", Pipeline(steps), numbers))
    # The parts of a date are missing together: the first of them tells it.
    repeated = {part for each in columns if each.kind == "date" for part in parts_of(each.name, numbers)[1:]}
    told = [name for name in (*numbers, *booleans) if name not in repeated]
    missing = [name for name in told if table[name].isna().any()]
    if settings.indicator and missing:
        parts.append(("missing", MissingIndicator(features="all", sparse=False), missing))
    if booleans:
        parts.append(
            ("booleans", SimpleImputer(strategy="most_frequent", keep_empty_features=True), booleans)
        )
    if words:
        parts.append(_encoder(settings, words))
    made: Any = ColumnTransformer(parts, sparse_threshold=0.0)
    return made.fit(table)


def parts_of(date: str, names: Sequence[str]) -> list[str]:
    """Returns those among the names of numbers that are parts of a date."""
    return [name for name in names if name.startswith(f"{date}.")]


def _scaler(settings: Settings, rows: int) -> Any:
    from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

    if settings.scale == "quantile":
        count = min(_MOST_QUANTILES, rows)
        return QuantileTransformer(n_quantiles=count, output_distribution="normal", random_state=0)
    return {"standard": StandardScaler, "robust": RobustScaler, "min_max": MinMaxScaler}[settings.scale]()


def _encoder(settings: Settings, words: list[str]) -> tuple[str, Any, list[str]]:
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    rare = settings.minimum_rows if settings.minimum_rows > 1 else None
    if settings.encode == "embedding":
        unknown = {"handle_unknown": "use_encoded_value", "unknown_value": -1}
        return "codes", OrdinalEncoder(**unknown, min_frequency=rare), words
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=rare, sparse_output=False)
    return "words", encoder, words
