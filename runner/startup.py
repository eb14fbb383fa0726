"""What frameworks print while they load, kept from the terminal unless it matters."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# Compiled code's log lines of any level below fatal, such as TensorFlow's on every machine without a GPU.
_LOG_LINE = re.compile(rb"^([IWE]\d{4} |WARNING: All log messages before absl)")


@contextlib.contextmanager
def log_lines_held() -> Iterator[None]:
    """Holds back what is written to the process's standard error; afterwards gives out all but log lines.

    Where the block fails, everything is given out.
    """
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        succeeded = False
        try:
            yield
            succeeded = True
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            for line in held:
                if not (succeeded and _LOG_LINE.match(line)):
                    os.write(2, line)
