"""The verb check: whether a configuration would run, and what would run."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from runner import check, compose, folders, outputs, request, supplies, surroundings, tables, task
from runner.blueprint import Blueprint
from runner.compose import Checked
from runner.data import Source
from runner.errors import ConfigurationError
from runner.experiment import Experiment, Split
from runner.layers import describe, is_native, rows, word

# Columns of a table of data that are shown; all of them are in the run's columns.csv.
_MOST_COLUMNS = 30
_HEADINGS = ("layer", "kind", "input", "output", "parameters")
# The key that a task reads where it has to do with a fact of another name.
_KEYS = {"rows": "split", "steps": "training.epochs", "output": "loss"}


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
    if checked.blueprint is not None:
        described = checked.blueprint.source.described
        if described is not None:
            yield from _table(_shortened(tables.lines(described)))
            yield ""
        yield from _table([_HEADINGS, *_layers(checked.blueprint)])
        yield ""
    yield from _facts(checked)
    download = supplies.note(checked.experiment)
    notes = [*checked.notes, *checked.warnings, *([download] if download else [])]
    if notes:
        yield ""
        yield from (f"Note: {note}" for note in notes)


def _layers(drawing: Blueprint) -> Iterator[tuple[str, ...]]:
    total = trained = 0
    for row in rows(drawing.tree, drawing.input_shape):
        size = sum(array.size for array in row.parameters.values())
        total += size
        trained += sum(array.size for array in row.parameters.values() if array.trainable)
        shapes = describe(row.input_shape), describe(row.output_shape)
        yield row.layer.name, word(row.layer), *shapes, f"{size:,}" if size else ""
    if is_native(drawing.tree):
        yield "in all", "", "", "", "as built"
        return
    yield "in all", "", "", "", f"{total:,}"
    if trained != total:
        yield "of these trained", "", "", "", f"{trained:,}"


def _facts(checked: Checked) -> Iterator[str]:
    experiment = checked.experiment
    asked_for = task.of(experiment)
    facts = {
        **({"task": experiment.task.name} if experiment.task.name != "train" else {}),
        **(_row_facts(experiment, checked.blueprint.source) if checked.blueprint else {}),
        "loss": experiment.loss.name,
        "output": outputs.sentence(experiment.output),
        "optimizer": experiment.optimizer.name,
        "backend": experiment.backend.name,
    }
    width = max(map(len, facts))
    for name, fact in facts.items():
        if task.depends_on(asked_for, _KEYS.get(name, name)):
            yield f"{name:{width}}  {fact}"


def _row_facts(experiment: Experiment, source: Source) -> dict[str, str]:
    training, validation, test = check.split_sizes(experiment, source)
    per_epoch, total = check.steps(experiment, source)
    kind = source.task if source.task == "regression" else f"{source.task}, {len(source.classes)} classes"
    own = ", the data set's own whatever split.test says" if source.test_rows else ""
    return {
        "data": f"{source.name} ({kind})",
        **_divided(experiment.split),
        "rows": f"{training:,} for training, {validation:,} for validation, {test:,} for test{own}",
        "steps": f"{per_epoch:,} in an epoch, {total:,} in all",
    }


def _shortened(lines: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Returns the lines of a table, of a long one the first alone."""
    left = len(lines) - _MOST_COLUMNS
    if left <= 1:
        return list(lines)
    blank = [""] * (len(lines[0]) - 1)
    return [*lines[:_MOST_COLUMNS], [f"and {left} more", *blank]]


def _divided(split: Split) -> dict[str, str]:
    """Returns by what the rows are divided, where that is not the usual."""
    by = {
        "group": f"whole groups of {split.column}",
        "time": f"{split.column}, the latest rows for test",
        "column": f"as {split.column} says",
    }.get(split.by, split.by)
    fold = f"fold {split.fold} of 0 to {split.folds - 1}" if split.folds is not None else ""
    told = [*([by] if split.by != "auto" else []), *([fold] if fold else [])]
    return {"split": ", ".join(told)} if told else {}


def _table(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields lines of columns as wide as their widest cell, the last to the right, under a ruled heading."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [f"{cell:{width}}" for cell, width in zip(line[:-1], widths, strict=False)]
        yield "  ".join([*cells, f"{line[-1]:>{widths[-1]}}"])
        if number == 0:
            yield "-" * (sum(widths) + 2 * (len(widths) - 1))
