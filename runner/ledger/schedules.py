"""Learning rate schedules in both frameworks."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import Counterpart, Difference, Entry

_TABLE = Difference(
    title="When a schedule counts, and in which precision",
    framework="both",
    what="Keras' schedules are asked at every step and answer in float32; Lightning steps torch's once an"
    " epoch by default, and each of torch's multiplies the rate before.",
    effect="1e-7 of the learning rate by precision alone; a cosine by steps and one by epochs are"
    " different curves.",
    correction="one float64 table with the rate of every step",
    where=("runner.plan.Plan", "runner.backends.keras.planned_optimizer.PlannedOptimizer"),
    tests=(
        "tests/test_schedules.py::test_every_option_gives_one_factor_for_each_step",
        "tests/test_training_matrix.py::test_training_is_equal_in_float64",
    ),
)
_COSINE_END = Difference(
    title="A cosine past its end",
    framework="both",
    what="After its last step torch's CosineAnnealingLR rises again and Keras' CosineDecay stays where it"
    " ended. torch's lower end is a rate, Keras' a share of the rate.",
    effect="half the learning rate after half a period more.",
    correction="half a cosine over the whole run; its end as a share",
    where=("runner.schedules.cosine",),
    tests=("tests/test_schedules.py::test_cosine_is_torchs_step_by_step",),
)
_WARMUP = Difference(
    title="Where a warm-up begins",
    framework="both",
    what="Keras' begins with a rate of 0 unless another is given, and so loses a step; torch's LinearLR"
    " with a third.",
    effect="a third of the learning rate at the first step.",
    correction="(t + 1) / W at step t of W, in both",
    where=("runner.schedules.warmup_cosine",),
    tests=("tests/test_schedules.py::test_warmup_cosine_by_hand",),
)
_MILESTONES = Difference(
    title="The step at a milestone",
    framework="Keras",
    what="torch's rate has changed at the milestone, Keras' PiecewiseConstantDecay changes after it.",
    effect="nine tenths of the learning rate, for one step or epoch at each.",
    correction="changed at the milestone",
    where=("runner.schedules.multi_step",),
    tests=("tests/test_schedules.py::test_multi_step_is_torchs",),
)
_POLYNOMIAL_END = Difference(
    title="Where a polynomial decay ends",
    framework="Keras",
    what="torch's PolynomialLR ends at 0; Keras' PolynomialDecay at a rate of 1e-4 unless another is given.",
    effect="a thousandth of a rate of 0.1 at the end; more of a smaller one.",
    correction="the end is a share and stands in YAML",
    where=("runner.schedules.polynomial",),
    tests=(
        "tests/test_schedules.py::test_polynomial_is_torchs_step_by_step",
        "tests/test_schedules.py::test_polynomial_by_hand",
    ),
)
_ONE_CYCLE = Difference(
    title="One cycle",
    framework="both",
    what="Keras has none. torch's counts from the peak down by div_factor and final_div_factor, and moves"
    " the momentum the other way by default.",
    effect="there is nothing to choose in Keras; a moved momentum is another training.",
    correction="the rate alone has a cycle; shares of the peak",
    where=("runner.schedules.one_cycle",),
    tests=("tests/test_schedules.py::test_one_cycle_is_torchs_step_by_step",),
)
_PLATEAU = Difference(
    title="Patience on a plateau",
    framework="Keras",
    what="Keras reduces at the epoch that fills its patience, torch at the one after: patience p and"
    " cooldown c there are p + 1 and c + 1 in Keras. torch's threshold is a share of the best metric by"
    " default, Keras' min_delta a difference.",
    effect="the rate is lower an epoch earlier, every time.",
    correction="torch's patience; an absolute improvement",
    where=("runner.schedules.reduce_on_plateau",),
    tests=("tests/test_schedules.py::test_reduce_on_plateau_is_torchs",),
)


def _entry(torch: str, keras: str | None, *differences: Difference, **arguments: Counterpart) -> Entry:
    own = Counterpart(
        torch=f"torch.optim.lr_scheduler.{torch}",
        keras=keras and f"keras.optimizers.schedules.{keras}",
        differences=(_TABLE, *differences),
    )
    return Entry(own, arguments)


def _same(torch: str | None, keras: str | None, *differences: Difference, remark: str = "") -> Counterpart:
    return Counterpart(torch=torch, keras=keras, differences=differences, remark=remark)


_GAMMA = _same("gamma", "decay_rate")
_IN_STEPS = "Keras counts steps"
_AS_RATE = "torch's is a rate, not a share"

SCHEDULES: Mapping[str, Entry] = {
    "constant": Entry(Counterpart()),
    "step": _entry(
        "StepLR",
        "ExponentialDecay",
        factor=_GAMMA,
        every_epochs=_same("step_size", "decay_steps", remark=f"{_IN_STEPS}, with staircase=True"),
    ),
    "multi_step": _entry(
        "MultiStepLR",
        "PiecewiseConstantDecay",
        _MILESTONES,
        epochs=_same("milestones", "boundaries", _MILESTONES),
        factor=_same("gamma", "values", remark="Keras takes the rates themselves"),
    ),
    "exponential": _entry("ExponentialLR", "ExponentialDecay", factor=_GAMMA),
    "polynomial": _entry(
        "PolynomialLR",
        "PolynomialDecay",
        power=_same("power", "power"),
        minimum_factor=_same(None, "end_learning_rate", _POLYNOMIAL_END),
    ),
    "cosine": _entry(
        "CosineAnnealingLR",
        "CosineDecay",
        _COSINE_END,
        minimum_factor=_same("eta_min", "alpha", remark=_AS_RATE),
    ),
    "warmup_cosine": _entry(
        "SequentialLR",
        "CosineDecay",
        _WARMUP,
        _COSINE_END,
        warmup_epochs=_same(
            "torch.optim.lr_scheduler.LinearLR(total_iters)", "warmup_steps", _WARMUP, remark=_IN_STEPS
        ),
        minimum_factor=_same("torch.optim.lr_scheduler.CosineAnnealingLR(eta_min)", "alpha", remark=_AS_RATE),
    ),
    "cosine_restarts": _entry(
        "CosineAnnealingWarmRestarts",
        "CosineDecayRestarts",
        first_period_epochs=_same("T_0", "first_decay_steps", remark=_IN_STEPS),
        period_factor=_same("T_mult", "t_mul", remark="Keras' default is 2, torch's 1"),
        minimum_factor=_same("eta_min", "alpha", remark=_AS_RATE),
    ),
    "one_cycle": _entry(
        "OneCycleLR",
        None,
        _ONE_CYCLE,
        peak_position=_same("pct_start", None, _ONE_CYCLE),
        start_factor=_same("div_factor", None, _ONE_CYCLE, remark="1 / div_factor"),
        end_factor=_same("final_div_factor", None, _ONE_CYCLE, remark="1 / (div_factor final_div_factor)"),
    ),
    "inverse_square_root": Entry(Counterpart(), {"warmup_epochs": Counterpart()}),
    "reduce_on_plateau": Entry(
        Counterpart(
            torch="torch.optim.lr_scheduler.ReduceLROnPlateau",
            keras="keras.callbacks.ReduceLROnPlateau",
            differences=(_PLATEAU,),
        ),
        {
            "factor": _same("factor", "factor"),
            "patience": _same("patience", "patience", _PLATEAU),
            "cooldown_epochs": _same("cooldown", "cooldown", _PLATEAU),
            "minimum_improvement": _same("threshold", "min_delta", _PLATEAU),
            "minimum_factor": _same("min_lr", "min_lr", remark="a rate there, not a share"),
        },
    ),
}
