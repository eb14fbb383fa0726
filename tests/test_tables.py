"""Tables of a person's own: inputs against equations in pandas and NumPy, what is kept, real tables on both backends."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from numpy.typing import NDArray
from scipy import stats
from support import curve, one_tensorflow_thread, trained

from runner.data import Source
from runner.data.records import Embedded
from runner.data.tables import fitted, reading, source
from runner.data.tables.fitted import FittedTable
from runner.data.tables.reading import Place
from runner.errors import ConfigurationError
from runner.tracking.memory import Memory

CONF = Path(__file__).parents[1] / "conf" / "data" / "table.yaml"
TRAINING = np.arange(0, 40)


def houses() -> pd.DataFrame:
    """Sixty rows with holes; the city Ulm, and a heated house that is not said to be, are in no training row."""
    draws = np.random.default_rng(7)
    table = pd.DataFrame({"area": draws.normal(90.0, 20.0, 60).round(3)})
    table["city"] = [["Bern", "Graz", "Zug"][number % 3] for number in range(60)]
    table["heated"] = [["yes", "no"][number % 2] for number in range(60)]
    table["sold"] = pd.Timestamp("2021-03-01") + pd.to_timedelta(draws.integers(0, 900, 60), "D")
    table["price"] = (table.area * 3 + draws.normal(size=60)).round(3)
    table.loc[[3, 17, 45], "area"] = np.nan
    table.loc[[5, 50], "city"] = None
    table.loc[[7, 8, 55], "heated"] = None
    table.loc[[11, 41], "sold"] = pd.NaT
    table.loc[58, "city"] = "Ulm"
    table.loc[[9, 10], "city"] = "Basel"
    return table


def made(path: Path, **asked: Any) -> Source:
    settings = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    del settings["_target_"]
    source._understood.cache_clear()
    return source.table(**(settings | {"path": str(path), "target": "price", "divided_by": None} | asked))


def fitted_on(table: Source, scaled: bool = True) -> tuple[Source, FittedTable]:
    assert table.fit is not None
    found = table.fit(TRAINING, scaled)
    assert isinstance(found.preparation, FittedTable)
    return found, found.preparation


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("tables") / "houses.csv"
    houses().to_csv(where, index=False)
    return where


def columns_of(table: Source, scaled: bool = True) -> dict[str, NDArray[np.float64]]:
    """Returns the inputs of all rows by their names."""
    found, preparation = fitted_on(table, scaled)
    inputs = np.asarray(found.read()[0])
    assert inputs.shape == (60, *found.input_shape) == (60, preparation.width)
    return dict(zip(preparation.names, inputs.T, strict=True))


def filled(strategy: str) -> pd.Series[float]:
    area = houses().area
    known = area[TRAINING].dropna()
    return area.fillna({"mean": known.mean(), "median": known.median(), "zero": 0.0}[strategy])


def test_every_input_is_what_its_equation_says(path: Path) -> None:
    table = houses()
    found = columns_of(made(path))
    area = filled("median")
    known = area[TRAINING]
    sold = table.sold
    expected = {"area": (area - known.mean()) / known.std(ddof=0)}
    for part in ("year", "month", "day", "day_of_week"):
        values = getattr(sold.dt, part)
        whole = values.fillna(values[TRAINING].median())
        name = f"sold.{part.replace('day_of_week', 'weekday')}"
        expected[name] = (whole - whole[TRAINING].mean()) / whole[TRAINING].std(ddof=0)
    expected["area is missing"] = table.area.isna()
    expected["sold is missing"] = table.sold.isna()
    expected["heated is missing"] = table.heated.isna()
    # Among training rows there are 19 of each: the smaller of two values that are equally frequent.
    heated = table.heated.map({"yes": 1.0, "no": 0.0})
    counts = heated[TRAINING].value_counts()
    expected["heated"] = heated.fillna(min(counts.index[counts == counts.max()]))
    for city in ("Basel", "Bern", "Graz", "Zug"):
        expected[f"city={city}"] = table.city == city
    expected["city=(missing)"] = table.city.isna()
    assert sorted(found) == sorted(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], np.asarray(values, np.float64), atol=1e-12, err_msg=name)


SCALED = {
    "standard": lambda all_rows, known: (all_rows - known.mean()) / known.std(ddof=0),
    "robust": lambda all_rows, known: (
        (all_rows - known.median()) / (known.quantile(0.75) - known.quantile(0.25))
    ),
    "min_max": lambda all_rows, known: (all_rows - known.min()) / (known.max() - known.min()),
    "none": lambda all_rows, known: all_rows,
}


@pytest.mark.parametrize("impute", ["mean", "median", "zero"])
@pytest.mark.parametrize("scale", SCALED)
def test_numbers_are_filled_and_scaled_by_training_rows(scale: str, impute: str, path: Path) -> None:
    found = columns_of(made(path, scale=scale, impute=impute, columns=["area"]))
    area = filled(impute)
    np.testing.assert_allclose(found["area"], SCALED[scale](area, area[TRAINING]), atol=1e-12)
    assert list(found) == ["area", "area is missing"]


def test_quantiles_become_those_of_a_normal_distribution(path: Path) -> None:
    found = columns_of(made(path, scale="quantile", columns=["area"], indicator=False))["area"]
    known = np.sort(filled("median")[TRAINING])
    inside = filled("median")[TRAINING].to_numpy()
    # Where a value is there several times, the middle of its places.
    left, right = np.searchsorted(known, inside, "left"), np.searchsorted(known, inside, "right") - 1
    share = (left + right) / 2 / (len(known) - 1)
    middle = (share > 0.01) & (share < 0.99)
    np.testing.assert_allclose(found[TRAINING][middle], stats.norm.ppf(share[middle]), atol=1e-6)


def test_without_standardising_numbers_stay(path: Path) -> None:
    found = columns_of(made(path, columns=["area"]), scaled=False)
    np.testing.assert_array_equal(found["area"], filled("median"))


def test_parts_that_come_round_are_points_on_a_circle(path: Path) -> None:
    asked = {"columns": ["sold"], "scale": "none", "date_parts": ["year", "month"], "cyclic": True}
    found = columns_of(made(path, **asked, indicator=False))
    there = houses().sold.notna().to_numpy()
    month = houses().sold.dt.month[there].to_numpy()
    assert list(found) == ["sold.year", "sold.month.sin", "sold.month.cos"]
    np.testing.assert_allclose(found["sold.month.sin"][there], np.sin(np.pi * month / 6), atol=1e-12)
    np.testing.assert_allclose(found["sold.month.cos"][there], np.cos(np.pi * month / 6), atol=1e-12)


def test_rare_categories_are_one_and_take_in_what_is_unknown(path: Path) -> None:
    found = columns_of(made(path, columns=["city"], minimum_rows=3))
    city = houses().city
    # Two training rows have Basel and one has none; none has Ulm.
    rare = city.isin(["Basel", "Ulm"]) | city.isna()
    assert list(found) == ["city=Bern", "city=Graz", "city=Zug", "city=(rare)"]
    np.testing.assert_array_equal(found["city=(rare)"], rare)


def test_embedded_categories_are_numbered_behind_all_others(path: Path) -> None:
    table = made(path, columns=["city", "area"], encode="embedding", embedding_width=3)
    found, preparation = fitted_on(table)
    numbers = {"(missing)": 1, "Basel": 2, "Bern": 3, "Graz": 4, "Zug": 5, "Ulm": 0}
    expected = houses().city.fillna("(missing)").map(numbers)
    assert preparation.names == ("area", "area is missing", "city")
    assert found.embedded == (Embedded(column=2, categories=6, width=3),)
    np.testing.assert_array_equal(np.asarray(found.read()[0])[:, 2], expected)


def test_rows_that_are_not_learnt_from_change_nothing(path: Path, tmp_path: Path) -> None:
    other = houses()
    other.loc[40:, "area"] = 1e6
    other.loc[40:, "city"] = "Wien"
    other.to_csv(tmp_path / "other.csv", index=False)
    ours, theirs = (np.asarray(fitted_on(made(each))[0].read()[0]) for each in (path, tmp_path / "other.csv"))
    np.testing.assert_array_equal(ours[:40], theirs[:40])
    assert not np.array_equal(ours[40:], theirs[40:])


@pytest.mark.parametrize("encode", ["one_hot", "embedding"])
@pytest.mark.parametrize("scale", [*SCALED, "quantile"])
def test_what_is_kept_is_read_again_to_the_last_bit(
    scale: str, encode: str, path: Path, tmp_path: Path
) -> None:
    _, preparation = fitted_on(made(path, scale=scale, encode=encode, minimum_rows=2))
    files = preparation.save(tmp_path)
    assert sorted(each.name for each in files) == ["table.json", "transformer.skops"]
    again = fitted.load(tmp_path)
    rows = reading.frame(Place(str(path)))
    np.testing.assert_array_equal(again.transform(rows), preparation.transform(rows))
    assert (again.names, again.columns, again.settings, again.embedded, again.targets) == (
        preparation.names,
        preparation.columns,
        preparation.settings,
        preparation.embedded,
        ("price",),
    )


def test_columns_may_come_in_any_order_and_some_at_a_time(path: Path) -> None:
    _, preparation = fitted_on(made(path))
    rows = reading.frame(Place(str(path)))
    whole = preparation.transform(rows)
    turned = rows[list(rows.columns[::-1])].assign(more=1)
    np.testing.assert_array_equal(preparation.transform(turned), whole)
    parts = [preparation.transform(rows.iloc[first : first + 7]) for first in range(0, 60, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert preparation.unknown(rows.iloc[56:59]) == {"city": 1 / 3}


def test_a_missing_column_is_named_with_what_is_near(path: Path) -> None:
    _, preparation = fitted_on(made(path))
    rows = reading.frame(Place(str(path))).rename(columns={"city": "citys"})
    with pytest.raises(ConfigurationError) as caught:
        preparation.transform(rows)
    assert str(caught.value) == (
        "input: has no column city, which the model was trained on. Did you mean citys?"
        " It has area, citys, heated, sold, price."
    )


def test_a_damaged_preparation_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="preparation: cannot be read: FileNotFoundError"):
        fitted.load(tmp_path)


FORMS = {
    "houses.parquet": lambda table, where: table.to_parquet(where),
    "houses.feather": lambda table, where: table.to_feather(where),
    "houses.xlsx": lambda table, where: table.to_excel(where, index=False),
    "houses.csv.xz": lambda table, where: table.to_csv(where, index=False),
    "houses.csv.zst": lambda table, where: zstandard(table, where),
}


def zstandard(table: pd.DataFrame, where: Path) -> None:
    import pyarrow as pa

    with pa.CompressedOutputStream(str(where), "zstd") as stream:
        stream.write(table.to_csv(index=False).encode())


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_inputs(name: str, path: Path, tmp_path: Path) -> None:
    FORMS[name](houses(), tmp_path / name)
    ours, theirs = columns_of(made(path)), columns_of(made(tmp_path / name))
    assert list(ours) == list(theirs)
    for column, values in ours.items():
        np.testing.assert_array_equal(theirs[column], values)


@pytest.mark.parametrize("name", ["houses.csv", "houses.parquet"])
def test_blocks_are_the_table_in_its_order(name: str, path: Path, tmp_path: Path) -> None:
    houses().to_parquet(tmp_path / "houses.parquet")
    place = Place(str(path if name.endswith("csv") else tmp_path / name))
    parts = list(reading.blocks(place, rows=25, columns=["price", "city"]))
    assert [len(part) for part in parts] == [25, 25, 10]
    prices = np.concatenate([part.price.astype(float) for part in parts])
    np.testing.assert_array_equal(prices, houses().price)
    assert all(sorted(part.columns) == ["city", "price"] for part in parts)


def test_the_rows_of_files_of_their_own_are_their_parts(path: Path, tmp_path: Path) -> None:
    table = houses()
    table.iloc[:4].to_csv(tmp_path / "v.csv", index=False)
    table.iloc[:7].to_csv(tmp_path / "t.csv", index=False)
    found = made(path, validation_path=str(tmp_path / "v.csv"), test_path=str(tmp_path / "t.csv"))
    assert (found.rows, found.validation_rows, found.test_rows) == (71, 4, 7)
    np.testing.assert_array_equal(found.labels()[:, 0], pd.concat([table, table[:4], table[:7]]).price)


def test_weights_and_several_targets_are_read(path: Path, tmp_path: Path) -> None:
    houses().assign(count=np.arange(60) % 4).dropna().to_csv(tmp_path / "w.csv", index=False)
    kept = houses().assign(count=np.arange(60) % 4).dropna()
    found, _ = fitted_on_all(made(tmp_path / "w.csv", target=["price", "area"], weights="count"))
    _, targets, weights = found.read()  # type: ignore[misc]  # It is weighted.
    np.testing.assert_array_equal(targets, kept[["price", "area"]])
    np.testing.assert_array_equal(weights, kept["count"])
    assert found.target_width == 2


def fitted_on_all(table: Source) -> tuple[Source, FittedTable]:
    assert table.fit is not None
    found = table.fit(np.arange(table.rows), True)
    assert isinstance(found.preparation, FittedTable)
    return found, found.preparation


def shipped(package: str, file: str) -> Path:
    """Returns a table that a package ships; the package itself is not imported."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is in the extra test"
    assert spec.origin is not None
    return Path(spec.origin).parent / file


