"""predict on a million rows of 50 numbers: its time against the framework's own in memory, and its memory by the rows.

python benchmarks/predict.py [ROWS]
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import psutil

from runner import forward, network_reading, weights
from runner import weights as weight_files
from runner.blueprint import blueprint
from runner.component import build
from runner.compose import compose, read, session
from runner.data import Rows, Splits
from runner.network_file import NETWORK, Network, save
from runner.prediction import answers, inputs, models, outputs
from runner.prediction.records import Wanted
from runner.weights import WEIGHTS

FEATURES, CLASSES, ROUNDS, BATCH = 50, 10, 5, 8192
RUN = [
    "data=blobs",
    f"data.features={FEATURES}",
    f"data.classes={CLASSES}",
    "architecture.hidden_sizes=[128,64]",
]


def write_network(folder: Path) -> None:
    """Writes 50-128-64-10 in float32 with weights that were drawn."""
    with session():
        experiment = read(compose(RUN))
    drawing = blueprint(experiment)
    rows = Rows(np.zeros((1, FEATURES)), np.zeros(1, np.int64))
    mean, scale = np.full(FEATURES, 0.5), np.full(FEATURES, 2.0)
    splits = Splits(
        train=rows,
        validation=rows,
        test=rows,
        input_mean=mean,
        input_scale=scale,
        target_mean=np.zeros(1),
        target_scale=np.ones(1),
        sha256="",
    )
    classes = drawing.source.classes
    network = Network(
        tree=drawing.tree, input_shape=(FEATURES,), output="softmax", classes=classes, splits=splits
    )
    folder.mkdir()
    save(network, folder / NETWORK)
    first = weight_files.draw(drawing.tree, (FEATURES,), build(experiment.initializer), 0)
    weights.save(first, folder / WEIGHTS, precision=32)


def write_inputs(folder: Path, rows: int) -> None:
    """Writes the same rows as npy, Parquet and, an eighth of them, CSV."""
    x = np.random.default_rng(0).normal(size=(rows, FEATURES)).astype(np.float32)
    frame = pd.DataFrame(x, columns=[f"x{place}" for place in range(FEATURES)])
    np.save(folder / "x.npy", x)
    frame.to_parquet(folder / "x.parquet", row_group_size=100_000)
    frame.iloc[: rows // 4].to_parquet(folder / "quarter.parquet", row_group_size=100_000)
    frame.iloc[: rows // 8].to_csv(folder / "x.csv", index=False)


def ours(folder: Path, name: str, predictor: models.Predictor) -> Callable[[], None]:
    """Returns what reads a file, answers and writes, as the verb does it."""
    shown = answers(predictor.network)
    output = folder / "ours.parquet"

    def carry_out() -> None:
        examples = inputs.opened(str(folder / name), Wanted((FEATURES,), None, predictor.rows))
        with outputs.opened(str(output), examples.kept, shown) as sink:
            for block in examples.blocks():
                sink.write(block.kept, predictor(block.inputs))

    return carry_out


def bare(folder: Path, name: str, network: Any, answer: Callable[[Any], Any]) -> Callable[[], None]:
    """Returns what a person writes: the whole file by pandas or NumPy, one call of the framework, one file."""
    readers: dict[str, Callable[[Path], Any]] = {
        ".npy": np.load,
        ".parquet": lambda path: pd.read_parquet(path).to_numpy(),
        ".csv": lambda path: pd.read_csv(path).to_numpy(),
    }

    def carry_out() -> None:
        x = readers[Path(name).suffix](folder / name)
        probabilities = answer(((x - network.input_mean) / network.input_scale).astype(np.float32))
        frame = pd.DataFrame(probabilities, columns=list(network.classes))
        frame.insert(0, "prediction", np.array(network.classes)[probabilities.argmax(axis=1)])
        frame.to_parquet(folder / "bare.parquet")

    return carry_out


def framework(backend: str, network: Any) -> Callable[[Any], Any]:
    """Returns the framework's own way over an array in memory."""
    if backend == "keras":
        from runner.backends.keras.prediction import restored as restored_in_keras

        model = restored_in_keras(network)
        return lambda x: forward.softmax(model.predict(x, batch_size=BATCH, verbose=0))
    import torch

    from runner.backends.torch.prediction import restored

    module = restored(network)

    def answer(x: Any) -> Any:
        with torch.inference_mode():
            parts = [torch.softmax(module(part), dim=1) for part in torch.from_numpy(x).split(BATCH)]
            return torch.cat(parts).numpy()

    return answer


def ratio(first: Callable[[], None], second: Callable[[], None]) -> str:
    """Times both in turn and returns the ratio of their times: the median, the lowest and the highest."""
    ratios = []
    for _ in range(ROUNDS):
        times = []
        for each in (first, second):
            began = time.perf_counter()
            each()
            times.append(time.perf_counter() - began)
        ratios.append(times[0] / times[1])
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def peak(folder: Path, name: str, backend: str) -> float:
    """Returns what the verb as a process weighs at most, in megabytes."""
    words = ["predict", str(folder / "run"), "--input", str(folder / name), "--backend", backend]
    words += ["--output", str(folder / "alone.parquet"), "--force"]
    process = subprocess.Popen([sys.executable, "-m", "runner", *words], stdout=subprocess.DEVNULL)
    largest = 0
    while process.poll() is None:
        try:
            largest = max(largest, psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    assert process.returncode == 0
    return largest / 1e6


def main() -> None:
    """Prints ratios of time and megabytes."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_network(folder / "run")
        write_inputs(folder, rows)
        network = network_reading.read(folder / "run" / NETWORK, folder / "run" / WEIGHTS)
        for backend in ("torch", "keras"):
            predictor, answer = models.predictor(network, backend), framework(backend, network)
            for name in ("x.npy", "x.parquet", "x.csv"):
                first, second = ours(folder, name, predictor), bare(folder, name, network, answer)
                first()
                second()
                compared = pd.read_parquet(folder / "ours.parquet").iloc[:, 1:].to_numpy() - (
                    pd.read_parquet(folder / "bare.parquet").iloc[:, 1:].to_numpy()
                )
                assert np.abs(compared).max() < 1e-5
                print(
                    f"{backend}, {name}: {ratio(first, second)} x the framework with pandas in memory",
                    flush=True,
                )
            weights_of = [peak(folder, each, backend) for each in ("quarter.parquet", "x.parquet")]
            print(
                f"{backend}: {weights_of[0]:.0f} MB at most with a quarter of the rows, {weights_of[1]:.0f} MB with all"
            )


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    main()
