"""The verb predict: what a recorded network says of new examples."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.commands import options
from runner.commands.chosen_run import FLAGS, name_faults, network_of
from runner.errors import Fault, Interrupted, UsageError
from runner.prediction import CHOICES, answers, inputs, models, outputs
from runner.prediction.progress import rows_shown
from runner.prediction.records import INPUT, Wanted
from runner.signals import signals_raised
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    from runner.prediction.answers import Answers
    from runner.prediction.models import Predictor
    from runner.prediction.records import Examples

_BACKEND, _KEEP, _FORCE = "--backend", "--keep", "--force"
_VALUES = (INPUT, outputs.OUTPUT, _BACKEND, _KEEP)
_NONE = "none"


def run(words: Sequence[str]) -> int:
    """Reads examples, lets a recorded network answer, and writes the answers in their order."""
    typed = options.read("predict", words, values=[*_VALUES, *FLAGS], switches=[_FORCE])
    _require(typed)
    trained = network_of(typed)
    name = typed.values.get(_BACKEND) or models.usual(trained.backend)
    fitted = trained.preparation
    shown = answers(trained.network, fitted.targets if fitted else ())
    keep = _kept(typed.values.get(_KEEP))
    wanted = Wanted(trained.network.input_shape, keep, models.batch_rows(trained.network), trained.fit)
    examples = inputs.opened(typed.values[INPUT], wanted, fitted)
    output = typed.values[outputs.OUTPUT]
    found = list(outputs.faults(output, examples.kept, shown, force=_FORCE in typed.switches))
    if found:
        raise UsageError(found)
    for note in examples.notes:
        print(note, file=sys.stderr)
    try:
        with signals_raised():
            rows = _carry_out(examples, models.predictor(trained.network, name), shown, output)
    except Interrupted as interrupt:
        print(f"stopped; {output} was not written", file=sys.stderr)
        return 128 + interrupt.signal_number
    if output != outputs.STANDARD_OUTPUT:
        print(f"{rows:,} rows by {name}: {output}")
    return 0


def _carry_out(examples: Examples, predictor: Predictor, shown: Answers, output: str) -> int:
    rows = 0
    with outputs.opened(output, examples.kept, shown) as sink, rows_shown(examples.rows) as advance:
        for block in examples.blocks():
            sink.write(block.kept, predictor(block.inputs))
            rows += len(block.inputs)
            advance(len(block.inputs))
    return rows


def _kept(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return () if text == _NONE else tuple(name.strip() for name in text.split(","))


def _require(typed: options.Words) -> None:
    """Refuses words that say too little."""
    faults = name_faults("predict", typed)
    if INPUT not in typed.values:
        remedy = (
            "Name a file of CSV, Parquet, npy, npz or safetensors, images, or - for CSV from standard input."
        )
        faults.append(Fault(INPUT, "must be given", None, None, remedy))
    if outputs.OUTPUT not in typed.values:
        remedy = "Name a file ending in .csv, .parquet or .npz, or - for the terminal."
        faults.append(Fault(outputs.OUTPUT, "must be given", None, None, remedy))
    else:
        faults += outputs.path_faults(typed.values[outputs.OUTPUT], force=_FORCE in typed.switches)
    backend = typed.values.get(_BACKEND)
    if backend is not None and backend not in CHOICES:
        remedy = f"There are {listed(CHOICES)}."
        faults.append(Fault(_BACKEND, "is no backend", backend, nearest(backend, CHOICES), remedy))
    if faults:
        raise UsageError(faults)
