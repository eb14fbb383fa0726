"""One run's way from its journal into MLflow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode

from runner.errors import TrackingError
from runner.findings import Findings
from runner.results import Result, Status
from runner.tracking import RunCard, identity, journal, sent
from runner.tracking.findings_files import FINDINGS, load_findings
from runner.tracking.journal import Event
from runner.tracking.mlflow import (
    Store,
    dataset,
    metrics,
    milliseconds,
    parameters,
    process_tags,
    tags,
)
from runner.tracking.process import GONE, Process, gone
from runner.tracking.result_files import load_result
from runner.tracking.sent import Sent
from runner.tracking.store import StoredRun
from runner.tracking.view import view_of
from runner.weights import WEIGHTS

FIGURES = "figures"
PACKAGES = "packages.txt"
# Not a file of the run's folder, but made of two of them.
MODEL = "model"
# No file either: the figures, which are made of the result.
DRAWING = "drawing"

# MLflow takes so many at once.
_ROWS_PER_PORTION = 1000

_log = logging.getLogger("runner")
_prepared: set[frozenset[str]] = set()


class Delivery:
    """One run's journal on its way to MLflow; every step that succeeded is noted in ``sent.json``.

    Args:
        folder: of the run.
        store: where it goes.
        own: whether this process was started with the run, so that it sees the run's packages.
    """

    def __init__(self, folder: Path, store: Store, *, own: bool = False) -> None:
        self.folder = folder
        self._own = own
        self._store = store
        self._client = store.client
        self._sent = sent.load(folder)
        self._card: RunCard | None = None
        self._stored = StoredRun.load(folder)

    @property
    def complete(self) -> bool:
        """Returns whether MLflow has everything and the run is closed."""
        return self._sent.complete

    def advance(self) -> bool:
        """Sends what the journal has beyond what was sent, and returns whether there was anything.

        Raises:
            Exception: whatever the store raises; the next call begins where this one stopped.
        """
        before = self._sent.offset
        for events, behind in _portions(journal.read(self.folder, before)):
            self._send_or_refuse(events)
            self._note(replace(self._sent, offset=behind))
        if self._sent.status is not None:
            self._send_waiting()
        return self._sent.offset > before

    @property
    def has_figures_to_draw(self) -> bool:
        """Returns whether figures were put off until all else of the run was sent, which it is."""
        return self._sent.status is not None and self._sent.waiting == (DRAWING,)

    def draw(self) -> bool:
        """Draws the figures that were put off, and returns whether there were any."""
        if not self.has_figures_to_draw:
            return False
        self._draw(load_findings if (self.folder / FINDINGS).exists() else load_result)
        self._note(replace(self._sent, waiting=tuple(name for name in self._sent.waiting if name != DRAWING)))
        return True

    def close_if_gone(self) -> None:
        """Closes the run as KILLED where its process ended without a word."""
        card = self._known_card()
        if card is None or self._sent.status is not None or not gone(card.process):
            return
        # Its last words may have come after the last look.
        if not self.advance():
            if (self.folder / WEIGHTS).exists():
                # Its best weights are whole: each of them took the place of the last at once.
                self._deliver(WEIGHTS)
            times = [event["time"] for event, _ in journal.read(self.folder, 0) if "time" in event]
            self._close("KILLED", GONE, times[-1])

    def _send_or_refuse(self, events: list[Event]) -> None:
        """Sends events; what MLflow will never take is a problem of the run and must not hold up the rest."""
        try:
            self._send(events)
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(INVALID_PARAMETER_VALUE):
                raise
            self._problem(f"MLflow refused an event of kind {events[0]['event']}: {error.message}")

    def _send(self, events: list[Event]) -> None:
        event = events[0]
        match event["event"]:
            case "start":
                self._start(journal.card(event))
            case "resume":
                self._resume(event)
            case "metrics" | "steps":
                rows = [row for each in events for row in metrics(each)]
                self._client.log_batch(self._run_id, metrics=rows)
            case "tags":
                self._client.log_batch(self._run_id, tags=tags(event["values"]))
            case "dataset":
                self._client.log_inputs(self._run_id, [dataset(journal.dataset_card(event))])
            case "artifact":
                self._deliver(event["path"])
            case "model":
                self._deliver(MODEL)
            case "problem":
                self._problem(event["sentence"])
            case "result":
                self._draw_now_or_later(load_result)
            case "findings":
                self._draw_now_or_later(load_findings)
            case "comparison" | "attribution" as kind:
                self._draw_file(kind, event["path"])
            case "study":
                self._make_page(event["path"])
            case "end":
                self._close(event["status"], event["error"], event["time"])
            case _:
                self._problem(f"a line of {journal.JOURNAL} could not be read: {event}")

    def _start(self, card: RunCard) -> None:
        self._card = card
        self._stored = self._store.run(card, self.folder)
        self._client.log_batch(self._run_id, params=parameters(card.parameters))
        self._stored.save(self.folder)
        # What is installed now tells nothing of a run that is sent when its process has long been gone.
        if self._own or not gone(card.process):
            (self.folder / PACKAGES).write_text(identity.packages(), encoding="utf-8")
            self._deliver(PACKAGES)
        if card.tags.get("role") == "summary":
            self._show(None)
        _prepare(card)

    def _resume(self, event: Event) -> None:
        """Has MLflow call a run RUNNING again that another process has gone on with."""
        # The last one of several tells who is at it now.
        self._card = journal.beginning(self.folder)
        process = Process(**event["process"])
        known = self._client.get_run(self._run_id).data.tags
        self._client.update_run(self._run_id, status="RUNNING")
        if "error" in known:
            self._client.delete_tag(self._run_id, "error")
        told = process_tags(process)
        if event["step"]:
            told["resumed_at_step"] = str(event["step"])
        if event["changed"]:
            told["resumed_with"] = ", ".join(f"{key}={value}" for key, value in event["changed"].items())
        self._client.log_batch(self._run_id, tags=tags(told))
        self._note(replace(self._sent, status=None))

    def _draw_now_or_later(self, load: Callable[[Path], Result | Findings]) -> None:
        """Draws the figures of a run at once, and those of a sweep's job when there is nothing to send."""
        card = self._known_card()
        assert card is not None
        if "sweep" not in card.tags or not card.plots:
            self._draw(load)
            return
        self._note(replace(self._sent, waiting=(*self._sent.waiting, DRAWING)))
        try:
            self._show(load(self.folder))
        except (OSError, ValueError, KeyError):
            # It is told when its figures are drawn.
            return

    def _draw(self, load: Callable[[Path], Result | Findings]) -> None:
        from runner.plots.drawing import draw

        card = self._known_card()
        assert card is not None
        try:
            result = load(self.folder)
            drawn = draw(card.plots, result=result, title=card.name, folder=self.folder / FIGURES)
        except (OSError, ValueError, KeyError) as error:
            self._problem(f"no figure could be drawn: {type(error).__name__}: {error}")
            return
        for sentence in drawn.problems:
            self._problem(sentence)
        for path in drawn.files:
            self._deliver(path.relative_to(self.folder).as_posix())
        self._show(result)

    def _draw_file(self, kind: str, name: str) -> None:
        """Draws the figure of a comparison or of an attribution from its file."""
        from runner.plots import attribution, comparison

        card = self._known_card()
        assert card is not None
        draw = comparison.draw if kind == "comparison" else attribution.draw
        try:
            path = draw(self.folder / name, title=card.name, folder=self.folder / FIGURES)
        except (OSError, ValueError, KeyError) as error:
            self._problem(f"the figure of the {kind} could not be drawn: {type(error).__name__}: {error}")
            return
        self._deliver(path.relative_to(self.folder).as_posix())

    def _make_page(self, name: str) -> None:
        """Makes the figures and the page of a study from its file."""
        from runner.plots.study_page import make

        try:
            files = make(self.folder / name)
        except (OSError, ValueError, KeyError) as error:
            self._problem(f"the page of the study could not be made: {type(error).__name__}: {error}")
            return
        for path in files:
            self._deliver(path.relative_to(self.folder).as_posix())

    def _show(self, result: Result | Findings | None) -> None:
        """Has MLflow's page of the charts show this run well; where that fails, the page is MLflow's own."""
        card = self._known_card()
        assert card is not None
        assert self._stored is not None
        try:
            self._store.show(self._stored.experiment_id, view_of(card, result, self._sent.images))
        except (MlflowException, ValueError, KeyError, TypeError) as error:
            _log.warning("%s: no view of the charts could be kept: %s", self.folder, error)
            return
        self._note(replace(self._sent, viewed=True))

    def _close(self, status: Status, error: str | None, time: float) -> None:
        if error is not None:
            self._client.log_batch(self._run_id, tags=tags({"error": error}))
        self._client.set_terminated(self._run_id, status, milliseconds(time))
        self._note(replace(self._sent, status=status))

    def _deliver(self, name: str) -> None:
        """Sends one file; where that fails it waits until the rest of the run is safe."""
        missing = [file for file in self._files(name) if not (self.folder / file).exists()]
        if missing:
            self._problem(f"{missing[0]} was announced but is not there")
            return
        try:
            self._send_file(name)
        except (OSError, MlflowException) as error:
            _log.warning("%s: %s could not be sent yet: %s", self.folder, name, error)
            self._note(replace(self._sent, waiting=(*self._sent.waiting, name)))

    def _send_waiting(self) -> None:
        for name in self._sent.waiting:
            if name == DRAWING:
                continue
            self._send_file(name)
            self._note(replace(self._sent, waiting=tuple(n for n in self._sent.waiting if n != name)))

    def _files(self, name: str) -> tuple[str, ...]:
        """Returns the files in the run's folder that are sent under a name: itself, or those of the model."""
        if name != MODEL:
            return (name,)
        model = self._model_event()
        return model["network"], model.get("program") or model["weights"]

    def _model_event(self) -> Event:
        return next(event for event, _ in journal.read(self.folder, 0) if event["event"] == "model")

    def _send_file(self, name: str) -> None:
        if name == MODEL:
            self._send_model()
            return
        path = self.folder / name
        parent = path.relative_to(self.folder).parent.as_posix()
        self._client.log_artifact(self._run_id, str(path), None if parent == "." else parent)
        if parent == FIGURES:
            self._send_image(path)

    def _send_model(self) -> None:
        from runner.tracking import models

        assert self._stored is not None
        event = self._model_event()
        network, weights = self.folder / event["network"], self.folder / event["weights"]
        try:
            program = journal.program(event, self.folder)
            models.send(self._client, self._stored, network, program or weights)
        except (ValueError, KeyError, TypeError) as error:
            self._problem(f"the model could not be put together: {type(error).__name__}: {error}")

    def _send_image(self, path: Path) -> None:
        """Shows a figure among the charts too, where MLflow puts those of several runs side by side."""
        import PIL.Image

        # MLflow would keep a second one beside the first.
        if path.stem in self._sent.images:
            return
        with PIL.Image.open(path) as image:
            pixels = image.convert("RGB")
        self._client.log_image(self._run_id, pixels, key=path.stem, step=0, synchronous=True)
        self._note(replace(self._sent, images=(*self._sent.images, path.stem)))

    def _problem(self, sentence: str) -> None:
        _log.error("%s: %s", self.folder, sentence)
        self._note(replace(self._sent, problems=(*self._sent.problems, sentence)))

    def _note(self, state: Sent) -> None:
        self._sent = state
        state.save(self.folder)

    @property
    def _run_id(self) -> str:
        if self._stored is None:
            raise TrackingError(f"the journal in {self.folder} has no beginning")
        return self._stored.run_id

    def _known_card(self) -> RunCard | None:
        if self._card is None:
            self._card = journal.beginning(self.folder)
        return self._card


def _prepare(card: RunCard) -> None:
    """Imports what the end of the run needs while there is time for it, once for all runs with the same figures."""
    from runner.plots.drawing import prepare
    from runner.tracking import models

    targets = frozenset(plot.target for plot in card.plots.values())
    if targets not in _prepared:
        _prepared.add(targets)
        prepare(card.plots)
        models.prepare()


def _portions(events: Iterator[tuple[Event, int]]) -> Iterator[tuple[list[Event], int]]:
    """Yields consecutive metrics together, every other event alone, each with the offset behind it."""
    portion: list[Event] = []
    rows = end = 0
    for event, behind in events:
        more = _rows(event)
        if portion and (not more or rows + more > _ROWS_PER_PORTION):
            yield portion, end
            portion, rows = [], 0
        if more:
            portion.append(event)
            rows, end = rows + more, behind
        else:
            yield [event], behind
    if portion:
        yield portion, end


def _rows(event: Event) -> int:
    """Returns how many values of metrics an event holds."""
    if event["event"] == "steps":
        return sum(len(column) for column in event["values"].values())
    return len(event["values"]) if event["event"] == "metrics" else 0
