"""What makes inputs of a table's columns, fitted on its training rows; saved without a pickle and read again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runner.data.records import Embedded
from runner.data.tables import dates, kinds
from runner.data.tables.columns import Column, Settings
from runner.data.tables.faults import refuse
from runner.experiment import Task
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "preparation"
_TABLE = "table.json"
_TRANSFORMER = "transformer.skops"
# What a saved preparation consists of, in a run's folder.
FILES = (f"{FOLDER}/{_TABLE}", f"{FOLDER}/{_TRANSFORMER}")
_MISSING = "(missing)"
# What a transformer holds beside scikit-learn's own and NumPy's arrays.
_HARMLESS = ("numpy.dtype",)
_WIDEST = 32


@dataclass(frozen=True, kw_only=True)
class FittedTable:
    """What makes inputs of the columns of a table.

    Args:
        columns: those that are inputs.
        settings: how they become numbers.
        targets: the names of the columns that are predicted.
        task: what is predicted.
        classes: their names in the order of their numbers; empty for a regression.
        transformer: a ``ColumnTransformer`` of scikit-learn, fitted.
    """

    columns: tuple[Column, ...]
    settings: Settings
    targets: tuple[str, ...]
    task: Task
    classes: tuple[str, ...]
    transformer: Any

    @property
    def width(self) -> int:
        """How many inputs there are."""
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs: ``age``, ``city=Bern``, ``age is missing``; embedded categories stand last."""
        return tuple(_shown_name(each, self.columns) for each in self.transformer.get_feature_names_out())

    @property
    def embedded(self) -> tuple[Embedded, ...]:
        """The inputs that are numbers of categories, whose rows of a table are learnt."""
        encoder = self.transformer.named_transformers_.get("codes")
        if encoder is None or isinstance(encoder, str):
            return ()
        # The last code is what stands for rare ones, where they are grouped; 0 is what was not known.
        counts = [len(set(_codes(encoder, place))) + 1 for place in range(len(encoder.categories_))]
        first = self.width - len(counts)
        width = self.settings.embedding_width
        return tuple(
            Embedded(first + place, count, min(_WIDEST, round(1.6 * count**0.56)) if width is None else width)
            for place, count in enumerate(counts)
        )

    def transform(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """Returns the inputs of rows, (rows, width).

        Args:
            table: has the columns by their names, in any order; others are not looked at.

        Raises:
            ConfigurationError: a column is missing, or a value is none of its kind.
        """
        self.require(table)
        numbers: NDArray[np.float64] = np.asarray(
            self.transformer.transform(plain(table, self.columns, self.settings)), np.float64
        )
        codes = len(self.embedded)
        if codes:
            numbers[:, -codes:] += 1.0
        return numbers

    def require(self, table: pd.DataFrame) -> None:
        """Looks whether a table has every column.

        Raises:
            ConfigurationError: one is missing.
        """
        names = [str(each) for each in table.columns]
        missing = [each.name for each in self.columns if each.name not in names]
        if missing:
            rule = f"has no column {listed(missing, 8)}, which the model was trained on"
            suggestion = nearest(missing[0], names)
            refuse(rule, key="input", suggestion=suggestion, remedy=f"It has {listed(names, 12)}.")

    def unknown(self, table: pd.DataFrame) -> Mapping[str, float]:
        """Returns the share of rows whose category was met in no training row, of each column that has such rows."""
        known = self.known_categories
        found = {}
        for name, categories in known.items():
            values = kinds.words(table[name]).dropna()
            share = float((~values.isin(categories)).mean()) if len(values) else 0.0
            if share > 0:
                found[name] = share
        return found

    def save(self, folder: Path) -> tuple[Path, ...]:
        """Writes it into the folder ``preparation`` of a run's folder and returns the files."""
        import skops.io

        place = folder / FOLDER
        place.mkdir(parents=True, exist_ok=True)
        about = {
            "format": 1,
            "columns": [asdict(each) for each in self.columns],
            "settings": asdict(self.settings),
            "targets": self.targets,
            "task": self.task,
            "classes": self.classes,
            "inputs": self.names,
        }
        (place / _TABLE).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        skops.io.dump(self.transformer, place / _TRANSFORMER)
        return place / _TABLE, place / _TRANSFORMER

    @property
    def known_categories(self) -> dict[str, set[str]]:
        """The categories that the training rows had, by their column."""
        found: dict[str, set[str]] = {}
        for name in ("words", "codes"):
            encoder = self.transformer.named_transformers_.get(name)
            if encoder is not None and not isinstance(encoder, str):
                pairs = zip(encoder.feature_names_in_, encoder.categories_, strict=True)
                found |= {str(column): {str(each) for each in values} for column, values in pairs}
        return found


def load(folder: Path) -> FittedTable:
    """Returns what :meth:`FittedTable.save` wrote into a run's folder; nothing that is not scikit-learn's is made of it.

    Raises:
        ConfigurationError: it is not there, damaged, or holds what could carry out code.
    """
    import skops.io

    place = folder / FOLDER
    try:
        about = json.loads((place / _TABLE).read_text(encoding="utf-8"))
        found = skops.io.get_untrusted_types(file=place / _TRANSFORMER)
        strange = [each for each in found if each not in _HARMLESS]
        if strange:
            rule = f"holds {listed(strange, 3)}, which could carry out code"
            refuse(rule, str(place / _TRANSFORMER), key="preparation", remedy="It is not used.")
        transformer = skops.io.load(place / _TRANSFORMER, trusted=list(_HARMLESS))
        settings = about["settings"] | {"date_parts": tuple(about["settings"]["date_parts"])}
        return FittedTable(
            columns=tuple(Column(**each) for each in about["columns"]),
            settings=Settings(**settings),
            targets=tuple(about["targets"]),
            task=about["task"],
            classes=tuple(about["classes"]),
            transformer=transformer,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        refuse(f"cannot be read: {reason}", str(place), key="preparation")


def plain(table: pd.DataFrame, columns: Sequence[Column], settings: Settings) -> pd.DataFrame:
    """Returns the columns as the transformer takes them: numbers, the parts of dates, and words.

    Raises:
        ConfigurationError: a value is none of its column's kind.
    """
    import pandas as pd

    made: dict[str, Any] = {}
    for column in columns:
        values = kinds.typed(table[column.name], column.kind)
        if column.kind == "date":
            made |= dates.parts(values, settings.date_parts, cyclic=settings.cyclic)
        elif column.kind == "category":
            made[column.name] = values.where(values.notna(), _MISSING).to_numpy(object)
        else:
            made[column.name] = values.to_numpy(np.float64)
    return pd.DataFrame(made, index=range(len(table)))


def _codes(encoder: Any, place: int) -> list[int]:
    """Returns the codes of the known categories of a column."""
    import pandas as pd

    width = len(encoder.categories_)
    categories = encoder.categories_[place]
    rows = pd.DataFrame(
        {
            name: categories if number == place else [encoder.categories_[number][0]] * len(categories)
            for number, name in zip(range(width), encoder.feature_names_in_, strict=True)
        }
    )
    return [int(each) for each in encoder.transform(rows)[:, place]]


def _shown_name(name: str, columns: Sequence[Column]) -> str:
    step, _, rest = name.partition("__")
    if step == "missing":
        place = rest.removeprefix("missingindicator_")
        moments = [each.name for each in columns if each.kind == "date" and place.startswith(f"{each.name}.")]
        return f"{max(moments, key=len, default=place)} is missing"
    if step == "words":
        words = [each.name for each in columns if each.kind == "category"]
        column = max((each for each in words if rest.startswith(f"{each}_")), key=len)
        category = rest[len(column) + 1 :]
        return f"{column}={'(rare)' if category == 'infrequent_sklearn' else category}"
    return rest
