"""Small IDX files made up on the spot, and mirrors on this machine that serve them well or badly."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from runner.data.files import File, Files
from runner.data.images import of_files
from runner.data.records import Source

CLASSES = tuple("0123456789")
ROWS = (40, 12)
NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_file(array: NDArray[np.uint8]) -> bytes:
    """Returns an array as an IDX file of bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def arrays() -> dict[str, NDArray[np.uint8]]:
    """Returns images and classes by the names of their files, the same at every call."""
    draws = np.random.default_rng(5)
    found: dict[str, NDArray[np.uint8]] = {}
    for rows, (images, labels) in zip(ROWS, (NAMES[:2], NAMES[2:]), strict=True):
        found[images] = draws.integers(0, 256, (rows, 28, 28)).astype(np.uint8)
        found[labels] = (np.arange(rows) % len(CLASSES)).astype(np.uint8)
    return found


def packed(name: str) -> bytes:
    """Returns a file as a mirror has it."""
    return gzip.compress(idx_file(arrays()[name]), mtime=0)


def collection(root: Path | None, mirrors: Sequence[str] = (), name: str = "small") -> Files:
    """Returns the four files with their digests."""
    return Files(
        name,
        tuple(
            File(
                each,
                hashlib.sha256(packed(each)).hexdigest(),
                hashlib.sha256(idx_file(arrays()[each])).hexdigest(),
            )
            for each in NAMES
        ),
        tuple(mirrors),
        root,
    )


def source(*, root: str | None, mirrors: list[str], memory_map: bool) -> Source:
    """Returns the small images as a data set that a configuration can name."""
    files = collection(None if root is None else Path(root), mirrors)
    return of_files(files, classes=CLASSES, rows=ROWS, memory_map=memory_map)


def write(folder: Path, *, pack: bool = False) -> Path:
    """Writes all four files into a folder and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays().items():
        if pack:
            (folder / f"{name}.gz").write_bytes(packed(name))
        else:
            (folder / name).write_bytes(idx_file(array))
    return folder


class Mirrors:
    """A server whose folders are mirrors, each with a habit of its own.

    ``good`` knows ranges; ``plain`` does not; ``breaks`` gives at most 3,000 bytes at a time and then hangs up; ``stuck``
    does so once and then gives nothing; ``damaged`` has one other byte; ``longer`` has some at the end; ``slow`` waits
    before it answers; any other has nothing.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.asked: list[tuple[str, str, str | None]] = []

    def address(self, habit: str) -> str:
        """Returns the address of a mirror."""
        return f"http://127.0.0.1:{self.port}/{habit}/"

    def ranges(self, habit: str, name: str) -> list[str | None]:
        """Returns what part of a file a mirror was asked for, each time."""
        return [part for mirror, asked, part in self.asked if (mirror, asked) == (habit, f"{name}.gz")]


@contextlib.contextmanager
def serving() -> Iterator[Mirrors]:
    """Serves mirrors while it lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            habit, name = self.path.strip("/").split("/")
            part = self.headers.get("Range")
            mirrors.asked.append((habit, name, part))
            content = content_of(habit, name.removesuffix(".gz"))
            if content is None:
                self.send_error(404)
                return
            first = int(part.removeprefix("bytes=").removesuffix("-")) if part and habit != "plain" else 0
            if first and first >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(content) - first))
            self.end_headers()
            rest = content[first:]
            if habit == "breaks":
                rest = rest[:3000]
            if habit == "stuck":
                rest = b"" if first else rest[:3000]
            self.wfile.write(rest)

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    def content_of(habit: str, name: str) -> bytes | None:
        content = packed(name) if name in NAMES else None
        if content is None or habit not in ("good", "plain", "breaks", "stuck", "damaged", "longer", "slow"):
            return None
        if habit == "slow":
            time.sleep(0.2)
        if habit == "damaged":
            return content[:50] + bytes([content[50] ^ 1]) + content[51:]
        return content + b"more" if habit == "longer" else content

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mirrors = Mirrors(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield mirrors
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def dead() -> str:
    """Returns the address of a mirror at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"
