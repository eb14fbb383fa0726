"""The command line: the first word that is no override is a verb, everything after it is Hydra's grammar."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

# Verb -> the module that carries it out and what it does, in the order of the help.
VERBS = {
    "train": ("runner.commands.train", "train a model; also what happens without a verb"),
    "check": (
        "runner.commands.check",
        "say whether a configuration would run, with its layers and their shapes",
    ),
    "parity": (
        "runner.commands.parity",
        "train on both backends, compare every step, and say whether the numbers are the same",
    ),
    "explain": (
        "runner.commands.explain",
        "say what every key means, what both frameworks call it, and whether their numbers are the same",
    ),
    "list": (
        "runner.commands.listing",
        "show the choices of a group with their keys, defaults and equations",
    ),
    "report": (
        "runner.commands.report",
        "compare the runs of a sweep or an experiment: leaderboard, what is better than what, a page with figures",
    ),
    "show": ("runner.commands.show", "show a recorded run: what was chosen, its metrics and its curves"),
    "compare": (
        "runner.commands.compare",
        "recorded runs side by side: where their configurations differ, metrics, curves: compare RUN RUN ...",
    ),
    "evaluate": (
        "runner.commands.evaluate",
        "the test metrics and figures of a trained network again, or on other data: evaluate RUN [data=...]",
    ),
    "rerun": (
        "runner.commands.rerun",
        "carry a recorded run out again, say what is different today, and whether the numbers are the same",
    ),
    "predict": (
        "runner.commands.predict",
        "say what a trained network says of new examples: predict RUN --input FILE --output FILE",
    ),
    "export": (
        "runner.commands.export",
        "write a trained network as ONNX and others, checked by running it: export RUN --format FORMAT --output PATH",
    ),
    "register": (
        "runner.commands.register",
        "put the model of a run into MLflow's registry, from where it is served: register RUN --name NAME",
    ),
    "resume": (
        "runner.commands.resume",
        "go on with a run from its last checkpoint, or with what is missing of a sweep",
    ),
    "sync": ("runner.commands.sync", "send to MLflow what could not be sent when it happened"),
    "clean": (
        "runner.commands.clean",
        "find runs that died without a word and checkpoints of deleted runs; --yes marks and removes them",
    ),
    "ui": ("runner.commands.ui", "open MLflow's pages on the runs of this folder"),
}
_HELP, _FLAGS = "help", frozenset({"-h", "--help"})
_TRACEBACK = "--traceback"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns the exit code of the process.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with_traceback = _TRACEBACK in words or os.environ.get("RUNNER_TRACEBACK") == "1"
    words = [word for word in words if word != _TRACEBACK]
    try:
        return _run(words)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output, head for example, has seen enough; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if with_traceback:
            raise
        code: int = import_module("runner.commands.failures").report(error)
        return code


def _run(words: list[str]) -> int:
    verb, rest = _verb(words)
    if verb == _HELP or _FLAGS & {*rest}:
        return _carry_out("runner.commands.help", words)
    if verb not in VERBS:
        import_module("runner.commands.failures").refuse_verb(verb, VERBS)
    return _carry_out(VERBS[verb][0], rest)


def _carry_out(module: str, words: list[str]) -> int:
    code: int = import_module(module).run(words)
    return code


def _verb(words: list[str]) -> tuple[str, list[str]]:
    """Returns the verb, train where there is none, and the words after it."""
    if not words or "=" in words[0] or words[0].startswith(("-", "+", "~")):
        return "train", words
    return words[0], words[1:]


if __name__ == "__main__":
    raise SystemExit(main())
