"""Actors of Ray: on this machine, or on the machines of a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import extras, workers
from runner.errors import ConfigurationError, Fault, RunnerError
from runner.experiment import Experiment
from runner.runs import RunRequest
from runner.sweep.engines import KEY
from runner.sweep.engines.machine import cores, threads_of
from runner.sweep.worker import Report, work
from runner.tracking import asking
from runner.tracking.pulse import beating

AUTO = "auto"
# Within which a cluster must answer. Ray itself would try for more than a minute.
ANSWER_SECONDS = 10.0
KNOCK_SECONDS = 3.0
# Of a cluster of our own; requests and reports are small, and Ray would keep a third of the memory for them.
_STORE_BYTES = 100 << 20
# Ray reads these when it is imported: no word to its makers, none of its own lines among ours, and nobody else's
# machine can reach a cluster that is started here (the name is older than its use).
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
_KNOCK = "import sys, ray; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='CRITICAL')"


@dataclass(frozen=True, kw_only=True)
class Ray:
    """An actor for each place.

    Args:
        address: HOST:PORT of a cluster that this machine is part of, auto to find it, or None to start one here.
    """

    address: str | None

    def faults(self) -> list[Fault]:
        missing = extras.missing("ray", "hydra/launcher", "ray")
        if missing or self.address in (None, AUTO) or _host_and_port(str(self.address)):
            return missing
        rule = "must be HOST:PORT of a cluster that this machine is part of, auto or null"
        return [Fault(f"{KEY}.address", rule, self.address)]

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[_Site]:
        os.environ.update(QUIET if self.address else QUIET | LOOPBACK)
        if self.address is not None:
            require_answer(self.address)
        import ray

        here: dict[str, Any] = {
            "num_cpus": cores(),
            "object_store_memory": _STORE_BYTES,
            "include_dashboard": False,
        }
        try:
            ray.init(
                address=self.address or "local",
                log_to_driver=False,
                logging_level=logging.CRITICAL,
                **({} if self.address else here),
            )
        except Exception as error:
            # Of whatever kind, it is Ray's own and of before the first run.
            reason = str(error).strip().partition("\n")[0]
            raise RunnerError(f"Ray could not be started: {reason}") from error
        try:
            yield _Site()
        finally:
            ray.shutdown()


@dataclass(frozen=True)
class Resources:
    """Cores and GPUs, of a node or for a run."""

    cores: float
    gpus: float


class _Site:
    def has_room(self, runs: Sequence[Experiment]) -> bool:
        nodes = _nodes()
        needs = [needed(run, nodes) for run in runs]
        return len(runs) <= 1 or (
            sum(need.cores for need in needs) <= sum(node.cores for node in nodes)
            and sum(need.gpus for need in needs) <= sum(node.gpus for node in nodes)
        )

    def has_place(self, workers: Sequence[Experiment], memory: int) -> bool:
        # An actor keeps its cores for as long as it lives, at work or not.
        return self.has_room(workers)

    def open(self, experiment: Experiment) -> _Place:
        return _Place(needed(experiment, _nodes()))

    def why(self, error: Exception) -> str:
        from ray.exceptions import RayActorError

        if isinstance(error, RayActorError):
            if "node has died" in str(error):
                return "its machine is gone from the Ray cluster"
            return workers.DIED
        return f"{type(error).__name__}: {error}".strip().partition("\n")[0]


class _Worker:
    """The actor: a process with one framework, in the working folder of the sweep."""

    def __init__(self, working: str, paths: Sequence[str]) -> None:
        with contextlib.suppress(OSError):
            # Where the folder is not seen, the run says so.
            os.chdir(working)
        sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]

    def wait(self) -> None:
        """Returns as soon as the actor lives."""

    def work(self, request: RunRequest) -> Report:
        """Carries one run out."""
        with beating(request.folder):
            return work(request)


class _Place:
    def __init__(self, needs: Resources) -> None:
        import ray

        # A run is tried once: whoever wants it again resumes the sweep.
        options = {"max_restarts": 0, "max_task_retries": 0}
        made = ray.remote(_Worker).options(num_cpus=needs.cores, num_gpus=needs.gpus, **options)
        self._actor: Any = made.remote(os.getcwd(), sys.path)

    def submit(self, request: RunRequest) -> Future[Report]:
        from ray.exceptions import RayTaskError

        future: Future[Report] = Future()

        def begin(alive: Future[None]) -> None:
            if alive.exception() is None and not future.done():
                future.set_running_or_notify_cancel()

        def end(done: Future[Report]) -> None:
            error = done.exception()
            if error is None:
                future.set_result(done.result())
            else:
                future.set_exception(error.cause if isinstance(error, RayTaskError) else error)

        self._actor.wait.remote().future().add_done_callback(begin)
        self._actor.work.remote(request).future().add_done_callback(end)
        return future

    def end(self) -> None:
        import ray

        ray.kill(self._actor)


def _nodes() -> list[Resources]:
    """Returns what each machine of the cluster has."""
    import ray

    found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Resources(each.get("CPU", 0.0), each.get("GPU", 0.0)) for each in found]


def needed(experiment: Experiment, nodes: Sequence[Resources]) -> Resources:
    """Returns what a run takes of its machine: its threads and devices, but no more than one of them has."""
    training = experiment.training
    most = max((node.gpus for node in nodes), default=0.0)
    wanted = most if training.devices == "auto" else float(training.devices)
    gpus = 0.0 if training.accelerator == "cpu" else min(wanted, most)
    able = [node.cores for node in nodes if node.gpus >= gpus] or [0.0]
    # What takes whatever is there has the smallest machine for itself.
    return Resources(min(threads_of(experiment) or min(able), max(able)), gpus)


def _host_and_port(address: str) -> tuple[str, int] | None:
    host, separator, port = address.rpartition(":")
    is_address = separator and host and "/" not in host and port.isdecimal() and int(port) < 1 << 16
    return (host, int(port)) if is_address else None


def require_answer(address: str) -> None:
    """Refuses a cluster that does not answer: knocks, and asks in a process of its own."""
    place = _host_and_port(address)
    if place is not None:
        try:
            socket.create_connection(place, timeout=KNOCK_SECONDS).close()
        except OSError as error:
            raise _no_answer(address, error.strerror or str(error)) from error
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _KNOCK, address],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS - KNOCK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _no_answer(address, f"nothing within {ANSWER_SECONDS:g} seconds") from error
    if asked.returncode != 0:
        raise _no_answer(address, asking.reason(asked.stderr))


def _no_answer(address: str, reason: str) -> ConfigurationError:
    remedy = "Start it with ray start, or leave it null for one of this machine's own."
    rule = f"no Ray cluster answers: {reason.rstrip('.')}"
    return ConfigurationError([Fault(f"{KEY}.address", rule, address, remedy=remedy)])
