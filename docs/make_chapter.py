"""Makes ``docs/chapter.md`` from ``docs/chapter_text.md``: ``python docs/make_chapter.py [FOLDER WITH MNIST'S FILES]``.

In the place of a line ``<!-- run: COMMAND, figure: NAME, lines: N -->`` come the command, what it prints, and its figure;
``lines`` are the first of the output, ``last`` the last ones.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

DOCS = Path(__file__).parent
TEXT, PAGE, PICTURES = DOCS / "chapter_text.md", DOCS / "chapter.md", DOCS / "chapter"
WIDTH = 112
MOST_LINES = 60
# Lines that are another in every run, or on every machine.
VOLATILE = re.compile(
    r"^(files|MLflow|run|charts|next|resume|page|tables) {2,}|seconds|steps/s| s in all\.$|^epoch \d+/\d+ |^\[\d+/\d+\] "
)

_PLACE = re.compile(
    r"^<!-- run: (?P<command>[^,\n]*?)(?:, figure: (?P<figure>\w+))?(?:, (?P<part>lines|last): (?P<count>\d+))?"
    r"(?P<mnist>, needs: mnist)? -->$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Step:
    """A command of the page.

    Args:
        number: of the step, from 1.
        command: what is typed after ``python -m runner``.
        figure: the stem of a file among the run's figures, or empty.
        lines: how many lines of the output are shown at most.
        are_last: whether they are its last ones, and not its first.
        needs_mnist: whether it needs MNIST's files, which are downloaded where they are not there.
    """

    number: int
    command: str
    figure: str
    lines: int
    are_last: bool
    needs_mnist: bool


def steps() -> list[Step]:
    """Returns the commands of the page in their order."""
    return [_step(number, found) for number, found in enumerate(_PLACE.finditer(TEXT.read_text()), start=1)]


def main() -> None:
    """Runs every command and writes the page with its pictures."""
    root = sys.argv[1] if len(sys.argv) > 1 else None
    PICTURES.mkdir(exist_ok=True)
    made = []
    with TemporaryDirectory() as temporary:
        for step in steps():
            folder = Path(temporary) / str(step.number)
            folder.mkdir()
            print(step.command, file=sys.stderr, flush=True)
            more = [f"data.root={root}"] if root and step.needs_mnist else []
            made.append(_shown(step, kept(said(step, folder, more)), _picture(step, folder)))
    sections = iter(made)
    PAGE.write_text(_PLACE.sub(lambda _: next(sections), TEXT.read_text()), encoding="utf-8")


def said(step: Step, folder: Path, more: list[str]) -> str:
    """Returns what a command prints."""
    words = [sys.executable, "-m", "runner", *shlex.split(step.command), *more]
    environment = os.environ | {"COLUMNS": str(WIDTH), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{step.command}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def kept(text: str) -> list[str]:
    """Returns the lines of an output that are the same in every run."""
    lines = [line.rstrip() for line in text.splitlines() if not VOLATILE.search(line)]
    found = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return found[:-1] if found and not found[-1] else found


def _step(number: int, found: re.Match[str]) -> Step:
    lines, are_last = int(found["count"] or MOST_LINES), found["part"] == "last"
    return Step(number, found["command"], found["figure"] or "", lines, are_last, bool(found["mnist"]))


def _picture(step: Step, folder: Path) -> str:
    """Copies the figure of a run to the documentation and returns its name, or an empty text."""
    if not step.figure:
        return ""
    found = sorted(folder.glob(f"outputs/**/figures/{step.figure}.png"))
    if not found:
        names = sorted({path.stem for path in folder.glob("outputs/**/figures/*.png")})
        raise SystemExit(f"{step.command}: no figure {step.figure}, only {names}")
    name = f"{step.number:02d}_{step.figure}.png"
    Image.open(found[-1]).convert("RGB").quantize(128).save(PICTURES / name, optimize=True)
    return name


def _shown(step: Step, lines: list[str], figure: str) -> str:
    """Returns a command, its output and its figure as Markdown."""
    block = ["```console", f"$ python -m runner {step.command}", *_part(step, lines), "```"]
    picture = ["", f"![{step.figure.replace('_', ' ')}](chapter/{figure})"] if figure else []
    return "\n".join([*block, *picture])


def _part(step: Step, lines: list[str]) -> list[str]:
    """Returns the lines of an output that are shown; three dots stand for the others."""
    if len(lines) <= step.lines:
        return lines
    return ["...", *lines[-step.lines :]] if step.are_last else [*lines[: step.lines], "..."]


if __name__ == "__main__":
    main()
