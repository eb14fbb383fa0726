from pathlib import Path

import pytest

from runner import component
from runner.errors import ConfigurationError
from runner.experiment import Component

ADAM = {
    "_target_": "runner.backends.torch.optimizers.adam",
    "learning_rate": 0.001,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "l2": 0.0,
    "decoupled_weight_decay": 0.0,
    "decay_on": "all",
}


def faults(node: dict[str, object], *provided: str) -> list[str]:
    return [str(fault) for fault in component.faults(component.parse(node, "optimizer"), provided)]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_parts.py").write_text(
        "from runner.experiment import Component\n"
        "def pair(*, first, second, seed=None): return (first, second, seed)\n"
        "def kept(*, part: Component): return part\n"
        "def made(*, number: int): return number + 1\n"
        "number = 3\n"
    )
    (tmp_path / "own_broken.py").write_text("import nowhere_at_all\ndef part(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "own_parts"


def test_a_node_is_its_target_and_its_arguments() -> None:
    parsed = component.parse({"_target_": "a.b", "size": 3, "inner": {"_target_": "c.d"}}, "architecture")
    inner = Component(target="c.d", arguments={}, key="architecture.inner")
    assert parsed == Component(target="a.b", arguments={"size": 3, "inner": inner}, key="architecture")
    assert inner.name == "d"


@pytest.mark.parametrize("node", [3, [1], {"size": 3}, {"_target_": 3}])
def test_a_node_without_a_target_is_refused(node: object) -> None:
    with pytest.raises(ConfigurationError, match="_target_"):
        component.parse(node, "optimizer")


def test_a_sound_component_has_no_faults() -> None:
    assert faults(ADAM) == []


def test_all_faults_of_a_component_are_found_at_once() -> None:
    node = {name: value for name, value in ADAM.items() if name != "beta1"}
    assert faults({**node, "learning_rate": 0, "epsilonn": 1, "l2": "much"}) == [
        "optimizer.beta1: must be given, because adam needs it.",
        "optimizer.learning_rate: must be above 0. Received: 0.",
        "optimizer.l2: must be a number of at least 0. Received: 'much'.",
        "optimizer.epsilonn: there is no such key. Did you mean optimizer.epsilon?",
    ]


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "subprocess.run", "shutil.rmtree"])
def test_what_is_no_part_of_an_experiment_is_refused(target: str) -> None:
    rule = "must name a part of an experiment, not of Python's own library"
    assert faults({"_target_": target}) == [f"optimizer._target_: {rule}. Received: {target}."]


def test_provided_arguments_are_not_missing(module: str) -> None:
    node = {"_target_": f"{module}.made"}
    assert faults(node, "number") == []
    assert faults(node) == ["optimizer.number: must be given, because made needs it."]


def test_faults_inside_nested_components_are_found(module: str) -> None:
    inner = {"_target_": f"{module}.made", "number": "three"}
    node = {"_target_": f"{module}.pair", "first": [inner], "second": 1}
    assert faults(node) == ["optimizer.first[0].number: must be a whole number. Received: 'three'."]


def test_building_adds_what_is_provided_and_builds_what_is_nested(module: str) -> None:
    inner = {"_target_": f"{module}.made", "number": 3}
    node = {"_target_": f"{module}.pair", "first": inner, "second": [inner]}
    assert component.build(component.parse(node, "data"), seed=7, unwanted=1) == (4, [4], 7)


def test_an_argument_of_the_yaml_wins_over_a_provided_one(module: str) -> None:
    node = {"_target_": f"{module}.pair", "first": 1, "second": 2, "seed": 3}
    assert component.build(component.parse(node, "data"), seed=7) == (1, 2, 3)


def test_a_function_that_asks_for_a_component_gets_it_unbuilt(module: str) -> None:
    node = {"_target_": f"{module}.kept", "part": {"_target_": f"{module}.made", "number": 3}}
    assert component.build(component.parse(node, "data")) == Component(
        target=f"{module}.made", arguments={"number": 3}, key="data.part"
    )


@pytest.mark.parametrize(
    ("target", "rule"),
    [
        ("own_parts.number", "must name a function or class"),
        ("own_parts.nothing", "there is no 'nothing' in own_parts"),
        ("own_broken.part", "cannot be imported: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("nowhere_at_all.part", "there is no module 'nowhere_at_all' to import it from"),
    ],
)
def test_what_cannot_be_built_is_told_with_its_key(module: str, target: str, rule: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        component.build(Component(target=target, arguments={}, key="data"))
    assert str(caught.value) == f"data._target_: {rule}. Received: {target}."
