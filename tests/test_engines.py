"""The engines of a sweep: the same numbers with each, and no failure of a run that costs another one."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sweeps
from examples import card
from safetensors.numpy import load_file
from support import experiment

from runner.errors import ConfigurationError, RunnerError
from runner.runs import RunRequest
from runner.sweep import record
from runner.sweep.engines import ray
from runner.sweep.engines.choice import ENGINES, chosen
from runner.sweep.worker import work
from runner.tracking import journal
from runner.tracking.process import Process, gone
from runner.tracking.pulse import PULSE

pytestmark = pytest.mark.timeout(600)

TINY = ["architecture.hidden_sizes=[4]", "plots=none", "training.epochs=1"]
RANDOM = ["data=random", "tracking=none", *TINY]
ELSEWHERE = ["joblib", "ray", "submitit_local"]
WITHOUT_A_WORD = "its process ended without a word (killed, out of memory, or by itself)"
# As long as a run takes at most that is well, its framework's import among others, on a machine that has other tests to do.
SECONDS = 90
TIMED_OUT = f"timed out after {SECONDS} s (sweep.job_timeout)"
# The one that hangs comes first: its time passes while the others have their turn.
FAILURES = {
    "joblib": {
        "hang": TIMED_OUT,
        "kill": "its process was killed (out of memory, or by somebody)",
        "exit": "its process ended without a word (exit code 3)",
        "raise": "ValueError: no rows today",
        "odd": "Odd: <function",
        "leave": "SystemExit: 3",
    },
    "ray": {"hang": TIMED_OUT, "kill": WITHOUT_A_WORD, "exit": WITHOUT_A_WORD, "odd": "Odd: <function"},
    "submitit_local": {
        "hang": TIMED_OUT,
        "kill": WITHOUT_A_WORD,
        "exit": WITHOUT_A_WORD,
        "leave": "SystemExit: 3",
    },
    "submitit_slurm": {"hang": TIMED_OUT, "kill": WITHOUT_A_WORD},
}
SLURM = [
    "hydra.launcher.partition=short",
    "hydra.launcher.account=physics",
    "hydra.launcher.timeout_min=7",
    "hydra.launcher.mem_gb=2",
    "hydra.launcher.gpus_per_node=1",
    'hydra.launcher.setup=["export SET_UP=yes"]',
    "+hydra.launcher.additional_parameters.nodelist=node7",
    "+hydra.launcher.additional_parameters.exclusive=true",
]
# A SLURM of this machine, by the four commands that submitit calls: a job is a process in a session of its own.
COMMANDS = {
    "sbatch": """#!/bin/bash
number=$(($(ls "$JOBS" | grep -c sbatch) + 1))
cp "$1" "$JOBS/$number.sbatch"
SLURM_JOB_ID=$number setsid bash -c 'bash "$0"; echo $? > "$1"' "$1" "$JOBS/$number.ended" > /dev/null 2>&1 &
echo $! > "$JOBS/$number.process"
echo "Submitted batch job $number"
""",
    "srun": """#!/bin/bash
while [[ "$1" == --* ]]; do
  [[ "$1" == --output || "$1" == --error ]] && shift
  shift
done
exec "$@"
""",
    "sacct": """#!/bin/bash
