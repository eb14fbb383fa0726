"""Runs in worker processes: one for each framework, used again for its next run, replaced when it dies."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from pebble import ProcessExpired

from runner import workers
from runner.display import Silent
from runner.errors import Interrupted
from runner.runs import Outcome, RunRequest, carry_out, ended
from runner.tracking.journal import JOURNAL

LOG = "output.log"
_POLL_SECONDS = 0.1

# In a worker: by what somebody asked it to end. Its next run may have reached it before that.
_interrupt: Interrupted | None = None


def run_all(
    requests: Sequence[RunRequest], *, follow: Callable[[Path], None], tell: Callable[[Outcome], None]
) -> list[Outcome]:
    """Carries out every request and returns the outcomes in their order, whatever happens to a worker.

    Args:
        requests: the runs; one backend's follow each other, those of different backends go side by side.
        follow: called with each run's folder once its journal has begun.
        tell: called with each outcome as it comes.
    """
    backends = list(dict.fromkeys(request.experiment.backend.name for request in requests))
    outcomes: dict[int, Outcome] = {}
    announced: set[int] = set()
    with contextlib.ExitStack() as stack:
        pools = {name: stack.enter_context(workers.pool()) for name in backends}
        futures = {
            number: pools[request.experiment.backend.name].schedule(_work, args=(request,))
            for number, request in enumerate(requests)
        }
        try:
            while len(outcomes) < len(requests):
                _announce(requests, announced, follow)
                for number in [each for each in futures.keys() - outcomes.keys() if futures[each].done()]:
                    outcomes[number] = _outcome(futures[number], requests[number])
                    tell(outcomes[number])
                time.sleep(_POLL_SECONDS)
        except Interrupted as interrupt:
            for number in futures.keys() - outcomes.keys():
                # A run that is under way ends with its pool; to cancel it would start another worker.
                if not futures[number].running():
                    futures[number].cancel()
                outcomes[number] = _stopped(requests[number], interrupt)
        _announce(requests, announced, follow)
    return [outcomes[number] for number in range(len(requests))]


def _work(request: RunRequest) -> Outcome:
    """Carries one request out in a worker; a person sees the parent's lines only."""
    global _interrupt
    if _interrupt is not None:
        return _stopped(request, _interrupt)
    request.folder.mkdir(parents=True, exist_ok=True)
    with (request.folder / LOG).open("a", encoding="utf-8") as log, workers.redirected(log.fileno()):
        warnings.simplefilter("default")
        outcome = carry_out(request, display=Silent(), follow=lambda folder: None)
    if outcome.status == "KILLED":
        _interrupt = Interrupted(outcome.exit_code - 128)
    return outcome


def _announce(requests: Sequence[RunRequest], announced: set[int], follow: Callable[[Path], None]) -> None:
    for number, request in enumerate(requests):
        if number not in announced and (request.folder / JOURNAL).exists():
            announced.add(number)
            follow(request.folder)


def _outcome(future: Future[Outcome], request: RunRequest) -> Outcome:
    try:
        return future.result()
    except ProcessExpired as error:
        return _failed(request, workers.how_it_died(error))
    except Exception as error:
        return _failed(request, f"{type(error).__name__}: {error}")


def _failed(request: RunRequest, message: str) -> Outcome:
    return ended(request, "FAILED", 1, message=message)


def _stopped(request: RunRequest, interrupt: Interrupted) -> Outcome:
    return ended(request, "KILLED", 128 + interrupt.signal_number, message="stopped with the sweep")
