"""One training on several devices: processes that share every batch, and come to the numbers of one device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from matrix.trainings import differences, training
from support import experiment, one_tensorflow_thread, trained

from runner import request
from runner.__main__ import main
from runner.backend import require_gpus
from runner.distributed import meeting
from runner.errors import ConfigurationError, RunnerError
from runner.place import Place
from runner.tasks.preparation import prepared
from runner.tracking import journal

COMMON = (
    "training.precision=64",
    "training.epochs=2",
    "training.keep=last",
    "training.accelerator=cpu",
    "plots=none",
    "tracking=none",
)
# The last batch of an epoch has 5 rows and the others 7.
WEIGHTED = (
    "data=uneven_noise",
    "split.validation=0.25",
    "training.batch_size=7",
    "debug.rows=164",
    "architecture=mlp",
    "architecture.hidden_sizes=[12,8]",
    "architecture.batch_norm=true",
    "architecture.dropout=0.3",
    "optimizer=sgd",
    "optimizer.momentum=0.9",
    "training.accumulation=2",
    "training.clipping.global_norm=0.5",
    "training.weight_average=0.9",
    "schedule=reduce_on_plateau",
    "schedule.patience=1",
    "schedule.minimum_improvement=10",
)
# Four rows on three devices are 2, 2 and none at all.
IMAGES = (
    "data=digits",
    "training.batch_size=4",
    "debug.rows=80",
    "architecture=cnn",
    "architecture.filters=[4]",
    "architecture.hidden_sizes=[8]",
    "architecture.batch_norm=true",
    "architecture.dropout=0.2",
    "loss=cross_entropy",
    "loss.class_weights=[1,2,3,4,5,5,4,3,2,1]",
    "optimizer=adam",
)
# The gradients of a table and of a recurrent kernel.
TOKENS = (
    "data=brackets",
    "data.length=6",
    "training.batch_size=7",
    "debug.rows=80",
    "architecture=rnn",
    "architecture.cell=lstm",
    "architecture.units=[6,4]",
    "architecture.embedding=4",
    "architecture.dropout=0.2",
    "optimizer=sgd",
)
CASES = {
    "torch, weighted rows, 2": ("torch", WEIGHTED, 2),
    "keras, weighted rows, 2": ("keras", WEIGHTED, 2),
    "torch, images, 3": ("torch", IMAGES, 3),
}
BOUND = 1e-10


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    one_tensorflow_thread()


def of(backend: str, overrides: Sequence[str], *more: str) -> tuple[str, ...]:
    return (f"backend={backend}", *COMMON, *overrides, *more)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_every_row_of_a_batch_is_dealt_to_one_device(size: int) -> None:
    for rows in range(1, 20):
        shares = [Place(rank, size, ("",) * size).share(rows) for rank in range(size)]
        assert {each.width for each in shares} == {int(np.ceil(rows / size))}
        dealt = [range(each.first, each.first + each.own) for each in shares]
        assert np.array_equal(np.concatenate(dealt), np.arange(rows))


@pytest.mark.drawn(1)
@pytest.mark.parametrize("case", CASES)
def test_several_devices_train_as_one(case: str) -> None:
    backend, overrides, devices = CASES[case]
    one, _ = training(experiment(*of(backend, overrides)))
    several, _ = training(experiment(*of(backend, overrides, f"training.devices={devices}")))
    assert len(np.unique(one.losses)) > len(one.losses) / 2
    assert len(one.losses) == len(several.losses)
    for kind, difference in differences(several, one).items():
        assert difference <= BOUND, f"{kind} {difference:.1e}"


@pytest.mark.drawn(1)
@pytest.mark.parametrize(("backend", "overrides"), [("torch", WEIGHTED), ("keras", TOKENS)])
def test_two_machines_train_and_go_on_as_one_device(
    backend: str, overrides: tuple[str, ...], tmp_path: Path
) -> None:
    port = meeting._free_ports(1)[0]
    run = tmp_path / "run"
    one_epoch = of(backend, overrides, "training.nodes=2", "training.epochs=1", f"hydra.run.dir={run}")
    for words in (one_epoch, ("resume", str(run), "training.epochs=2")):
        commands = [command(words, tmp_path, NODE_RANK=str(node), MASTER_PORT=str(port)) for node in (1, 0)]
        for process in commands:
            _, told = process.communicate(timeout=240)
            assert process.returncode == 0, told
    _, memory = trained(*of(backend, overrides))
    alone = [loss for _, columns in memory.all_steps for loss in columns["train/step_loss"]]
    np.testing.assert_allclose(losses(run), alone, rtol=BOUND, atol=BOUND)
    # The other machine makes no run.
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_machines_with_different_commands_are_told_apart(tmp_path: Path) -> None:
    port = meeting._free_ports(1)[0]
    words = of("torch", WEIGHTED, "training.nodes=2")
    commands = [
        command((*words, f"seed={node}"), tmp_path, NODE_RANK=str(node), MASTER_PORT=str(port))
        for node in (0, 1)
    ]
    for process in commands:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 1
        assert "the command on machine 1 is not that on machine 0; type the same on all" in told


OWN = """
import os
import signal

