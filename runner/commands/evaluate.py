"""The verb evaluate: the test metrics and figures of a recorded run again, or on other data."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from runner import component as components
from runner import compose, display, folders, session, supplies, surroundings
from runner.commands import options
from runner.commands.chosen_run import preparation_of
from runner.data import Standard, Units
from runner.errors import ConfigurationError, Fault, UsageError
from runner.experiment import Component, Experiment
from runner.findings import Cell, Findings, Table
from runner.layers import describe
from runner.metrics import number
from runner.network_file import NETWORK
from runner.recorded import Record, find, local
from runner.recorded.records import TRAIN
from runner.reopening import Reopened, refuse_overrides, reopened
from runner.runs import Outcome, RunRequest
from runner.suggestions import listed, nearest
from runner.tasks.evaluation import ALL, CHOICES, TEST, component_of
from runner.tracking.result_files import RESULT, load_result
from runner.trust import TRUST
from runner.weights import WEIGHTS

_PREPARATION = "preparation"
_ROWS, _OF, _METRIC = "--rows", "--of", "--metric"
# What has made the network, and is done.
_DONE = ("architecture", "activation", "initializer", "optimizer", "schedule", "task", "loss", "standardise")
# One process, and no start but the run's own weights.
_ALONE = ("training.start_from=null", "training.start_with=weights", "training.devices=1", "training.nodes=1")
# Arguments of data that say where files are.
_PLACES = ("path", "validation_path", "test_path", "root")
# What decides which rows are looked at.
_DIVISION = ("seed", "split", "debug")


def run(words: Sequence[str]) -> int:
    """Evaluates a run's weights on its test rows, or on other data, as a run of its own with figures."""
    folders.make_importable()
    typed = options.read("evaluate", words, values=[_ROWS, _OF, _METRIC], switches=[TRUST])
    if not typed.names:
        rule = "needs the run: its number, its name, its folder, last or best"
        raise UsageError([Fault("evaluate", rule, remedy="Write python -m runner evaluate last.")])
    text, *overrides = typed.names
    refuse_overrides(
        overrides, _DONE, "belongs to the training, which is done, and has no part in an evaluation"
    )
    uri = options.value_of(overrides, "tracking.uri")
    record = find(text, uri=uri, metric=typed.values.get(_METRIC), of=typed.values.get(_OF))
    prepared = _preparation(record, overrides)
    with reopened(record, [*overrides, *prepared, *_ALONE], is_trusted=TRUST in typed.switches) as opened:
        rows = _rows(typed.values.get(_ROWS), opened.experiment, record)
        request = _request(record, opened, rows, overrides, words)
        found = surroundings.faults(request.experiment, request.folder)
        if found:
            raise ConfigurationError(found)
        for note in (*opened.notes, *_said(record, request.experiment, rows)):
            print(f"Note: {note}", file=sys.stderr)
        supplies.fetch([request.experiment])
        outcome, report = session.carried_out(request)
    if outcome.result is None:
        print(f"{session.verb(outcome.status)}: {outcome.message}", file=sys.stderr)
        display.whereabouts(sys.stderr, folder=folders.shown(outcome.folder), report=report, sweep=None)
        return outcome.exit_code
    display.findings(
        sys.stdout,
        name=outcome.name,
        findings=_told(record, outcome, request.experiment, overrides),
        seconds=outcome.seconds,
        folder=folders.shown(outcome.folder),
        report=report,
        next_command=f"python -m runner show {shlex.quote(record.word)}",
    )
    return 0


def _preparation(record: Record, overrides: Sequence[str]) -> list[str]:
    """Returns what has the columns of a table become inputs as in the run, where its data are a table."""
    folder = preparation_of(record)
    if folder is None:
        return []
    if any(text.startswith("data=") for text in overrides):
        rule = "must be a table, because the run's inputs were made of a table's columns"
        raise UsageError([Fault("data", rule, remedy="Write data.path=FILE, with the same columns.")])
    quoted = str(folder.absolute()).replace("'", "\\'")
    return [f"data.preparation='{quoted}'"]


def _rows(asked: str | None, experiment: Experiment, record: Record) -> str:
    """Returns which rows are looked at: the test rows of the run's own data, and all rows of other data."""
    if asked is None:
        return TEST if _same_data(experiment, record) else ALL
    if asked not in CHOICES:
        remedy = f"Parts: {listed(CHOICES)}."
        raise UsageError([Fault(_ROWS, "there is no such part", asked, nearest(asked, CHOICES), remedy)])
    return asked


def _same_data(experiment: Experiment, record: Record) -> bool:
    own = components.parse(record.config.get("data"), "data")
    before, now = _arguments(own), _arguments(experiment.data)
    if own.target != experiment.data.target:
        return False
    return all(_is_moved(name, before.get(name), now.get(name)) for name in _differing(before, now))


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]


def _is_moved(name: str, before: Any, now: Any) -> bool:
    """Returns whether an argument is where a file is, and that of before is gone and one of its name is given."""
    if name not in _PLACES or not (isinstance(before, str) and isinstance(now, str)):
        return False
    return Path(before).name == Path(now).name and not Path(before).expanduser().exists()


def _moved(experiment: Experiment, record: Record) -> list[str]:
    """Returns the places of the run's own data that are others than when it was recorded."""
    now = _arguments(experiment.data)
    before = _arguments(components.parse(record.config.get("data"), "data"))
    return [str(now[name]) for name in _differing(before, now)] if _same_data(experiment, record) else []


