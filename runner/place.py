"""Which process of a training this is, where each device has one, and which rows of a batch it goes through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """The rows of a batch that one process goes through: ``width`` from ``first`` on, of which ``own`` are there.

    Beyond the end of the batch its last row stands again; it counts nowhere.
    """

    first: int
    own: int
    width: int
    rows: int


@dataclass(frozen=True)
class Place:
    """One of the processes of a training.

    Args:
        rank: its number among all, from 0; 0 is the one that tells what comes of the training.
        devices: how many there are on each machine.
        addresses: where each process hears the others, ``host:port``, by rank.
    """

    rank: int = 0
    devices: int = 1
    addresses: tuple[str, ...] = ("",)

    @property
    def size(self) -> int:
        """How many there are on all machines."""
        return len(self.addresses)

    @property
    def local_rank(self) -> int:
        """Its number among those of its machine, from 0."""
        return self.rank % self.devices

    def share(self, rows: int) -> Share:
        """Returns what this process has of a batch: ceil(rows / size), dealt out in order."""
        width = -(-rows // self.size)
        first = self.rank * width
        return Share(first, min(max(rows - first, 0), width), width, rows)


ALONE = Place()