echo "JobID|State|NodeList"
for job in "$JOBS"/*.sbatch; do
  number=$(basename "$job" .sbatch)
  state=RUNNING
  [[ -e "$JOBS/$number.ended" ]] && state=FAILED
  [[ "$(cat "$JOBS/$number.ended" 2> /dev/null)" == 0 ]] && state=COMPLETED
  echo "$number|$state|here"
done
""",
    "scancel": """#!/bin/bash
kill -TERM -- "-$(cat "$JOBS/$1.process")"
""",
}
# A data set that writes down on which node of a Ray cluster its rows were read.
WHEREABOUTS = """
from dataclasses import replace
from pathlib import Path

import ray
from runner.data.shipped import iris


def placed(*, seed: int):
    source = iris()

    def read():
        context = ray.get_runtime_context()
        Path("nodes", context.get_node_id()).touch()
        return source.read()

    return replace(source, read=read)
"""


def with_slurm(folder: Path) -> dict[str, str]:
    """Puts a SLURM into a folder; returns the environment in which its commands are found."""
    jobs, commands = folder / "jobs", folder / "commands"
    jobs.mkdir()
    commands.mkdir()
    for name, text in COMMANDS.items():
        (commands / name).write_text(text, encoding="utf-8")
        (commands / name).chmod(stat.S_IRWXU)
    return {"JOBS": str(jobs), "PATH": os.pathsep.join([str(commands), os.environ["PATH"]])}


class Failing:
    """A sweep of one engine in which runs fail in every way, and which is under way while other tests are."""

    def __init__(self, engine: str, folder: Path) -> None:
        folder.mkdir()
        self.engine, self.folder = engine, folder
        self._done: subprocess.CompletedProcess[str] | None = None
        sweeps.with_behaviour(folder)
        more = SLURM if engine == "submitit_slurm" else []
        words = [f"data.how={','.join([*FAILURES[engine], 'well'])}", "sweep.workers=2", *more]
        words += [f"sweep.job_timeout={SECONDS}", "hydra.sweep.dir=sweeps/failing"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (with_slurm(folder) if more else {}).items():
                patch.setenv(name, value)
            self._process = sweeps.start(folder, "-m", "data=told", *TINY, *words, f"hydra/launcher={engine}")

    @property
    def done(self) -> subprocess.CompletedProcess[str]:
        """The sweep once it has come to its end."""
        if self._done is None:
            said, errors = self._process.communicate(timeout=500)
            self._done = subprocess.CompletedProcess("", self._process.returncode, said, errors)
        return self._done


@pytest.fixture(scope="module", autouse=True)
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Failing]]:
    """The sweeps with failures: they wait most of their time for the run that hangs."""
    root = tmp_path_factory.mktemp("failing")
    begun = {engine: Failing(engine, root / engine) for engine in FAILURES}
    yield begun
    for each in begun.values():
        sweeps.kill_everything(each._process)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("engines")


# The same numbers


def swept(folder: Path, engine: str) -> Path:
    words = ["backend=torch,keras", f"hydra/launcher={engine}", f"hydra.sweep.dir=sweeps/{engine}"]
    done = sweeps.run(folder, "-m", *RANDOM, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == f"2 runs: sweeps_{engine}"
    assert len(done.stderr.splitlines()) == 3, "an engine says nothing of its own"
    return folder / "sweeps" / engine


@pytest.fixture(scope="module")
def local(folder: Path) -> Path:
    return swept(folder, "local")


@pytest.mark.drawn(1)
@pytest.mark.parametrize("engine", ELSEWHERE)
def test_an_engine_changes_no_number(folder: Path, local: Path, engine: str) -> None:
    sweep = swept(folder, engine)
    assert list(sweeps.journals(sweep)) == ["0", "1"]
    for number in ("0", "1"):
        results = [json.loads((each / number / "result.json").read_text()) for each in (local, sweep)]
        assert results[0]["metrics"] == results[1]["metrics"]
        weights = [load_file(each / number / "weights.safetensors") for each in (local, sweep)]
        assert all((weights[0][name] == array).all() for name, array in weights[1].items())


# A cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of two nodes with one core each, which nobody but this machine can reach."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ray.QUIET | ray.LOOPBACK).items():
            patch.setenv(name, value)
        program = (
            "import sys; from ray.cluster_utils import Cluster\n"
            "nodes = {'num_cpus': 1, 'object_store_memory': 100 << 20}\n"
            "cluster = Cluster(initialize_head=True, head_node_args={**nodes, 'include_dashboard': False})\n"
            "cluster.add_node(**nodes)\n"
            "print(cluster.address, flush=True)\n"
            "sys.stdin.read()\n"
            "cluster.shutdown()\n"
        )
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True)
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def test_the_runs_of_a_sweep_are_on_all_nodes_of_a_cluster(folder: Path, cluster: str) -> None:
    (folder / "whereabouts.py").write_text(WHEREABOUTS, encoding="utf-8")
    (folder / "conf" / "data").mkdir(parents=True)
    (folder / "conf" / "data" / "placed.yaml").write_text("# Iris.\n_target_: whereabouts.placed\n")
    (folder / "nodes").mkdir()
    words = ["data=placed", "tracking=none", *TINY, "seed=1,2", "hydra/launcher=ray"]
    done = sweeps.run(folder, "-m", *words, f"hydra.launcher.address={cluster}")
    assert done.returncode == 0, done.stderr
    assert len(list((folder / "nodes").iterdir())) == 2


def test_an_address_without_a_cluster_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    words = ["-m", *RANDOM, "seed=1,2", "hydra/launcher=ray"]
    done = sweeps.run(tmp_path, *words, f"hydra.launcher.address={address}")
    assert done.returncode == 2
    assert (
        f"hydra.launcher.address: no Ray cluster answers: Connection refused. Received: {address}."
        in done.stderr
    )
    assert list(tmp_path.rglob("journal.jsonl")) == []


def test_a_server_that_is_no_cluster_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "ANSWER_SECONDS", ray.KNOCK_SECONDS + 2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match="no Ray cluster answers: nothing within 5 seconds"):
            ray.require_answer(address)


# What a run takes


def test_a_run_takes_its_threads_and_devices_but_no_more_than_a_node_has() -> None:
    small, large = ray.Resources(2, 0), ray.Resources(8, 4)

    def needs(*words: str) -> tuple[float, float]:
        found = ray.needed(experiment("data=iris", *words), [small, large])
        return found.cores, found.gpus

    assert needs("training.accelerator=cpu", "training.threads=1") == (1, 0)
    assert needs("training.accelerator=cpu", "training.threads=4") == (4, 0)
    assert needs("training.accelerator=cpu", "training.threads=16") == (8, 0)
    assert needs("training.accelerator=cpu", "training.threads=0") == (2, 0)
    assert needs("training.accelerator=gpu", "training.threads=0") == (8, 1)
    assert needs("training.accelerator=auto", "training.threads=1") == (1, 1)


# What is missing or wrong


def refused(stated: dict[str, object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        chosen(stated)
    return str(caught.value)


def test_an_engine_by_another_name_is_said() -> None:
    assert "hydra.launcher.engine: there is no engine 'rai'. Did you mean ray?" in refused({"engine": "rai"})


def test_keys_of_an_engine_are_checked() -> None:
    stated = {"engine": "submitit_local", "timeout_min": 0, "gpus": 1}
    said = refused(stated)
    assert "hydra.launcher.timeout_min: must be at least 1. Received: 0." in said
    assert "hydra.launcher.gpus: there is no such key." in said
    assert "hydra.launcher.gpus_per_node: must be given." in said
    said = refused({"engine": "ray", "address": "ray://head:10001"})
    assert "hydra.launcher.address: must be HOST:PORT" in said


def test_every_engine_has_a_file_with_its_keys() -> None:
    conf = Path(sweeps.ROOT) / "conf" / "hydra" / "launcher"
    assert {path.stem for path in conf.glob("*.yaml")} == set(ENGINES)


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("submitit_local", "submitit")])
def test_an_engine_that_is_not_installed_is_said(tmp_path: Path, engine: str, package: str) -> None:
    program = (
        "import importlib.util, sys\n"
        "find = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, package=None: name != {package!r} and find(name, package) or None\n"
        "from runner.__main__ import main\n"
        "code = main(sys.argv[1:])\n"
        f"assert not {{'torch', 'keras', 'tensorflow', {package!r}}} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "-m", *RANDOM, "seed=1,2", f"hydra/launcher={engine}"],
        cwd=tmp_path,
        env=sweeps.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert f"hydra/launcher: needs {package}, which is not installed. Received: {engine}." in done.stderr
    assert f'Type: pip install -e ".[{package}]"' in done.stderr
    assert list(tmp_path.rglob("*.json*")) == []


def test_a_machine_without_slurm_is_said(tmp_path: Path) -> None:
    done = sweeps.run(tmp_path, "-m", *RANDOM, "seed=1,2", "hydra/launcher=submitit_slurm")
    assert done.returncode == 2
    assert "this machine has no sbatch, srun, sacct, scancel" in done.stderr


# Failures, of sweeps that were begun before all of this


@pytest.mark.parametrize("engine", FAILURES)
def test_a_failure_costs_no_other_run(failing: dict[str, Failing], engine: str) -> None:
    sweep = failing[engine]
    assert sweep.done.returncode == 1, sweep.done.stderr
    assert "Traceback" not in sweep.done.stdout + sweep.done.stderr
    found = dict(sweeps.stored(sweep.folder))
    assert found == {"how=well": "FINISHED", **{f"how={how}": "FAILED" for how in FAILURES[engine]}}
    for how, reason in FAILURES[engine].items():
        assert sweeps.tags(sweep.folder, f"how={how}")["error"].startswith(reason)
        assert f"how={how}  failed: {reason}" in sweep.done.stderr


@pytest.mark.parametrize("engine", FAILURES)
def test_a_run_that_hung_is_gone(failing: dict[str, Failing], engine: str) -> None:
    assert failing[engine].done
    (number,) = (each for each, how in enumerate(FAILURES[engine]) if how == "hang")
    begun = journal.beginning(failing[engine].folder / "sweeps" / "failing" / str(number))
    assert begun is not None
    assert gone(begun.process)


def test_slurm_is_told_what_the_keys_say(failing: dict[str, Failing]) -> None:
    sweep = failing["submitit_slurm"]
    assert sweep.done
    files = sorted((sweep.folder / "jobs").glob("*.sbatch"))
    assert len(files) == 3
    lines = files[0].read_text().splitlines()
    for option in (
        "partition=short",
        "account=physics",
        "time=7",
        "mem=2GB",
        "gpus-per-node=1",
        "cpus-per-task=1",
        "nodelist=node7",
        "exclusive",
        "no-requeue",
    ):
        assert f"#SBATCH --{option}" in lines
    assert "export SET_UP=yes" in lines


def test_a_sweep_that_is_stopped_leaves_nothing_under_way(tmp_path: Path) -> None:
    begun = {}
    for engine in ELSEWHERE:
        (tmp_path / engine).mkdir()
        sweeps.with_behaviour(tmp_path / engine)
        words = ["data=told", "data.how=hang,well", *TINY, "sweep.workers=1", f"hydra/launcher={engine}"]
        begun[engine] = sweeps.start(tmp_path / engine, "-m", *words, "hydra.sweep.dir=sweeps/stopped")
    for engine, process in begun.items():
        run = tmp_path / engine / "sweeps" / "stopped" / "0"
        while journal.beginning(run) is None and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate()
        assert process.returncode == 128 + signal.SIGTERM, errors
        assert sweeps.stored(tmp_path / engine) == [("how=hang", "KILLED")]
        started = journal.beginning(run)
        assert started is not None
        assert gone(started.process)


# What was lost with another machine


@pytest.mark.parametrize(("seconds", "is_lost"), [(0, False), (60, False), (600, True)])
def test_a_run_of_another_machine_is_lost_without_a_sign_of_life(
    tmp_path: Path, seconds: int, is_lost: bool
) -> None:
    run = tmp_path / "0"
    written = journal.Journal(run)
    written.start(replace(card(tmp_path), process=Process("elsewhere", 1, 0.0)))
    (run / PULSE).touch()
    begun = (run / PULSE).stat().st_mtime
    os.utime(run / PULSE, (begun - seconds, begun - seconds))
    (attempt,) = record.attempts(tmp_path)
    assert (attempt.is_lost, attempt.is_alive) == (is_lost, not is_lost)
    written.end("FINISHED", None)
    (attempt,) = record.attempts(tmp_path)
    assert not attempt.is_lost
    assert not attempt.is_alive


def test_the_first_end_of_a_run_counts(tmp_path: Path) -> None:
    journal.Journal(tmp_path).end("FAILED", "too long")
    journal.Journal(tmp_path).end("KILLED", "stopped")
    end = journal.ending(tmp_path)
    assert end is not None
    assert end["status"] == "FAILED"
    assert (tmp_path / "error.txt").read_text() == "too long\n"


def test_a_machine_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    request = RunRequest(
        experiment=experiment("data=iris"),
        folder=tmp_path / "elsewhere" / "0",
        command="",
        overrides=(),
        config="",
        parameters={},
        uri="",
        sweep="a sweep",
        choices={},
    )
    with pytest.raises(RunnerError) as caught:
        work(request)
    machine = socket.gethostname()
    assert str(caught.value).startswith(f"{machine} does not see {request.folder}: hydra.sweep.dir must be")
    assert not request.folder.exists()