def _arguments(data: Component) -> dict[str, Any]:
    """Returns what data are read with; what makes inputs of them is another thing."""
    return {name: each for name, each in data.arguments.items() if name != _PREPARATION}


def _request(
    record: Record, opened: Reopened, rows: str, overrides: Sequence[str], words: Sequence[str]
) -> RunRequest:
    """Returns the evaluation as a run."""
    source = opened.answer.checked.blueprint.source if opened.answer.checked.blueprint else None
    network = _network(record)
    if network is not None and source is not None:
        found = list(_misfits(network, source.input_shape, source.classes, source.name))
        if found:
            raise ConfigurationError(found)
    if network is None and not _same_data(opened.experiment, record):
        rule = f"has no {NETWORK}, and so nobody knows how other data become its inputs"
        raise UsageError([Fault(record.word, rule, remedy="Evaluate it on its own data.")])
    units = _units(network) if network else None
    chosen = component_of(rows, units=units, epoch=record.kept_epoch)
    start = str(record.require(WEIGHTS).absolute())
    experiment = replace(
        opened.experiment,
        name=f"evaluation of {record.name}",
        task=chosen,
        training=replace(opened.experiment.training, start_from=start),
    )
    made = compose.run_request(
        opened.answer.config, experiment, overrides=overrides, folder=opened.answer.folder
    )
    command = shlex.join(["python", "-m", "runner", "evaluate", *words])
    return replace(made, command=command, origin={"evaluated_from": record.word})


def _network(record: Record) -> Mapping[str, Any] | None:
    """Returns what the run wrote down of its network; None where only its framework knows it."""
    path = record.file(NETWORK)
    if path is None:
        return None
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError([Fault(record.word, f"its {NETWORK} cannot be read: {error}")]) from error
    return found


def _units(network: Mapping[str, Any]) -> Units:
    names = ("input_mean", "input_scale", "target_mean", "target_scale")
    mean, scale, target_mean, target_scale = (np.asarray(network[name], np.float64) for name in names)
    return Units(Standard(mean, scale), target_mean, target_scale)


def _misfits(
    network: Mapping[str, Any], shape: tuple[int, ...], classes: tuple[str, ...], name: str
) -> list[Fault]:
    """Returns why a network cannot be evaluated on a data set."""
    found = []
    expected = tuple(network["input_shape"])
    if shape != expected:
        rule = f"must have inputs of shape {describe(expected)}, as the run's network has"
        found.append(Fault("data", rule, f"{describe(shape)} of {name}"))
    known = tuple(network["classes"])
    if classes != known:
        what = f"the classes {listed(known, 12)}" if known else "numbers to predict and no classes"
        rule = f"must have {what}, as the run learnt them"
        found.append(Fault("data", rule, listed(classes, 12) if classes else f"the numbers of {name}"))
    return found


def _said(record: Record, experiment: Experiment, rows: str) -> list[str]:
    """Returns what a person should know of the rows."""
    data = experiment.data.name
    if rows == ALL:
        return [f"all rows of {data} are evaluated, or its own test rows where it has some."]
    if rows != TEST:
        return [f"the {rows} rows of {data} are evaluated."]
    moved = _moved(experiment, record)
    return (
        [f"{listed(moved)} counts as the run's own data; --rows {ALL} takes all its rows."] if moved else []
    )


def _told(record: Record, outcome: Outcome, experiment: Experiment, overrides: Sequence[str]) -> Findings:
    """Returns the metrics beside those of the run, and in words how far apart they are."""
    assert outcome.result is not None
    metrics = outcome.result.metrics
    now = local.read(outcome.folder)
    examples = sum(len(each.targets) for each in outcome.result.predictions.values())
    divided = [
        text for text in overrides if text.lstrip("+~").partition("=")[0].partition(".")[0] in _DIVISION
    ]
    if not _same_data(experiment, record) or divided:
        values = tuple((name, number(value)) for name, value in metrics.items())
        return Findings("evaluate", (Table("metrics", ("metric", "value"), values),), metrics)
    own = _own(record)
    lines = tuple(_line(name, value, own.get(name)) for name, value in metrics.items())
    table = Table("metrics", ("metric", "the run's own", "now", "difference"), lines)
    sentences = [_verdict(metrics, own, examples)]
    if now is not None and record.dataset and not now.dataset.startswith(record.dataset[: len(now.dataset)]):
        sentences.append("The data are not those of the run any more: they have another SHA-256.")
    return Findings("evaluate", (table,), metrics, tuple(sentences))


def _own(record: Record) -> Mapping[str, float]:
    """Returns the run's own metrics of its kept weights; of the training rows only where the result is there."""
    if record.folder is not None and (record.folder / RESULT).is_file():
        return load_result(record.folder).metrics
    return {name: value for name, value in record.metrics.items() if name != f"{TRAIN}/loss"}


def _line(name: str, value: float, own: float | None) -> tuple[Cell, ...]:
    if own is None:
        return name, "", number(value), ""
    return name, number(own), number(value), value - own


def _verdict(metrics: Mapping[str, float], own: Mapping[str, float], examples: int) -> str:
    gaps = {name: abs(value - own[name]) for name, value in metrics.items() if name in own}
    if not gaps:
        return f"{examples:,} rows; the run has no metrics of its own of them."
    if all(metrics[name] == own[name] or metrics[name] != metrics[name] for name in gaps):
        return f"{examples:,} rows: equal to the run's own to the last digit."
    name = max(gaps, key=lambda each: gaps[each])
    return f"{examples:,} rows: the largest difference from the run's own is {gaps[name]:.2g}, of {name}."
