"""What holds for every test: which are drawn, that their modules are forgotten, and what is said at the end."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from matrix import product
from support import one_tensorflow_thread

ALL = "RUNNER_TESTS"
# The files that take longest come first: at the end, one worker would otherwise have one of them and the other nothing. That
# with the engines waits much, and the next ones, which are another worker's, do not.
FIRST = (
    "test_engines.py",
    "test_training_matrix.py",
    "test_matrix.py",
    "test_experiments.py",
    "test_commands_of_readme.py",
    "test_sweep_faults.py",
    "test_sweep_resume.py",
    "test_faults.py",
    "test_devices.py",
    "test_search.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first, and draws the costly cases."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))
    _draw(items)


def _draw(items: list[pytest.Item]) -> None:
    """Draws as many cases of every test that is marked so as its mark says, unless all are asked for.

    Tests of a file whose marks have the same ``of`` are cases of one.
    """
    if os.environ.get(ALL) == "all":
        return
    kinds: dict[str, list[pytest.Item]] = {}
    for item in items:
        if marker := item.get_closest_marker("drawn"):
            together = marker.kwargs.get("of")
            name = item.nodeid.partition("[")[0]
            kinds.setdefault(f"{item.path.name} {together}" if together else name, []).append(item)
    commit = product.commit()
    for kind in kinds.values():
        (count,) = next(kind[0].iter_markers("drawn")).args
        for item in sorted(kind, key=lambda each: _lot(each.nodeid, commit))[count:]:
            reason = f"{count} of {len(kind)} are drawn by the commit; all of them: {ALL}=all pytest"
            item.add_marker(pytest.mark.skip(reason=reason))


def _lot(test: str, commit: str) -> str:
    return hashlib.sha256(f"{commit} {test}".encode()).hexdigest()


@pytest.fixture(scope="session", autouse=True)
def one_thread_where_one_is_needed(request: pytest.FixtureRequest) -> None:
    """Asks for one thread of TensorFlow before the first test, where any needs it: TensorFlow keeps what it begins with."""
    if any(hasattr(getattr(item, "module", None), "one_tensorflow_thread") for item in request.session.items):
        one_tensorflow_thread()


# Modules that are known to be no test's own. There are thousands of them, and after each test only the others are looked at.
_LASTING: dict[str, object] = {}


@pytest.fixture(autouse=True)
def modules_of_a_test_end_with_it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forgets the modules that a test wrote and imported: two tests may give theirs one name."""
    yield
    temporary = tmp_path_factory.getbasetemp()
    for name, module in list(sys.modules.items()):
        if _LASTING.get(name) is module:
            continue
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(temporary):
            del sys.modules[name]
        else:
            _LASTING[name] = module


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names the part of the long matrix that was run, and how to run it again."""
    reports = (report for name in ("passed", "failed") for report in terminalreporter.getreports(name))
    if any("test_part_of_the_long_matrix" in report.nodeid for report in reports):
        command = f"python tests/long_matrix.py --runs {product.PART} --seed {product.commit()}"
        terminalreporter.write_line(
            f"Long matrix: {product.PART} of {len(product.RUNS)} runs, drawn by the commit; again by {command}"
        )
