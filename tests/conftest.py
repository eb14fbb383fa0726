"""What holds for every test: modules that a test wrote are forgotten after it, and what the tests say at their end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from matrix import product


@pytest.fixture(autouse=True)
def modules_of_a_test_end_with_it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forgets the modules that a test wrote and imported: two tests may give theirs one name."""
    yield
    temporary = tmp_path_factory.getbasetemp()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(temporary):
            del sys.modules[name]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the part of the long matrix that was run, and how to run it again."""
    reports = (report for name in ("passed", "failed") for report in terminalreporter.getreports(name))
    if any("test_part_of_the_long_matrix" in report.nodeid for report in reports):
        command = f"python tests/long_matrix.py --runs {product.PART} --seed {product.commit()}"
        terminalreporter.write_line(
            f"Long matrix: {product.PART} of {len(product.RUNS)} runs, drawn by the commit; again by {command}"
        )
