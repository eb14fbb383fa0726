"""Servers on this machine that tests start and stop: MLflow's, and PostgreSQL where its programs are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def free_port() -> int:
    """Returns a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@contextmanager
def tracking_server(base: Path, port: int, *, store: str | None = None) -> Iterator[None]:
    """Runs a tracking server while it lasts, on an SQLite file in ``base`` or on another store."""
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", store or f"sqlite:///{base}/server.db"]
    command += ["--artifacts-destination", f"{base}/files"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (base / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def model_server(base: Path, port: int, *, model: str, uri: str) -> Iterator[str]:
    """Serves a model as a person does, while it lasts; yields the address of its answers."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model, "--env-manager", "local"]
    # This project is not there where a model is served.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"MLFLOW_TRACKING_URI": uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (base / "model.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=base,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, (base / "model.log").read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def asked(address: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Returns the code and the content of an answer, whether it is a good one or not."""
    request = urllib.request.Request(address, data=content, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def postgresql_programs() -> Path | None:
    """Returns the folder of PostgreSQL's programs, or None where there are none."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """Runs a new PostgreSQL on loopback while it lasts; yields the address of an empty database of it."""
    port = free_port()
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    # A folder of its own in the system's: the user that its processes have can reach no folder of another's tests.
    with TemporaryDirectory() as folder:
        data = Path(folder)
        as_user: list[str] = []
        if os.getuid() == 0:
            # PostgreSQL does not run as root: its package made a user for it.
            as_user = ["runuser", "-u", "postgres", "--"]
            shutil.chown(data, "postgres")

        def program(name: str, *words: str) -> None:
            command = [*as_user, str(programs / name), "-D", str(data / "cluster"), *words]
            subprocess.run(command, cwd=data, stdout=subprocess.DEVNULL, check=True)

        program("initdb", "--auth=trust", "--username=postgres", "--no-sync")
        program("pg_ctl", "start", "--wait", "-l", str(data / "log"), "-o", settings)
        try:
            yield f"postgresql+psycopg2://postgres@127.0.0.1:{port}/postgres"
        finally:
            program("pg_ctl", "stop", "--wait", "-m", "immediate")
