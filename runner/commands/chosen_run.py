"""The network of the run that a word names, for the verbs that use one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner import network_reading
from runner.errors import Fault, UsageError
from runner.network_file import NETWORK
from runner.network_reading import StoredNetwork
from runner.weights import WEIGHTS

_CONFIG = "config.yaml"


@dataclass(frozen=True)
class Trained:
    """A recorded network.

    Args:
        name: of the run, or its folder.
        network: read from its files.
        backend: the framework that trained it, or None where nobody says.
    """

    name: str
    network: StoredNetwork
    backend: str | None


def network_of(text: str) -> Trained:
    """Returns the network of a run.

    Args:
        text: a folder.

    Raises:
        ConfigurationError: there is no such run, or its files are gone or damaged.
    """
    folder = Path(text)
    if not folder.is_dir():
        raise UsageError([Fault(text, "there is no such folder of a run")])
    for name in (WEIGHTS, NETWORK):
        if not (folder / name).is_file():
            raise UsageError([Fault(text, f"has no {name}", None, None, why_none(name))])
    return Trained(text, network_reading.read(folder / NETWORK, folder / WEIGHTS), _backend(folder / _CONFIG))


def why_none(name: str) -> str:
    """Returns why a run may lack a file of its network."""
    if name == NETWORK:
        return (
            "A network with functions of a person's own, or one that native semantics turns, is known to its"
            " framework alone."
        )
    return "A training that came to its end leaves it behind."


def _backend(path: Path) -> str | None:
    """Returns who trained by the configuration of the run; None where that is gone or says nothing."""
    import yaml

    try:
        config: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = config["backend"]["name"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None
