"""The ledger as Markdown: every difference, and what everything is called in each framework."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.ledger import VERSIONS, Counterpart, Difference, counterparts, differences

COMMAND = "python -m runner explain --differences"

_TITLES = {
    "activation": "Activations",
    "loss": "Losses",
    "optimizer": "Optimizers",
    "schedule": "Learning rate schedules",
    "initializer": "First weights",
    "layer": "Layers",
    "architecture": "Architectures",
    "training": "Training",
}
_FRAMEWORKS = {
    "PyTorch": "PyTorch's own way is not followed.",
    "Keras": "Keras' own way is not followed.",
    "both": "Neither framework's own way is followed.",
}
_INTRODUCTION = """\
Equal arguments are not equal trainings. For each difference: what the two frameworks do, how much it changes when
nothing is done about it, what is done here, and the test that would fail without it. Measured with {versions} on
a processor. "A network on the digits" is one of dense layers on scikit-learn's 1,797 digits in batches of 64.
`backend.semantics=native` trains without most of the corrections, and `python -m runner parity backend.semantics=native`
measures what each of those changes in an experiment of yours. The last section says what every component, argument and
layer is called in each framework."""
_LEGEND = """\
`exact`: the same numbers with the arguments named here. `corrected`: made the same, as said. `refused`: not taken,
as said. `ours`: done once, by neither framework."""
HEADINGS = ("PyTorch", "Keras", "same numbers")


def document() -> str:
    """Returns the whole page."""
    return "\n".join([*_head(), *_differences(), *_names()])


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields a table of Markdown and an empty line."""
    yield _line(headings)
    yield _line(["---"] * len(headings))
    yield from (_line([cell.replace("|", "\\|") for cell in line]) for line in lines)
    yield ""


def cells(counterpart: Counterpart) -> list[str]:
    """Returns what stands under :data:`HEADINGS`."""
    status, explanation = counterpart.status, counterpart.explanation
    said = f"{status}: {explanation}" if explanation else status
    return [_code(counterpart.torch), _code(counterpart.keras), said]


def _head() -> Iterator[str]:
    versions = ", ".join(f"{name} {version}" for name, version in VERSIONS.items())
    yield "# Where PyTorch and Keras differ, and what is done about it"
    yield ""
    yield f"Made by `{COMMAND}`; not to be edited by hand."
    yield ""
    yield _INTRODUCTION.format(versions=versions)
    yield ""


def _differences() -> Iterator[str]:
    for family, found in differences().items():
        yield f"## {_TITLES[family]}"
        yield ""
        for difference, names in found.items():
            yield from _difference(difference, names)


def _difference(difference: Difference, names: Sequence[str]) -> Iterator[str]:
    yield f"### {difference.title}"
    yield ""
    yield f"{difference.what} {_FRAMEWORKS[difference.framework]}"
    yield ""
    yield f"- Without a correction: {difference.effect}"
    yield f"- Here: {difference.correction} ({_codes(difference.where)})."
    if difference.tests:
        yield f"- Held by: {_codes(difference.tests)}."
    yield f"- Concerns: {_codes(names)}."
    yield ""


def _names() -> Iterator[str]:
    yield "## What everything is called"
    yield ""
    yield _LEGEND
    yield ""
    for family, title in _TITLES.items():
        yield f"### {title}: names"
        yield ""
        found = [[_code(name), *cells(each)] for group, name, each in counterparts() if group == family]
        yield from table(("here", *HEADINGS), found)


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _codes(texts: Sequence[str]) -> str:
    return ", ".join(_code(text) for text in texts)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