PENGUINS = shipped("palmerpenguins", "data/penguins.csv")
RAW = shipped("palmerpenguins", "data/penguins-raw.csv")
WEATHER = shipped("vega_datasets", "_data/seattle-weather.csv")
AIRPORTS = shipped("vega_datasets", "_data/airports.csv")


def described(table: Source) -> dict[str, tuple[Any, ...]]:
    assert table.described is not None
    return {str(line[0]): line[1:] for line in table.described.lines}


def test_penguins_are_understood() -> None:
    found = made(PENGUINS, target="species")
    assert (found.task, found.classes, found.rows) == ("multiclass", ("Adelie", "Chinstrap", "Gentoo"), 344)
    assert found.notes[0] == "species: 3 classes in 344 rows, Adelie (152), Chinstrap (68), Gentoo (124)."
    known = described(found)
    assert known["sex"] == ("category", "3.2 %", 2, "input")
    assert known["body_mass_g"] == ("number", "0.581 %", 94, "input")
    assert {name for name, line in known.items() if line[0] == "category"} == {"island", "sex"}


def test_penguins_as_they_were_written_down_are_understood() -> None:
    """Remarks are text, the number of an animal is a word of nearly each row, one region is constant."""
    found = made(RAW, target="Body Mass (g)")
    assert (found.task, found.rows) == ("regression", 342)
    assert "2 rows without a target are dropped." in found.notes
    known = described(found)
    assert known["Date Egg"][0] == "date"
    assert known["Region"][-1] == known["Stage"][-1] == "left out: it has one value alone"
    assert known["Individual ID"][-1] == "left out: it is text"
    assert known["Clutch Completion"][0] == "boolean"


