"""Optimizers in both frameworks."""

from __future__ import annotations

from collections.abc import Mapping

from runner.ledger.records import NATIVE, Counterpart, Difference, Entry

_EQUATION = ("tests/test_matrix.py::test_member",)
_TRAINED = (*_EQUATION, "tests/test_training_matrix.py::test_training_is_equal_in_float64")
_RULES = "runner.backends.keras.update_rules"
_PLANNED = "runner.backends.keras.planned_optimizer.PlannedOptimizer"

_ADAM_EPSILON = Difference(
    title="Adam's epsilon",
    framework="Keras",
    what="Keras adds epsilon to the root of v before its bias correction, torch after it: alpha m /"
    " (sqrt(v) + epsilon) with alpha = rate sqrt(1 - beta2^t) / (1 - beta1^t), against rate m' / (sqrt(v')"
    " + epsilon). No argument makes them one: at the first step Keras' epsilon counts 31.6 times as much."
    " Keras has alpha in float32 besides. The defaults are 1e-7 in Keras and 1e-8 in torch.",
    effect="6e-3 on the loss of a network on the digits within 580 steps, in float64 and with equal"
    " arguments; 8e-3 with AdamW.",
    correction="epsilon outside the bias correction, in Keras too",
    where=(f"{_RULES}.Adam",),
    tests=(*_TRAINED, NATIVE),
)
_RATE_IN_MOMENTUM = Difference(
    title="The learning rate inside the momentum",
    framework="Keras",
    what="Keras keeps v <- momentum v - rate g and adds v; torch keeps b <- momentum b + g and takes rate"
    " b. They are one only as long as the learning rate stays the same.",
    effect="2e-2 on the loss of a network on the digits under a cosine schedule; 0.5 on weights around 1"
    " after 50 steps whose rate goes up and down.",
    correction="a momentum without the learning rate in it, in Keras too",
    where=(f"{_RULES}.Sgd", f"{_RULES}.RmsProp"),
    tests=(*_TRAINED, NATIVE),
)
_SCALARS = Difference(
    title="Numbers that become float32 on the way",
    framework="Keras",
    what="keras.ops.cast of a Python number rounds it to float32 before anything else: a momentum of 0.9"
    " is 0.89999998 in a training in float64, and a learning rate likewise.",
    effect="2e-7 on weights around 1 after 50 steps with momentum, 3e-7 on the loss of a network on the"
    " digits, in float64.",
    correction="every number in float64, cast once",
    where=(_PLANNED, f"{_RULES}.moving_mean"),
    tests=_EQUATION,
)
_WEIGHT_DECAY = Difference(
    title="Two meanings of weight_decay",
    framework="both",
    what="torch's weight_decay is a term l2 w of the gradient, except in AdamW; Keras' is taken from the"
    " weight itself, rate decay w, in every optimizer. Keras' penalty (keras.regularizers.L2 of half the"
    " number) appears in the reported loss as well.",
    effect="0.1 on the loss of a network on the digits, with momentum and a decay of 0.001; 1e-2 on"
    " weights around 1 after 50 steps of Adam with 0.01.",
    correction="two keys with one meaning each",
    where=(f"{_PLANNED}._decayed", "runner.backends.torch.optimizers._shrink"),
    tests=(*_TRAINED, NATIVE),
)
_RMSPROP_EPSILON = Difference(
    title="RMSprop's epsilon",
    framework="Keras",
    what="Keras divides by sqrt(v + epsilon), torch by sqrt(v) + epsilon. The defaults differ too: Keras'"
    " memory 0.9, epsilon 1e-7; torch's 0.99 and 1e-8.",
    effect="8e-3 on the loss of a network on the digits within 580 steps; 7e-6 on weights around 1 after"
    " 50 steps of a rate of 0.01.",
    correction="epsilon outside the root, in Keras too",
    where=(f"{_RULES}.RmsProp",),
    tests=_TRAINED,
)
_ADAGRAD_EPSILON = Difference(
    title="Adagrad's epsilon and first sum",
    framework="Keras",
    what="Keras divides by sqrt(s + epsilon), torch by sqrt(s) + epsilon; the sum begins at 0.1 in Keras"
    " and at 0 in torch, unless it is given.",
    effect="4e-4 on the loss of a network on the digits within 580 steps with equal arguments, 2 with the"
    " defaults.",
    correction="epsilon outside the root, in Keras too",
    where=(f"{_RULES}.Adagrad",),
    tests=_TRAINED,
)
_ADAMAX_EPSILON = Difference(
    title="Adamax's epsilon",
    framework="Keras",
    what="torch keeps u <- max(beta2 u, |g| + epsilon) and divides by u, Keras keeps max(beta2 u, |g|) and"
    " divides by u + epsilon.",
    effect="1e-8 on weights around 1 after 50 steps of a rate of 0.01; 2e-4 where gradients are as small"
    " as epsilon.",
    correction="epsilon inside the maximum, in Keras too",
    where=(f"{_RULES}.Adamax",),
    tests=_EQUATION,
)
_NADAM_DECAY = Difference(
    title="How fast Nadam's momentum grows",
    framework="Keras",
    what="c_t = beta1 (1 - 0.96^(t decay) / 2) with torch's decay of 0.004 by default; in Keras the decay"
    " is 1 and cannot be given.",
    effect="2e-2 on weights around 1 after 50 steps of a rate of 0.01.",
    correction="the decay is a number in Keras too",
    where=(f"{_RULES}.Nadam",),
    tests=_EQUATION,
)
_NADAM_PRODUCT = Difference(
    title="The product of Nadam's momenta",
    framework="PyTorch",
    what="torch keeps c_1 ... c_t in its default precision, which is float32 unless a program changes it,"
    " in a training in float64 too.",
    effect="1e-10 on the weights, in float64.",
    correction="a float64 product",
    where=("runner.backends.torch.update_rules.Nadam",),
    tests=_EQUATION,
)
_NO_LION = Difference(
    title="Lion",
    framework="PyTorch",
    what="torch has none; Keras' is the equation of the paper.",
    effect="there is nothing to choose.",
    correction="a class of our own for torch",
    where=("runner.backends.torch.update_rules.Lion",),
    tests=_EQUATION,
)
_RATE = Counterpart(torch="lr", keras="learning_rate", differences=(_SCALARS,))
_DECAY = {
    "l2": Counterpart(
        torch="weight_decay",
        keras="keras.regularizers.L2(l2)",
        differences=(_WEIGHT_DECAY,),
        remark="Keras' l2 is half of it",
    ),
    "decoupled_weight_decay": Counterpart(
        torch="torch.optim.AdamW(weight_decay)", keras="weight_decay", differences=(_WEIGHT_DECAY,)
    ),
    "decay_on": Counterpart(
        torch="torch.optim.Optimizer.add_param_group(param_group)",
        keras="keras.optimizers.Optimizer.exclude_from_weight_decay(var_names)",
    ),
}


