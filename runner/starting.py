"""What a training starts from: a file, a run's folder or a run by any word for it; where it is, and whether it fits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from runner import check, layers, task, training_state
from runner.blueprint import Blueprint, blueprint
from runner.errors import ConfigurationError, Fault, RunnerError
from runner.experiment import Experiment
from runner.plan import updates_in_epoch
from runner.recorded import Record, find
from runner.recorded.stored import BEST
from runner.suggestions import listed
from runner.tasks.preparation import start_file
from runner.tracking.gather import LAST
from runner.training_state import STATE, Header
from runner.weights import WEIGHTS, differences

_FROM, _WITH = "training.start_from", "training.start_with"
_SHOWN = 3
_NETWORK = {"data", "seed", "architecture", "activation", "loss"}


def faults(experiment: Experiment, *, unread: Collection[str] = ()) -> list[Fault]:
    """Returns what is wrong with the start of a training; only the header of its file is read.

    Args:
        experiment: what would be carried out.
        unread: the first words of keys that have faults of their own, and of which nothing more is asked.
    """
    if {"training", "task"} & set(unread) or not _starts(experiment):
        return []
    assert experiment.training.start_from is not None
    if "tracking" in unread and _names_run(experiment.training.start_from):
        return []
    try:
        path = _located(experiment)
        header = training_state.header(path)
    except ConfigurationError as error:
        return list(error.faults)
    except (ValueError, OSError) as error:
        remedy = f"Take the {WEIGHTS} or the {STATE} of a run."
        return [
            Fault(_FROM, f"is no safetensors file: {error}", experiment.training.start_from, None, remedy)
        ]
    drawing = None if _NETWORK & set(unread) else blueprint(experiment)
    found = list(_network_faults(experiment, header, drawing)) if drawing else []
    if experiment.training.start_with == "state":
        found += _state_faults(experiment, header, path, drawing, unread)
    return found


def resolved(experiment: Experiment) -> Experiment:
    """Returns an experiment that starts from a file, at its absolute path, where it starts from anything.

    Raises:
        ConfigurationError: there is nothing of that name.
    """
    if not _starts(experiment):
        return experiment
    path = str(_located(experiment).absolute())
    return replace(experiment, training=replace(experiment.training, start_from=path))


def pinned(experiment: Experiment) -> str | None:
    """Returns what names the start of an experiment tomorrow as well; a path as it was typed.

    What ``last``, ``best`` or a name mean is another run as soon as there is one more.

    Raises:
        ConfigurationError: there is nothing of that name.
    """
    text = experiment.training.start_from
    if text is None or not (_starts(experiment) and _names_run(text)):
        return text
    return _run(experiment).word


def pinned_overrides(overrides: Sequence[str], experiment: Experiment) -> list[str]:
    """Returns overrides in which the start of every run is named so that it stays the same; several starts are left alone.

    Args:
        overrides: in Hydra's grammar.
        experiment: what the first run of them is.
    """
    word, text = pinned(experiment), experiment.training.start_from
    if word is None or word == text:
        return list(overrides)
    quoted = word.replace("'", "\\'")
    return [f"{_FROM}='{quoted}'" if each in _typed(text) else each for each in overrides]


def _typed(text: str | None) -> list[str]:
    return [f"{plus}{_FROM}={quote}{text}{quote}" for plus in ("", "+", "++") for quote in ("", "'", '"')]


def note(experiment: Experiment) -> list[str]:
    """Returns which run an experiment starts from, where it is named by what may mean another one tomorrow."""
    text = experiment.training.start_from
    if text is None or not (_starts(experiment) and _names_run(text)):
        return []
    record = _run(experiment)
    return [] if text == record.word else [f"{_FROM}: {text} is the run {record.name!r}, {record.word}."]


def forget() -> None:
    """Forgets which runs words mean: from here on they are looked for again."""
    _found.cache_clear()


def _starts(experiment: Experiment) -> bool:
    """Returns whether an experiment starts from anything, and has a task that asks for it."""
    is_given = experiment.training.start_from is not None
    return is_given and task.depends_on(task.of(experiment), _FROM)


def _names_run(text: str) -> bool:
    """Returns whether a text names a run: it is no path that exists or that looks like one."""
    if Path(text).exists():
        return False
    return text.startswith(f"{BEST}:") or ("/" not in text and not text.endswith(".safetensors"))


def _located(experiment: Experiment) -> Path:
    training = experiment.training
    assert training.start_from is not None
    if _names_run(training.start_from):
        return _file_of(
            _run(experiment), STATE if training.start_with == "state" else WEIGHTS, training.start_from
        )
    path = start_file(training)
    assert path is not None
    if path.is_file():
        return path
    if not Path(training.start_from).exists():
        raise _refusal("there is no such file or folder", training.start_from)
    raise _refusal(f"has no {path.name}{_why_none(path.name)}", training.start_from)


def _run(experiment: Experiment) -> Record:
    """Returns the run that an experiment starts from."""
    assert experiment.training.start_from is not None
    return _found(experiment.training.start_from, experiment.tracking.uri, Path.cwd())


@cache
def _found(text: str, uri: str | None, folder: Path) -> Record:
    """Returns the run that a word means in a folder; one and the same for all jobs of a sweep, which are runs too.

    Raises:
        ConfigurationError: there is none, or it is of no use.
    """
    try:
        # A run that was stopped has weights as well; what is merely the last one has to have come to its end.
        return find(text, uri=uri, finished=text == LAST)
    except ConfigurationError as error:
        raise ConfigurationError([_of_start(fault, text) for fault in error.faults]) from error
    except RunnerError as error:
        raise _refusal(str(error), text) from error


def _of_start(fault: Fault, text: str) -> Fault:
    """Returns the fault of a word for a run as one of the key that has it."""
    if fault.key.startswith("--"):
        return Fault(_FROM, f"{fault.key} {fault.rule}", text, None, "Name the run itself.")
    beside = "there is no such file or folder, and " if fault.rule.startswith("there is no run") else ""
    return replace(fault, key=_FROM, rule=f"{beside}{fault.rule}", received=text)


def _file_of(record: Record, name: str, text: str) -> Path:
    try:
        path = record.file(name)
    except RunnerError as error:
        raise _refusal(str(error), text) from error
    if path is None:
        raise _refusal(f"the run has no {name}{_why_none(name)}", text)
    return path


def _why_none(name: str) -> str:
    return ", which only a training that came to its end leaves behind" if name == STATE else ""


def _refusal(rule: str, received: str) -> ConfigurationError:
    return ConfigurationError([Fault(_FROM, rule, received)])


def _network_faults(experiment: Experiment, header: Header, drawing: Blueprint) -> Iterator[Fault]:
    arrays = layers.parameters(drawing.tree, drawing.input_shape)
    found = differences(header.weights, {name: array.shape for name, array in arrays.items()})
    # The arrays of a network of a framework's own are known, and compared, once it is built.
    if found and not layers.is_native(drawing.tree):
        rule = f"has other arrays than the network: {listed(found, _SHOWN)}"
        yield Fault(_FROM, rule, experiment.training.start_from)


def _state_faults(
    experiment: Experiment, header: Header, path: Path, drawing: Blueprint | None, unread: Collection[str]
) -> Iterator[Fault]:
    if not header.is_state:
        rule = f"state needs more than the weights that {path.name} has"
        yield Fault(_WITH, rule, experiment.training.start_from, None, "Take training.start_with=weights.")
        return
    if "optimizer" not in unread:
        yield from _optimizer_faults(experiment, header)
    if drawing is not None and not {"split", "debug"} & set(unread):
        yield from _progress_faults(experiment, header, drawing)


def _optimizer_faults(experiment: Experiment, header: Header) -> Iterator[Fault]:
    optimizer, there = experiment.optimizer, header.texts["optimizer"]
    expected = training_state.slot_names(experiment)
    remedy = "Take training.start_with=weights to begin with a new one."
    if expected is None:
        rule = "state needs one of the shipped optimizers and backend.semantics=canonical"
        received = f"{optimizer.target} and {experiment.backend.semantics}"
        yield Fault(_WITH, rule, received, None, remedy)
    elif there != optimizer.name:
        yield Fault(_WITH, f"state goes on with the optimizer there, {there}", optimizer.name, None, remedy)
    else:
        slots = dict.fromkeys(name.partition("/")[0] for name in header.slots)
        for name in sorted(set(expected) ^ set(slots)):
            places = ("here", "there") if name in expected else ("there", "here")
            rule = f"state goes on with the optimizer there, and {there} has its {name} only {places[0]}"
            yield Fault(_WITH, rule, None, None, remedy)


def _progress_faults(experiment: Experiment, header: Header, drawing: Blueprint) -> Iterator[Fault]:
    epoch, step, updates = (int(header.texts[name]) for name in ("epoch", "step", "updates"))
    steps, total = check.steps(experiment, drawing.source)
    if total // steps <= epoch:
        rule = f"must be above {epoch}, the epochs that the state has behind it, because it counts all"
        yield Fault("training.epochs", rule, str(total // steps))
    updates_here = updates_in_epoch(steps, experiment.training.accumulation)
    there, here = (step // epoch, updates // epoch), (steps, updates_here)
    if there != here:
        shown = ("{} batches and {} updates".format(*each) for each in (there, here))
        rule = "state goes on in the same steps, and an epoch has {} there and {} here".format(*shown)
        remedy = "Take the same rows, training.batch_size and training.accumulation, or training.start_with=weights."
        yield Fault(_WITH, rule, None, None, remedy)