def test_airports_have_values_and_many_words() -> None:
    found = made(AIRPORTS, target="latitude")
    known = described(found)
    assert (found.task, found.rows) == ("regression", 3376)
    assert known["state"][0] == "category"
    assert known["iata"][-1] == "left out: it is text"
    assert known["country"][0] == "category"


TRAINED = {
    "penguins": [f"data.path={PENGUINS}", "data.target=species"],
    # By its day, too, though the day divides the rows: it is asked for.
    "weather": [
        f"data.path={WEATHER}",
        "data.target=weather",
        "data.columns=[date,precipitation,temp_max,wind]",
        "data.cyclic=true",
        "split.by=time",
        "split.column=date",
    ],
    "masses": [
        f"data.path={PENGUINS}",
        "data.target=[body_mass_g,flipper_length_mm]",
        "data.encode=embedding",
    ],
}
ALL = (
    "data=table",
    "training.epochs=3",
    "training.batch_size=32",
    "training.precision=64",
    "plots=none",
    "tracking=none",
)
Trained = dict[str, tuple[dict[str, list[float]], Memory]]


@pytest.fixture(scope="module", params=TRAINED)
def both(request: pytest.FixtureRequest) -> Trained:
    """A real table that is learnt on either backend."""
    one_tensorflow_thread()
    found: Trained = {}
    for backend in ("torch", "keras"):
        result, memory = trained(*ALL, *TRAINED[request.param], f"backend={backend}")
        found[backend] = {name: curve(result, name) for name in result.epochs[0].metrics}, memory
    return found


def test_both_backends_learn_a_real_table_alike(both: Trained) -> None:
    torch, keras = both["torch"][0], both["keras"][0]
    assert list(torch) == list(keras)
    assert torch["train/loss"][-1] < torch["train/loss"][0]
    for name, values in torch.items():
        np.testing.assert_allclose(values, keras[name], rtol=1e-10, atol=1e-10, err_msg=name)


def test_what_was_fitted_goes_to_the_tracker(both: Trained) -> None:
    for _, memory in both.values():
        names = {Path(each).name for each in memory.artifacts}
        assert names >= {"table.json", "transformer.skops", "columns.csv"}
