"""From a word to a run: its folder, MLflow's number of it, its name, ``last``, or ``best`` of many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.errors import Fault, UsageError
from runner.recorded import local
from runner.recorded.best import best
from runner.recorded.here import Here
from runner.recorded.records import Record
from runner.recorded.stored import BEST, DIGITS, SHOWN, in_store, several
from runner.suggestions import listed
from runner.tracking.gather import LAST
from runner.tracking.journal import JOURNAL

SWEEP_FILE = "sweep.json"
_ROLES = {"parity": "a comparison of the backends"}


def find(
    text: str,
    *,
    uri: str | None = None,
    metric: str | None = None,
    of: str | None = None,
    finished: bool = True,
) -> Record:
    """Returns the run that a word names.

    A run of this folder is found without asking MLflow; of several runs with one name the newest counts.

    Args:
        text: a run's folder; MLflow's number of it, or its first 8 digits or more; its readable name; ``last`` for the
            newest; ``best`` for the best of the newest run's sweep or experiment, ``best:NAME`` for that of another.
        uri: the address of MLflow's store; None for MLFLOW_TRACKING_URI or the one of the working folder.
        metric: what the best is the best in; None for what the runs themselves monitored.
        of: the sweep or experiment that ``best`` is looked for in.
        finished: whether only a training that came to its end will do.

    Raises:
        UsageError: there is no such run, or it is of no use here.
        RunnerError: MLflow's store could not be asked.
    """
    here = Here.look(uri)
    word, _, group = text.partition(":")
    if word == BEST and (group or text == BEST):
        if group and of and of != group:
            raise UsageError([Fault("--of", f"does not go with {text}", of, remedy="Name one of them.")])
        return _whole(best(here, of or group or None, metric), here)
    if of is not None or metric is not None:
        flag = "--of" if of is not None else "--metric"
        raise UsageError([Fault(flag, f"goes with best, and {text!r} names a run by itself")])
    record = _in_folder(text) or _known_here(text, here, finished)
    record = record or in_store(text, here, trainings=finished)
    _refuse_roles(text, record)
    if finished:
        _refuse_unfinished(text, record, here)
    return record


def _in_folder(text: str) -> Record | None:
    """Returns the run in a folder; None where the text names none."""
    folder = Path(text)
    if folder.is_file():
        raise UsageError([Fault(text, "is a file, and a run is named by its folder")])
    if not folder.is_dir():
        if "/" in text and not folder.exists() and not text.startswith(f"{BEST}:"):
            raise UsageError([Fault(text, "there is no such folder")])
        return None
    if (folder / SWEEP_FILE).is_file():
        raise UsageError([_is_sweep(text, [each.name for each in sorted(folder.iterdir()) if _runs(each)])])
    record = local.read(folder.resolve())
    if record is None and "/" in text:
        raise UsageError([Fault(text, f"is no folder of a run: no {JOURNAL} begins there")])
    return record


def _runs(folder: Path) -> bool:
    return (folder / JOURNAL).is_file() and folder.name.isdigit()


def _known_here(text: str, here: Here, finished: bool) -> Record | None:
    """Returns the run of the working folder that a word names, or None."""
    if text == LAST:
        folders = [folder for folder, card in here.cards if "role" not in card.tags]
        if finished:
            folders = [folder for folder, _ in here.trainings]
        return local.read(folders[0]) if folders else None
    if DIGITS.fullmatch(text):
        folders = [folder for folder, _ in here.cards if local.number(folder).startswith(text)]
        if len(folders) > 1:
            raise UsageError([several(text, [local.number(folder) for folder in folders])])
        if folders:
            return local.read(folders[0])
    named = [folder for folder, card in here.cards if card.name == text]
    if named:
        return local.read(named[0])
    if text in local.sweeps(here.cards):
        names = [card.name for _, card in here.trainings if card.tags.get("sweep") == text]
        raise UsageError([_is_sweep(text, names)])
    return None


def _whole(record: Record, here: Here) -> Record:
    """Returns a run with all that is known of it, where it was found among many."""
    return record if record.folder or not record.run_id else in_store(record.run_id, here)


def _refuse_roles(text: str, record: Record) -> None:
    role = record.tags.get("role")
    if role == "summary":
        raise UsageError([_is_sweep(text, [], record.sweep)])
    if role is not None:
        what = _ROLES.get(role, f"a run of the kind {role}")
        raise UsageError([Fault(text, f"is {what}, and no run with a network of its own")])


def _refuse_unfinished(text: str, record: Record, here: Here) -> None:
    """Refuses a run that has no network that came to its end."""
    if not record.is_training:
        rule = f"is no training but task={record.tags.get('task')}, which leaves no network behind"
        raise UsageError([Fault(text, rule, remedy=_others(here))])
    if record.status == "FINISHED":
        return
    how = {"FAILED": "failed", "KILLED": "was stopped"}.get(record.status, "is still running")
    why = f": {record.error.partition(chr(10))[0]}" if record.error else ""
    rule = f"is a run that {how}{why}"
    raise UsageError([Fault(text, rule.rstrip("."), remedy=_others(here))])


def _others(here: Here) -> str:
    """Returns which runs would do."""
    done = [card.name for folder, card in here.trainings[:100] if local.status(folder, card) == "FINISHED"]
    return (
        f"Finished runs: {listed(dict.fromkeys(done), SHOWN)}." if done else "No run here has finished yet."
    )


def _is_sweep(text: str, names: Sequence[str], name: str | None = None) -> Fault:
    """Returns the fault of a sweep where one run is needed.

    Args:
        text: what was typed.
        names: of its runs, as far as they are known.
        name: of the sweep, or None where that was typed.
    """
    is_path = name is None and "/" in text
    named = "Name the folder of one of them." if is_path else f"{BEST}:{name or text} is its best."
    runs = f" Its runs: {listed(dict.fromkeys(names), SHOWN)}." if names else ""
    return Fault(text, "is a sweep, and one run is needed", remedy=f"{named}{runs}")
