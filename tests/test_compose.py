from pathlib import Path

import pytest
import yaml
from shares import shares

from runner import compose
from runner.experiment import Backend, Clipping, Component, Debug, EarlyStopping, Tracking

TORCH = "runner.backends.torch"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


def test_the_default_run_is_what_the_yaml_says() -> None:
    with compose.session():
        experiment = compose.read(compose.compose([]))
    assert (experiment.name, experiment.seed, experiment.standardise) == (None, 0, True)
    assert experiment.backend == Backend(name="torch", package=TORCH, semantics="canonical")
    assert experiment.data == Component(target="runner.data.shipped.digits", arguments={}, key="data")
    assert experiment.split == shares(0.15, 0.15)
    assert experiment.architecture.name == "mlp"
    assert experiment.activation.target == f"{TORCH}.activations.relu"
    assert (experiment.loss.name, experiment.loss.key, experiment.output) == (
        "cross_entropy",
        "loss.multiclass",
        "softmax",
    )
    assert experiment.optimizer.arguments["learning_rate"] == 0.001
    assert experiment.training.epochs == 30
    assert experiment.training.early_stopping == EarlyStopping(patience=None, minimum_improvement=0.0)
    assert experiment.training.clipping == Clipping(global_norm=None, value=None)
    assert experiment.tracking == Tracking(enabled=True, uri=None, experiment="runner", model="numpy")
    assert experiment.debug == Debug(maximum_steps=None, rows=None, one_batch=False, stop_below_loss=None)


@pytest.mark.parametrize(
    ("data", "loss", "output"),
    [
        ("iris", "cross_entropy", "softmax"),
        ("moons", "binary_cross_entropy", "sigmoid"),
        ("diabetes", "mse", "identity"),
    ],
)
def test_the_loss_follows_from_the_task(data: str, loss: str, output: str) -> None:
    with compose.session():
        experiment = compose.read(compose.compose([f"data={data}"]))
    assert (experiment.loss.name, experiment.output) == (loss, output)
    assert "output" not in experiment.loss.arguments


def test_the_backend_decides_where_components_come_from() -> None:
    with compose.session():
        experiment = compose.read(compose.compose(["backend=keras"]))
    targets = (experiment.activation.target, experiment.loss.target, experiment.optimizer.target)
    assert all(target.startswith("runner.backends.keras.") for target in targets)


def test_an_experiment_file_sets_keys_and_options_and_the_command_line_wins() -> None:
    write(
        "experiments/chapter/one.yaml",
        "# One.\ndefaults:\n  - override /optimizer: sgd\nseed: 5\ntraining:\n  epochs: 7\n",
    )
    with compose.session():
        experiment = compose.read(compose.compose(["experiment=chapter/one", "training.epochs=9"]))
    assert (experiment.optimizer.name, experiment.seed, experiment.training.epochs) == ("sgd", 5, 9)


def test_debugging_wins_over_an_experiment() -> None:
    write("experiments/long.yaml", "# Long.\ntraining:\n  epochs: 7\n  keep: best\n")
    with compose.session():
        experiment = compose.read(compose.compose(["experiment=long", "debug=overfit"]))
    assert experiment.debug.one_batch
    assert (experiment.training.epochs, experiment.training.keep) == (1000, "last")


def test_an_option_of_the_working_folder_is_found_with_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path.cwd())
    write("conf/activation/double.yaml", "# Twice.\n_target_: own_activation.scaled\nfactor: 2.0\n")
    write("own_activation.py", "def scaled(*, factor: float): return lambda x: factor * x\n")
    with compose.session():
        experiment = compose.read(compose.compose(["activation=double"]))
    assert experiment.activation.target == "own_activation.scaled"
    assert experiment.activation.arguments == {"factor": 2.0}


def test_a_further_folder_is_searched_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    write(str(folder / "training/short.yaml"), "# Short.\ndefaults:\n  - default\nepochs: 2\n")
    with compose.session(folder):
        assert compose.read(compose.compose(["training=short"])).training.epochs == 2


def test_the_resolved_yaml_says_the_same_again() -> None:
    with compose.session():
        text = compose.resolved_yaml(compose.compose(["optimizer=sgd", "seed=3"]))
    node = yaml.safe_load(text)
    assert node["optimizer"]["_target_"] == f"{TORCH}.optimizers.sgd"
    assert node["seed"] == 3
    assert "hydra" not in node
    assert "${" not in text


def test_parameters_are_flat_and_components_have_their_bare_names() -> None:
    with compose.session():
        parameters = compose.flat(compose.compose(["data=moons", "loss.binary.label_smoothing=0.1"]))
    assert parameters["optimizer"] == "adam"
    assert parameters["optimizer.learning_rate"] == 0.001
    assert parameters["architecture.hidden_sizes"] == "[64, 32]"
    assert parameters["training.early_stopping.patience"] is None
    assert parameters["loss"] == "binary_cross_entropy"
    assert parameters["loss.label_smoothing"] == 0.1
    assert not any("_target_" in key or key.startswith("loss.multiclass") for key in parameters)


def test_an_override_with_a_reference_is_kept_as_it_was_typed() -> None:
    with compose.session():
        config = compose.compose(["optimizer.epsilon=${optimizer.learning_rate}"])
        assert compose.overrides_of(config) == ["optimizer.epsilon=${optimizer.learning_rate}"]
        assert compose.read(config).optimizer.arguments["epsilon"] == 0.001


def test_every_run_has_a_folder_of_its_own() -> None:
    with compose.session():
        first, second = (str(compose.compose([]).hydra.run.dir) for _ in range(2))
    assert first != second
    assert Path(first).parts[0] == "outputs"
