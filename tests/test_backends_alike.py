"""Backends are folders of the same public functions with the same keyword-only parameters, read from source text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import runner

BACKENDS = Path(runner.__file__).parent / "backends"
COMPONENTS = {"activations": 21, "losses": 10, "optimizers": 10}
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
def test_a_backend_has_the_nine_modules(backend: str) -> None:
    # Beside them it may have others of its own.
    modules = {path.stem for path in (BACKENDS / backend).iterdir()}
    ours = {
        "activations",
        "export",
        "inspection",
        "layers",
        "losses",
        "model",
        "optimizers",
        "prediction",
        "training",
    }
    assert modules >= {"__init__", *ours}


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


@pytest.mark.parametrize("backend", NAMES)
@pytest.mark.parametrize("module", COMPONENTS)
def test_what_is_native_takes_the_arguments_of_ours(backend: str, module: str) -> None:
    ours, native = functions(backend, module), functions(backend, f"native/{module}")
    assert native
    for name, node in native.items():
        assert ast.unparse(node.args) == ast.unparse(ours[name].args)


PROTOCOLS = {
    "training": {
        "activation": ["function", "inputs"],
        "build": ["job"],
        "configure": ["training", "place"],
        "fit": ["model", "job", "observer"],
        "gpus": [],
        "versions": [],
    },
    "export": {
        "carried_out": ["path"],
        "export": ["model", "job", "folder"],
        "export_stored": ["network", "folder"],
    },
    "prediction": {"predictor": ["network"], "restored": []},
    "inspection": {
        "function": ["function", "inputs"],
        "gradients": ["model", "rows"],
        "loss": ["function", "predictions", "targets"],
        "outputs": ["model", "names", "inputs"],
        "polynomial": ["coefficients", "inputs"],
    },
    "native/randomness": {"first_weights": ["tree", "input_shape", "seed"], "permutation": []},
}


@pytest.mark.parametrize("module", PROTOCOLS)
def test_modules_answer_to_their_protocol(module: str) -> None:
    signatures = [
        {
            name: [argument.arg for argument in node.args.kwonlyargs]
            for name, node in functions(backend, module).items()
        }
        for backend in NAMES
    ]
    assert signatures[0] == signatures[1] == PROTOCOLS[module]
