"""What the tests say at their end."""

from __future__ import annotations

import pytest
from matrix import product


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the part of the long matrix that was run, and how to run it again."""
    reports = (report for name in ("passed", "failed") for report in terminalreporter.getreports(name))
    if any("test_part_of_the_long_matrix" in report.nodeid for report in reports):
        command = f"python tests/long_matrix.py --runs {product.PART} --seed {product.commit()}"
        terminalreporter.write_line(
            f"Long matrix: {product.PART} of {len(product.RUNS)} runs, drawn by the commit; again by {command}"
        )
