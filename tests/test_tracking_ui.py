"""MLflow's pages: what is refused in a sentence, and one real server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from examples import card

from runner.tracking.journal import Journal
from runner.tracking.recorder import Recorder
from runner.tracking.store import address
from runner.tracking.ui import serve

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def port() -> Iterator[int]:
    """Yields a port of this machine that is in use while the test lasts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_without_runs_there_is_nothing_to_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(tmp_path, None, 5000) == 1
    said = capsys.readouterr().err
    assert (
        said == f"There are no runs yet in {tmp_path.resolve() / 'mlflow.db'}. Make one: python -m runner\n"
    )


def test_a_port_in_use_is_refused(tmp_path: Path, port: int, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mlflow.db").touch()
    assert serve(tmp_path, None, port) == 1
    said = capsys.readouterr().err
    another = f"python -m runner ui port={port + 1}"
    assert said == f"Port {port} is taken, perhaps by another MLflow. Choose another: {another}\n"


@pytest.mark.drawn(1)
@pytest.mark.parametrize(
    ("tags", "query"),
    [
        ({"sweep": "a1"}, "&searchFilter=tags.sweep%3D%22a1%22"),
        ({"sweep": "a1", "role": "summary"}, "&viewStateShareKey=a1"),
    ],
    ids=["a run", "the summary, which has a view made"],
)
def test_the_address_leads_to_the_charts_of_the_newest_sweep(
    tmp_path: Path, tags: dict[str, str], query: str
) -> None:
    recorder = Recorder.start(address(None, tmp_path), tmp_path)
    journal = Journal(tmp_path / "run")
    recorder.follow(tmp_path / "run")
    known = card(tmp_path)
    journal.start(replace(known, tags={**known.tags, **tags}))
    journal.end("FINISHED", None)
    assert recorder.finish(60).sentences == ()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "import sys; from pathlib import Path; from runner.tracking.ui import serve;"
    code += " sys.exit(serve(Path(sys.argv[1]), None, int(sys.argv[2])))"
    command = [sys.executable, "-c", code, str(tmp_path), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        page = server.stdout.readline().strip()
        root, _, rest = page.partition("/#/")
        assert root == f"http://127.0.0.1:{port}"
        assert rest == f"experiments/1/runs?workflowType=machine_learning&compareRunsMode=CHART{query}"
        with urllib.request.urlopen(f"{root}/health", timeout=10) as answer:
            assert answer.status == 200
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{root}/health", timeout=10)
