"""Which arrays a weight decay concerns, in whole trainings."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import experiment, trained

from runner import component
from runner.blueprint import blueprint
from runner.weights import draw, is_kernel, read

# Steps so small that only the decay of a thousandth is seen of them.
ONLY_DECAY = [
    "data=iris",
    "architecture.batch_norm=true",
    "training.keep=last",
    "training.epochs=2",
    "training.precision=64",
    "optimizer=sgd",
    "optimizer.learning_rate=1e-12",
    "optimizer.decoupled_weight_decay=1e9",
    # Biases that are not 0 from the start.
    "initializer=torch_linear",
]


def test_a_kernel_is_known_by_its_canonical_name() -> None:
    names = ["dense0/kernel", "conv2d1/kernel", "gru0/recurrent_kernel", "embedding0/table", "dense0/bias"]
    others = ["batch_norm0/scale", "layer_norm0/shift", "kernel0/bias", "gru0/recurrent_bias"]
    assert [name for name in [*names, *others] if is_kernel(name)] == names[:4]


@pytest.mark.parametrize("backend", ["torch", "keras"])
@pytest.mark.parametrize("decay_on", ["all", "kernels"])
def test_a_decay_concerns_what_it_says(backend: str, decay_on: str, tmp_path: Path) -> None:
    overrides = [f"backend={backend}", *ONLY_DECAY, f"optimizer.decay_on={decay_on}"]
    known = experiment(*overrides)
    drawing = blueprint(known)
    first = draw(drawing.tree, drawing.input_shape, component.build(known.initializer), known.seed)
    result, _ = trained(*overrides, folder=tmp_path)
    last = read(tmp_path / "weights.safetensors")
    shrunken = (1 - 1e-3) ** result.epochs[-1].step
    seen = set()
    for name, array in last.items():
        word = name.rpartition("/")[2]
        if word.startswith("running"):
            continue
        factor = shrunken if decay_on == "all" or word == "kernel" else 1.0
        assert array == pytest.approx(factor * first[name], rel=1e-9, abs=1e-9)
        seen.add(word)
    assert seen == {"kernel", "bias", "scale", "shift"}
