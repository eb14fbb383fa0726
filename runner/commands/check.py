"""The verb check: whether a configuration would run, and what would run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from runner import check, compose, folders, request, surroundings
from runner.compose import Checked
from runner.errors import ConfigurationError
from runner.layers import describe, rows, word

_HEADINGS = ("layer", "kind", "input", "output", "parameters")


def run(words: Sequence[str]) -> int:
    """Prints the layers, the rows and the steps of a configuration; of a sweep those of its first job."""
    folders.make_importable()
    asked = request.parse(words)
    with compose.session(asked.config_dir):
        answer = request.answer(asked, every_job=True)
        faults = surroundings.faults(answer.checked.experiment, answer.folder)
        if faults:
            raise ConfigurationError(faults)
        print("\n".join(_lines(answer.checked)))
        if answer.jobs is not None:
            print(f"\nAll {answer.jobs} jobs of the sweep were checked; this is the first.")
        print(f"\nThis configuration would run: {shlex.join(['python', '-m', 'runner', *words])}")
    return 0


def _lines(checked: Checked) -> Iterator[str]:
    yield from _table([_HEADINGS, *_layers(checked)])
    yield ""
    yield from _facts(checked)
    if checked.warnings:
        yield ""
        yield from (f"Note: {warning}" for warning in checked.warnings)


def _layers(checked: Checked) -> Iterator[tuple[str, ...]]:
    drawing = checked.blueprint
    total = trained = 0
    for row in rows(drawing.tree, drawing.input_shape):
        size = sum(array.size for array in row.parameters.values())
        total += size
        trained += sum(array.size for array in row.parameters.values() if array.trainable)
        shapes = describe(row.input_shape), describe(row.output_shape)
        yield row.layer.name, word(row.layer), *shapes, f"{size:,}" if size else ""
    yield "in all", "", "", "", f"{total:,}"
    if trained != total:
        yield "of these trained", "", "", "", f"{trained:,}"


def _facts(checked: Checked) -> Iterator[str]:
    experiment, source = checked.experiment, checked.blueprint.source
    training, validation, test = check.split_sizes(experiment, source)
    per_epoch, total = check.steps(experiment, source)
    task = source.task if source.task == "regression" else f"{source.task}, {len(source.classes)} classes"
    facts = {
        "data": f"{source.name} ({task})",
        "rows": f"{training:,} for training, {validation:,} for validation, {test:,} for test",
        "steps": f"{per_epoch:,} in an epoch, {total:,} in all",
        "loss": f"{experiment.loss.name} on {experiment.output} outputs",
        "optimizer": experiment.optimizer.name,
        "backend": experiment.backend.name,
    }
    width = max(map(len, facts))
    for name, fact in facts.items():
        yield f"{name:{width}}  {fact}"


def _table(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields lines of columns as wide as their widest cell, the last to the right, under a ruled heading."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
    for number, line in enumerate(lines):
        cells = [f"{cell:{width}}" for cell, width in zip(line[:-1], widths, strict=False)]
        yield "  ".join([*cells, f"{line[-1]:>{widths[-1]}}"])
        if number == 0:
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))
