"""The verb ui: MLflow's pages on the runs of this folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.errors import Fault, UsageError
from runner.suggestions import nearest

_PORT = "5000"


def run(words: Sequence[str]) -> int:
    """Serves the pages until Ctrl-C; ``tracking.uri=...`` and ``port=...`` may be said."""
    from runner.tracking.ui import serve

    given = {"tracking.uri": "", "port": _PORT}
    for word in words:
        key, separator, value = word.partition("=")
        if key not in given or not separator:
            rule = "is nothing that ui takes"
            remedy = "It takes tracking.uri=ADDRESS and port=NUMBER."
            raise UsageError([Fault(word, rule, suggestion=nearest(key, given), remedy=remedy)])
        given[key] = value
    if not given["port"].isdigit() or not 0 < int(given["port"]) < 65536:
        raise UsageError([Fault("port", "must be a whole number from 1 to 65535", given["port"])])
    return serve(Path.cwd(), given["tracking.uri"] or None, int(given["port"]))
