"""Imports run one way: the contracts of pyproject.toml hold, and they see every module that there is."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp
from importlinter.api import read_configuration

import runner

PACKAGE = Path(runner.__file__).parent
CONFIGURATION = Path(__file__).parents[1] / "pyproject.toml"
CONTRACTS = {
    "direction": "layers",
    "cycles": "acyclic_siblings",
    "backends_apart": "independence",
    "backends_narrow": "forbidden",
    "training_without_store": "forbidden",
    "hydra_at_the_border": "protected",
    "torch_in_one_place": "protected",
    "keras_in_one_place": "protected",
    "mlflow_in_one_place": "protected",
    "engines_in_one_place": "protected",
    "optuna_in_one_place": "protected",
    "matplotlib_in_one_place": "protected",
}
SOURCES = sorted(PACKAGE.rglob("*.py"))

# Together they break every contract.
VIOLATIONS = {
    "backends/torch/losses.py": "import runner.backends.keras.losses, omegaconf, tensorflow",
    "commands/help.py": "import runner.plots.curves, torch, mlflow, optuna",
    "experiment.py": "import runner.compose",
    "metrics.py": "import matplotlib, ray",
}


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "runner", include_external_packages=True, exclude_type_checking_imports=False, cache_dir=None
    )


def imported_at_the_top(module: str) -> set[str]:
    """Returns the packages that a module imports as soon as it is imported itself, by their full names."""
    path = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def outside_the_standard_library(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] not in sys.stdlib_module_names}


def strongly_connected(edges: dict[str, set[str]]) -> list[list[str]]:
    """Returns the groups of modules that import one another in a circle, by following every import."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for following in edges[waiting.pop()] - seen:
                seen.add(following)
                waiting.append(following)
        return seen

    reach = {name: reached(name) for name in edges}
    circular = [name for name in edges if name in reach[name]]
    return [sorted(other for other in reach[name] if name in reach[other]) for name in circular]


def test_the_contracts_are_those_that_are_meant() -> None:
    contracts = read_configuration(str(CONFIGURATION))["contracts_options"]
    assert {contract["id"]: contract["type"] for contract in contracts} == CONTRACTS


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """Checks the contracts of the package in a folder, in a process that has no framework's threads to fork."""
    program = "import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(sys.argv[1], no_cache=True))"
    return subprocess.run(
        [sys.executable, "-c", program, str(CONFIGURATION)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_contract_is_kept() -> None:
    answer = linted(PACKAGE.parent)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in answer.stdout


def test_a_broken_rule_is_noticed(tmp_path: Path) -> None:
    """The contracts again, in a copy in which modules import what they must not."""
    shutil.copytree(PACKAGE, tmp_path / "runner", ignore=shutil.ignore_patterns("__pycache__"))
    for name, violation in VIOLATIONS.items():
        with (tmp_path / "runner" / name).open("a", encoding="utf-8") as source:
            source.write(f"{violation}\n")
    answer = linted(tmp_path)
    assert answer.returncode == 1, answer.stderr
    assert f"Contracts: 0 kept, {len(CONTRACTS)} broken." in answer.stdout


def test_every_file_is_seen() -> None:
    assert len(SOURCES) > 80
    folders = {path.parent for path in SOURCES}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []
    inside = {name for name in graph().modules if name.partition(".")[0] == "runner"}
    assert len(inside) == len(SOURCES)


def test_no_module_imports_itself_in_a_circle() -> None:
    names = [name for name in graph().modules if name.partition(".")[0] == "runner"]
    edges = {
        name: {other for other in graph().find_modules_directly_imported_by(name) if other in names}
        for name in names
    }
    assert strongly_connected({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]] * 3
    assert strongly_connected(edges) == []


def test_the_records_of_an_experiment_know_nothing_but_their_ranges() -> None:
    known = graph().find_modules_directly_imported_by("runner.experiment")
    assert outside_the_standard_library(known) == {"runner.quantities"}
    for module in ("runner.quantities", "runner.errors"):
        assert outside_the_standard_library(graph().find_modules_directly_imported_by(module)) == set()


def test_the_command_line_starts_with_the_standard_library_alone() -> None:
    assert outside_the_standard_library(imported_at_the_top("runner.__main__")) == set()
    assert outside_the_standard_library(imported_at_the_top("runner.folders")) == set()


def test_heavy_libraries_are_imported_at_the_top_only_where_they_are_the_purpose() -> None:
    allowed = {
        "runner.backends.keras.on_torch": {"keras", "torch"},
        "runner.backends.keras": {"keras", "tensorflow"},
        "runner.backends.torch": {"torch", "pytorch_lightning"},
        "runner.plots": {"matplotlib", "sklearn"},
        # A frame is what the recorded model of a table takes.
        "runner.tracking": {"mlflow", "pandas"},
    }
    heavy = {"scipy", "pandas", "PIL"}.union(*allowed.values())
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        module = ".".join(["runner", *path.relative_to(PACKAGE).with_suffix("").parts])
        package = next((name for name in allowed if module.startswith(f"{name}.")), module)
        names = {name.partition(".")[0] for name in imported_at_the_top(module)} & heavy
        found.setdefault(package, set()).update(names)
    assert {package: names for package, names in found.items() if names} == allowed
