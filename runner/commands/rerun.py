"""The verb rerun: a recorded run again, what is different today, and whether the same came of it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from runner import compose, folders, session, supplies, surroundings, workers
from runner.commands import options
from runner.errors import ConfigurationError, Fault, UsageError
from runner.experiment import Experiment
from runner.parity.arm import Arm
from runner.parity.arm import record as record_arm
from runner.parity.comparison import EPSILONS, FLOOR_FACTOR, SMALLEST_UNITS
from runner.parity.recording import load_losses
from runner.recorded import Record, find, local
from runner.recorded.differences import Gap, gap, same_data, size
from runner.recorded.differences import surroundings as different_today
from runner.reopening import Reopened, refuse_overrides, reopened
from runner.runs import RunRequest
from runner.starting import resolved
from runner.tracking.identity import WITHOUT_MEANING
from runner.trust import TRUST

_OF, _METRIC = "--of", "--metric"
_EVALUATED = "evaluated_from"
# Draws of first weights that are moved by one unit in the last place.
_PERTURBATIONS = 2


def run(words: Sequence[str]) -> int:
    """Carries a recorded run out again; exit code 1 where other numbers came of it though nothing was changed."""
    folders.make_importable()
    typed = options.read("rerun", words, values=[_OF, _METRIC], switches=[TRUST])
    if not typed.names:
        rule = "needs the run: its number, its name, its folder, last or best"
        raise UsageError([Fault("rerun", rule, remedy="Write python -m runner rerun last.")])
    text, *overrides = typed.names
    refuse_overrides(overrides, ("sweep", "parity"), "has no part in one run that is carried out again")
    uri = options.value_of(overrides, "tracking.uri")
    record = find(text, uri=uri, metric=typed.values.get(_METRIC), of=typed.values.get(_OF), finished=False)
    if record.status == "RUNNING":
        raise UsageError([Fault(text, "is a run that is still running", remedy="Wait for its end.")])
    if _EVALUATED in record.tags:
        # Its configuration is that of the training.
        rule = "is the evaluation of another run, and its own command does that again"
        raise UsageError([Fault(text, rule, remedy=f"Type: {record.tags.get('command')}")])
    with reopened(record, overrides, is_trusted=TRUST in typed.switches) as opened:
        request = _request(record, opened, overrides, words)
        found = surroundings.faults(request.experiment, request.folder)
        if found:
            raise ConfigurationError(found)
        warnings = opened.answer.checked.warnings
        for note in (*opened.notes, *different_today(record), *warnings):
            print(f"Note: {note}", file=sys.stderr)
        supplies.fetch([request.experiment])
        outcome = session.run(request)
    again = local.read(outcome.folder)
    if again is None or outcome.status == "KILLED":
        return outcome.exit_code
    is_the_same = _told(record, again, request.experiment, _changed(overrides))
    return outcome.exit_code if is_the_same or outcome.exit_code else 1


def _request(record: Record, opened: Reopened, overrides: Sequence[str], words: Sequence[str]) -> RunRequest:
    """Returns the repetition as a run of its own."""
    experiment = replace(opened.experiment, name=f"rerun of {record.name}")
    made = compose.run_request(
        opened.answer.config, experiment, overrides=overrides, folder=opened.answer.folder
    )
    command = shlex.join(["python", "-m", "runner", "rerun", *words])
    return replace(made, command=command, origin={"rerun_of": record.word})


def _changed(overrides: Sequence[str]) -> list[str]:
    """Returns the keys among overrides that decide a number."""
    typed = [text.lstrip("+~").partition("=")[0] for text in overrides]
    return [key for key in typed if key.partition(".")[0].partition("/")[0] not in WITHOUT_MEANING]


def _told(record: Record, again: Record, experiment: Experiment, changed: Sequence[str]) -> bool:
    """Prints how far the two runs are apart; returns whether that is as it should be."""
    if same_data(record, again) is False:
        print("The data are not those of the run any more: they have another SHA-256.")
    if not record.steps and not record.curves:
        return _told_of_findings(record, again, changed)
    steps = gap(record.steps, again.steps)
    names = sorted(record.curves.keys() & again.curves.keys())
    of_epochs = {name: gap(record.curves[name], again.curves[name]) for name in names}
    if steps.is_nothing and all(each.is_nothing for each in of_epochs.values()):
        print(
            f"The same to the last bit: {steps.compared:,} losses of steps and {len(names)} curves of epochs."
        )
        return True
    print(_sentence(steps))
    if changed:
        print(f"Changed on purpose: {', '.join(changed)}.")
        return True
    return _within_floor(record, again, steps, experiment)


def _told_of_findings(record: Record, again: Record, changed: Sequence[str]) -> bool:
    """Prints the same of a run without a curve, by its single numbers."""
    names = sorted(record.final.keys() & again.final.keys())
    sizes = {name: size(record.final[name], again.final[name]) for name in names}
    worst = max(sizes, key=lambda name: sizes[name], default="")
    if not worst or sizes[worst] == 0:
        print(f"The same to the last bit: {len(names)} numbers.")
        return True
    print(f"The largest difference of {len(names)} numbers is {sizes[worst]:.2g}, of {worst}.")
    return bool(changed) or sizes[worst] <= SMALLEST_UNITS * EPSILONS[32]


def _sentence(steps: Gap) -> str:
    if steps.first is None:
        apart = "The losses of the steps are equal, and those of the epochs are not"
    else:
        apart = (
            f"The losses of {steps.compared:,} steps differ by at most {steps.largest:.2g}, at step {steps.at};"
            f" step {steps.first} is the first that differs"
        )
    more = f", and {steps.only_one:,} steps are of one run alone" if steps.only_one else ""
    return f"{apart}{more}."


def _within_floor(record: Record, again: Record, steps: Gap, experiment: Experiment) -> bool:
    """Holds the difference against what one unit in the last place of the first weights does to this training."""
    if steps.only_one or steps.first is None:
        print("Not the same: that is no rounding.")
        return False
    print("Measuring what rounding does to this training ...", file=sys.stderr, flush=True)
    limits = _limits(experiment, steps.compared, again.folder or Path())
    theirs = dict(again.steps)
    beyond = [
        step
        for step, value in record.steps
        if step in theirs and size(value, theirs[step]) > limits[step - 1]
    ]
    if not beyond:
        moved = limits.max() / FLOOR_FACTOR
        print(f"That is rounding: one unit in the last place of the first weights moves them by {moved:.2g}.")
        return True
    first = beyond[0]
    print(f"Not the same: step {first} is the first beyond {limits[first - 1]:.2g}, which rounding explains.")
    return False


def _limits(experiment: Experiment, steps: int, folder: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Returns the largest difference that counts as rounding, for each step."""
    arms = [
        Arm(
            experiment=resolved(experiment),
            perturbation=number,
            steps=steps,
            elements=1,
            path=folder / "floor" / f"{number}.npz",
        )
        for number in range(1 + _PERTURBATIONS)
    ]
    with workers.pool() as pool:
        base, *moved = [load_losses(pool.schedule(record_arm, args=(arm,)).result().path) for arm in arms]
    smallest = SMALLEST_UNITS * EPSILONS[experiment.training.precision]
    sizes = np.zeros(steps)
    for losses in moved:
        for place, (one, other) in enumerate(zip(base, losses, strict=False)):
            sizes[place] = max(sizes[place], size(float(one), float(other)))
    return np.maximum(FLOOR_FACTOR * np.maximum.accumulate(sizes), smallest)
