"""Tables larger than memory, at a small size: what is prepared block by block is what is prepared at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as parquet
import pytest
from numpy.typing import NDArray
from support import curve, experiment, one_tensorflow_thread, trained

from runner import chosen_data
from runner.data import Selected, Splits, kept
from runner.data.tables import fitted, large, reading, source, surveyed
from runner.errors import ConfigurationError
from runner.tasks.preparation import prepared

ROWS, BLOCK = 3000, 256
LARGE, SMALL = "data.in_memory_gigabytes=0", "data.in_memory_gigabytes=1"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kept, "cache", lambda: tmp_path / "cache")
    monkeypatch.setattr(surveyed, "BLOCK", BLOCK)
    forget()
    yield
    forget()


def forget() -> None:
    """Forgets what a process knows of tables, as the next one does."""
    for each in (surveyed.known, large._made_once, source._understood):
        each.cache_clear()


def houses() -> pd.DataFrame:
    draws = np.random.default_rng(0)
    table = pd.DataFrame({f"x{number}": draws.normal(size=ROWS).astype(np.float32) for number in range(3)})
    table.loc[draws.random(ROWS) < 0.1, "x1"] = np.nan
    table["city"] = draws.choice(["Bern", "Basel", "Genève", "Zug"], ROWS)
    table["sold"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(draws.integers(0, 999, ROWS), "D")
    table["new"] = draws.random(ROWS) > 0.5
    table["weight"] = draws.integers(1, 4, ROWS)
    table["part"] = draws.choice(["train", "validation", "test"], ROWS, p=[0.7, 0.2, 0.1])
    logit = table.x0 + (table.city == "Bern") + draws.normal(size=ROWS)
    table["y"] = pd.Series(np.where(logit > 0, "ja", "nein"), dtype=object)
    table.loc[draws.random(ROWS) < 0.02, "y"] = None
    return table


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, table = tmp_path_factory.mktemp("tables"), houses()
    paths = {name: folder / f"houses.{name}" for name in ("parquet", "csv")}
    table.to_parquet(paths["parquet"], row_group_size=700)
    table.to_csv(paths["csv"], index=False)
    return paths


def overrides(path: Path, *more: str) -> list[str]:
    chosen = ("data=table", f"data.path={path}", "data.target=y", "data.leave_out=[part,weight]")
    return [*chosen, "tracking=none", "plots=none", *more]


def splits(path: Path, *more: str) -> Splits:
    return prepared(experiment(*overrides(path, *more))).job.splits


def assert_equal(whole: Splits, mapped: Splits) -> None:
    for part in ("train", "validation", "test"):
        expected, found = getattr(whole, part), getattr(mapped, part)
        assert isinstance(found.inputs, Selected)
        np.testing.assert_array_equal(found.inputs[:], expected.inputs.astype(np.float32))
        np.testing.assert_array_equal(found.targets, expected.targets)
        if expected.weights is not None:
            np.testing.assert_array_equal(found.weights, expected.weights)
    assert whole.rows_sha256 == mapped.rows_sha256


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["data.weights=weight", "data.leave_out=[part]", "data.encode=embedding"],
        ["split.by=column", "split.column=part", "data.leave_out=[weight]", "data.scale=quantile"],
        ["standardise=false", "data.minimum_rows=600", "data.target=x0"],
    ],
)
def test_rows_are_the_same_to_the_last_bit_as_of_a_table_in_memory(
    files: dict[str, Path], form: str, more: list[str]
) -> None:
    assert_equal(splits(files[form], SMALL, *more), splits(files[form], LARGE, *more))


def test_validation_and_test_rows_may_be_files_of_their_own(files: dict[str, Path], tmp_path: Path) -> None:
    for name, first, last in (("validation", 100, 500), ("test", 500, 600)):
        houses()[first:last].to_parquet(tmp_path / f"{name}.parquet")
    more = [f"data.{name}_path={tmp_path / name}.parquet" for name in ("validation", "test")]
    whole, mapped = (splits(files["parquet"], bound, *more) for bound in (SMALL, LARGE))
    assert_equal(whole, mapped)
    assert len(mapped.test) == houses()[500:600].y.notna().sum()


@pytest.mark.parametrize("backend", ["torch", "keras"])
def test_a_training_is_the_same_to_the_last_bit(files: dict[str, Path], backend: str) -> None:
    if backend == "keras":
        one_tensorflow_thread()
    short = (f"backend={backend}", "training.epochs=2", "training.batch_size=100")
    whole, mapped = (trained(*overrides(files["parquet"], bound, *short))[0] for bound in (SMALL, LARGE))
    for name in ("train/loss", "validation/loss"):
        assert curve(mapped, name) == curve(whole, name)
    assert mapped.metrics == whole.metrics


def test_what_was_prepared_is_found_again_and_read_no_more(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = splits(files["parquet"], LARGE)
    forget()

    def refuse(*arguments: Any, **more: Any) -> Any:
        raise AssertionError("it was to be found")

    monkeypatch.setattr(fitted.FittedTable, "transform", refuse)
    monkeypatch.setattr(reading, "blocks", refuse)
    again = splits(files["parquet"], LARGE, "backend=keras", "optimizer=sgd")
    np.testing.assert_array_equal(first.train.inputs[:], again.train.inputs[:])
    assert first.sha256 == again.sha256
    forget()
    with pytest.raises(AssertionError, match="it was to be found"):
        splits(files["parquet"], LARGE, "seed=1")


def test_a_table_that_has_changed_is_prepared_anew(files: dict[str, Path], tmp_path: Path) -> None:
    path, table = tmp_path / "houses.parquet", houses()
    table.to_parquet(path)
    before = splits(path, LARGE, "data.scale=none")
    table["x0"] += 1
    table.to_parquet(path)
    after = splits(path, LARGE, "data.scale=none")
    np.testing.assert_allclose(after.train.inputs[:][:, 0], before.train.inputs[:][:, 0] + 1, rtol=1e-6)


def test_a_preparation_may_be_fitted_on_some_of_the_training_rows(files: dict[str, Path]) -> None:
    chosen = overrides(files["parquet"], LARGE, "data.fit_rows=500", "data.impute=mean")
    drawing = prepared(experiment(*chosen)).drawing.source
    assert "Its preparation is fitted on 500 of the" in drawing.notes[-1]
    preparation = drawing.preparation
    assert isinstance(preparation, fitted.FittedTable)
    scaler = preparation.transformer.named_transformers_["numbers"]["scale"]
    assert scaler.n_samples_seen_ == 500
    # The mean of 500 draws of N(0, 1) is within 4 / sqrt(500) of 0, and not that of all.
    training = chosen_data.of(experiment(*overrides(files["parquet"], LARGE))).preparation
    assert isinstance(training, fitted.FittedTable)
    whole = training.transformer.named_transformers_["numbers"]["scale"]
    assert 0 < np.abs(scaler.mean_[:3] - whole.mean_[:3]).max() < 4 / np.sqrt(500)


def test_columns_are_known_from_rows_all_over_a_parquet_file(tmp_path: Path) -> None:
    table = pd.DataFrame({"number": np.arange(ROWS), "late": np.repeat([0.0, 1.0, 7.0], ROWS // 3)})
    table["y"] = np.arange(ROWS) % 2
    table.to_parquet(tmp_path / "sorted.parquet", row_group_size=ROWS // 6)
    assert parquet.read_metadata(tmp_path / "sorted.parquet").num_row_groups == 6
    found = chosen_data.of(
        experiment("data=table", f"data.path={tmp_path}/sorted.parquet", "data.target=y", LARGE)
    )
    assert found.input_shape == (2,)


def test_a_value_that_is_none_of_its_kind_is_named_by_its_row(tmp_path: Path) -> None:
    lines = ["a,b,y", *(f"{number},{number % 7},{number % 2}" for number in range(2000))]
    lines[1501] = "oops,3,1"
    (tmp_path / "late.csv").write_text("\n".join(lines), encoding="utf-8")
    chosen = experiment(
        "data=table", f"data.path={tmp_path}/late.csv", "data.target=y", LARGE, "data.fit_rows=9"
    )
    with pytest.raises(ConfigurationError, match=r"column a has numbers, and in row 1501 'oops'"):
        prepared(chosen)


def test_a_number_too_large_for_what_is_kept_is_named_by_its_row(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": np.arange(2000.0), "y": np.arange(2000) % 2})
    table.loc[1499, "a"] = 1e60
    table.to_parquet(tmp_path / "far.parquet")
    chosen = ("data=table", f"data.path={tmp_path}/far.parquet", "data.target=y", LARGE, "data.scale=none")
    with pytest.raises(ConfigurationError, match=r"a of row 1500 is too large for a number of 32 bits"):
        prepared(experiment(*chosen))


def test_memory_is_that_of_a_block_and_of_orders_and_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, width = 100_000, 40
    monkeypatch.setattr(surveyed, "BLOCK", 2048)
    values: NDArray[np.float32] = np.random.default_rng(0).standard_normal((rows, width), np.float32)
    table = pd.DataFrame(values, columns=[f"x{number}" for number in range(width)])
    table["y"] = np.arange(rows) % 2
    table.to_parquet(tmp_path / "wide.parquet", row_group_size=5000)
    chosen = experiment(
        "data=table", f"data.path={tmp_path}/wide.parquet", "data.target=y", LARGE, "data.fit_rows=2000"
    )
    forget()
    tracemalloc.start()
    found = prepared(chosen)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.job.splits.train) == 70_000
    # As float32 the inputs are 16 MB, in memory as float64 twice that.
    assert peak < 12e6
