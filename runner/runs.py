"""One run from its folder to its status: the card, the training, the words at the end."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.description import DESCRIPTION, describe
from runner.display import Display
from runner.errors import ConfigurationError, Interrupted, RunnerError
from runner.experiment import Component, Experiment
from runner.results import Result, Status
from runner.tasks.train import train
from runner.tracking import RunCard, Scalar, identity
from runner.tracking.journal import Journal
from runner.tracking.process import this_process

CONFIG = "config.yaml"
OVERRIDES = "overrides.yaml"
TRACEBACK = "traceback.txt"
# Told apart with any colour vision. Source: Okabe and Ito, 2008, without its yellow, and two more.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#332288", "#882255")


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A checked experiment and everything about the run that is not its meaning.

    Args:
        experiment: what to carry out.
        folder: where the run's files go.
        command: what was typed.
        overrides: the overrides of this run.
        config: the resolved configuration as YAML.
        parameters: the same by dotted key.
        uri: the address of MLflow's store.
        sweep: the sweep that the run belongs to, or None.
        choices: what tells this run from the others of its sweep, by key.
    """

    experiment: Experiment
    folder: Path
    command: str
    overrides: tuple[str, ...]
    config: str
    parameters: Mapping[str, Scalar]
    uri: str
    sweep: str | None
    choices: Mapping[str, str]

    @property
    def name(self) -> str:
        """A readable name: what tells the run from the others of its sweep, or what was chosen."""
        told = [f"{key.rpartition('.')[2]}={value}" for key, value in self.choices.items()]
        if not told:
            return self.experiment.name or default_name(self.experiment)
        return " ".join([self.experiment.name, *told] if self.experiment.name else told)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended; ``message`` says why where it did not finish."""

    name: str
    choices: Mapping[str, str]
    folder: Path
    status: Status
    exit_code: int
    seconds: float
    message: str | None = None
    result: Result | None = None


def carry_out(request: RunRequest, *, display: Display, follow: Callable[[Path], None]) -> Outcome:
    """Trains, writes the journal, and turns whatever happens into an outcome.

    Args:
        request: what to do and where.
        display: what a person sees meanwhile.
        follow: called with the run's folder once its journal has begun, for whoever sends it to MLflow.
    """
    began = time.monotonic()
    journal = Journal(request.folder)
    journal.start(_card(request))
    follow(request.folder)

    def outcome(status: Status, exit_code: int, **more: Any) -> Outcome:
        seconds = time.monotonic() - began
        told = describe(
            result=more.get("result"),
            message=more.get("message"),
            command=request.command,
            folder=request.folder,
            seconds=seconds,
        )
        journal.tags({DESCRIPTION: told})
        journal.end(status, more.get("message"))
        return ended(request, status, exit_code, seconds=seconds, **more)

    try:
        with signals_raised():
            for name, text in ((CONFIG, request.config), (OVERRIDES, _listed(request.overrides))):
                _write(journal, request.folder / name, text)
            display.start(request.name, request.experiment.training.epochs)
            result = train(request.experiment, folder=request.folder, tracker=journal, display=display)
    except Interrupted as interrupt:
        return outcome("KILLED", 128 + interrupt.signal_number, message=_interrupted(interrupt))
    except ConfigurationError as error:
        return outcome("FAILED", error.exit_code, message=str(error))
    except RunnerError as error:
        return outcome("FAILED", error.exit_code, message=str(error))
    except Exception as error:
        _write(journal, request.folder / TRACEBACK, traceback.format_exc())
        message = f"{type(error).__name__}: {error} (the traceback is in {request.folder / TRACEBACK})"
        return outcome("FAILED", 1, message=message)
    finally:
        display.stop()
    return outcome("FINISHED", 0, result=result)


def ended(
    request: RunRequest,
    status: Status,
    exit_code: int,
    *,
    seconds: float = 0.0,
    message: str | None = None,
    result: Result | None = None,
) -> Outcome:
    """Returns the outcome of a request."""
    return Outcome(
        name=request.name,
        choices=request.choices,
        folder=request.folder,
        status=status,
        exit_code=exit_code,
        seconds=seconds,
        message=message,
        result=result,
    )


def default_name(experiment: Experiment) -> str:
    """Returns a name from the choices: ``digits mlp relu adam torch``."""
    parts: list[Component] = [
        experiment.data,
        experiment.architecture,
        experiment.activation,
        experiment.optimizer,
    ]
    return " ".join([*(part.name for part in parts), experiment.backend.name])


def _card(request: RunRequest) -> RunCard:
    experiment = request.experiment
    tags = {
        "backend": experiment.backend.name,
        "command": request.command,
        "config_sha256": identity.meaning({**request.parameters, **_content(request)}),
        **identity.git_tags(Path.cwd()),
    }
    if request.sweep is not None:
        tags["sweep"] = request.sweep
        tags["mlflow.runColor"] = _colour(request)
    return RunCard(
        identity=uuid.uuid4().hex,
        name=request.name,
        experiment=experiment.tracking.experiment,
        uri=request.uri,
        parameters=request.parameters,
        chosen=_chosen(request),
        tags=tags,
        plots=experiment.plots,
        time=time.time(),
        process=this_process(),
    )


def _content(request: RunRequest) -> dict[str, Scalar]:
    """Returns the digest of what a run starts from, which means the same wherever it lies."""
    start = request.experiment.training.start_from
    return {"training.start_from": hashlib.sha256(Path(start).read_bytes()).hexdigest()} if start else {}


def _chosen(request: RunRequest) -> tuple[str, ...]:
    """Returns the keys of the parameters worth a column: the backend, and what differs in the sweep or was typed."""
    typed = [each.lstrip("+~").partition("=")[0] for each in request.overrides]
    keys = dict.fromkeys(["backend.name", *(request.choices or typed)])
    return tuple(key for key in keys if key in request.parameters)


def _colour(request: RunRequest) -> str:
    """Returns the colour of a sweep's job in MLflow's charts, by its number: MLflow's own choice often meets twice."""
    number = request.folder.name
    return _COLOURS[int(number) % len(_COLOURS)] if number.isdigit() else _COLOURS[0]


def _write(journal: Journal, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    journal.artifact(path)


def _listed(overrides: tuple[str, ...]) -> str:
    import yaml

    text: str = yaml.safe_dump(list(overrides))
    return text


def _interrupted(interrupt: Interrupted) -> str:
    return f"stopped by {signal.Signals(interrupt.signal_number).name}"


@contextlib.contextmanager
def signals_raised() -> Iterator[None]:
    """Turns Ctrl-C and SIGTERM into Interrupted while it lasts; a second one meanwhile is not needed and ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(number)

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