def _entry(torch: str | None, keras: str, *differences: Difference, **arguments: Counterpart) -> Entry:
    own = Counterpart(
        torch=torch and f"torch.optim.{torch}",
        keras=f"keras.optimizers.{keras}",
        differences=differences,
    )
    return Entry(own, {"learning_rate": _RATE, **arguments, **_DECAY})


def _same(torch: str, keras: str, *differences: Difference, remark: str = "") -> Counterpart:
    return Counterpart(torch=torch, keras=keras, differences=differences, remark=remark)


_BETAS = {"beta1": _same("betas[0]", "beta_1"), "beta2": _same("betas[1]", "beta_2")}
_ADAM = {**_BETAS, "epsilon": _same("eps", "epsilon", _ADAM_EPSILON)}

OPTIMIZERS: Mapping[str, Entry] = {
    "sgd": _entry(
        "SGD",
        "SGD",
        momentum=_same("momentum", "momentum", _RATE_IN_MOMENTUM),
        nesterov=_same("nesterov", "nesterov", _RATE_IN_MOMENTUM),
    ),
    "adam": _entry("Adam", "Adam", _ADAM_EPSILON, **_ADAM),
    "adamw": _entry("AdamW", "AdamW", _ADAM_EPSILON, **_ADAM),
    "amsgrad": _entry("Adam", "Adam", _ADAM_EPSILON, **_ADAM).noted("amsgrad=True in both"),
    "nadam": _entry(
        "NAdam",
        "Nadam",
        _NADAM_PRODUCT,
        **_BETAS,
        momentum_decay=Counterpart(torch="momentum_decay", differences=(_NADAM_DECAY,)),
        epsilon=_same("eps", "epsilon"),
    ),
    "adamax": _entry(
        "Adamax", "Adamax", _ADAMAX_EPSILON, **_BETAS, epsilon=_same("eps", "epsilon", _ADAMAX_EPSILON)
    ),
    "rmsprop": _entry(
        "RMSprop",
        "RMSprop",
        _RMSPROP_EPSILON,
        decay=_same("alpha", "rho"),
        momentum=_same("momentum", "momentum", _RATE_IN_MOMENTUM),
        centered=_same("centered", "centered"),
        epsilon=_same("eps", "epsilon", _RMSPROP_EPSILON),
    ),
    "adagrad": _entry(
        "Adagrad",
        "Adagrad",
        _ADAGRAD_EPSILON,
        initial_accumulator=_same("initial_accumulator_value", "initial_accumulator_value"),
        epsilon=_same("eps", "epsilon", _ADAGRAD_EPSILON),
    ),
    "adadelta": _entry("Adadelta", "Adadelta", decay=_same("rho", "rho"), epsilon=_same("eps", "epsilon")),
    "lion": _entry(
        None,
        "Lion",
        _NO_LION,
        beta1=Counterpart(keras="beta_1", differences=(_NO_LION,)),
        beta2=Counterpart(keras="beta_2", differences=(_NO_LION,)),
    ),
}
