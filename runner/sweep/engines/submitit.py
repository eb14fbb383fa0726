"""A job of submitit for each run: processes of this machine, or jobs that SLURM puts on the machines of a cluster."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import extras, workers
from runner.errors import Fault, RunnerError
from runner.experiment import Experiment
from runner.quantities import Count, Positive, PositiveCount
from runner.runs import RunRequest, remembered
from runner.sweep.engines.machine import Machine, threads_of
from runner.sweep.worker import Report, reported, work
from runner.tracking import journal
from runner.tracking.pulse import beating

# Where submitit keeps its files of a sweep, and what its processes say beside the runs' own logs.
FOLDER = "submitit"
LOG = "submitit.log"
_COMMANDS = ("sbatch", "srun", "sacct", "scancel")
_LOOK_SECONDS = 0.1
# How long a file that another machine has written may take to be seen here.
_LAG_SECONDS = 15.0
# Within which a process of this machine that was told to end is gone.
_END_SECONDS = 5.0
_REASONS = {
    "OUT_OF_MEMORY": "SLURM ended its job, which took more than its memory (hydra.launcher.mem_gb)",
    "TIMEOUT": "SLURM ended its job, which took longer than its time (hydra.launcher.timeout_min)",
    "NODE_FAIL": "the machine of its job failed",
    "CANCELLED": "its job was cancelled",
    "PREEMPTED": "its job had to make room for another",
}


@dataclass(frozen=True, kw_only=True)
class SubmititLocal:
    """A process of this machine for each run, as SLURM would have it.

    Args:
        timeout_min: minutes after which a run is ended.
        gpus_per_node: how many of the machine's GPUs every run sees.
    """

    timeout_min: PositiveCount
    gpus_per_node: Count

    def faults(self) -> list[Fault]:
        return extras.missing("submitit", "hydra/launcher", "submitit_local")

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[_LocalSite]:
        yield _LocalSite(folder / FOLDER, "local", lambda experiment: vars(self))


@dataclass(frozen=True, kw_only=True)
class SubmititSlurm:
    """A job of SLURM for each run; what is None is left to SLURM.

    Args:
        at_once: how many jobs SLURM has at once where sweep.workers is None.
        partition: where the jobs go.
        account: on whose account.
        qos: the quality of service.
        constraint: features that a machine must have.
        timeout_min: minutes after which SLURM ends a job.
        cpus_per_task: cores of a job; None is its training.threads.
        gpus_per_node: GPUs of a job; None is its training.devices where its training.accelerator is gpu.
        mem_gb: memory of a job, in gigabytes.
        setup: lines of shell before a run, such as module load.
        additional_parameters: any other option of sbatch by its name.
    """

    at_once: PositiveCount
    partition: str | None
    account: str | None
    qos: str | None
    constraint: str | None
    timeout_min: PositiveCount
    cpus_per_task: PositiveCount | None
    gpus_per_node: Count | None
    mem_gb: Positive | None
    setup: list[str]
    additional_parameters: Mapping[str, str | int | float | bool]

    def faults(self) -> list[Fault]:
        found = extras.missing("submitit", "hydra/launcher", "submitit_slurm")
        missing = [command for command in _COMMANDS if shutil.which(command) is None]
        if missing and not found:
            rule = f"needs SLURM's commands, and this machine has no {', '.join(missing)}"
            remedy = "Type it where jobs are submitted, or try submitit_local."
            return [Fault("hydra/launcher", rule, "submitit_slurm", remedy=remedy)]
        return found

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[_SlurmSite]:
        yield _SlurmSite(folder / FOLDER, self)

    def parameters(self, experiment: Experiment) -> dict[str, Any]:
        """Returns what submitit is told of the job of a run."""
        training = experiment.training
        devices = 1 if training.devices == "auto" else training.devices
        gpus = devices if training.accelerator == "gpu" else None
        return {
            "timeout_min": self.timeout_min,
            "cpus_per_task": self.cpus_per_task or threads_of(experiment) or None,
            "gpus_per_node": gpus if self.gpus_per_node is None else self.gpus_per_node,
            "mem_gb": self.mem_gb,
            "slurm_partition": self.partition,
            "slurm_account": self.account,
            "slurm_qos": self.qos,
            "slurm_constraint": self.constraint,
            "slurm_setup": self.setup or None,
            # A run is tried once: whoever wants it again resumes the sweep.
            "slurm_additional_parameters": {"no-requeue": True, **self.additional_parameters},
        }


class _Site:
    """Places whose every run is a job.

    Args:
        folder: where submitit keeps its files.
        cluster: the name of its executor.
        parameters: what that is told of the job of a run.
    """

    lag = 0.0
    end_seconds = 0.0

    def __init__(
        self, folder: Path, cluster: str, parameters: Callable[[Experiment], Mapping[str, Any]]
    ) -> None:
        import submitit

        logging.getLogger("submitit").setLevel(logging.CRITICAL)
        folder.mkdir(parents=True, exist_ok=True)
        self._executor = submitit.AutoExecutor(folder, cluster=cluster)
        self._parameters = parameters
        self._log = folder / LOG

    def open(self, experiment: Experiment) -> _Place:
        return _Place(self)

    def why(self, error: Exception) -> str:
        return str(error).strip() if isinstance(error, _Lost) else f"{type(error).__name__}: {error}"

    def start(self, request: RunRequest) -> Any:
        """Returns the job of a run."""
        self._executor.update_parameters(name="runner", **self._parameters(request.experiment))
        with self.quiet():
            return self._executor.submit(carry_out_as_job, request)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Sends what submitit's own processes say, also later, to a file: it would stand between the lines of the sweep."""
        with self._log.open("a", encoding="utf-8") as file, workers.redirected(file.fileno()):
            yield


