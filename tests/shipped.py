"""Every shipped option of every group, and what has to be chosen beside it for a run that makes sense."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import own_files
import yaml

CONF = Path(__file__).parents[1] / "conf"
BACKENDS = ("torch", "keras")
COUNTS = {
    "activation": 21,
    "architecture": 8,
    "backend": 2,
    "data": 25,
    "debug": 4,
    "hydra/launcher": 5,
    "hydra/sweeper": 2,
    "initializer": 11,
    "loss": 11,
    "optimizer": 10,
    "parity": 1,
    "plots": 2,
    "schedule": 11,
    "sweep": 5,
    "task": 5,
    "tracking": 2,
    "training": 1,
}
# What is chosen beside an option; of a person's own data the file.
BESIDE = {
    "data=arrays": "data.path={folder}/signals.npz architecture=rnn",
    "data=brackets": "architecture=rnn",
    "data=huggingface": "data.name={folder}/saved",
    "data=images": "data.path={folder}/photos",
    "data=series": "data.path={folder}/hours.csv data.target=load data.window.length=4 architecture=rnn",
    "data=table": "data.path={folder}/houses.csv data.target=price",
    "loss=binary_cross_entropy": "data=moons",
    "loss=hinge": "data=moons",
    "loss=huber": "data=diabetes",
    "loss=log_cosh": "data=diabetes",
    "loss=mae": "data=diabetes",
    "loss=mse": "data=diabetes",
    "loss=poisson": "data=diabetes standardise=false",
}


def files(group: str) -> list[Path]:
    """Returns the files of a group."""
    return sorted((CONF / group).glob("*.yaml"))


def names(group: str) -> list[str]:
    """Returns the options of a group."""
    return [path.stem for path in files(group)]


def components(group: str, *left_out: str) -> list[tuple[str, dict[str, Any]]]:
    """Returns the components of a group with the arguments of their files; a file that is none is left out."""
    found = []
    for path in files(group):
        node = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "_target_" in node:
            name = node.pop("_target_").rpartition(".")[2]
            found.append((name, {key: value for key, value in node.items() if key not in left_out}))
    return found


def overrides(group: str, name: str, backend: str) -> list[str]:
    """Returns a command line with an option and what goes with it; the option has the last word."""
    choice = f"{group}={name}"
    beside = BESIDE.get(choice, "").format(folder=own_files.shared())
    return [f"backend={backend}", *beside.split(), choice]


def main() -> None:
    """Composes and checks every option for both backends; prints what was said and what was imported."""
    from runner import compose
    from runner.errors import ConfigurationError

    said: dict[str, str] = {}
    with compose.session():
        nodes = {backend: compose.compose([f"backend={backend}"]).backend for backend in BACKENDS}
        for group in COUNTS:
            for name in names(group):
                config = compose.compose(overrides(group, name, BACKENDS[0]))
                for backend in BACKENDS:
                    # To compose takes a tenth of a second, and a backend's options are all that changes with it.
                    if group != "backend":
                        config.backend = nodes[backend]
                    words = " ".join(overrides(group, name, backend))
                    try:
                        compose.inspect(config)
                        said[words] = "sound"
                    except ConfigurationError as error:
                        said[words] = str(error)
    print(json.dumps({"said": said, "imported": sorted(sys.modules)}))


if __name__ == "__main__":
    main()
