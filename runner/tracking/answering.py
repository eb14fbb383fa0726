"""Inside the process that answers what another one cannot, which never imports MLflow or matplotlib: a line for a line."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from importlib import import_module
from typing import Any

from runner.tracking.asking import reason

# So long it waits for one more question: what was asked before a training does not stay for all of it.
_IDLE_SECONDS = 5.0


def main() -> None:
    """Answers the questions of :func:`runner.tracking.asking.ask`, one after the other, until there are no more."""
    # What a library prints is no answer.
    answers, sys.stdout = sys.stdout, sys.stderr
    while line := _next_line():
        print(json.dumps(_reply(json.loads(line))), file=answers, flush=True)


def _next_line() -> str:
    timer = threading.Timer(_IDLE_SECONDS, os._exit, (0,))
    timer.daemon = True
    timer.start()
    line = sys.stdin.readline()
    timer.cancel()
    return line


def _reply(asked: dict[str, Any]) -> dict[str, Any]:
    """Returns the answer, or why there is none; whatever it is, the next question is another."""
    try:
        return {"answer": import_module(asked["module"]).answer(asked["question"])}
    except Exception as error:
        return {"trouble": reason("".join(traceback.format_exception(error)))}


if __name__ == "__main__":
    main()
