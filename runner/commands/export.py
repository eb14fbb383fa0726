"""The verb export: a recorded network in a form that others read, carried out on the spot and compared."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from runner.commands import options
from runner.commands.chosen_run import FLAGS, Trained, name_faults, network_of
from runner.errors import Fault, RunnerError, UsageError
from runner.exports.checking import Check, check
from runner.exports.formats import FORMATS, Format, of_ending
from runner.layers import describe
from runner.prediction import models
from runner.suggestions import listed, nearest

if TYPE_CHECKING:
    from runner.data.tables.fitted import FittedTable

_FORMAT, _OUTPUT, _FORCE = "--format", "--output", "--force"
# What tells a folder of TensorFlow's from one that may not be removed.
_SAVED_MODEL = "saved_model.pb"


def run(words: Sequence[str]) -> int:
    """Writes a recorded network, carries it out and compares it; a file that says something else is not kept."""
    typed = options.read("export", words, values=[_FORMAT, _OUTPUT, *FLAGS], switches=[_FORCE])
    name = _require(typed)
    form, path = FORMATS[name], Path(typed.values[_OUTPUT])
    trained = network_of(typed)
    # With its ending, by which some loaders go.
    unfinished = path.with_name(f".part-{path.name}")
    _remove(unfinished)
    try:
        form.write(trained.network, unfinished)
        by = models.usual(trained.backend)
        found = check(form, form.carried_out(unfinished), models.predictor(trained.network, by))
        if not found.passed:
            raise RunnerError(f"{path} was not written: {_compared(form, found, by)}")
        _remove(path)
        unfinished.replace(path)
        if trained.preparation is not None:
            _put_beside(trained.preparation, path)
    finally:
        _remove(unfinished)
    print("\n".join(_told(trained, name, path, found, by)))
    return 0


def _require(typed: options.Words) -> str:
    """Refuses words that say too little, and returns the form."""
    faults = name_faults("export", typed)
    output = typed.values.get(_OUTPUT)
    name = typed.values.get(_FORMAT) or (of_ending(Path(output)) if output else None)
    if name is None:
        faults.append(Fault(_FORMAT, f"must be one of {listed(FORMATS)}"))
    elif name not in FORMATS:
        faults.append(
            Fault(_FORMAT, "is no format", name, nearest(name, FORMATS), f"There are {listed(FORMATS)}.")
        )
    else:
        faults += FORMATS[name].faults(name)
    if output is None:
        faults.append(Fault(_OUTPUT, "must be given"))
    elif name is not None and name in FORMATS:
        faults += _path_faults(Path(output), name, force=_FORCE in typed.switches)
    if faults:
        raise UsageError(faults)
    assert name is not None
    return name


def _path_faults(path: Path, name: str, *, force: bool) -> list[Fault]:
    ending, shown = FORMATS[name].ending, str(path)
    if ending and path.suffix.lower() != ending:
        return [Fault(_OUTPUT, f"must end in {ending}, as {name} is a file", shown)]
    if not ending and path.suffix:
        return [Fault(_OUTPUT, f"must be a folder, as {name} is one, and so have no ending", shown)]
    if not path.absolute().parent.is_dir():
        return [Fault(_OUTPUT, f"must lie in a folder that is there, and there is no {path.parent}", shown)]
    if not path.exists():
        return []
    if not force:
        return [Fault(_OUTPUT, "is there already", shown, None, f"{_FORCE} replaces it.")]
    if path.is_dir() and not (path / _SAVED_MODEL).is_file():
        rule = f"is a folder without {_SAVED_MODEL}, which {_FORCE} does not replace"
        return [Fault(_OUTPUT, rule, shown)]
    return []


def _put_beside(preparation: FittedTable, path: Path) -> None:
    """Writes what makes inputs of a table's columns into a folder beside a file."""
    with TemporaryDirectory(dir=path.absolute().parent, prefix=".runner-") as temporary:
        preparation.save(Path(temporary))
        (written,) = Path(temporary).iterdir()
        beside = _beside(path)
        _remove(beside)
        written.replace(beside)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.preparation")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _compared(form: Format, found: Check, by: str) -> str:
    apart = (
        f"at most {found.difference:.1e} from {by}'s answers of the run, and {found.floor:.1e} is rounding"
    )
    return f"{form.checked_by} on {found.rows} examples: {apart}"


def _told(trained: Trained, name: str, path: Path, found: Check, by: str) -> list[str]:
    network = trained.network
    answers = "values in the units of the data" if not network.classes else "probabilities"
    shape = describe(network.input_shape)
    classes = f" of {listed(network.classes, 6)}" if network.classes else ""
    inside = "inside: numbers go in as they stand in the data, and are standardised there"
    if trained.preparation is not None:
        inside = f"beside: {_beside(path)} makes the {shape} numbers of the columns of a table (scikit-learn, by skops)"
    return [
        f"file     {path} ({name}, {_size(path)})",
        f"takes    float64 rows x {shape}, gives {answers}{classes}",
        f"units    {inside}",
        f"checked  {_compared(FORMATS[name], found, by)}",
    ]


def _size(path: Path) -> str:
    files = path.rglob("*") if path.is_dir() else [path]
    return f"{sum(file.stat().st_size for file in files if file.is_file()) / 1000:,.1f} kB"
