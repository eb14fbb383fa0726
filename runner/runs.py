"""One run from its folder to its status: the card, the task, the words at the end."""

from __future__ import annotations

import hashlib
import shlex
import signal
import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner import own_network, task
from runner.description import DESCRIPTION, describe
from runner.display import Display
from runner.errors import ConfigurationError, Interrupted, RunnerError
from runner.experiment import Component, Experiment
from runner.findings import Findings
from runner.results import Result, Status
from runner.signals import signals_raised
from runner.tables import comma_separated
from runner.tracking import RunCard, Scalar, continuing, identity
from runner.tracking import journal as journal_files
from runner.tracking.findings_files import FINDINGS, load_findings
from runner.tracking.journal import Journal
from runner.tracking.process import this_process
from runner.tracking.result_files import RESULT, load_result
from runner.weights import WEIGHTS

CONFIG = "config.yaml"
OVERRIDES = "overrides.yaml"
TRACEBACK = "traceback.txt"
TABLES = "tables"
# Told apart with any colour vision. Source: Okabe and Ito, 2008, without its yellow, and two more.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#332288", "#882255")


@dataclass(frozen=True, kw_only=True)
class Resumption:
    """A run that was begun by another process and is gone on with.

    Args:
        step: batches that it has behind it.
        is_longer: whether it had finished, and gets more epochs.
        changed: the keys that have other values now.
    """

    step: int
    is_longer: bool
    changed: Mapping[str, str]


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
        label: the same in a few words.
        parent: the folder of the run under which MLflow folds this one, or None.
        origin: tags that say from which run this one comes, if from any.
        resumption: what is known of the run where it is gone on with, or None where it begins.
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
    label: str = ""
    parent: Path | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    resumption: Resumption | None = None

    @property
    def name(self) -> str:
        """A readable name: what tells the run from the others of its sweep, or what was chosen."""
        if not self.label:
            return self.experiment.name or default_name(self.experiment)
        return f"{self.experiment.name} {self.label}" if self.experiment.name else self.label


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended; ``message`` says why where it did not finish.

    A training that finished has a ``result``, another task ``findings``, even where its check failed.
    """

    name: str
    choices: Mapping[str, str]
    folder: Path
    status: Status
    exit_code: int
    seconds: float
    message: str | None = None
    result: Result | None = None
    findings: Findings | None = None


def carry_out(request: RunRequest, *, display: Display, follow: Callable[[Path], None]) -> Outcome:
    """Carries out the task, writes the journal, and turns whatever happens into an outcome.

    Args:
        request: what to do and where.
        display: what a person sees meanwhile.
        follow: called with the run's folder once its journal has begun, for whoever sends it to MLflow.
    """
    began = time.monotonic()
    journal = _opened(request)
    follow(request.folder)

    def outcome(status: Status, exit_code: int, **more: Any) -> Outcome:
        seconds = time.monotonic() - began
        told = describe(
            result=more.get("result") or more.get("findings"),
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
            asked_for = task.of(request.experiment)
            epochs = request.experiment.training.epochs
            display.start(request.name, epochs if task.depends_on(asked_for, "training.epochs") else None)
            result = asked_for.run(
                request.experiment, folder=request.folder, tracker=journal, display=display
            )
            if isinstance(result, Findings):
                _tell(journal, request.folder, result)
    except Interrupted as interrupt:
        return outcome("KILLED", 128 + interrupt.signal_number, message=_interrupted(interrupt))
    except ConfigurationError as error:
        return outcome("FAILED", error.exit_code, message=str(error))
    except RunnerError as error:
        return outcome("FAILED", error.exit_code, message=str(error))
    except (Exception, SystemExit) as error:
        _write(journal, request.folder / TRACEBACK, traceback.format_exc())
        message = f"{type(error).__name__}: {error} (the traceback is in {request.folder / TRACEBACK})"
        return outcome("FAILED", 1, message=message)
    finally:
        display.stop()
    if isinstance(result, Result):
        return outcome("FINISHED", 0, result=result)
    if result.failure is not None:
        return outcome("FAILED", 1, message=result.failure, findings=result)
    return outcome("FINISHED", 0, findings=result)


def _opened(request: RunRequest) -> Journal:
    """Returns the journal of a run that begins, or that goes on."""
    resumption = request.resumption
    if resumption is None:
        journal = Journal(request.folder)
        journal.start(_card(request))
        return journal
    known = continuing.told(request.folder, is_longer=resumption.is_longer)
    continued = continuing.Continued(request.folder, known)
    continued.resume(resumption.step, resumption.changed)
    return continued


def meaning(request: RunRequest) -> str:
    """Returns the digest of everything that decides a number of a run."""
    return identity.meaning({**request.parameters, **_content(request)})


def close(request: RunRequest, *, message: str, status: Status = "FAILED") -> Outcome:
    """Tells the journal of a run how it ended, for its process which cannot; returns the outcome.

    A run that never began gets a journal here; one that had told its end before keeps that.
    """
    known = remembered(request.folder, name=request.name, choices=request.choices)
    if known is not None:
        return known
    began = journal_files.beginning(request.folder)
    journal = Journal(request.folder)
    card = began or _card(request)
    if began is None:
        journal.start(card)
    if (request.folder / WEIGHTS).exists():
        # The best weights are whole: each of them took the place of the last at once.
        journal.artifact(request.folder / WEIGHTS)
    seconds = time.time() - card.time
    told = describe(
        result=None, message=message, command=request.command, folder=request.folder, seconds=seconds
    )
    journal.tags({DESCRIPTION: told})
    journal.end(status, message, is_cut_short=True)
    return ended(request, status, 1, seconds=seconds, message=message)


def refused(
    outcome: Outcome, *, experiment: Experiment, uri: str, sweep: str, overrides: Sequence[str]
) -> None:
    """Writes the journal of a job of a sweep that cannot run beside the values that it has there.

    Args:
        outcome: how it ended, which is before it began.
        experiment: another job's, for what all of them share.
        uri: the address of MLflow's store.
        sweep: the sweep that the job belongs to.
        overrides: those of the job.
    """
    journal = Journal(outcome.folder)
    journal.start(
        RunCard(
            identity=uuid.uuid4().hex,
            name=outcome.name,
            experiment=experiment.tracking.experiment,
            uri=uri,
            parameters=dict(outcome.choices),
            chosen=tuple(outcome.choices),
            tags={**outcome.choices, "sweep": sweep, "command": _command(overrides)},
            plots={},
            time=time.time(),
            process=this_process(),
        )
    )
    journal.end(outcome.status, outcome.message)


def remembered(folder: Path, *, name: str, choices: Mapping[str, str]) -> Outcome | None:
    """Returns how the run in a folder ended, by its journal alone; None where that has no end."""
    card, end = journal_files.beginning(folder), journal_files.ending(folder)
    if card is None or end is None:
        return None
    status: Status = end["status"]
    is_training = (folder / RESULT).exists()
    return Outcome(
        name=name,
        choices=choices,
        folder=folder,
        status=status,
        exit_code=0 if status == "FINISHED" else 1,
        seconds=end["time"] - card.time,
        message=end["error"],
        result=load_result(folder) if status == "FINISHED" and is_training else None,
        findings=load_findings(folder) if (folder / FINDINGS).exists() else None,
    )


def ended(
    request: RunRequest,
    status: Status,
    exit_code: int,
    *,
    seconds: float = 0.0,
    message: str | None = None,
    result: Result | None = None,
    findings: Findings | None = None,
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
        findings=findings,
    )


def default_name(experiment: Experiment) -> str:
    """Returns a name from the choices that the task reads: ``digits mlp relu adam torch``, ``curves torch``."""
    own = own_network.maker(experiment.architecture)
    network: list[Component] = [own] if own else [experiment.architecture, experiment.activation]
    asked_for = task.of(experiment)
    is_training = task.depends_on(asked_for, "training.epochs")
    parts = [experiment.data, *network, *([] if is_training else [experiment.loss]), experiment.optimizer]
    read = [part.name for part in parts if task.depends_on(asked_for, part.key)]
    return " ".join([*([] if is_training else [experiment.task.name]), *read, experiment.backend.name])


def _command(overrides: Sequence[str]) -> str:
    return shlex.join(["python", "-m", "runner", *overrides])


def _card(request: RunRequest) -> RunCard:
    experiment = request.experiment
    tags = {
        **request.choices,
        **request.origin,
        "backend": experiment.backend.name,
        "task": experiment.task.name,
        "command": request.command,
        "config_sha256": meaning(request),
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
        parent=None if request.parent is None else str(request.parent),
    )


def _content(request: RunRequest) -> dict[str, Scalar]:
    """Returns the digest of what a run starts from, which means the same wherever it lies."""
    start = request.parameters.get("training.start_from") and request.experiment.training.start_from
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


def _tell(journal: Journal, folder: Path, findings: Findings) -> None:
    """Writes the tables of a task beside training, and tells everything that it found."""
    for table in findings.tables:
        (folder / TABLES).mkdir(exist_ok=True)
        _write(journal, folder / TABLES / f"{table.name}.csv", comma_separated(table))
    # MLflow draws a single value at step 0 as a bar beside those of other runs.
    journal.metrics(0, findings.metrics)
    journal.findings(findings)


def _write(journal: Journal, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    journal.artifact(path)


def _listed(overrides: tuple[str, ...]) -> str:
    import yaml

    text: str = yaml.safe_dump(list(overrides))
    return text


def _interrupted(interrupt: Interrupted) -> str:
    return f"stopped by {signal.Signals(interrupt.signal_number).name}"
