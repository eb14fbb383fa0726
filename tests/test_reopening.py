"""A recorded configuration opened again: overrides as on a command line, older keys, and whose code it would carry out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from recorded_runs import write_run

from runner import trust
from runner.component import build
from runner.errors import ConfigurationError, UsageError
from runner.experiment import Component
from runner.recorded import Record, find
from runner.recorded.records import CONFIG
from runner.reopening import experiment_of, reopened

OPTIONS = ("data=iris", "optimizer.learning_rate=0.5", "architecture.hidden_sizes=[3]", "training.epochs=4")


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_run(Path("outputs/1"), *OPTIONS, name="one")
    return find("one")


def changed(record: Record, change: Callable[[dict[str, Any]], object]) -> Record:
    """Returns the record with another configuration in its file."""
    path = record.require(CONFIG)
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(config)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return find("one")


def faults(record: Record, *overrides: str, is_trusted: bool = False) -> str:
    with pytest.raises(ConfigurationError) as caught:
        experiment_of(record, overrides, is_trusted=is_trusted)
    return str(caught.value)


def test_what_was_recorded_is_what_is_opened(record: Record) -> None:
    found = experiment_of(record)
    assert (found.data.name, found.training.epochs) == ("iris", 4)
    assert found.optimizer.target == "runner.backends.torch.optimizers.adam"
    assert found.optimizer.arguments["learning_rate"] == 0.5
    assert found.architecture.arguments["hidden_sizes"] == [3]


def test_every_part_of_a_backend_goes_with_it(record: Record) -> None:
    found = experiment_of(record, ["backend=keras"])
    parts = [found.activation, found.loss, found.optimizer]
    assert [part.target for part in parts] == [
        "runner.backends.keras.activations.relu",
        "runner.backends.keras.losses.cross_entropy",
        "runner.backends.keras.optimizers.adam",
    ]
    assert found.optimizer.arguments["learning_rate"] == 0.5


def test_an_option_takes_the_place_of_what_was_recorded(record: Record) -> None:
    found = experiment_of(record, ["optimizer=sgd", "optimizer.momentum=0.9", "data=wine", "plots=none"])
    # 0.1 is the learning rate that conf/optimizer/sgd.yaml has.
    assert found.optimizer.arguments["learning_rate"] == 0.1
    assert (found.optimizer.arguments["momentum"], found.data.name, dict(found.plots)) == (0.9, "wine", {})


def test_all_faults_are_said_at_once(record: Record) -> None:
    said = faults(record, "optimizer=sdg", "training.epoch=3", "training.batch_size=0")
    assert "optimizer: there is no option 'sdg'. Did you mean sgd? Options: adadelta" in said
    assert "_recorded" not in said
    assert "training.epoch: there is no such key. Did you mean training.epochs?" in said
    assert "training.batch_size: must be at least 1. Received: 0." in said
    with pytest.raises(UsageError, match="-m: one run is one configuration"):
        experiment_of(record, ["-m", "seed=1,2"])


def test_a_key_that_is_newer_than_the_run_gets_todays_value(record: Record) -> None:
    def older(config: dict[str, Any]) -> None:
        del config["training"]["accumulation"]
        del config["training"]["clipping"]["value"]
        del config["optimizer"]["decay_on"]
        del config["split"]["folds"]
        del config["parity"]
        config["training"]["warm"] = 3
        config["colour"] = "red"

    with reopened(changed(record, older), []) as found:
        assert found.experiment.training.accumulation == 1
        assert found.experiment.optimizer.arguments["decay_on"] == "all"
        assert found.experiment.parity.steps > 0
        assert sorted(found.notes) == [
            "colour of the run is no key any more and is left out.",
            "optimizer.decay_on is newer than the run: today's 'all' is taken.",
            "split.folds is newer than the run: today's null is taken.",
            "training.accumulation is newer than the run: today's 1 is taken.",
            "training.clipping.value is newer than the run: today's null is taken.",
            "training.warm of the run is no key any more and is left out.",
        ]


def test_hydras_own_keys_are_never_taken_from_a_record(record: Record) -> None:
    hostile = {"hydra": {"callbacks": {"mine": {"_target_": "os.system"}}}}
    with reopened(changed(record, lambda config: config.update(hostile)), []) as found:
        assert "mine" not in found.answer.config.hydra.callbacks
        assert found.notes == ("hydra of the run is no key any more and is left out.",)


def test_a_text_that_looks_like_a_reference_is_a_text(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "told")
    asked = changed(record, lambda config: config.update(name="${oc.env:SECRET}"))
    assert experiment_of(asked).name == "${oc.env:SECRET}"


FOREIGN = (
    "is code of somebody else's, neither the program's nor in this folder, and the run would carry it out"
)
PYTHON = "must name a part of an experiment, not of Python's own library"


@pytest.mark.parametrize(
    "target",
    [
        "numpy.load",
        "torch.load",
        # Parts of the program that no file of conf/ offers.
        "runner.tracking.asking.ask",
        "runner.commands.train.run",
        "runner.data.os.system",
        # What a module of this folder imported is not in this folder.
        "mine.os.system",
        "mine",
        "elsewhere.function",
        "../mine.function",
    ],
)
def test_somebody_elses_code_needs_trust(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("import os\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        trust.require({"data": {"_target_": target}})
    assert (
        str(caught.value)
        == f"data._target_: {FOREIGN}. Received: {target}. Read it, and add --trust if it may run."
    )


def test_pythons_own_library_is_not_a_matter_of_trust() -> None:
    for target in ("os.system", "subprocess.run", "builtins.eval"):
        with pytest.raises(ConfigurationError) as caught:
            trust.require({"data": {"_target_": target}})
        assert str(caught.value) == f"data._target_: {PYTHON}. Received: {target}."


def test_what_takes_the_place_of_somebody_elses_code_needs_none(record: Record) -> None:
    asked = changed(record, lambda config: config.update(data={"_target_": "numpy.load"}))
    assert f"data._target_: {FOREIGN}. Received: numpy.load." in faults(asked)
    assert experiment_of(asked, ["data=wine"]).data.name == "wine"


def test_a_function_of_this_folder_needs_none(record: Record) -> None:
    Path("mine.py").write_text(
        "from runner.data.shipped import iris\n\n\ndef source(*, times: int):\n    return iris()\n",
        encoding="utf-8",
    )
    node = {"_target_": "mine.source", "times": 2}
    asked = changed(record, lambda config: config.update(data=node))
    assert experiment_of(asked).data.arguments == {"times": 2}


def test_trust_lets_somebody_elses_code_in_and_pythons_own_never(
    record: Record, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("elsewhere")
    (place / "theirs.py").write_text(
        "from os import system\n\nfrom runner.data.shipped import wine\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(place)
    asked = changed(record, lambda config: config.update(data={"_target_": "theirs.wine"}))
    assert FOREIGN in faults(asked)
    assert experiment_of(asked, is_trusted=True).data.target == "theirs.wine"
    for target in ("os.system", "theirs.system", "theirs.os.system"):
        node = {"_target_": target, "command": f"touch {place / 'hostile'}"}
        asked = changed(record, lambda config, node=node: config.update(data=node))  # type: ignore[misc]
        faults(asked, is_trusted=True)
    assert not (place / "hostile").exists()


def test_pythons_own_functions_are_refused_by_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "renamed.py").write_text("from os import system as loss\nfrom pickle import Unpickler\n")
    for name in ("loss", "Unpickler"):
        with pytest.raises(ConfigurationError, match=PYTHON):
            build(Component(target=f"renamed.{name}", arguments={}, key="loss"))


def test_what_is_nested_or_only_drawn_is_looked_at_too(record: Record) -> None:
    def nested(config: dict[str, Any]) -> None:
        config["plots"]["mine"] = {"_target_": "evil.figure"}
        config["architecture"] = {
            "_target_": "runner.architectures.native",
            "module": [{"_target_": "evil.Net"}],
        }

    said = faults(changed(record, nested))
    assert "plots.mine._target_: is code of somebody else's" in said
    assert "architecture.module[0]._target_: is code of somebody else's" in said
    assert "architecture._target_" not in said


def test_all_that_the_program_offers_is_known() -> None:
    assert trust.is_known("runner.backends.keras.optimizers.adam")
    assert trust.is_known("runner.data.shipped.iris")
    assert len(trust.offered()) > 150
