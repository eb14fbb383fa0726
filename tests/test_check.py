from pathlib import Path

import pytest

from runner import check, compose
from runner.compose import Checked


def checked(*overrides: str) -> Checked:
    with compose.session():
        return compose.inspect(compose.compose(overrides))


def test_the_default_run_has_nothing_odd() -> None:
    assert checked().warnings == ()


@pytest.mark.parametrize(
    ("overrides", "warnings"),
    [
        (
            ["activation=softmax"],
            [
                "activation: softmax inside a network makes the units of a layer compete,"
                " so it learns slowly; the output layer needs none, its probabilities follow from the loss."
            ],
        ),
        (
            ["training.batch_size=2000"],
            ["training.batch_size: 2000 is more than the 1257 training rows, so every step takes them all."],
        ),
        (
            ["training.early_stopping.patience=30"],
            ["training.early_stopping.patience: 30 epochs of patience never end in a training of 30 epochs."],
        ),
        (
            [
                "architecture=tree",
                "architecture.layers=[{residual:[{conv2d:{filters:1,kernel_size:3,padding:same}},"
                "{batch_norm:{momentum:0.1,epsilon:0.1}}]},flatten,{dense:{units:3,bias:false}},"
                "{batch_norm:{momentum:0.1,epsilon:0.1}},{dense:{units:3}},activation,"
                "{batch_norm:{momentum:0.1,epsilon:0.1}}]",
            ],
            [
                "architecture.layers[0].residual[0].conv2d: has a bias directly before a batch_norm, whose gradient"
                " is zero but for rounding, which Adam turns into steps; write bias: false."
            ],
        ),
        (
            ["data=iris", "debug.rows=10", "training.batch_size=6"],
            [
                "split: 2 validation rows cannot hold all 3 classes of data=iris.",
                "split: 2 test rows cannot hold all 3 classes of data=iris.",
            ],
        ),
    ],
)
def test_what_rarely_should_be_done_is_a_warning(overrides: list[str], warnings: list[str]) -> None:
    assert list(checked(*overrides).warnings) == warnings


@pytest.fixture
def snake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns an override that chooses an activation of a user's own."""
    (tmp_path / "own_activations.py").write_text("def snake():\n    return lambda x: x\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "activation={_target_: own_activations.snake}"


def test_a_function_that_numpy_does_not_know_is_a_warning(snake: str) -> None:
    assert checked(snake).warnings == (
        "activation: MLflow will have no model, because plain NumPy does not know own_activations.snake;"
        " tracking.model=native keeps one.",
    )
    assert checked(snake, "tracking.model=native").warnings == checked(snake, "tracking=none").warnings == ()


@pytest.mark.parametrize(
    "overrides",
    [
        ["activation=softmax", "architecture=linear"],
        ["data=moons", "loss=cross_entropy"],
        ["data=breast_cancer", "loss=binary_cross_entropy"],
        ["loss=cross_entropy", "loss.label_smoothing=0.1", "loss.class_weights=[1,1,1,1,1,2,1,1,1,1]"],
        ["data=diabetes", "loss=huber", "training.monitor=validation/r2"],
        ["split.validation=0", "split.test=0", "training.monitor=train/loss"],
        ["training.precision=bf16-mixed"],
        ["training.devices=auto"],
        ["training.clipping.value=1"],
        ["schedule=warmup_cosine", "schedule.warmup_epochs=29.5"],
        ["schedule=warmup_cosine", "training.epochs=1", "debug=fast"],
    ],
)
def test_what_can_be_done_is_let_pass(overrides: list[str]) -> None:
    assert checked(*overrides).warnings == ()


# Steps by hand: 1,797 digits leave 1,257 rows for training, 39 batches of 32 and one of 9.
@pytest.mark.parametrize(
    ("overrides", "rows", "steps"),
    [
        ([], (1257, 270, 270), (40, 1200)),
        (["training.batch_size=1257"], (1257, 270, 270), (1, 30)),
        (["debug=fast"], (1257, 270, 270), (2, 2)),
        (["debug=limit"], (140, 30, 30), (5, 150)),
        (["debug.one_batch=true"], (32, 270, 270), (1, 30)),
        (["data=iris", "split.test=0.2"], (98, 22, 30), (4, 120)),
    ],
)
def test_rows_and_steps_are_known_before_anything_runs(
    overrides: list[str], rows: tuple[int, int, int], steps: tuple[int, int]
) -> None:
    found = checked(*overrides)
    assert check.split_sizes(found.experiment, found.blueprint.source) == rows
    assert check.steps(found.experiment, found.blueprint.source) == steps
