"""A question to a process of its own, because this one never imports what answers it: MLflow or matplotlib."""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.tracking.recorder import environment

_ANSWERING = "runner.tracking.answering"
_SECONDS = 300.0
_LONGEST_REASON = 300
# The line of an error in a traceback; more lines may follow, as with SQLAlchemy.
_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b: ")

_lock = threading.Lock()


def ask(module: str, question: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Returns the answer, and why there is none, or an empty text.

    One process answers all that is asked in a row, for it takes seconds to begin.

    Args:
        module: what answers there, by its function ``answer``, which takes the question and returns plain data.
        question: plain texts.
    """
    line = json.dumps({"module": module, "question": dict(question)})
    with _lock:
        answerer = _Answerer.living()
        reply, trouble = (answerer or _Answerer.begun()).ask(line)
        if not reply and answerer is not None and answerer.has_left:
            # It went because nothing was asked for a while, and did not hear this any more.
            reply, trouble = _Answerer.begun().ask(line)
    trouble = reply.get("trouble", trouble)[:_LONGEST_REASON]
    return reply.get("answer", {}), trouble


class _Answerer:
    """A process that answers one question after the other, for a working folder and an environment."""

    _last: _Answerer | None = None

    def __init__(self) -> None:
        self._surroundings = _surroundings()
        # It is closed with the process; a pipe that nobody reads would fill up.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", _ANSWERING],
            env=environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    @classmethod
    def living(cls) -> _Answerer | None:
        """Returns the process that was begun before, if it lives and would be begun the same now."""
        last = cls._last
        is_fit = last is not None and last._process.poll() is None and last._surroundings == _surroundings()
        return last if is_fit else None

    @classmethod
    def begun(cls) -> _Answerer:
        """Returns a new process, in place of that of before."""
        cls.close()
        cls._last = cls()
        return cls._last

    @classmethod
    def close(cls) -> None:
        """Ends the process that was begun last, which has nothing to do any more."""
        if cls._last is not None:
            cls._last._end()
            cls._last = None

    @property
    def has_left(self) -> bool:
        """Whether the process has ended by itself, and in peace."""
        return self._process.wait(_SECONDS) == 0

    def ask(self, line: str) -> tuple[dict[str, Any], str]:
        """Returns the reply to a question, and why there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        overdue = threading.Event()

        def stop() -> None:
            overdue.set()
            self._process.kill()

        timer = threading.Timer(_SECONDS, stop)
        timer.start()
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
            said = self._process.stdout.readline()
        except BrokenPipeError:
            said = ""
        finally:
            timer.cancel()
        if overdue.is_set():
            return {}, f"no answer within {_SECONDS:g} seconds"
        if not said.endswith("\n"):
            self._process.wait(_SECONDS)
            self._errors.seek(0)
            return {}, reason(self._errors.read())
        reply: dict[str, Any] = json.loads(said)
        return reply, ""

    def _end(self) -> None:
        self._process.kill()
        # It closes the pipes as well, whatever was not heard any more.
        self._process.communicate()
        self._errors.close()


def _surroundings() -> tuple[Path, dict[str, str]]:
    return Path.cwd(), environment(os.environ)


atexit.register(_Answerer.close)


def reason(said: str) -> str:
    """Returns the error with which a process ended: that line of what it said, or the last one."""
    lines = said.strip().splitlines()
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or ["its process died"])[-1]
