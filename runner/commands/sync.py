"""The verb sync: sends to MLflow what could not be sent when it happened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runner.errors import Fault, UsageError

# A store that answers takes a run in a second or two; one that is locked may take a minute.
_SECONDS_FOR_A_STORE = 300.0


def run(words: Sequence[str]) -> int:
    """Sends every unsent run of this folder; ``tracking.uri=...`` names a further store. Exit code 1 where some remain."""
    from runner.tracking.sync import sync

    uri: str | None = None
    for word in words:
        key, separator, value = word.partition("=")
        if key != "tracking.uri" or not separator:
            rule = "is nothing that sync takes"
            raise UsageError([Fault(word, rule, remedy="It takes tracking.uri=ADDRESS.")])
        uri = value
    report = sync(Path.cwd(), uri, _SECONDS_FOR_A_STORE)
    print("\n".join(report.sentences))
    return 1 if report.unsent else 0