from torch.nn import functional


def dying():
    def loss(logits, targets, weights=None):
        if os.environ["LOCAL_RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return functional.mse_loss(logits, targets)

    return loss


def failing():
    def loss(logits, targets, weights=None):
        if os.environ["LOCAL_RANK"] == "1":
            raise ValueError("no such loss")
        return functional.mse_loss(logits, targets)

    return loss
"""


@pytest.mark.drawn(1)
@pytest.mark.parametrize(
    ("loss", "kind", "words"),
    [
        ("dying", RunnerError, "process 2 of 2: its process was killed"),
        ("failing", ValueError, "no such loss"),
    ],
)
def test_what_fails_in_one_process_fails_the_run(
    loss: str, kind: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "own_losses.py", OWN)
    write(
        tmp_path / "conf" / "loss" / "own.yaml",
        f"# Mine.\n_target_: own_losses.{loss}\noutput: identity\n",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(kind, match=words):
        trained(*of("torch", WEIGHTED, "loss=own", "training.devices=2"))
    assert not ranks(psutil.Process())


def test_a_stopped_run_leaves_no_process(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = of("torch", WEIGHTED, "training.devices=2", "training.epochs=100000", f"hydra.run.dir={folder}")
    process = command(words, tmp_path)
    deadline = time.monotonic() + 120
    while not (folder / "weights.safetensors").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    there = ranks(psutil.Process(process.pid))
    assert len(there) == 2
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    process.communicate()
    assert not any(each.is_running() for each in there)
    end = journal.ending(folder)
    assert end is not None
    assert end["status"] == "KILLED"


def command(words: Sequence[str], folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "runner", *words],
        cwd=folder,
        env={**os.environ, "MASTER_ADDR": "127.0.0.1", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def losses(folder: Path) -> list[float]:
    told = (event for event, _ in journal.read(folder, 0) if event["event"] == "steps")
    return [loss for each in told for loss in each["values"]["train/step_loss"]]


def ranks(parent: psutil.Process) -> list[psutil.Process]:
    return [each for each in parent.children(recursive=True) if "runner.rank" in each.cmdline()]


def test_more_devices_than_there_are_is_a_mistake() -> None:
    chosen = experiment("data=iris", "training.devices=2", "training.accelerator=auto", "tracking=none")
    job = prepared(chosen, Place(0, 2, ("", ""))).job
    require_gpus(job, 0)
    require_gpus(job, 2)
    with pytest.raises(ConfigurationError) as caught:
        require_gpus(job, 1)
    assert str(caught.value) == (
        "training.devices: must be at most 1, the GPUs that this machine has. Received: 2."
        " Take training.accelerator=cpu to share the rows among processes of the CPU."
    )
    training = replace(chosen.training, accelerator="gpu")
    with pytest.raises(ConfigurationError):
        require_gpus(replace(job, experiment=replace(chosen, training=training)), 0)


OWN_NETWORK = """
from torch import nn


class Net(nn.Module):
    def __init__(self, *, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4, outputs)
"""


def test_a_network_of_ones_own_has_one_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "own_devices.py", OWN_NETWORK)
    write(tmp_path / "conf" / "architecture" / "mine.yaml", "# Mine.\n_target_: own_devices.Net\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        experiment("data=iris", "training.devices=2", "architecture=mine")
    assert str(caught.value) == (
        "training.devices: must be 1 with a network of one framework's own, which may look at all rows of a batch."
        " Received: 2. Write it in layers (architecture=tree)."
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("parity", "training.devices=2", "tracking=none"),
            "training.devices: must be 1, because parity compares two trainings of one device each. Received: 2."
            " Leave it out: several devices train the same.",
        ),
        (
            ("-m", "training.nodes=2", "seed=1,2", "tracking=none"),
            "training.nodes: must be 1 in a sweep, because the machines of a training meet for one run. Received: 2."
            " Type each run by itself.",
        ),
        (
            ("training.nodes=3", "tracking=none"),
            "training.nodes: needs a NODE_RANK from 0 to 2, and it is 3. Received: 3.",
        ),
    ],
)
def test_what_has_one_device_says_so(
    words: tuple[str, ...],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1234", "NODE_RANK": "3"}.items():
        monkeypatch.setenv(name, value if "-m" not in words else value.replace("3", "0"))
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_a_check_imports_no_framework_for_it() -> None:
    asked = request.parse(("training.devices=8", "training.accelerator=gpu"))
    code = "import sys; from runner.__main__ import main; assert main(['check', *sys.argv[1:]]) == 0;"
    code += " assert not {'torch', 'tensorflow'} & set(sys.modules)"
    words = [*asked.overrides, "tracking=none"]
    subprocess.run([sys.executable, "-c", code, *words], check=True, stdout=subprocess.DEVNULL)
