"""The verbs on runs that MLflow alone has: a network of numbers, one of a table, one of pictures, their folders removed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import own_files
import pytest
from recorded_runs import answer_here

from runner.__main__ import main
from runner.data.tables.fitted import FILES
from runner.recorded import find, records
from runner.tracking import fetching, looking_up, store
from runner.tracking.delivery import Delivery
from runner.tracking.mlflow import Store

# MLflow's own store uses what SQLAlchemy has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
]

TRAINED = {
    "flowers": ("data=iris", "architecture.hidden_sizes=[4]"),
    "prices": ("data=table", "data.path=houses.csv", "data.target=price", "architecture.hidden_sizes=[4]"),
    "shapes": ("data=images", "data.path=photos", "architecture.hidden_sizes=[4]"),
}
INPUTS = {"flowers": "flowers.npy", "prices": "houses.csv", "shapes": "photos/ring"}


def predicted(name: str, output: str) -> bytes:
    words = ["predict", name, "--input", INPUTS[name], "--output", output, "--force", "--backend", "numpy"]
    assert main(words) == 0
    return Path(output).read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A folder with a store and no run's folder, and what the networks answered when there were some."""
    place = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        own_files.houses(Path("houses.csv"))
        own_files.photos(Path("photos"))
        np.save("flowers.npy", np.random.default_rng(3).uniform(0, 7, (5, 4)))
        for name, overrides in TRAINED.items():
            words = [f"name={name}", *overrides, "training.epochs=2", "tracking=none", "plots=none"]
            assert main(words) == 0
        answers = {name: predicted(name, f"{name}.csv") for name in TRAINED}
        target = Store(store.address(None, place))
        for folder in Path("outputs").glob("2*/*"):
            delivery = Delivery(folder, target)
            delivery.advance()
            assert delivery.complete
        shutil.rmtree("outputs")
    return place, answers


@pytest.fixture(autouse=True)
def in_place(place: tuple[Path, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder without that of any run; MLflow is asked in this process, which has it already."""
    monkeypatch.chdir(place[0])
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    answer_here(monkeypatch)
    shutil.rmtree("outputs", ignore_errors=True)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of runs are fetched, as from a server, and not read where MLflow keeps them."""
    for module in (fetching, looking_up):
        monkeypatch.setattr(module, "on_this_machine", lambda address: None)


@pytest.mark.parametrize("name", TRAINED)
def test_predict_answers_as_it_did(name: str, place: tuple[Path, dict[str, bytes]]) -> None:
    assert find(name).folder is None
    assert predicted(name, "again.csv") == place[1][name]


@pytest.mark.parametrize("name", TRAINED)
def test_evaluate_gives_the_runs_own_numbers(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", name]) == 0
    assert "equal to the run's own to the last digit." in capsys.readouterr().out


def test_files_are_fetched_where_they_lie_elsewhere(
    place: tuple[Path, dict[str, bytes]], elsewhere: None, capsys: pytest.CaptureFixture[str]
) -> None:
    record = find("prices")
    assert record.artifacts is None
    folder = record.folder_with(FILES)
    assert folder is not None
    assert place[0] not in folder.parents
    assert {each.relative_to(folder).as_posix() for each in folder.rglob("*.*")} == set(FILES)
    assert predicted("prices", "again.csv") == place[1]["prices"]
    assert main(["evaluate", "prices"]) == 0
    assert "equal to the run's own to the last digit." in capsys.readouterr().out
    assert record.file("preparation/tabel.json") is None
    assert record.file("nowhere/table.json") is None


@pytest.mark.parametrize("name", TRAINED)
def test_rerun_gives_the_same_to_the_last_bit(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rerun", name]) == 0
    assert "The same to the last bit: " in capsys.readouterr().out
    assert find("last").tags["rerun_of"] == find(name).run_id


def test_show_and_compare_know_what_was_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    record = find("prices")
    assert main(["show", "prices"]) == 0
    shown = capsys.readouterr().out
    assert "data.path" in shown
    assert "houses.csv" in shown
    assert f"run      http://127.0.0.1:5000/#/experiments/1/runs/{record.run_id}?" in shown
    assert main(["compare", *TRAINED]) == 0
    compared = capsys.readouterr().out
    assert all(name in compared for name in TRAINED)
    assert "figure   outputs/comparisons/flowers_and_prices_and_shapes" in compared


@pytest.mark.parametrize("name", TRAINED)
def test_a_network_is_exported_with_what_prepares_its_inputs(name: str) -> None:
    output = Path(f"{name}.safetensors")
    assert main(["export", name, "--output", str(output), "--force"]) == 0
    beside = Path(f"{name}.preparation")
    assert beside.is_dir() == (name == "prices")
    if name == "prices":
        assert sorted(each.name for each in beside.iterdir()) == sorted(Path(each).name for each in FILES)


def test_register_finds_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["register", "prices", "--name", "house-prices"]) == 0
    assert "model    house-prices, version 1, of the run 'prices'" in capsys.readouterr().out


def test_a_preparation_that_is_gone_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    record = find("prices")
    assert record.artifacts is not None
    path = record.artifacts / FILES[1]
    path.rename("aside")
    # What was fetched stays for as long as a process.
    records._fetched.cache_clear()
    try:
        for words in (
            ["predict", "prices", "--input", "houses.csv", "--output", "-"],
            ["evaluate", "prices"],
        ):
            assert main(words) == 2
            expected = (
                "the run 'prices' has no preparation any more, which makes inputs of a table's columns."
            )
            assert expected in capsys.readouterr().err
    finally:
        Path("aside").rename(path)


@pytest.mark.parametrize(("name", "file"), [("prices", "houses.csv"), ("shapes", "photos")])
def test_data_that_have_moved_are_named_and_taken_from_where_they_are(
    name: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("moved").mkdir(exist_ok=True)
    moved = Path(file).rename(Path("moved") / file)
    try:
        for verb in ("evaluate", "rerun"):
            assert main([verb, name]) == 2
            said = capsys.readouterr().err
            assert "data.path: " in said
            recorded = "That is what the run recorded; data.path=VALUE gives what it is here."
            assert f"Received: {file}." in said
            assert recorded in said
        assert not Path("outputs").exists()
        assert main(["evaluate", name, f"data.path={moved}"]) == 0
        told = capsys.readouterr()
        assert f"Note: {moved} counts as the run's own data; --rows all takes all its rows." in told.err
        assert "equal to the run's own to the last digit." in told.out
        assert main(["rerun", name, f"data.path={moved}"]) == 0
        assert "The same to the last bit: " in capsys.readouterr().out
    finally:
        moved.rename(file)


def test_other_rows_of_the_same_name_are_other_data(capsys: pytest.CaptureFixture[str]) -> None:
    # Those of the run are still where they were.
    Path("later").mkdir(exist_ok=True)
    own_files.houses(Path("later/houses.csv"), rows=40)
    assert main(["evaluate", "prices", "data.path=later/houses.csv"]) == 0
    told = capsys.readouterr()
    assert "Note: all rows of table are evaluated" in told.err
    assert "to the last digit" not in told.out
