import pytest

from runner.suggestions import listed, nearest

KEYS = [
    "optimizer",
    "optimizer.learning_rate",
    "optimizer.beta1",
    "training",
    "training.epochs",
    "training.batch_size",
]


@pytest.mark.parametrize(
    ("word", "suggestion"),
    [
        ("optimizr", "optimizer"),
        ("optimizer.learning_rat", "optimizer.learning_rate"),
        ("optimizer.lr", "optimizer.learning_rate"),
        ("epochs", "training.epochs"),
        ("optimizer.batch_size", "training.batch_size"),
        ("training.batch", "training.batch_size"),
        ("zzzz", None),
    ],
)
def test_the_nearest_name_is_found_at_its_place_by_its_initials_or_elsewhere(
    word: str, suggestion: str | None
) -> None:
    assert nearest(word, KEYS) == suggestion


def test_names_that_are_equally_near_are_all_suggested() -> None:
    assert (
        nearest("optimizer.beta", ["optimizer.beta1", "optimizer.beta2"])
        == "optimizer.beta1 or optimizer.beta2"
    )


def test_a_long_row_of_names_ends_with_their_number() -> None:
    assert listed("abcde", limit=3) == "a, b, c and 2 more"
    assert listed("ab") == "a, b"
