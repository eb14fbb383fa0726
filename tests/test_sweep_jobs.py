"""The jobs of a sweep before they run: their names, the look at every value, the order, and the number at once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from support import experiment

from runner import compose
from runner.commands import listing
from runner.errors import ConfigurationError, Fault
from runner.request import answer, parse
from runner.runs import Outcome
from runner.sweep.engines.machine import cores, cores_of
from runner.sweep.jobs import Job, grid, grid_differences, jobs_of, label
from runner.sweep.scheduler import in_turn
from runner.sweep.table import MOST_LINES, print_table
from runner.sweep.values import look
from runner.tracking import identity

GROUPS = {"backend", "activation", "optimizer"}


def jobs(*overrides: Sequence[str]) -> list[Job]:
    return jobs_of(overrides, 0, GROUPS)


# Names


def test_a_name_has_options_alone_and_numbers_by_the_last_word_of_their_key() -> None:
    choices = {"backend": "keras", "activation": "tanh", "optimizer.learning_rate": "0.01", "seed": "3"}
    assert label(choices, GROUPS) == "keras tanh lr=0.01 seed=3"


def test_keys_with_the_same_last_word_are_written_out() -> None:
    choices = {"optimizer.momentum": "0.9", "architecture.momentum": "0.1", "training.epochs": "2"}
    assert label(choices, GROUPS) == "optimizer.momentum=0.9 architecture.momentum=0.1 epochs=2"


def test_a_job_is_told_by_what_not_all_share() -> None:
    found = jobs(["data=iris", "seed=1", "name=a"], ["data=iris", "seed=2", "name=a"])
    assert [(job.number, job.label, dict(job.choices)) for job in found] == [
        (0, "seed=1", {"seed": "1"}),
        (1, "seed=2", {"seed": "2"}),
    ]


# The grid


def test_a_grid_has_every_key_that_decides_a_number() -> None:
    found = grid(
        [
            ["seed=1", "sweep.workers=2", "hydra.verbose=true", "name=x"],
            ["seed=2", "sweep=activations", "data=x"],
        ]
    )
    assert found == {"seed": ["1", "2"], "data": ["x"]}


def test_grids_differ_in_their_values_and_not_in_their_order() -> None:
    assert grid_differences({"a": ["1", "2"], "b": ["x"]}, {"b": ["x"], "a": ["2", "1"]}) == []
    assert grid_differences({"a": ["1"]}, {"a": ["1", "2"], "b": ["x"]}) == [
        "a was 1 and is 1, 2",
        "b was not set and is x",
    ]


# The look at every value


def refusing(*labels: str) -> tuple[list[str], object]:
    looked: list[str] = []

    def check(job: Job) -> str:
        looked.append(job.label)
        if any(each in job.label.split() for each in labels):
            raise ConfigurationError([Fault(job.label, "cannot run")])
        return job.label

    return looked, check


def pairs() -> list[Job]:
    return jobs(*([f"a={a}", f"b={b}"] for a in range(3) for b in range(4)))


def test_every_value_is_looked_at_once() -> None:
    looked, check = refusing()
    assert set(look(pairs(), check)) == {0, 1, 2, 3, 4, 8}  # type: ignore[arg-type]  # A stand-in for the check of a job.
    assert looked == ["a=0 b=0", "a=0 b=1", "a=0 b=2", "a=0 b=3", "a=1 b=0", "a=2 b=0"]


def test_a_value_that_works_nowhere_is_said() -> None:
    _, check = refusing("b=2")
    with pytest.raises(ConfigurationError) as caught:
        look(pairs(), check)  # type: ignore[arg-type]  # A stand-in for the check of a job.
    assert [fault.key for fault in caught.value.faults] == ["a=0 b=2"]


def test_values_that_work_but_not_together_are_no_mistake() -> None:
    def check(job: Job) -> None:
        if job.label == "a=0 b=0":
            raise ConfigurationError([Fault("a", "does not go with b")])

    assert 0 not in look(pairs(), check)
    assert 1 in look(pairs(), check)


def test_a_sweep_of_one_job_that_cannot_run_is_said() -> None:
    with pytest.raises(ConfigurationError):
        look(jobs(["a=1"]), lambda job: refuse())


def refuse() -> None:
    raise ConfigurationError([Fault("a", "cannot run")])


# The order and the number at once


def test_the_first_jobs_of_every_backend_come_together() -> None:
    found = jobs(*([f"backend={name}", f"seed={seed}"] for name in ("torch", "keras") for seed in range(3)))
    assert list(in_turn(found)) == [0, 3, 1, 4, 2, 5]


def test_a_run_takes_its_threads_or_all_cores() -> None:
    one = experiment("data=iris", "training.threads=1", "training.accelerator=cpu")
    assert cores_of(one) == 1
    assert cores_of(replace(one, training=replace(one.training, threads=0))) == cores()
    assert cores_of(replace(one, training=replace(one.training, accelerator="gpu"))) == cores()


# The group


def test_how_a_sweep_is_carried_out_is_no_parameter_and_no_meaning() -> None:
    with compose.session():
        plain = compose.flat(compose.compose([]))
        other = compose.flat(compose.compose(["sweep.workers=3", "sweep.nested=true"]))
    assert plain == other
    assert not any(key.startswith("sweep") for key in plain)
    assert identity.meaning(plain) == identity.meaning(other)


@pytest.mark.parametrize(
    ("name", "count"), [("activations", 24), ("learning_rates", 21), ("backends", 6), ("folds", 5)]
)
def test_a_preset_sweeps_without_a_flag(name: str, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    asked = parse([f"sweep={name}", "data=iris"])
    with compose.session():
        found = answer(asked)
    assert found.multirun
    assert found.jobs == count == len(found.overrides)
    listing.run(["sweep", name])
    assert name in capsys.readouterr().out


def test_what_is_typed_beside_a_preset_has_the_last_word() -> None:
    with compose.session():
        found = answer(parse(["sweep=backends", "seed=7"]))
    assert grid(found.overrides) == {"backend": ["torch", "keras"], "seed": ["7"]}


def test_a_long_table_ends_with_where_all_of_it_is_and_every_failure() -> None:
    outcomes = [
        Outcome(
            name=f"seed={seed}",
            choices={"seed": str(seed)},
            folder=Path(str(seed)),
            status="FAILED" if seed == 70 else "FINISHED",
            exit_code=int(seed == 70),
            seconds=1.0,
            message="out of memory" if seed == 70 else None,
        )
        for seed in range(71)
    ]
    printed = io.StringIO()
    print_table(printed, outcomes, whole=Path("summary/runs.csv"))
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    assert len([line for line in lines if line.endswith("1.0")]) == MOST_LINES
    assert f"These are {MOST_LINES} of 71 runs; all are in summary/runs.csv." in lines
    assert "seed=70: out of memory" in lines
    few = io.StringIO()
    print_table(few, outcomes[:3], whole=Path("summary/runs.csv"))
    assert "runs.csv" not in few.getvalue()
