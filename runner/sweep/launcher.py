"""Hydra's launcher of a sweep: all jobs are checked first, then each framework has one worker process."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from runner import compose, starting, surroundings
from runner.errors import ConfigurationError
from runner.experiment import Experiment
from runner.sweep import session


class ProcessesLauncher(Launcher):
    """Runs the jobs of a sweep in worker processes; the outcomes are the jobs' return values."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context = hydra_context
        self._config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Returns how each job ended.

        Raises:
            ConfigurationError: the faults of all jobs; none of them has been started.
        """
        configs = [
            self._composed(overrides, initial_job_idx + place)
            for place, overrides in enumerate(job_overrides)
        ]
        experiments = compose.read_all(configs)
        _look_around(experiments, Path(self._config.hydra.sweep.dir).resolve())
        requests = [
            compose.run_request(config, experiment, overrides=overrides, sweep=self._name(), choices=choices)
            for config, experiment, overrides, choices in zip(
                configs, experiments, job_overrides, differences(job_overrides), strict=True
            )
        ]
        outcomes = session.run(requests, command=self._command())
        return [
            JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED, _return_value=outcome)
            for overrides, outcome in zip(job_overrides, outcomes, strict=True)
        ]

    def _composed(self, overrides: Sequence[str], number: int) -> DictConfig:
        config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        return config

    def _command(self) -> str:
        """Returns what was typed for the whole sweep."""
        name = str(self._config.hydra.job.config_name)
        flags = [] if name == compose.CONFIG_NAME else [f"--config-name={name}"]
        return shlex.join(["python", "-m", "runner", "-m", *flags, *self._config.hydra.overrides.task])

    def _name(self) -> str:
        """Returns the name that ties the runs of this sweep together: its folder's day and time."""
        folder = Path(self._config.hydra.sweep.dir)
        return f"{folder.parent.name}_{folder.name}"


def differences(job_overrides: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    """Returns for each job the overrides that not all jobs share, by key."""
    typed = [dict(override.split("=", 1) for override in job if "=" in override) for job in job_overrides]
    keys = list(dict.fromkeys(key for job in typed for key in job))
    varying = [key for key in keys if len({job.get(key) for job in typed}) > 1]
    return [{key: job[key] for key in varying if key in job} for job in typed]


def _look_around(experiments: Sequence[Experiment], folder: Path) -> None:
    """Refuses a sweep one of whose frameworks is missing, or that has nowhere to write."""
    one_of_each = {experiment.backend.name: experiment for experiment in experiments}.values()
    faults = [fault for experiment in one_of_each for fault in surroundings.faults(experiment, folder)]
    # Each job may have another network.
    faults += [fault for experiment in experiments for fault in starting.faults(experiment)]
    if faults:
        raise ConfigurationError(list(dict.fromkeys(faults)))
