"""Files that a data set is read from: in a folder of the user's, or in the cache, where they are downloaded to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.data.download import DownloadError, Tell, download
from runner.data.idx import PACKED
from runner.errors import ConfigurationError, Fault
from runner.suggestions import listed

ROOT = "data.root"


@dataclass(frozen=True)
class File:
    """A published file.

    Args:
        name: as it is called unpacked; the mirrors have it packed, with ``.gz`` behind its name.
        packed_sha256: of the packed file as the mirrors have it, in hexadecimal.
        sha256: of the unpacked bytes, or None where nobody published it.
    """

    name: str
    packed_sha256: str
    sha256: str | None


@dataclass(frozen=True)
class Files:
    """The files of a data set.

    Args:
        name: of the data set.
        files: all that it needs.
        mirrors: addresses of folders that hold the packed files, tried in turn.
        root: the user's folder that holds them, packed or not, or None for the cache.
    """

    name: str
    files: tuple[File, ...]
    mirrors: tuple[str, ...]
    root: Path | None

    @property
    def action(self) -> str:
        """What is done to have them."""
        return "downloading"

    @property
    def folder(self) -> Path:
        """Where the files lie or will lie."""
        return cache() / self.name if self.root is None else self.root

    def path(self, file: File) -> Path | None:
        """Returns where a file is, the unpacked one before the packed one, or None where it is not there."""
        places = (self.folder / file.name, self.folder / f"{file.name}{PACKED}")
        return next((place for place in places if place.is_file()), None)

    def missing(self) -> list[File]:
        """Returns the files that are not there."""
        return [file for file in self.files if self.path(file) is None]

    def fault(self) -> Fault | None:
        """Returns what is wrong with the user's folder; what is not in the cache yet can be downloaded."""
        missing = self.missing() if self.root is not None else []
        if not missing:
            return None
        rule = f"has no {_listed(missing)}" if self.folder.is_dir() else "is no folder"
        remedy = f"Put {_listed(self.files)} there, packed as {PACKED} or not, or leave {ROOT} at null to download them."
        return Fault(ROOT, rule, str(self.folder), remedy=remedy)

    def note(self) -> str | None:
        """Returns what a run would download, or None where everything is there."""
        missing = self.missing() if self.root is None else []
        if not missing:
            return None
        return f"{ROOT}: a run would download {_listed(missing)} of {self.name} to {self.folder}."

    def fetch(self, tell: Tell) -> None:
        """Brings what is not there yet; of several processes one brings it and the others wait.

        Raises:
            ConfigurationError: a file is neither there nor to be had.
        """
        fault = self.fault()
        if fault:
            raise ConfigurationError([fault])
        if self.missing():
            with locked(self.folder):
                for file in self.missing():
                    self._download(file, tell)

    def refusal(self, file: File, reason: str) -> ConfigurationError:
        """Returns the error of a file that is there and cannot be used."""
        remedy = (
            "Remove it to have it downloaded again."
            if self.root is None
            else "Put a sound copy in its place."
        )
        return ConfigurationError([Fault(ROOT, f"{self.path(file)} {reason}", remedy=remedy)])

    def _download(self, file: File, tell: Tell) -> None:
        name, sha256 = f"{file.name}{PACKED}", file.packed_sha256
        try:
            download(name, mirrors=self.mirrors, folder=self.folder, sha256=sha256, tell=tell)
        except DownloadError as error:
            rule = f"{self.name} is not there, and {name} could not be downloaded ({error})"
            remedy = (
                f"Put {_listed(self.files)}, packed as {PACKED} or not, into {self.folder},"
                f" or name a folder that holds them by {ROOT}=FOLDER."
            )
            raise ConfigurationError([Fault(ROOT, rule, remedy=remedy)]) from error


def cache() -> Path:
    """Returns the folder of the user's in which downloaded files are kept."""
    from platformdirs import user_cache_path

    return user_cache_path("runner", appauthor=False)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Makes a folder for files of ours and keeps other processes out of it; where they are in it, waits for them.

    Raises:
        ConfigurationError: it cannot be written.
    """
    from filelock import FileLock

    lock = FileLock(folder / "in_use.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        rule = f"needs {folder}, which cannot be written: {error.strerror}"
        remedy = f"Name a folder that holds the files by {ROOT}=FOLDER."
        raise ConfigurationError([Fault(ROOT, rule, remedy=remedy)]) from error
    try:
        yield
    finally:
        lock.release()


def _listed(files: Sequence[File]) -> str:
    return listed([file.name for file in files])
