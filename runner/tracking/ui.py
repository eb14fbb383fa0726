"""MLflow's pages, served small: one worker and no job runner, on this machine alone."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from runner.tracking.store import address, artifact_location, charts_page, database, is_server
from runner.tracking.view import tag

_HOST = "127.0.0.1"
_START_SECONDS = 60.0
_ANSWER_SECONDS = 10.0


def serve(folder: Path, uri: str | None, port: int) -> int:
    """Serves the store until Ctrl-C, and prints the address of the newest run's experiment.

    Args:
        folder: the working folder, whose store is meant where nothing else is said.
        uri: the store's address, or None.
        port: the port to listen on.

    Returns:
        the exit code: 0, or 1 where there is nothing to serve or no way to.
    """
    store = address(uri, folder)
    if is_server(store):
        print(newest_charts(store))
        return 0
    path = database(store)
    if path is not None and not path.exists():
        return _refuse(f"There are no runs yet in {path}. Make one: python -m runner")
    if _taken(port):
        another = f"python -m runner ui port={port + 1}"
        return _refuse(f"Port {port} is taken, perhaps by another MLflow. Choose another: {another}")
    # Stopped in any way, this takes the server along.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryFile() as output:
        server = subprocess.Popen(
            _command(store, port), env=_environment(os.environ), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            return _announce(server, f"http://{_HOST}:{port}", output)
        except KeyboardInterrupt:
            return 0
        finally:
            _stop(server)


def newest_charts(server: str) -> str:
    """Returns the address of the charts of the newest run's experiment, or of its sweep."""
    experiments = _ask(server, "experiments/search", {"max_results": 1000}).get("experiments", [])
    numbers = [experiment["experiment_id"] for experiment in experiments]
    order = {"experiment_ids": numbers, "max_results": 1, "order_by": ["attributes.start_time DESC"]}
    runs = _ask(server, "runs/search", order).get("runs", []) if numbers else []
    if not runs:
        return server
    tags = {tag["key"]: tag["value"] for tag in runs[0]["data"].get("tags", [])}
    number, sweep = runs[0]["info"]["experiment_id"], tags.get("sweep")
    (known,) = (each.get("tags", []) for each in experiments if each["experiment_id"] == number)
    viewed = any(each["key"] == tag(sweep) for each in known)
    return charts_page(server, number, sweep, viewed=viewed)


def _announce(server: subprocess.Popen[bytes], root: str, output: IO[bytes]) -> int:
    if not _comes_up(server, root):
        output.seek(0)
        return _refuse(f"MLflow's server did not come up. It said:\n{output.read().decode(errors='replace')}")
    print(newest_charts(root), flush=True)
    print("Ctrl-C ends it.", flush=True)
    return server.wait()


def _comes_up(server: subprocess.Popen[bytes], root: str) -> bool:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{root}/health", timeout=_ANSWER_SECONDS).close()
            return True
        time.sleep(0.1)
    return False


def _ask(server: str, what: str, content: Mapping[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server}/api/2.0/mlflow/{what}",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _command(store: str, port: int) -> list[str]:
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
    command += ["--host", _HOST, "--port", str(port)]
    files = artifact_location(store)
    return command if files is None else [*command, "--default-artifact-root", files]


def _environment(current: Mapping[str, str]) -> dict[str, str]:
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**current, "MLFLOW_LOGGING_LEVEL": "WARNING", **quiet}


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((_HOST, port)) == 0


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1
