"""A question to MLflow, asked by a process of its own, because this one never imports MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from runner.tracking.recorder import environment

_SECONDS = 300.0
_LONGEST_REASON = 300


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
        lines = done.stderr.strip().splitlines()
        return {}, lines[-1][:_LONGEST_REASON] if lines else "its process died"
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer, ""
