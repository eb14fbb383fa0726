"""Hydra's launcher of a sweep: every value is looked at first, then each job when its turn comes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from runner import compose, sources, starting, supplies, surroundings
from runner.errors import ConfigurationError
from runner.experiment import Experiment
from runner.runs import RunRequest
from runner.sweep import session
from runner.sweep.composition import Composer
from runner.sweep.jobs import Job, grid, jobs_of
from runner.sweep.plan import Plan
from runner.sweep.rehearsal import rehearse
from runner.sweep.values import look
from runner.tracking import Scalar
from runner.tracking.store import address


class GridSweeper(BasicSweeper):
    """Hydra's own sweeper over every combination, without its silent look at all jobs before the first one."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Leaves it to the launcher to look at the jobs."""


class ProcessesLauncher(Launcher):
    """Runs the jobs of a sweep in worker processes; the outcomes are the jobs' return values."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context = hydra_context
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Returns how each job ended.

        Raises:
            ConfigurationError: the faults of the values that were typed; nothing has been started.
        """
        composer = Composer(self._context, self._config)
        jobs = jobs_of(job_overrides, initial_job_idx, composer.groups)
        folder = Path(str(self._config.hydra.sweep.dir)).resolve()

        looked: set[str] = set()

        def checked(job: Job) -> tuple[Experiment, Mapping[str, Scalar]]:
            config = composer.config(job.overrides, job.number)
            experiment = compose.read(config)
            backend = experiment.backend.name
            _look_around(experiment, None if backend in looked else folder)
            looked.add(backend)
            return experiment, compose.flat(config)

        def request(job: Job, summary: Path) -> RunRequest:
            config = composer.config(job.overrides, job.number)
            experiment = compose.read(config)
            _look_around(experiment, None)
            return compose.run_request(
                config,
                experiment,
                overrides=job.overrides,
                sweep=plan.name,
                choices=job.choices,
                label=job.label,
                parent=summary if experiment.sweep.nested else None,
            )

        found = look(jobs, checked)
        supplies.fetch(experiment for experiment, _ in found.values())
        experiment = next(iter(found.values()))[0]
        plan = Plan(
            jobs=tuple(jobs),
            grid=grid(job_overrides),
            folder=folder,
            words=(*self._words(), *self._hydras_own()),
            command=shlex.join(["python", "-m", "runner", *self._words()]),
            experiment=experiment,
            parameters=_alike([parameters for _, parameters in found.values()]),
            uri=address(experiment.tracking.uri, Path.cwd()),
            request=request,
        )
        outcomes = rehearse(plan) if plan.settings.dry_run else session.run(plan)
        return [
            JobReturn(overrides=list(job.overrides), status=JobStatus.COMPLETED, _return_value=outcome)
            for job, outcome in zip(jobs, outcomes, strict=True)
        ]

    def _words(self) -> list[str]:
        name = str(self._config.hydra.job.config_name)
        flags = [] if name == compose.CONFIG_NAME else [f"--config-name={name}"]
        if sources.SearchPath.additional is not None:
            flags.append(f"--config-dir={sources.SearchPath.additional}")
        return ["-m", *flags, *self._config.hydra.overrides.task]

    def _hydras_own(self) -> list[str]:
        typed = map(str, self._config.hydra.overrides.hydra)
        return [each for each in typed if each.partition("=")[0] not in ("hydra.mode", "hydra.sweep.dir")]


def _alike(parameters: Sequence[Mapping[str, Scalar]]) -> dict[str, Scalar]:
    """Returns the parameters that all jobs have alike."""
    first, *others = parameters
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _look_around(experiment: Experiment, folder: Path | None) -> None:
    """Refuses a job whose framework, data or start is missing, or that has nowhere to write."""
    if folder is None:
        faults = [*supplies.faults(experiment), *starting.faults(experiment)]
    else:
        faults = surroundings.faults(experiment, folder)
    if faults:
        raise ConfigurationError(faults)