class _LocalSite(_Site, Machine):
    end_seconds = _END_SECONDS


class _SlurmSite(_Site):
    lag = _LAG_SECONDS

    def __init__(self, folder: Path, engine: SubmititSlurm) -> None:
        super().__init__(folder, "slurm", engine.parameters)
        self._at_once = engine.at_once

    def has_room(self, runs: Sequence[Experiment]) -> bool:
        return len(runs) <= self._at_once

    def has_place(self, workers: Sequence[Experiment], memory: int) -> bool:
        return len(workers) <= self._at_once


class _Place:
    def __init__(self, site: _Site) -> None:
        self._site = site
        self._job: Any = None

    def submit(self, request: RunRequest) -> Future[Report]:
        future: Future[Report] = Future()
        try:
            self._job = self._site.start(request)
        except Exception as error:
            # What sbatch refuses is said by exceptions of several kinds.
            future.set_exception(_Lost(_last_line(str(error))))
            return future
        arguments = (self._job, request, future, self._site.lag)
        threading.Thread(target=_follow, args=arguments, daemon=True).start()
        return future

    def end(self) -> None:
        if self._job is None or self._job.done():
            return
        with self._site.quiet():
            self._job.cancel(check=False)
        end = time.monotonic() + self._site.end_seconds
        while time.monotonic() < end and not self._job.done():
            time.sleep(_LOOK_SECONDS)


class _Lost(Exception):
    """A job that ended without the end of its run, and what is known of that."""


def carry_out_as_job(request: RunRequest) -> None:
    """Carries one run out, in the process of a job; how it ended stands in its journal."""
    # Submitit would begin the run once more in the same folder.
    signal.signal(signal.SIGUSR2, _take_notice)
    with beating(request.folder):
        work(request)


def _take_notice(number: int, frame: object) -> None:
    raise RunnerError(
        "its job must end: its time (hydra.launcher.timeout_min) is over, or it has to make room"
    )


def _follow(job: Any, request: RunRequest, future: Future[Report], lag: float) -> None:
    """Waits for the end of a job, and tells by the journal of its run what became of it."""
    while not job.done():
        if not future.running() and journal.beginning(request.folder) is not None:
            future.set_running_or_notify_cancel()
        time.sleep(_LOOK_SECONDS)
    end = time.monotonic() + lag
    while True:
        outcome = remembered(request.folder, name=request.name, choices=request.choices)
        if outcome is not None:
            future.set_result(reported(outcome, memory=0))
            return
        if time.monotonic() >= end:
            future.set_exception(_Lost(_reason(job, request)))
            return
        time.sleep(_LOOK_SECONDS)


def _reason(job: Any, request: RunRequest) -> str:
    """Returns why a job left no end of its run."""
    state = str(job.state).partition(" ")[0]
    if state in _REASONS:
        return _REASONS[state]
    said = _last_line(job.stderr() or "")
    if journal.beginning(request.folder) is None and said:
        return f"its job ended before it began: {said}"
    return workers.DIED


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
