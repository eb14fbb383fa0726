"""The verb train: one run, or with ``-m`` the runs of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra.core.utils import run_job
from hydra.types import HydraContext
from omegaconf import DictConfig

from runner import compose, device_rules, folders, request, sources, starting, supplies, surroundings
from runner.distributed import meeting
from runner.errors import ConfigurationError, Interrupted
from runner.experiment import Experiment
from runner.runs import Outcome
from runner.signals import signals_raised


def run(words: Sequence[str]) -> int:
    """Checks a configuration and carries it out; returns the exit code."""
    folders.make_importable()
    asked = request.parse(words)
    with compose.session(asked.config_dir):
        if request.shows(asked):
            return 0
        answer = request.answer(asked)
        experiment = answer.checked.experiment
        faults = surroundings.faults(experiment, answer.folder)
        faults += device_rules.sweep_faults(experiment) if answer.multirun else []
        if faults:
            raise ConfigurationError(faults)
        for note in (*answer.checked.notes, *answer.checked.warnings, *starting.note(experiment)):
            print(f"Note: {note}", file=sys.stderr)
        if answer.multirun:
            return _sweep(asked, answer)
        supplies.fetch([experiment])
        if meeting.node(experiment.training.nodes) > 0:
            return take_part(experiment)
        return _single(answer)


def job(config: DictConfig) -> Outcome:
    """Carries out the run of one composed configuration, in the folder that Hydra made for it."""
    from runner import session

    whole = compose.with_hydra(config)
    return session.run(compose.run_request(whole, compose.read(whole), overrides=compose.overrides_of(whole)))


def _single(answer: request.Answer) -> int:
    """Runs a job as Hydra does, with the configuration that is composed already."""
    from runner import session

    config, experiment = answer.config, answer.checked.experiment

    def run_it(_: DictConfig) -> Outcome:
        return session.run(compose.run_request(config, experiment, overrides=compose.overrides_of(config)))

    callbacks = Callbacks(config)
    callbacks.on_run_start(config=config, config_name=config.hydra.job.config_name)
    done = run_job(
        hydra_context=HydraContext(config_loader=compose.current().config_loader, callbacks=callbacks),
        task_function=run_it,
        config=config,
        job_dir_key="hydra.run.dir",
        job_subdir_key=None,
        configure_logging=False,
    )
    callbacks.on_run_end(config=config, config_name=config.hydra.job.config_name, job_return=done)
    return _exit_code(done.return_value)


def take_part(experiment: Experiment) -> int:
    """Takes part in a run on several machines, which the command on the first one tells of; returns the exit code."""
    from runner.distributed.training import help_out

    nodes = experiment.training.nodes
    print(f"machine {meeting.node(nodes) + 1} of {nodes}; the first one tells of the run", file=sys.stderr)
    try:
        with signals_raised():
            help_out(starting.resolved(experiment))
    except Interrupted as interrupt:
        return 128 + interrupt.signal_number
    return 0


def _sweep(asked: request.Request, answer: request.Answer) -> int:
    """Runs the jobs of a sweep as Hydra does; the launcher looks at every value before the first one starts."""
    from runner.sweep import resuming
    from runner.sweep.jobs import grid
    from runner.sweep.launcher import ProcessesLauncher
    from runner.sweep.sweepers import GridSweeper, SearchSweeper

    sources.register_for_sweeps(ProcessesLauncher, GridSweeper, SearchSweeper)
    folder, settings = answer.folder, answer.checked.experiment.sweep
    if settings.resume:
        folder = resuming.folder(grid(answer.overrides), folder)
    quoted = str(folder).replace("'", "\\'")
    # A sweep that is resumed has the runs of its beginning among those that a word may mean.
    overrides = starting.pinned_overrides(asked.overrides, answer.checked.experiment)
    is_kept = False
    try:
        batches = compose.current().multirun(
            asked.config_name,
            task_function=job,
            overrides=[*overrides, f"hydra.sweep.dir='{quoted}'"],
            with_log_configuration=False,
        )
        is_kept = not settings.dry_run
    finally:
        if not is_kept:
            _forget(folder)
    return _code_of([_exit_code(each.return_value) for batch in batches for each in batch])


def _forget(folder: Path) -> None:
    """Removes the folder of a sweep that never began; one in which anything else lies is left alone."""
    if any(path.name != "multirun.yaml" for path in folder.glob("*")):
        return
    (folder / "multirun.yaml").unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _exit_code(outcome: Any) -> int:
    return outcome.exit_code if isinstance(outcome, Outcome) else 0


def _code_of(codes: Sequence[int]) -> int:
    """Returns the exit code of a sweep: that of the signal which stopped it, 1 where a job failed, else 0."""
    signals = [code for code in codes if code > 128]
    return max(signals) if signals else int(any(codes))
