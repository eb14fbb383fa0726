"""First values of weights in both frameworks."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference, Entry

_DRAWS = Difference(
    title="The same seed, other numbers",
    framework="both",
    what="Each framework has generators of its own, and what a layer draws depends on the layers before"
    " it. By default torch draws kernels and biases from U(-1, 1) / sqrt(fan_in), Keras kernels from"
    " glorot_uniform and biases of 0.",
    effect="0.2 to 1.8 on the loss, in float64, over 25 trainings with one seed and equal arguments in"
    " both frameworks.",
    correction="drawn once in NumPy, from the seed and the name of the array",
    where=("runner.weights.draw", "runner.randomness.generator"),
    tests=(
        "tests/test_plan.py::test_a_weight_depends_on_its_name_and_not_on_its_neighbours",
        "tests/test_parity.py::test_default_run_gives_the_same_curve_on_both_backends",
        NATIVE,
    ),
)
_TRUNCATED = Difference(
    title="Truncated normal distributions",
    framework="Keras",
    what="Keras' *Normal families draw again beyond two deviations, and widen the rest by 1 / 0.8796; the"
    " papers' and torch's are plain normal distributions.",
    effect="the same variance with no value beyond 2.27 deviations, where a plain normal has one in forty.",
    correction="plain normal",
    where=("runner.initializers._normal",),
    tests=("tests/test_initializers.py::test_normal_families_are_plain_normal",),
)
_BIASES = Difference(
    title="The bias of torch's linear layers",
    framework="Keras",
    what="torch.nn.Linear draws its bias as its kernel, by the kernel's fan_in, which no initializer of"
    " Keras knows.",
    effect="there is nothing to choose for a bias in Keras.",
    correction="the bias by the kernel's fan_in",
    where=("runner.initializers.torch_linear",),
    tests=("tests/test_initializers.py::test_torch_linear_is_torchs_interval_for_kernel_and_bias",),
)


def _entry(torch: str, keras: str, *differences: Difference, **arguments: tuple[str, str]) -> Entry:
    own = Counterpart(
        torch=f"torch.nn.init.{torch}",
        keras=f"keras.initializers.{keras}",
        differences=(_DRAWS, *differences),
    )
    return Entry(own, {name: Counterpart(torch=one, keras=other) for name, (one, other) in arguments.items()})


INITIALIZERS: Mapping[str, Entry] = {
    "glorot_uniform": _entry("xavier_uniform_", "GlorotUniform"),
    "glorot_normal": _entry("xavier_normal_", "GlorotNormal", _TRUNCATED),
    "he_uniform": _entry("kaiming_uniform_", "HeUniform"),
    "he_normal": _entry("kaiming_normal_", "HeNormal", _TRUNCATED),
    "lecun_uniform": _entry("kaiming_uniform_", "LecunUniform"),
    "lecun_normal": _entry("kaiming_normal_", "LecunNormal", _TRUNCATED),
    "torch_linear": _entry("kaiming_uniform_", "VarianceScaling", _BIASES),
    "uniform": _entry("uniform_", "RandomUniform", minimum=("a", "minval"), maximum=("b", "maxval")),
    "normal": _entry("normal_", "RandomNormal", mean=("mean", "mean"), standard_deviation=("std", "stddev")),
    "orthogonal": _entry("orthogonal_", "Orthogonal", gain=("gain", "gain")),
    "zeros": Entry(Counterpart(torch="torch.nn.init.zeros_", keras="keras.initializers.Zeros")),
}
