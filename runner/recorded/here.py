"""The runs of the folder in which a command was typed, and where MLflow's store is for it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from runner.recorded import local
from runner.tracking import RunCard, store


@dataclass(frozen=True)
class Here:
    """The runs of the working folder, the newest first, and the address of MLflow's store."""

    cards: list[tuple[Path, RunCard]]
    uri: str

    @classmethod
    def look(cls, uri: str | None) -> Here:
        """Returns what is here; where a store is named, the runs that went to it."""
        address = store.address(uri, Path.cwd())
        known = local.cards()
        if uri or os.environ.get("MLFLOW_TRACKING_URI"):
            known = [(folder, card) for folder, card in known if card.uri == address]
        return cls(known, address)

    @property
    def trainings(self) -> list[tuple[Path, RunCard]]:
        """The runs that are trainings."""
        return [each for each in self.cards if local.is_training(each[1])]

    @property
    def has_store(self) -> bool:
        """Whether MLflow can be asked: a file that is not there yet has no runs."""
        path = store.database(self.uri)
        return path is None or path.is_file()
