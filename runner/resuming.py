"""Whether a run can be gone on with: what is left to do of it, and what may be changed on the way."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from runner import layers, training_state, values
from runner.checkpoints import Found
from runner.compose import Checked
from runner.errors import Fault, UsageError
from runner.experiment import Experiment
from runner.recorded import Record
from runner.session import is_divergence
from runner.suggestions import listed
from runner.tracking import Scalar
from runner.training_state import TrainingState
from runner.weights import differences

_RESUME, _OPTIMIZER, _EPOCHS = "resume", "optimizer", "training.epochs"
_SHOWN = 3
_ROWS = "decides which rows are met when, and those of the epochs so far are as they are"
_NETWORK = "makes another network, or another loss, than the one that the checkpoint is of"
_KEPT = "decided which weights are kept so far, and those of other epochs are gone"
# What cannot be changed on the way, and why not.
_FIXED: Mapping[str, str] = {
    **dict.fromkeys(("data", "split", "seed", "standardise", "debug.rows", "debug.one_batch"), _ROWS),
    **dict.fromkeys(("debug.maximum_steps", "training.batch_size", "training.accumulation"), _ROWS),
    "training.balance": _ROWS,
    **dict.fromkeys(("architecture", "activation", "loss"), _NETWORK),
    **dict.fromkeys(("training.monitor", "training.keep"), _KEPT),
    "tracking.experiment": "is where MLflow keeps the run",
    **dict.fromkeys(("backend.semantics", "backend.corrections"), "decides what an update is"),
}


def folder_of(record: Record) -> Path:
    """Returns the folder of a run that may be gone on with.

    Raises:
        UsageError: it is none of a training, or is not here any more.
    """
    if not record.is_training:
        rule = f"is no training but task={record.tags.get('task')}, which is carried out at once"
        raise UsageError([Fault(record.word, rule, remedy=f"Again: {record.tags.get('command')}")])
    if record.folder is None:
        rule = "its checkpoints are files of its folder, which is not here any more"
        remedy = f"training.start_from={record.word} begins a run with its weights."
        raise UsageError([Fault(record.word, rule, record.tags.get("folder"), None, remedy)])
    return record.folder


def require_nobody(record: Record) -> None:
    """Looks whether no process is at a run.

    Raises:
        UsageError: one is.
    """
    if record.status == "RUNNING":
        rule = "is under way: its process lives, as far as is known here"
        raise UsageError([Fault(record.word, rule, remedy="Wait for its end, or stop it first.")])


def from_checkpoint(experiment: Experiment, found: Found) -> Experiment:
    """Returns an experiment that goes on from a checkpoint; where there is none it begins as it did before."""
    if found.path is None:
        return experiment
    training = replace(
        experiment.training, resume_from=str(found.path.resolve()), start_from=None, start_with="weights"
    )
    return replace(experiment, training=training)


def changes(there: Mapping[str, Scalar], here: Mapping[str, Scalar]) -> dict[str, str]:
    """Returns which keys have other values than a run was begun with, and which."""
    return {key: values.shown(here[key]) for key in here if key in there and there[key] != here[key]}


def faults(record: Record, found: Found, checked: Checked, changed: Mapping[str, str]) -> Iterator[Fault]:
    """Yields why a run cannot be gone on with as it was asked for.

    Args:
        record: the run.
        found: its newest checkpoint.
        checked: what would be carried out.
        changed: the keys that have other values than before.
    """
    experiment = checked.experiment
    if found.checkpoint is not None and (wrong := _backend(record, found.checkpoint.state, experiment)):
        # What it chooses besides need not be told.
        changed = {key: value for key, value in changed.items() if not key.startswith("backend.")}
        yield from [wrong, *_fixed(changed)]
        return
    yield from _fixed(changed)
    if not training_state.can_be_kept(experiment):
        rule = "a run keeps checkpoints of the shipped optimizers only"
        yield Fault(_RESUME, rule, experiment.optimizer.target, None, f"Again: {record.tags.get('command')}")
        return
    yield from _done(record, found, checked, changed)
    if found.checkpoint is not None:
        yield from _optimizer(found, experiment)
        yield from _arrays(found, checked)
    if is_divergence(record.error) and not changed:
        rule = f"the run {record.error}, and would again, because nothing is changed"
        remedy = "Change something: optimizer.learning_rate=... or training.clipping.global_norm=1."
        yield Fault(_RESUME, rule, remedy=remedy)


def notes(record: Record, found: Found, changed: Mapping[str, str]) -> Iterator[str]:
    """Yields what a person should know before a run is gone on with."""
    yield from (f"{sentence}." for sentence in found.damaged)
    for key, value in changed.items():
        yield f"{key} was {values.shown(record.parameters[key])} and is {value} from here on."
    if found.checkpoint is None:
        yield "the run has no checkpoint that is whole, so it begins from its start."
    else:
        state = found.checkpoint.state
        yield f"goes on after step {state.step}, with {state.epoch} epochs behind it."
        yield from _versions(state)


def _versions(state: TrainingState) -> Iterator[str]:
    """Yields that a framework's own state was written by another version of it."""
    there = state.own.versions if state.own else {}
    here = {package: importlib.metadata.version(package) for package in there}
    if there != here:
        before, now = (
            listed([f"{name} {version}" for name, version in each.items()], _SHOWN) for each in (there, here)
        )
        yield f"its checkpoint is of {before}, and this is {now}, which may draw and update in another way."


