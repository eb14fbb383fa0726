"""How each verb is used: the words after it, what it does, what it takes and an example; read by the help alone."""

from __future__ import annotations

from typing import NamedTuple


class Usage(NamedTuple):
    """The help of a verb.

    Args:
        words: what is typed after the verb.
        about: what it does, in a sentence or two.
        options: what it takes, each with a line.
        example: what is typed after the verb, for once.
        meaning: what the example does.
    """

    words: str
    about: str
    options: tuple[tuple[str, str], ...]
    example: str
    meaning: str


_CONFIGURATION = (
    ("GROUP=OPTION", "another choice in a group, as optimizer=sgd; list shows them all"),
    ("KEY=VALUE", "another value of a key, as training.epochs=5"),
)
_FOLDERS = (
    ("--config-dir DIR", "take options from a further folder; ./conf and ./experiments are found without it"),
    ("--config-name NAME", "begin with another file than config.yaml"),
)
_MANY = ("-m", "several values of a key, as seed=1,2,3: every combination is a run of its own")
_RUN = (
    "RUN",
    "its number in MLflow or the first 8 digits of it, its name, its folder, last, or best (best:SWEEP)",
)
_BEST = (
    ("--metric NAME", "what best is best in, as test/accuracy; what the runs monitored without it"),
    ("--of NAME", "the sweep or experiment that best is looked for in; that of the newest run without it"),
)
_STORE = ("tracking.uri=ADDRESS", "the store to ask; MLFLOW_TRACKING_URI or ./mlflow.db without it")
_TRUST = ("--trust", "import code that is neither this program's nor of this folder")

