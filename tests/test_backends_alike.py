"""Backends are folders of the same public functions with the same keyword-only parameters, read from source text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import runner

BACKENDS = Path(runner.__file__).parent / "backends"
COMPONENTS = {"activations": 13, "losses": 5, "optimizers": 5}
NAMES = sorted(folder.name for folder in BACKENDS.iterdir() if (folder / "training.py").exists())


def functions(backend: str, module: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse((BACKENDS / backend / f"{module}.py").read_text(encoding="utf-8"))
    return {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


def test_both_backends_are_found() -> None:
    assert NAMES == ["keras", "torch"]


@pytest.mark.parametrize("backend", NAMES)
def test_a_backend_has_the_five_modules(backend: str) -> None:
    modules = {path.stem for path in (BACKENDS / backend).glob("*.py")}
    assert modules == {"__init__", "activations", "layers", "losses", "optimizers", "training"}


@pytest.mark.parametrize("module", COMPONENTS)
def test_components_have_the_same_names_parameters_and_equations(module: str) -> None:
    ours = {backend: functions(backend, module) for backend in NAMES}
    for found in ours.values():
        assert len(found) == COMPONENTS[module]
    described = [
        {name: (ast.unparse(node.args), ast.get_docstring(node)) for name, node in found.items()}
        for found in ours.values()
    ]
    assert described[0] == described[1]


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("module", COMPONENTS)
def test_components_are_keyword_only_without_defaults(backend: str, module: str) -> None:
    for node in functions(backend, module).values():
        assert not node.args.args
        assert not any(node.args.kw_defaults)
        assert all(argument.annotation for argument in node.args.kwonlyargs)


def test_training_modules_answer_to_the_protocol() -> None:
    signatures = [
        {
            name: [argument.arg for argument in node.args.kwonlyargs]
            for name, node in functions(backend, "training").items()
        }
        for backend in NAMES
    ]
    expected = {
        "activation": ["function", "inputs"],
        "build": ["job"],
        "fit": ["model", "job", "observer"],
        "versions": [],
    }
    assert signatures[0] == signatures[1] == expected