def _fixed(changed: Mapping[str, str]) -> Iterator[Fault]:
    for key, value in changed.items():
        for fixed, why in _FIXED.items():
            if key == fixed or key.startswith(f"{fixed}."):
                yield Fault(key, f"cannot be changed on the way: it {why}", value)


def _done(record: Record, found: Found, checked: Checked, changed: Mapping[str, str]) -> Iterator[Fault]:
    """Yields that there is nothing left to do."""
    epochs = checked.experiment.training.epochs
    ended = found.checkpoint.state.epoch if found.checkpoint else 0
    if record.status == "FINISHED" and _EPOCHS not in changed:
        rule = f"the run has finished, after {ended or epochs} epochs"
        yield Fault(_RESUME, rule, remedy=f"{_EPOCHS}={2 * epochs} goes on with it.")
    elif epochs < ended or (record.status == "FINISHED" and epochs <= ended):
        rule = f"must be above {ended}, the epochs that the run has behind it, because it counts all"
        yield Fault(_EPOCHS, rule, str(epochs))
    elif record.status == "FINISHED" and found.checkpoint is None:
        yield Fault(_RESUME, "the run has finished and left no checkpoint that is whole")


def _backend(record: Record, state: TrainingState, experiment: Experiment) -> Fault | None:
    """Returns that another framework is asked to go on with what one alone understands."""
    own = state.own
    if own is None or own.backend == experiment.backend.name:
        return None
    rule = (
        f"must be {own.backend}, because the checkpoint has what {own.backend} alone understands: its own random"
        " state, and with backend.semantics=native its own optimizer"
    )
    remedy = f"training.start_from={record.word} begins a run with its weights."
    return Fault("backend", rule, experiment.backend.name, None, remedy)


def _optimizer(found: Found, experiment: Experiment) -> Iterator[Fault]:
    assert found.checkpoint is not None
    state, optimizer = found.checkpoint.state, experiment.optimizer
    if state.optimizer != optimizer.name:
        yield Fault(
            _OPTIMIZER, f"must be the one that the run was begun with, {state.optimizer}", optimizer.name
        )
        return
    expected = training_state.slot_names(experiment) or ()
    there = dict.fromkeys(name.partition("/")[0] for name in state.slots)
    for name in sorted(set(expected) ^ set(there)) if state.updates else ():
        place = "now" if name in expected else "before"
        yield Fault(_OPTIMIZER, f"remembers the same as before, and it has its {name} only {place}")


def _arrays(found: Found, checked: Checked) -> Iterator[Fault]:
    drawing = checked.blueprint
    if drawing is None or layers.is_native(drawing.tree):
        return
    assert found.checkpoint is not None
    there = {name: array.shape for name, array in found.checkpoint.state.weights.items()}
    here = {name: array.shape for name, array in layers.parameters(drawing.tree, drawing.input_shape).items()}
    differing = differences(there, here)
    if differing:
        rule = f"has other arrays than the checkpoint: {listed(differing, _SHOWN)}"
        yield Fault("architecture", rule)