USAGES = {
    "train": Usage(
        "[GROUP=OPTION ...] [KEY=VALUE ...] [-m]",
        "Trains a model, evaluates it and tells MLflow; every fault is said before anything is started.",
        (
            *_CONFIGURATION,
            _MANY,
            ("--cfg job", "print the configuration that would run, and run nothing"),
            *_FOLDERS,
        ),
        "data=wine optimizer=sgd training.epochs=5",
        "train on other data with another optimizer",
    ),
    "check": Usage(
        "[GROUP=OPTION ...] [KEY=VALUE ...] [-m]",
        "Says whether a configuration would run, with its layers, rows and steps; of a sweep every job is checked.",
        (*_CONFIGURATION, _MANY, *_FOLDERS),
        "data=digits architecture=cnn",
        "look at the layers before anything runs",
    ),
    "parity": Usage(
        "[GROUP=OPTION ...] [KEY=VALUE ...]",
        "Trains on both backends, compares every step, and says whether the numbers are the same; exit code 1 if not.",
        (
            *_CONFIGURATION,
            ("parity.steps=NUMBER", "how many steps are compared"),
            ("parity.control=keras-on-torch", "a third arm that tells whose doing a difference is"),
            *_FOLDERS,
        ),
        "data=wine activation=gelu parity.steps=50",
        "compare fifty steps of both",
    ),
    "explain": Usage(
        "[GROUP=OPTION ...] [KEY=VALUE ...] [--markdown] [--check] [--differences]",
        "Says what every key and layer means, what both frameworks call it, and whether their numbers are the same.",
        (
            *_CONFIGURATION,
            ("--markdown", "print it for a page"),
            ("--check", "ask the installed frameworks whether every name is there; exit code 1 if not"),
            (
                "--differences",
                "print every difference between the frameworks that is known, and nothing else",
            ),
            *_FOLDERS,
        ),
        "optimizer=rmsprop schedule=cosine",
        "what the two call RMSprop and its schedule",
    ),
    "list": Usage(
        "[GROUP ...] [GROUP=OPTION ...]",
        "Shows the choices of a group with their equations, keys, defaults and allowed values.",
        (("GROUP", "all its options"), ("GROUP=OPTION", "one of them")),
        "optimizer=adam",
        "the equation of Adam and its keys",
    ),
    "report": Usage(
        "NAME [metric=NAME] [tracking.uri=ADDRESS]",
        "Compares the runs of a sweep or an experiment: a leaderboard, what is better than what, a page with figures.",
        (
            ("NAME", "a sweep as its output names it, an experiment of MLflow, or last"),
            ("metric=NAME", "by what they are compared, as test/accuracy"),
            _STORE,
        ),
        "last",
        "compare the runs of the newest sweep",
    ),
    "show": Usage(
        "RUN [tracking.uri=ADDRESS] [--metric NAME] [--of NAME]",
        "Shows a recorded run: what was chosen, its metrics and its curves.",
        (_RUN, *_BEST, _STORE),
        "best --metric test/accuracy",
        "the best run of the newest one's sweep or experiment",
    ),
    "compare": Usage(
        "RUN RUN ... [tracking.uri=ADDRESS] [--metric NAME]",
        "Shows recorded runs side by side: where their configurations differ, their metrics and their curves.",
        (_RUN, _BEST[0], _STORE),
        "last best",
        "what the best run did otherwise than the newest",
    ),
    "evaluate": Usage(
        "RUN [KEY=VALUE ...] [--rows PART] [--metric NAME] [--of NAME] [--trust]",
        "Evaluates a trained network again, on its own test rows or on other data, with metrics and figures, as a run"
        " of its own.",
        (
            _RUN,
            ("data=..., data.path=PATH", "other data, of which all rows are evaluated"),
            ("backend=NAME", "evaluate on the other framework"),
            ("--rows PART", "train, validation, test or all rows"),
            *_BEST,
            _TRUST,
            _STORE,
        ),
        "last --rows validation",
        "the validation rows of the newest training",
    ),
    "rerun": Usage(
        "RUN [KEY=VALUE ...] [--metric NAME] [--of NAME] [--trust]",
        "Carries a recorded run out again and says what is different today; exit code 1 where other numbers come of it"
        " than rounding explains.",
        (
            _RUN,
            ("KEY=VALUE", "what is changed on purpose, and then may change the numbers"),
            *_BEST,
            _TRUST,
            _STORE,
        ),
        "last",
        "the newest training again",
    ),
    "predict": Usage(
        "RUN --input FILE --output FILE [--backend NAME] [--keep COLUMNS] [--force] [--metric NAME] [--of NAME]",
        "Says what a trained network says of new examples: classes with probabilities, or values, in their order.",
        (
            _RUN,
            (
                "--input FILE",
                "CSV, Parquet, npy, npz, safetensors, pictures or a folder of them; - for CSV from a pipe",
            ),
            ("--output FILE", "ends in .csv, .parquet or .npz; - for the terminal"),
            ("--backend NAME", "torch, keras or numpy; what trained it without it"),
            ("--keep COLUMNS", "columns of the input that go along, with commas between, or none"),
            ("--force", "replace an output that is there already"),
            *_BEST,
            _STORE,
        ),
        "last --input new.csv --output answers.csv",
        "an answer for every row of a file",
    ),
    "export": Usage(
        "RUN --output PATH [--format FORMAT] [--force] [--metric NAME] [--of NAME]",
        "Writes a trained network in a form that others read, carries it out on the spot and compares it with the run.",
        (
            _RUN,
            ("--format FORMAT", "onnx, torch, saved_model or safetensors; told from the output without it"),
            ("--output PATH", "a file, or for saved_model a folder"),
            ("--force", "replace an output that is there already"),
            *_BEST,
            _STORE,
        ),
        "last --format safetensors --output network.safetensors",
        "weights and equations in one file",
    ),
    "register": Usage(
        "RUN --name NAME [--alias NAME] [--metric NAME] [--of NAME]",
        "Puts the model of a run into MLflow's registry, from where it is served, and prints the line that serves it.",
        (
            _RUN,
            ("--name NAME", "what the model is called in the registry"),
            ("--alias NAME", "what this version is called besides, as champion"),
            *_BEST,
            _STORE,
        ),
        "best --name digits --alias champion",
        "the best run under a name",
    ),
    "resume": Usage(
        "RUN [KEY=VALUE ...] [--metric NAME] [--of NAME] [--trust]",
        "Goes on with a run from its last checkpoint, in the same folder and the same run of MLflow; or with what is"
        " missing of a sweep.",
        (
            _RUN,
            ("SWEEP", "its name or its folder"),
            ("KEY=VALUE", "what may change on the way, as training.epochs=60 or backend=keras"),
            *_BEST,
            _TRUST,
            _STORE,
        ),
        "last training.epochs=60",
        "go on with the newest training",
    ),
    "sync": Usage(
        "[tracking.uri=ADDRESS]",
        "Sends to MLflow what could not be sent when it happened; exit code 1 where something is left.",
        (("tracking.uri=ADDRESS", "a further store, beside those that the runs of this folder name"),),
        "",
        "send what waits in this folder",
    ),
    "clean": Usage(
        "[--yes] [tracking.uri=ADDRESS]",
        "Finds runs that died without a word, checkpoints of deleted runs and half-made files; changes nothing without"
        " --yes.",
        (("--yes", "mark the runs as KILLED and remove the files"), _STORE),
        "",
        "look what there is",
    ),
    "ui": Usage(
        "[tracking.uri=ADDRESS] [port=NUMBER]",
        "Serves MLflow's pages on the runs of this folder until Ctrl-C, and prints the address of the right one.",
        (_STORE, ("port=NUMBER", "where they are served; 5000 without it")),
        "port=5001",
        "the pages at another port",
    ),
}
