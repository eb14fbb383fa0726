"""Makes the pictures of the documentation from real runs: ``python docs/make_pictures.py``.

It needs Chromium and the extras ``all`` and ``test``, and writes ``terminal.svg``, ``mlflow.png`` and the figures
beside itself.
"""

from __future__ import annotations

import os
import pty
import shlex
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

DOCS = Path(__file__).parent
ROOT = DOCS.parent
# As wide as the longest line, an address.
WIDTH = 126

# Command -> the figures of its run that are kept.
RUNS = {
    "python -m runner backend=torch": ("learning_curves", "confusion_matrix"),
    "python -m runner data=spirals activation=tanh optimizer.learning_rate=0.01 training.epochs=150": (
        "decision_boundary",
    ),
    "python -m runner parity": ("comparison",),
}
TERMINAL = "python -m runner backend=torch"

_ERASE = "\x1b[2K"
_CURSOR = ("\x1b[?25l", "\x1b[?25h", "\x1b[1A")
# Black, red, green, yellow, blue, magenta, cyan and white, readable on a light ground.
_COLOURS = [
    (34, 34, 34), (190, 50, 50), (0, 128, 96), (150, 110, 0), (0, 100, 170), (160, 70, 130), (0, 120, 140), (120, 120, 120),
]  # fmt: skip
_THEME = TerminalTheme((250, 250, 250), (34, 34, 34), _COLOURS)


def main() -> None:
    """Makes every picture and prints its size."""
    with TemporaryDirectory() as temporary:
        for number, (command, figures) in enumerate(RUNS.items()):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            said = typed(command, folder)
            for figure in figures:
                (found,) = folder.glob(f"outputs/*/*/figures/{figure}.png")
                Image.open(found).convert("RGB").save(DOCS / found.name, optimize=True)
            if command == TERMINAL:
                draw_terminal(command, said)
    tests = [sys.executable, "-m", "pytest", "tests/test_browser.py"]
    subprocess.run(tests, cwd=ROOT, env=os.environ | {"RUNNER_SCREENSHOTS": str(DOCS)}, check=True)
    for path in sorted([*DOCS.glob("*.png"), *DOCS.glob("*.svg")]):
        print(f"{path.name:<24}{path.stat().st_size / 1000:>6.0f} kB")


def typed(command: str, folder: Path) -> str:
    """Returns everything that a command shows in a terminal, control characters included."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm-256color"}
    environment.pop("COLUMNS", None)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    words = [sys.executable, *shlex.split(command)[1:]]
    process = subprocess.Popen(words, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while portion := os.read(ours, 65536):
            said += portion
    except OSError:
        # So Linux says that the other side of a terminal is closed.
        pass
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"{command} failed:\n{said.decode()}")
    return said.decode()


def draw_terminal(command: str, said: str) -> None:
    """Writes what is left on the screen as ``terminal.svg``."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(
            record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        console.print(f"[bold]$ {command}", highlight=False)
        for line in said.replace("\r\n", "\n").rstrip().split("\n"):
            console.print(Text.from_ansi(left_over(line)), overflow="fold")
        console.save_svg(str(DOCS / "terminal.svg"), title="runner", theme=_THEME)


def left_over(line: str) -> str:
    """Returns what is left of a line that was erased and written again."""
    last = line.rpartition(_ERASE)[2].rpartition("\r")[2]
    for sign in _CURSOR:
        last = last.replace(sign, "")
    return last.rstrip()


if __name__ == "__main__":
    main()
