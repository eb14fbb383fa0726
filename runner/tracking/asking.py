"""A question to a process of its own, because this one never imports what answers it: MLflow or matplotlib."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from runner.tracking.recorder import environment

_SECONDS = 300.0
_LONGEST_REASON = 300
# The line of an error in a traceback; more lines may follow, as with SQLAlchemy.
_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b: ")


def ask(module: str, question: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Returns the answer, and why there is none, or an empty text.

    Args:
        module: what the process runs: it reads the question from standard input and prints the answer as its last line.
        question: plain texts.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(question),
            env=environment(os.environ),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no answer within {_SECONDS:g} seconds"
    if done.returncode != 0:
        return {}, reason(done.stderr)[:_LONGEST_REASON]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer, ""


def reason(said: str) -> str:
    """Returns the error with which a process ended: that line of what it said, or the last one."""
    lines = said.strip().splitlines()
    errors = [line for line in lines if _ERROR.match(line)]
    return (errors or lines or ["its process died"])[-1]
