"""A store that many write to at once: a tracking server on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import servers
from examples import measurements

from runner.tracking import sent

pytestmark = [
    # MLflow warns of its own annotations.
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    pytest.mark.timeout(600),
]

TRAINING = Path(__file__).with_name("training_process.py")
JOBS, EPOCHS = 16, 300


def test_sixteen_jobs_at_once_lose_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each is a process with a recorder of its own, as on sixteen machines."""
    programs = servers.postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed on this machine")
    import mlflow

    base = tmp_path_factory.mktemp("shared")
    port = servers.free_port()
    uri = f"http://127.0.0.1:{port}"
    with servers.postgresql(programs) as store, servers.tracking_server(base, port, store=store):
        processes = [
            subprocess.Popen(
                [sys.executable, str(TRAINING), str(base), f"job{number}", "FINISHED"],
                env=os.environ | {"MLFLOW_TRACKING_URI": uri},
            )
            for number in range(JOBS)
        ]
        assert [process.wait() for process in processes] == [0] * JOBS
        assert all(sent.load(base / f"job{number}").complete for number in range(JOBS))
        client = mlflow.MlflowClient(uri)
        experiment = client.get_experiment_by_name("examples")
        assert experiment is not None
        found = {run.info.run_name: run.info for run in client.search_runs([experiment.experiment_id])}
        assert {name: info.status for name, info in found.items()} == {
            f"job{number}": "FINISHED" for number in range(JOBS)
        }
        for info in found.values():
            for name in ("train/loss", "validation/accuracy"):
                history = client.get_metric_history(info.run_id, name)
                assert sorted((row.step, row.value) for row in history) == [
                    (epoch, values[name]) for epoch, values in measurements(EPOCHS)
                ]
