"""What a person reads whose task cannot be carried out: every sentence in full."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import experiment, found

from runner.__main__ import main
from runner.errors import ConfigurationError

FUNCTIONS = (
    "celu, elu, gelu, glu, hard_sigmoid, hard_silu, hard_tanh, identity, leaky_relu, log_sigmoid, mish, prelu, relu, relu6,"
    " selu, sigmoid, silu, softmax, softplus, softsign, tanh"
)
IRIS = "task.inputs: must be a list of examples of 4 numbers, as data=iris has."

# What was typed, and the sentences of the answer between its first and its last line.
CASES = {
    "task=trac": [
        "task: there is no option 'trac'. Did you mean trace? Options: curves, gradient, loss, trace, train."
    ],
    "task=trace task.rwos=3": ["task.rwos: there is no such key. Did you mean task.rows?"],
    # Functions
    "task=curves task.functions=[relu,sigmod]": [
        f"task.functions[1]: there is no function 'sigmod'. Did you mean sigmoid? Functions: {FUNCTIONS}."
    ],
    "task=curves task.functions=[relu,relu]": [
        "task.functions: must name each function once. Received: relu."
    ],
    "task=curves task.functions=[]": ["task.functions: must name at least one function. Received: []."],
    "task=curves task.functions=[glu] task.vector=[1,2,3]": [
        "task.vector: must have an even length, because glu halves it. Received: 3 numbers."
    ],
    "task=curves activation=softmax task.vector=[]": [
        "task.vector: must have numbers, because softmax needs them. Received: []."
    ],
    "task=curves task.points=[a,1]": [
        "task.points: every element must be a finite number. Received: ['a', 1]."
    ],
    "task=curves task.points=[inf]": ["task.points: every element must be finite. Received: [inf]."],
    "task=curves task.start=5 task.samples=1": [
        "task.start: must be below task.end, which is 5. Received: 5.",
        "task.samples: must be at least 2. Received: 1.",
    ],
    # Derivatives
    "task=gradient task.coefficients=[1,x]": [
        "task.coefficients: every element must be a finite number. Received: [1, 'x']."
    ],
    "task=gradient task.coefficients='x^2+1'": [
        "task.coefficients: must be a list, each element a finite number. Received: 'x^2+1'."
    ],
    "task=gradient task.coefficients=[] task.points=[]": [
        "task.coefficients: must have at least one number. Received: [].",
        "task.points: must have at least one number. Received: [].",
    ],
    "task=gradient task.of=nothing": [
        "task.of: must be polynomial or functions or model. Received: 'nothing'."
    ],
    "task=gradient task.of=model data=iris task.rows=[106]": [
        "task.rows: must be from 0 to 105, because the train rows are 106. Received: 106."
    ],
    # Losses
    "task=loss task.targets=[0,3]": [
        "task.targets: must be class numbers from 0 to 2, because predictions have 3 numbers. Received: 3."
    ],
    "task=loss task.targets=[0,0.5]": [
        "task.targets: must be class numbers from 0 to 2, because predictions have 3 numbers. Received: 0.5."
    ],
    "task=loss task.targets=[0]": ["task.targets: must be as many as the 2 predictions. Received: 1."],
    "task=loss task.predictions=[[1,2],[3]]": [
        "task.predictions: must have rows of one length. Received: 2 rows of 2 or 1 numbers."
    ],
    "task=loss task.predictions=[[1,b]]": [
        "task.predictions: every element must be a finite number. Received: [[1, 'b']]."
    ],
    "task=loss task.predictions=[] task.targets=[]": [
        "task.predictions: must have at least one number. Received: [].",
        "task.targets: must have at least one number. Received: [].",
    ],
    "task=loss loss=binary_cross_entropy task.predictions=[1.0] task.targets=[1.5]": [
        "task.targets: must be probabilities from 0 to 1. Received: 1.5."
    ],
    "task=loss loss=binary_cross_entropy task.targets=[1,0]": [
        "task.predictions: must have one number for each example, because binary_cross_entropy tells two classes"
        " apart. Received: 2 rows of 3 numbers."
    ],
    "task=loss loss=hinge task.predictions=[1.0] task.targets=[0.5]": [
        "task.targets: must be classes, 0 or 1. Received: 0.5."
    ],
    "task=loss loss=poisson task.predictions=[1.0] task.targets=[-1]": [
        "task.targets: must be at least 0, because poisson counts. Received: -1."
    ],
    "task=loss loss=mse task.targets=[1,2]": [
        "task.targets: must have the shape of the predictions, as mse compares numbers."
        " Received: 2 rows of 1 number."
    ],
    "task=loss loss.multiclass.class_weights=[1,2]": [
        "loss.multiclass.class_weights: must have one number for each of the 3 classes of task.predictions."
        " Received: 2 numbers."
    ],
    # Traces
    "task=trace data=iris task.inputs=[[1,2,3]]": [f"{IRIS} Received: examples of 3 numbers."],
    "task=trace data=iris task.inputs=[1,2,3,4]": [f"{IRIS} Received: single numbers."],
    "task=trace data=iris task.inputs=[[1,2],[1]]": [f"{IRIS} Received: [[1, 2], [1]]."],
    "task=trace data=iris task.inputs=[[1,2,3,x]]": [f"{IRIS} Received: [[1, 2, 3, 'x']]."],
    "task=trace data=iris task.inputs=[]": [f"{IRIS} Received: []."],
    "task=trace data=iris task.inputs=[[1,2,3,inf]]": [
        "task.inputs: must be finite numbers. Received: [[1, 2, 3, inf]]."
    ],
    "task=trace data=brackets architecture=rnn task.inputs=[[9,0,0,0,0,0,0,0,0,0,0,0]]": [
        "task.inputs: must be tokens, whole numbers from 0 to 3. Received: [[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]."
    ],
    "task=trace data=iris task.rows=[]": ["task.rows: must name at least one row. Received: []."],
    "task=trace data=iris split.test=0 task.split=test": [
        "task.split: has no rows, because split.test is 0. Received: test."
    ],
    # Rows written out
    "data=given data.inputs=[[1,2],[3]] data.targets=[0]": [
        "data.inputs: must have rows of one length. Received: 2, 1 numbers.",
        "data.targets: must be as many as the 2 rows. Received: 1.",
    ],
    "data=given data.targets=[0,1,2,0]": ["data.targets: must be class numbers from 0 to 1. Received: 2."],
    "data=given data.inputs=[] data.targets=null": [
        "data.inputs: must have rows of at least one number. Received: []."
    ],
    "data=given data.classes=1": ["data.classes: must be at least 2, or null for values. Received: 1."],
}


@pytest.mark.parametrize("typed", CASES)
def test_a_sentence_says_what_is_wrong_and_nothing_is_started(
    typed: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*typed.split(), "tracking=none"]) == 2
    first, *said, last = capsys.readouterr().err.splitlines()
    assert first.startswith("This configuration cannot run")
    assert [line.strip() for line in said] == CASES[typed]
    assert last.startswith("Nothing was started.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("task=gradient task.of=functions task.points=[1.0,-1.0]", "task.points"),
        ("task=curves task.start=1 task.points=[-1.0]", "task.points"),
        ("task=curves task.start=-1 task.points=[2.0]", "task.start"),
    ],
)
def test_a_point_outside_the_domain_of_a_function_of_ones_own_is_one_sentence(
    words: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "logarithms.py").write_text("import torch\n\ndef logarithm():\n    return torch.log\n")
    with pytest.raises(ConfigurationError) as refused:
        found(*words.split(), "task.functions=[{_target_:logarithms.logarithm}]")
    assert str(refused.value) == f"{key}: must be where logarithm is defined. Received: x = -1."


def test_what_a_task_does_not_read_is_not_asked_for() -> None:
    """Of a training each of these would be a fault: the loss, the split, the monitor and the start do not fit."""
    words = ["data=diabetes", "loss=cross_entropy", "split.validation=0.6", "split.test=0.6"]
    unfit = [*words, "training.monitor=nothing", "training.start_from=nowhere"]
    assert experiment("task=curves", *unfit).task.name == "curves"
    with pytest.raises(ConfigurationError) as refused:
        experiment(*unfit)
    assert {fault.key for fault in refused.value.faults} >= {"loss", "split", "training.monitor"}


def test_what_a_task_reads_is_asked_for_with_its_own_faults(capsys: pytest.CaptureFixture[str]) -> None:
    typed = ["task=trace", "data=iris", "architecture=rnn", "optimizer.learning_rate=0", "task.rows=[-1]"]
    assert main([*typed, "tracking=none"]) == 2
    keys = [line.partition(":")[0].strip() for line in capsys.readouterr().err.splitlines()[1:-1]]
    assert keys == ["task.rows", "optimizer.learning_rate"]


def test_parity_is_of_trainings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", "task=curves", "tracking=none"]) == 2
    assert "task: must be train, because parity compares trainings step by step. Received: curves." in (
        capsys.readouterr().err
    )
