"""Decoded pictures in a file of the user's cache, so that every run and both backends read the same bytes at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.data.download import Tell
from runner.data.files import cache, locked
from runner.data.pictures import decoding
from runner.data.pictures.decoding import Form
from runner.errors import ConfigurationError, Fault

Bytes = NDArray[np.uint8]
# Another number makes what earlier releases decoded be decoded again.
_RELEASE = 1


@dataclass(frozen=True)
class Store:
    """Pictures and the file that holds them decoded.

    Args:
        file: where they lie or will lie.
        paths: of the pictures, in the order of their rows.
        form: what each is brought to.
    """

    file: Path
    paths: tuple[Path, ...]
    form: Form

    @property
    def action(self) -> str:
        """What is done to have them."""
        return "decoding"

    @property
    def megabytes(self) -> float:
        """How large the file is."""
        return len(self.paths) * int(np.prod(self.form.shape)) / 1e6

    def missing(self) -> tuple[Path, ...]:
        """Returns the pictures that are still to be decoded: all or none."""
        return () if self.file.is_file() else self.paths

    def fault(self) -> Fault | None:
        """Returns nothing: what is wrong with the files is told where they are looked at."""
        return None

    def note(self) -> str | None:
        """Returns what a run would do first, or None where that is done."""
        count = len(self.missing())
        if not count:
            return None
        return f"data.path: a run would decode {count:,} pictures to {self.file} ({self.megabytes:,.1f} MB)."

    def fetch(self, tell: Tell) -> None:
        """Decodes what is not decoded yet; of several processes one does it and the others wait.

        Raises:
            ConfigurationError: a picture is damaged, or there is no room.
        """
        if self.missing():
            with locked(self.file.parent):
                if self.missing():
                    self._write(lambda done: tell("pictures", int(1e6 * self.megabytes * done), None))

    def read(self, *, memory_map: bool) -> Bytes:
        """Returns all pictures, (pictures, height, width, channels).

        Args:
            memory_map: whether they stay on the disk and are read as they are needed.
        """
        self.fetch(lambda name, done, total: None)
        pictures: Bytes = np.load(self.file, mmap_mode="r" if memory_map else None, allow_pickle=False)
        return pictures

    def _write(self, tell: Callable[[float], None]) -> None:
        unfinished = self.file.with_suffix(".part")
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(self.paths), *self.form.shape)}
        try:
            with unfinished.open("wb") as file:
                np.lib.format.write_array_header_2_0(file, header)
                for number, picture in enumerate(decoding.decoded(self.paths, self.form), start=1):
                    file.write(picture.tobytes())
                    tell(number / len(self.paths))
            unfinished.replace(self.file)
        except OSError as error:
            rule = f"needs {self.megabytes:,.1f} MB in {self.file.parent}, which cannot be written: {error.strerror}"
            remedy = "Make room there, or take a smaller data.size."
            raise ConfigurationError([Fault("data.path", rule, remedy=remedy)]) from error
        finally:
            unfinished.unlink(missing_ok=True)
        self._forget_earlier()

    def _forget_earlier(self) -> None:
        """Removes what was decoded of the same pictures to the same form before one of them changed."""
        for earlier in self.file.parent.glob(f"{self.file.stem.rpartition('_')[0]}_*.npy"):
            if earlier != self.file:
                # Where another process still reads it, Windows keeps it: it goes the next time.
                with suppress(PermissionError):
                    earlier.unlink()


def store(origin: Path, paths: tuple[Path, ...], stamps: tuple[tuple[int, int], ...], form: Form) -> Store:
    """Returns pictures and the file that is theirs: a picture that changed, or another form, makes another.

    Args:
        origin: the folder or table that names the pictures.
        paths: of the files, in the order of their rows.
        stamps: size and time of each.
        form: what each is brought to.
    """
    about = _digest(_RELEASE, origin.resolve(), *form.shape, form.fit)
    state = _digest(*zip(paths, stamps, strict=True))
    return Store(cache() / "pictures" / f"{origin.stem}_{about}_{state}.npy", paths, form)


def _digest(*words: object) -> str:
    return hashlib.sha256(repr([str(word) for word in words]).encode()).hexdigest()[:12]
