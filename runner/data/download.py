"""Published files from mirrors: resumed where a connection broke off, and taken only with the published digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from runner.errors import RunnerError

# Called with the name of a file, how many bytes of it are there, and how many there will be where that is known.
Tell = Callable[[str, int, int | None], None]

# A mirror that breaks off is asked again for the rest, as long as it gives more.
_ATTEMPTS = 5
_SECONDS_WITHOUT_A_BYTE = 20.0
_BLOCK = 1 << 16


class DownloadError(RunnerError):
    """No mirror gave the file; the message says why of each."""


class _MirrorFailed(Exception):
    """What a mirror gave is not the file, or it gave nothing."""


def download(name: str, *, mirrors: Sequence[str], folder: Path, sha256: str, tell: Tell) -> None:
    """Brings a file into a folder; half of it stays there as ``.part`` where no mirror gave the rest.

    Args:
        name: of the file, on every mirror and in the folder.
        mirrors: addresses of folders that hold it, tried in turn.
        folder: where it is put once it is complete.
        sha256: of the whole file, in hexadecimal.
        tell: told how far it has got.

    Raises:
        DownloadError: no mirror gave the file.
    """
    part = folder / f"{name}.part"
    reasons = []
    for mirror in mirrors:
        try:
            _from_mirror(f"{mirror}{name}", part, sha256, lambda size, total: tell(name, size, total))
        except _MirrorFailed as error:
            reasons.append(f"{urlsplit(mirror).netloc}: {error}")
        else:
            part.replace(folder / name)
            return
    raise DownloadError("; ".join(reasons))


def _from_mirror(url: str, part: Path, sha256: str, tell: Callable[[int, int | None], None]) -> None:
    for _ in range(_ATTEMPTS):
        before = _size(part)
        try:
            is_whole, reason = _transfer(url, part, tell), "the connection broke off"
        except HTTPError as error:
            raise _MirrorFailed(f"{error.code} {error.reason}") from error
        except (OSError, HTTPException) as error:
            is_whole, reason = False, _reason(error)
        if is_whole and _digest(part) == sha256:
            return
        if is_whole:
            part.unlink()
            # What was there before may have been the beginning of something else: once more without it.
            if before == 0:
                raise _MirrorFailed("its file has another SHA-256 than was published")
        elif _size(part) <= before:
            raise _MirrorFailed(reason)
    raise _MirrorFailed("the connection broke off again and again")


def _transfer(url: str, part: Path, tell: Callable[[int, int | None], None]) -> bool:
    """Appends to a part what it lacks; returns whether it is whole now."""
    size = _size(part)
    asked = Request(url, headers={"Range": f"bytes={size}-"} if size else {})
    try:
        answer = urlopen(asked, timeout=_SECONDS_WITHOUT_A_BYTE)
    except HTTPError as error:
        if error.code != 416 or not size:
            raise
        # There is nothing after the part: it is whole, or it is no part of this file.
        return True
    with answer:
        # Who does not know ranges sends everything again.
        size = size if answer.status == 206 else 0
        length = answer.headers.get("Content-Length")
        total = None if length is None else size + int(length)
        with part.open("ab" if size else "wb") as file:
            while block := answer.read(_BLOCK):
                size += file.write(block)
                tell(size, total)
    return total is None or size >= total


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    return str(getattr(inner, "strerror", None) or inner) or type(inner).__name__
