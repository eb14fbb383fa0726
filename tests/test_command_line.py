"""The command line from outside: what it prints, what it imports, how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runner import folders
from runner.__main__ import VERBS, main
from runner.commands.help import EXAMPLES

HEAVY = ("torch", "pytorch_lightning", "tensorflow", "keras", "mlflow", "matplotlib", "sklearn", "pandas")
# Prints, at the end, which of the heavy packages were imported and whether Hydra was.
PROBE = f"""
import sys
from runner.__main__ import main
code = main(sys.argv[1:])
print([name for name in {HEAVY!r} if name in sys.modules], "hydra" in sys.modules, code)
"""


def probe(folder: Path, *words: str) -> str:
    """Returns the last line of a process that ran a command line: packages imported, Hydra, exit code."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["check", "--help"]])
def test_help_needs_the_standard_library_alone(tmp_path: Path, words: list[str]) -> None:
    program = (
        "import sys\nbefore = set(sys.modules)\nfrom runner.__main__ import main\ncode = main(sys.argv[1:])\n"
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(names - sys.stdlib_module_names), code)"
    )
    command = [sys.executable, "-c", program, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['runner'] 0"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["list"], "[] False 0"),
        (["list", "optimizer"], "[] False 0"),
        (["check"], "[] True 0"),
        (["check", "backend=keras", "architecture=cnn"], "[] True 0"),
        (["explain", "backend=keras", "architecture=cnn"], "[] True 0"),
        (["explain", "--differences"], "[] True 0"),
        (["--cfg", "job"], "[] True 0"),
        (["optimizr=adam"], "[] True 2"),
        (["data=iris", "architecture=cnn"], "[] True 2"),
        (["trian"], "[] False 2"),
    ],
)
def test_no_framework_is_imported_before_it_is_needed(tmp_path: Path, words: list[str], answer: str) -> None:
    assert probe(tmp_path, *words) == answer


def test_help_shows_every_verb_group_option_and_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    starts = {tuple(line.replace("*", " ").split()[:1]) for line in lines}
    groups = folders.groups()
    assert len(groups) == 16
    options = [option for group in groups for option in folders.options(group)]
    assert len(options) >= 70
    for name in [*VERBS, *groups, *(option.name for option in options)]:
        assert (name,) in starts
    for option in options:
        assert any(folders.headline(option.path) in line for line in lines)
    assert len(EXAMPLES) == 5
    assert all(f"  {command}" in lines for command, _ in EXAMPLES)
    assert "  seed=0                 The one number from which everything random follows." in lines


def test_every_option_says_in_its_first_line_what_it_is() -> None:
    for group in folders.groups():
        for option in folders.options(group):
            assert len(folders.headline(option.path)) > 5, option.path


def test_help_shows_the_users_own_options_with_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for path, text in {
        "conf/optimizer/mine.yaml": "# My own rule.\n",
        "experiments/try/one.yaml": "# @package _global_\n# Is it so?\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    main(["-h"])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "mine My own rule. [conf/optimizer/mine.yaml]" in lines
    assert "try/one Is it so? [experiments/try/one.yaml]" in lines


def test_list_shows_equations_defaults_comments_and_ranges(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "optimizer=sgd"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "optimizer"
    assert any("momentum b + g" in line for line in lines)
    assert any(line.startswith("optimizer.momentum=") for line in lines)
    assert any(line.endswith("(a number of at least 0 and below 1)") for line in lines)
    assert not any(line.startswith("* adam") for line in lines)


def test_list_shows_every_option_of_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    words = {
        line.replace("*", " ").split()[0] for line in capsys.readouterr().out.splitlines() if line.strip()
    }
    for group in folders.groups():
        assert {group, *folders.option_names(group)} <= words


def test_check_shows_layers_parameters_rows_and_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: 64 x 5 + 5 parameters, then 5 x 10 + 10."""
    assert main(["check", "architecture.hidden_sizes=[5]", "training.epochs=2"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "dense0 dense 64 5 325" in lines
    assert "dense1 dense 5 10 60" in lines
    assert "in all 385" in lines
    assert "rows 1,257 for training, 270 for validation, 270 for test" in lines
    assert "steps 40 in an epoch, 80 in all" in lines
    assert "loss cross_entropy" in lines
    assert (
        "output softmax, because one of several classes is right, so that their probabilities share 1"
        in lines
    )
    assert lines[-1] == (
        "This configuration would run: python -m runner 'architecture.hidden_sizes=[5]' training.epochs=2"
    )


def test_check_counts_what_is_not_trained(capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: batch norm has four numbers for each unit, two of them trained; the bias before it is gone."""
    main(["check", "architecture.hidden_sizes=[5]", "architecture.batch_norm=true"])
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "batch_norm0 batch_norm 5 5 20" in lines
    assert "in all 400" in lines
    assert "of these trained 390" in lines


def test_check_looks_at_every_job_of_a_sweep(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-m", "seed=1,2", "backend=torch,keras"]) == 0
    assert "All 4 jobs of the sweep were checked; this is the first." in capsys.readouterr().out
    assert main(["check", "-m", "seed=1,-2"]) == 2
    assert "seed: must be at least 0. Received: -2." in capsys.readouterr().err


def test_hydras_own_flags_pass_through(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--cfg", "job", "--package", "optimizer", "optimizer=sgd", "optimizer.momentum=0.5"]) == 0
    assert "momentum: 0.5" in capfd.readouterr().out


def test_an_unexpected_error_is_one_message_and_a_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(folders, "groups", fail)
    assert main(["list"]) == 1
    message, whereabouts = capsys.readouterr().err.splitlines()
    assert message == "ZeroDivisionError: nobody thought of this"
    path = Path(whereabouts.split()[4].rstrip(";"))
    assert "Traceback" in path.read_text()
    path.unlink()
    with pytest.raises(ZeroDivisionError):
        main(["list", "--traceback"])


def test_an_interruption_ends_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "groups", interrupt)
    assert main(["list"]) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m runner list | head -1"
    path = os.pathsep.join(
        filter(None, [str(Path(folders.__file__).parents[1]), os.environ.get("PYTHONPATH")])
    )
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("backend\n", "", 0)
