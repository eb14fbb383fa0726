"""Inside the recorder process: listens for folders to follow, and looks at each journal until all is sent."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.tracking import unsent
from runner.tracking.delivery import Delivery
from runner.tracking.journal import JOURNAL
from runner.tracking.mending import left_behind
from runner.tracking.mlflow import Store
from runner.tracking.process import Process, gone, this_process

_LOOK_SECONDS = 0.05
_SEND_SECONDS = 1.0
_LIFE_SECONDS = 1.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_LAST_ATTEMPTS = 3
_LONGEST_REASON = 300
_NICENESS = 10

_log = logging.getLogger("runner")
_Message = dict[str, Any]


def main() -> None:
    """Records until the starter has no more runs and all are sent, or the last attempts have failed."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    hello = json.loads(sys.stdin.buffer.readline() or b"{}")
    patient = bool(hello.get("patient"))
    if patient:
        # The workers of a sweep come first; what they tell is in their journals.
        _let_others_first()
    messages: queue.Queue[_Message] = queue.Queue()
    threading.Thread(target=_listen, args=(messages, patient), daemon=True).start()
    if "uri" in hello:
        starter = Process(hello["host"], hello["pid"], hello["started"])
        Desk(uri=hello["uri"], starter=starter, messages=messages).work()
    logging.shutdown()
    # Everything is written: taking MLflow and matplotlib down in order would only keep the terminal waiting.
    os._exit(0)


def _let_others_first() -> None:
    """Leaves the cores to other processes as long as these have work."""
    os.nice(_NICENESS)
    # Linux may share the cores among sessions first: in one of its own, as this process has, niceness alone is nothing.
    _ask_for_its_session(_NICENESS)


def _take_turns_again() -> None:
    """Asks for as much of the cores as others have: an administrator can take niceness back, everybody that of a session."""
    _ask_for_its_session(0)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, os.getpid(), os.getpriority(os.PRIO_PROCESS, os.getpid()) - _NICENESS)


def _ask_for_its_session(niceness: int) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def _listen(messages: queue.Queue[_Message], patient: bool) -> None:
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if patient and message.keys() & {"hurry", "finish"}:
            # No worker is left, and somebody waits: at once, for the store may not even be open yet.
            _take_turns_again()
            patient = False
        if "hurry" not in message:
            messages.put(message)
    messages.put({"finish": True})


@dataclass
class Follower:
    """One run, and when to look at it again; ``own`` is one of the starter's, no other command's."""

    folder: Path
    own: bool
    idle: bool = False
    delivery: Delivery | None = None
    due: float = 0.0
    life_due: float = 0.0
    failures: int = 0

    @property
    def complete(self) -> bool:
        """Returns whether MLflow has everything of this run."""
        return self.delivery is not None and self.delivery.complete

    @property
    def given_up(self) -> bool:
        """Returns whether there is no sense in trying on, once no more runs come."""
        if not (self.folder / JOURNAL).exists():
            return True
        if self.own:
            return self.failures >= _LAST_ATTEMPTS
        has_figures = self.delivery is not None and self.delivery.has_figures_to_draw
        return (self.idle and not has_figures) or self.failures > 0

    def look(self, desk: Desk) -> None:
        """Sends what there is; the store's troubles are logged and the same is tried again later."""
        now = time.monotonic()
        with self._trying():
            self.delivery = self.delivery or Delivery(self.folder, desk.store(), own=self.own)
            sent = self.delivery.advance()
            self.idle = not sent
            if sent or not self.delivery.has_figures_to_draw:
                self.failures = 0
            if not sent and now >= self.life_due:
                self.life_due = now + _LIFE_SECONDS
                # While the starter lives, it is the one to say how a run of its workers ended.
                if not self.own or desk.finishing or gone(desk.starter):
                    self.delivery.close_if_gone()
            self.due = now + (_SEND_SECONDS if sent else _LOOK_SECONDS)

    def draw(self) -> bool:
        """Draws the figures that were put off, and returns whether there were any."""
        drawn = False
        if self.delivery is not None and (not self.failures or time.monotonic() >= self.due):
            with self._trying():
                drawn = self.delivery.draw()
                self.failures = 0 if drawn else self.failures
        return drawn

    @contextlib.contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Whatever a store or a broken file raises must not end the recorder: it has other runs to follow.
            pause = min(_FIRST_PAUSE * 2**self.failures, _LONGEST_PAUSE)
            self.failures += 1
            self.due = time.monotonic() + pause
            _log.error("%s: attempt %d: %s", self.folder, self.failures, _short(error))


@dataclass
class Desk:
    """What the recorder was told and whom it follows."""

    uri: str
    starter: Process
    messages: queue.Queue[_Message]
    followers: list[Follower] = field(default_factory=list)
    finishing: bool = False
    _store: Store | None = None

    def work(self) -> None:
        """Follows until there is nothing left to do."""
        self._open_early()
        while not self.finishing or self.followers:
            self._hear()
            due = [follower for follower in self.followers if time.monotonic() >= follower.due]
            for follower in due:
                follower.look(self)
            if all(follower.idle for follower in due):
                # One at a time: what runs tell meanwhile is sent before the next.
                next(filter(Follower.draw, self.followers), None)
            for follower in self.followers:
                if follower.complete:
                    unsent.forget(self.uri, follower.folder)
            self.followers = [follower for follower in self.followers if not self._done(follower)]

    def store(self) -> Store:
        """Returns the store, opened when it was not."""
        if self._store is None:
            self._store = Store(self.uri)
        return self._store

    def _open_early(self) -> None:
        """Opens the store while the starter loads its framework, and takes up what others left behind."""
        try:
            left = left_behind(self.store(), this_process())
            self.followers += [Follower(folder, own=False) for folder in left]
        except Exception as error:
            # The first run that is followed tries again and counts its attempts.
            _log.error("%s: %s", self.uri, _short(error))

    def _done(self, follower: Follower) -> bool:
        return follower.complete or (self.finishing and follower.given_up)

    def _hear(self) -> None:
        try:
            message = self.messages.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            # A child of the starter may hold the pipe open after the starter itself is gone.
            if not self.finishing and gone(self.starter):
                self._finish()
            return
        if "run" in message:
            folder = Path(message["run"])
            if all(each.folder != folder for each in self.followers):
                self.followers.append(Follower(folder, own=True))
        elif not self.finishing:
            self._finish()

    def _finish(self) -> None:
        self.finishing = True
        for follower in self.followers:
            follower.due = follower.failures = 0
            follower.idle = False


def _short(error: Exception) -> str:
    """Returns an error as one line; a database's goes on with every value that it did not take."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:_LONGEST_REASON]


if __name__ == "__main__":
    main()
