"""Hydra's launcher of a sweep: every value is looked at first, then each job when its turn comes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from runner import compose, searches, sources, starting, supplies, surroundings
from runner.addresses import without_password
from runner.errors import ConfigurationError
from runner.experiment import Experiment
from runner.runs import Outcome, RunRequest
from runner.search.settings import Settings
from runner.search.space import Space
from runner.sweep import session
from runner.sweep.composition import Composer
from runner.sweep.engines.choice import chosen
from runner.sweep.jobs import Grid, Job, grid, jobs_of
from runner.sweep.plan import Plan, Searched
from runner.sweep.rehearsal import rehearse, rehearse_search
from runner.sweep.values import look
from runner.tracking import Scalar
from runner.tracking.store import address

_SWEEPER = ("hydra/sweeper", "hydra.sweeper")


class ProcessesLauncher(Launcher):
    """Runs the jobs of a sweep by one of the engines; the outcomes are the jobs' return values.

    Args:
        keys: those of ``hydra.launcher``: the engine and what it takes.
    """

    def __init__(self, **keys: Any) -> None:
        self._keys = cast(dict[str, Any], OmegaConf.to_container(OmegaConf.create(keys), resolve=True))

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context = hydra_context
        self._config = config
        self._engine = chosen(self._keys)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Returns how each job ended.

        Raises:
            ConfigurationError: the faults of the values that were typed; nothing has been started.
        """
        composer = Composer(self._context, self._config)
        jobs = jobs_of(job_overrides, initial_job_idx, composer.groups)
        plan = self._plan(composer, look_at=jobs, jobs=jobs, grid=grid(job_overrides))
        outcomes = rehearse(plan) if plan.settings.dry_run else session.run(plan)
        return [_returned(job.overrides, outcome) for job, outcome in zip(jobs, outcomes, strict=True)]

    def search(self, space: Space, settings: Settings) -> Sequence[JobReturn]:
        """Returns how each trial of a search ended that this process has carried out.

        Raises:
            ConfigurationError: the faults of ends and options of the space; nothing has been started.
        """
        composer = Composer(self._context, self._config)
        probes = jobs_of(space.probes(), 0, composer.groups)
        first = compose.inspect(composer.config(probes[0].overrides, 0))
        searched = Searched(space, settings, searches.metric(first, settings))
        # What a trial is, the study says when its turn comes.
        jobs = [
            Job(number=number, overrides=space.fixed, choices={}, label="")
            for number in range(settings.trials)
        ]
        plan = self._plan(composer, look_at=probes, jobs=jobs, grid=grid([space.typed]), searched=searched)
        outcomes = rehearse_search(plan, probes) if plan.settings.dry_run else session.run(plan)
        return [_returned(space.fixed, outcome) for outcome in outcomes]

    def _plan(
        self,
        composer: Composer,
        *,
        look_at: Sequence[Job],
        jobs: Sequence[Job],
        grid: Grid,
        searched: Searched | None = None,
    ) -> Plan:
        """Returns what is about to begin, once every value has been looked at."""
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

        found = look(look_at, checked)
        supplies.fetch(experiment for experiment, _ in found.values())
        experiment = next(iter(found.values()))[0]
        sweeper = _sweeper_words(self._hydras_own()) if searched else ()
        plan = Plan(
            jobs=tuple(jobs),
            grid=grid,
            folder=folder,
            words=(*self._words(), *self._hydras_own()),
            command=shlex.join(["python", "-m", "runner", *self._words(), *sweeper]),
            experiment=experiment,
            parameters=_alike([parameters for _, parameters in found.values()]),
            uri=address(experiment.tracking.uri, Path.cwd()),
            engine=self._engine,
            request=request,
            groups=composer.groups,
            searched=searched,
        )
        return plan

    def _words(self) -> list[str]:
        name = str(self._config.hydra.job.config_name)
        flags = [] if name == compose.CONFIG_NAME else [f"--config-name={name}"]
        if sources.SearchPath.additional is not None:
            flags.append(f"--config-dir={sources.SearchPath.additional}")
        return ["-m", *flags, *self._config.hydra.overrides.task]

    def _hydras_own(self) -> list[str]:
        typed = map(str, self._config.hydra.overrides.hydra)
        return [each for each in typed if each.partition("=")[0] not in ("hydra.mode", "hydra.sweep.dir")]


def _returned(overrides: Sequence[str], outcome: Outcome) -> JobReturn:
    return JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=outcome)


def _sweeper_words(words: Sequence[str]) -> Iterator[str]:
    """Yields what was typed of the sweeper, the address of a database with a password left out."""
    for word in words:
        key, _, value = word.partition("=")
        if key.startswith(_SWEEPER) and without_password(value) == value:
            yield word


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
