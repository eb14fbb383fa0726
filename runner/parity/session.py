"""What ``parity`` starts: every backend in a worker of its own, side by side, and the verdict at the end."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from pebble import ProcessExpired

from runner import display, workers
from runner.errors import RunnerError
from runner.experiment import Experiment, Parity, Precision
from runner.folders import shown
from runner.parity import attribution, control, report
from runner.parity.arm import LOG, Arm, Recorded, record
from runner.parity.control import Control, Pair
from runner.parity.recording import Recording, load_losses
from runner.parity.verdict import PRECISIONS, Verdict, find
from runner.runs import RunRequest
from runner.session import finished, recorder_for
from runner.signals import signals_raised


@dataclass(frozen=True)
class _Key:
    """Which recording it is: the arm, the precision, 0 or the number of a perturbation, how much is corrected."""

    backend: str
    precision: Precision
    perturbation: int
    corrections: int = 0


def run(requests: Sequence[RunRequest], *, command: str) -> Verdict:
    """Compares the backends of two requests that are otherwise the same, and tells what was found.

    Args:
        requests: the same experiment for each of two backends, checked, PyTorch first.
        command: what was typed.

    Raises:
        RunnerError: an arm could not be carried out; there is no verdict then.
    """
    first = requests[0]
    one, other = (request.experiment.backend.name for request in requests)
    words = attribution.met(first.experiment)
    all_requests = _with_control(requests)
    arms = _arms(all_requests, first.folder) | _corrected_arms(requests, list(words), first.folder)
    print(_announcement(all_requests, arms), file=sys.stderr, flush=True)
    began = time.time()
    recorder = recorder_for(first)
    try:
        with signals_raised():
            recorded = _record_all(arms)
            verdict = _verdict(first.experiment, (one, other), recorded)
            told = report.Report(
                backends=(one, other),
                losses=_losses(all_requests, recorded),
                verdict=verdict,
                attribution=_attributed(requests, recorded, words),
                control=_controlled(first.experiment, Pair(one, other, verdict), recorded),
                versions={
                    name: version for each in recorded.values() for name, version in each.versions.items()
                },
            )
            report.write(told, first, command=command, began=began)
        if recorder:
            recorder.follow(first.folder)
    finally:
        mlflow = finished(recorder)
    report.print_report(sys.stdout, told)
    display.whereabouts(sys.stdout, folder=shown(first.folder), report=mlflow, sweep=None, charts=False)
    return verdict


def _with_control(requests: Sequence[RunRequest]) -> list[RunRequest]:
    """Returns the requests, with that of the third arm where one is asked for."""
    keras = requests[1]
    if keras.experiment.parity.control is None:
        return list(requests)
    return [*requests, replace(keras, experiment=control.experiment_of(keras.experiment))]


def _arms(requests: Sequence[RunRequest], folder: Path) -> dict[_Key, Arm]:
    """Returns every recording that is needed; the first backend is the one that is perturbed."""
    settings = requests[0].experiment.parity
    arms = {}
    for place, request in enumerate(requests):
        for precision in _precisions(request.experiment):
            for number in range(1 + (settings.perturbations if place == 0 else 0)):
                key = _Key(request.experiment.backend.name, precision, number)
                arms[key] = _arm(key, request.experiment, settings, folder)
    return arms


def _corrected_arms(requests: Sequence[RunRequest], names: Sequence[str], folder: Path) -> dict[_Key, Arm]:
    """Returns both backends in float64 with one, two, ... of the differences corrected."""
    arms = {}
    for request in requests:
        for count in range(1, len(names) + 1):
            key = _Key(request.experiment.backend.name, 64, 0, count)
            experiment = attribution.corrected(request.experiment, names[:count])
            arms[key] = _arm(key, experiment, request.experiment.parity, folder)
    return arms


def _arm(key: _Key, experiment: Experiment, settings: Parity, folder: Path) -> Arm:
    name = f"{key.backend}_{PRECISIONS[key.precision]}"
    name += f"_{key.corrections}_corrected" if key.corrections else ""
    return Arm(
        experiment=replace(experiment, training=replace(experiment.training, precision=key.precision)),
        perturbation=key.perturbation,
        steps=settings.steps,
        elements=settings.elements,
        path=folder / key.backend / f"{name}_{key.perturbation}.npz",
    )


def _precisions(experiment: Experiment) -> list[Precision]:
    """Returns float64, which tells meaning from rounding, and the precision of the run."""
    return list(dict.fromkeys([64, experiment.training.precision]))


def _announcement(requests: Sequence[RunRequest], arms: Mapping[_Key, Arm]) -> str:
    *most, last = (request.experiment.backend.name for request in requests)
    precisions = " and ".join(PRECISIONS[each] for each in _precisions(requests[0].experiment))
    steps = requests[0].experiment.parity.steps
    return f"{', '.join(most)} and {last}, at most {steps} steps in {precisions}: {len(arms)} trainings"


def _record_all(arms: Mapping[_Key, Arm]) -> dict[_Key, Recorded]:
    """Carries out every arm, those of different backends side by side."""
    backends = list(dict.fromkeys(key.backend for key in arms))
    recorded: dict[_Key, Recorded] = {}
    with contextlib.ExitStack() as stack:
        pools = {name: stack.enter_context(workers.pool()) for name in backends}
        keys: dict[Future[Recorded], _Key] = {
            pools[key.backend].schedule(record, args=(arm,)): key for key, arm in arms.items()
        }
        for future in as_completed(keys):
            key = keys[future]
            recorded[key] = _result(future, key, arms[key])
            line = f"[{len(recorded)}/{len(arms)}] {_described(key, recorded[key])}"
            print(line, file=sys.stderr, flush=True)
    return recorded


def _result(future: Future[Recorded], key: _Key, arm: Arm) -> Recorded:
    log = shown(arm.path.with_name(LOG))
    try:
        return future.result()
    except ProcessExpired as error:
        why = workers.how_it_died(error.exitcode)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    message = f"no verdict: {key.backend} in {PRECISIONS[key.precision]}: {why} (its output is in {log})"
    if key.backend == control.NAME and control.is_own_code(arm.experiment):
        message += ". A function of your own is carried out there if it is written with keras.ops."
    raise RunnerError(message)


def _described(key: _Key, recorded: Recorded) -> str:
    moved = f", first weights moved by one unit, draw {key.perturbation}" if key.perturbation else ""
    moved += f", differences corrected: {key.corrections}" if key.corrections else ""
    end = f", diverged at step {recorded.diverged}" if recorded.diverged else ""
    return f"{key.backend} {PRECISIONS[key.precision]}{moved}{end}"


def _verdict(experiment: Experiment, names: tuple[str, str], recorded: Mapping[_Key, Recorded]) -> Verdict:
    """Returns what two arms come to, held against what the perturbations of one arm did to it."""
    findings = []
    for precision in _precisions(experiment):
        one, other = (Recording.load(recorded[_Key(name, precision, 0)].path) for name in names)
        perturbed = {
            key: each for key, each in recorded.items() if key.precision == precision and key.perturbation
        }
        (moved,) = {key.backend for key in perturbed}
        base = one if moved == names[0] else Recording.load(recorded[_Key(moved, precision, 0)].path)
        draws = [Recording.load(each.path) for each in perturbed.values()]
        findings.append(find(precision, one, other, draws, base=base))
    return Verdict(tuple(findings))


def _controlled(experiment: Experiment, arms: Pair, recorded: Mapping[_Key, Recorded]) -> Control | None:
    """Returns what the third arm tells, where there is one."""
    if experiment.parity.control is None:
        return None
    engines, meanings = (
        Pair(name, control.NAME, _verdict(experiment, (name, control.NAME), recorded))
        for name in (arms.one, arms.other)
    )
    return Control(arms, engines, meanings)


def _attributed(
    requests: Sequence[RunRequest], recorded: Mapping[_Key, Recorded], words: Mapping[str, str]
) -> tuple[attribution.Correction, ...]:
    one, other = (request.experiment.backend.name for request in requests)
    pairs = [
        (
            Recording.load(recorded[_Key(one, 64, 0, count)].path),
            Recording.load(recorded[_Key(other, 64, 0, count)].path),
        )
        for count in range(len(words) + 1)
    ]
    return tuple(attribution.attribute(words, pairs))


def _losses(requests: Sequence[RunRequest], recorded: Mapping[_Key, Recorded]) -> dict[str, report.Floats]:
    precision = requests[0].experiment.training.precision
    names = (request.experiment.backend.name for request in requests)
    return {name: load_losses(recorded[_Key(name, precision, 0)].path) for name in names}
