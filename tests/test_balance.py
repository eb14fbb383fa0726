"""Rare classes that count as others do: by the weights of their rows, or by how often these are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import own_tables
import pytest
from matrix.trainings import BOUNDS, Training, differences, pair_of
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight
from support import experiment, one_tensorflow_thread

from runner import metrics, weighting
from runner.data import Rows, Splits, prepare
from runner.errors import ConfigurationError
from runner.experiment import Experiment
from runner.plan import Plan, balanced, permutation

CLASSES = np.repeat([0, 1, 2], [70, 25, 5])
SHORT = (
    *("training.precision=64", "training.epochs=8", "training.batch_size=7", "training.keep=last"),
    *("architecture.hidden_sizes=[6]", "activation=tanh", "plots=none", "tracking=none"),
)


def counts(rows: Rows) -> NDArray[np.float64]:
    """Returns what the rows count for, which is known here."""
    assert rows.counts is not None
    return rows.counts


def splits_of(run: Experiment) -> Splits:
    data = own_tables.source(seed=0)
    return prepare(data, split=run.split, standardise=True, seed=0, debug=run.debug)


def test_weights_are_those_of_scikit_learn() -> None:
    splits = weighting.balanced(splits_of(experiment()))
    assert splits.train.counts == pytest.approx(compute_sample_weight("balanced", splits.train.targets))
    sums = [counts(splits.train)[splits.train.targets == number].sum() for number in range(3)]
    assert sums == pytest.approx([len(splits.train) / 3] * 3)
    # By hand: of 140 training rows a class of n_k weighs 140 / (3 n_k), in every part.
    rarest = 140 / (3 * (splits.train.targets == 2).sum())
    assert set(counts(splits.validation)[splits.validation.targets == 2]) == {rarest}


def test_weights_of_rows_and_of_classes_are_multiplied_and_go_with_their_rows() -> None:
    rows = Rows(np.zeros((4, 1)), np.array([0, 0, 0, 1]), weights=np.array([1.0, 2.0, 0.0, 3.0]))
    train = weighting.balanced(replace(splits_of(experiment()), train=rows)).train
    assert train.counts == pytest.approx([2 / 3, 4 / 3, 0, 6])
    assert train.part(slice(1, 4)).counts == pytest.approx([4 / 3, 0, 6])
    assert train.weights is rows.weights


def test_sampling_meets_every_class_equally_often_and_no_row_is_left_out_for_ever() -> None:
    plan = Plan(0, 100, 8, 40, 13, np.ones(40 * 13), permutation=balanced(CLASSES))
    orders = [plan.order(epoch) for epoch in range(40)]
    for order in orders:
        assert len(order) == 100
        assert sorted(np.bincount(CLASSES[order])) == [33, 33, 34]
        # The rows of a rare class take turns: five of them make 33 draws of 6 or 7 each.
        assert set(np.bincount(order, minlength=100)[95:]) <= {6, 7}
        # None of a common class is drawn twice.
        assert np.bincount(order, minlength=100)[:70].max() == 1
    assert set(np.concatenate(orders)) == set(range(100))
    # The odd row out is now of one class and now of another.
    assert {int(np.argmax(np.bincount(CLASSES[order]))) for order in orders} == {0, 1, 2}
    # Batches are mixed.
    assert all(len(set(CLASSES[batch])) > 1 for batch in plan.batches(0)[:-1])


def test_sampling_follows_from_seed_and_epoch_and_is_in_the_digest() -> None:
    def plan(seed: int = 0, classes: NDArray[np.int64] | None = None) -> Plan:
        order = permutation if classes is None else balanced(classes)
        return Plan(seed, 100, 8, 2, 13, np.ones(26), permutation=order)

    assert plan(0, CLASSES).order(1).tolist() == plan(0, CLASSES).order(1).tolist()
    digests = {
        plan().digest(),
        plan(0, CLASSES).digest(),
        plan(1, CLASSES).digest(),
        plan(0, CLASSES[::-1]).digest(),
    }
    assert len(digests) == 4


def test_more_classes_than_rows_in_an_epoch() -> None:
    order = balanced(np.arange(5))(0, 0, 3)
    assert len(set(order)) == 3


# Both backends


@pytest.fixture(scope="module", params=["weights", "sampling"])
def pair(request: pytest.FixtureRequest) -> tuple[str, Training, Training]:
    one_tensorflow_thread()
    both = [
        replace(
            experiment(f"backend={backend}", f"training.balance={request.param}", *SHORT),
            data=own_tables.component(),
        )
        for backend in ("torch", "keras")
    ]
    return (request.param, *pair_of(*both))


def test_both_backends_train_the_same_on_looked_up_categories(pair: tuple[str, Training, Training]) -> None:
    _, torch, keras = pair
    assert len(np.unique(torch.losses)) > 100
    for kind, difference in differences(torch, keras).items():
        assert difference <= BOUNDS[kind], kind
    # The tables were learnt.
    assert {"embedding0/table", "embedding1/table"} <= torch.weights.keys()


def test_the_loss_is_the_weighted_one_and_the_metrics_are_not(pair: tuple[str, Training, Training]) -> None:
    balance, torch, _ = pair
    validation = splits_of(experiment()).validation
    shown = torch.outputs["validation"]
    of_rows = np.ones(len(validation))
    if balance == "weights":
        of_rows = counts(weighting.balanced(splits_of(experiment())).validation)
    losses = -np.log(shown[np.arange(len(shown)), validation.targets])
    assert torch.metrics["validation/loss"][-1] == pytest.approx(
        (of_rows * losses).sum() / of_rows.sum(), rel=1e-12
    )
    plain = metrics.per_epoch("multiclass", validation.targets, shown)
    assert torch.metrics["validation/accuracy"][-1] == plain["accuracy"]


# What cannot be balanced


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (
            "data=diabetes training.balance=weights",
            "training.balance: must be null, because mse on data=diabetes is a regression, which has no classes."
            " Received: weights.",
        ),
        (
            "architecture=autoencoder training.balance=sampling",
            "training.balance: must be null, because mse on data=digits is a regression, which has no classes."
            " Received: sampling.",
        ),
        (
            "data=iris loss=cross_entropy loss.class_weights=[1,2,3] training.balance=weights",
            "training.balance: must be null where loss.class_weights says what the classes count. Received: weights."
            " Leave one of the two out: weights finds n / (K n_k) for class k.",
        ),
        (
            "data=moons loss=binary_cross_entropy loss.positive_weight=2 training.balance=sampling",
            "training.balance: must be null where loss.positive_weight says what the classes count."
            " Received: sampling. Leave one of the two out: weights finds n / (K n_k) for class k.",
        ),
        (
            "backend.semantics=native training.balance=sampling",
            "training.balance: must not be sampling where the order of the rows is left to the framework."
            " Received: sampling. Take weights, or backend.semantics=canonical.",
        ),
    ],
)
def test_what_cannot_be_balanced_is_said(overrides: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        experiment(*overrides.split())
    assert str(caught.value) == sentence
