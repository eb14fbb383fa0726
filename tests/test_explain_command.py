"""The verb explain, typed: every key with its meaning, both frameworks' names, and whether the numbers are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped import CONF

from runner import compose, folders
from runner.__main__ import main

HEADINGS = "| key | meaning | PyTorch | Keras | same numbers |"


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, list[str]]:
    """Returns the cells of every row of the Markdown by its key, without the value."""
    assert main(["explain", "--markdown", *words]) == 0
    rows = [
        line.strip("| ").split(" | ")
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("| `")
    ]
    return {cells[0].strip("`").partition("=")[0]: cells for cells in rows}


def leaves(*overrides: str) -> set[str]:
    with compose.session():
        keys = compose.keys(compose.compose(overrides))
    return {
        key.removesuffix("._target_")
        for key in keys
        if not any(other.startswith(f"{key}.") for other in keys)
    }


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["backend=keras", "architecture=cnn", "optimizer=rmsprop", "schedule=one_cycle"],
        ["debug=overfit", "data=moons", "tracking=none", "plots=none"],
        ["experiment=activation_on_spirals"],
    ],
    ids=" ".join,
)
def test_every_key_of_the_configuration_has_a_row(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = explained(capsys, *words)
    wanted = leaves(*words) - {"plots"}
    assert len(wanted) > 40
    assert wanted <= rows.keys()
    assert all(len(cells) == 5 for cells in rows.values())


def test_a_component_and_its_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    rows = explained(capsys)
    assert rows["optimizer"] == [
        "`optimizer=adam`",
        "Adam: adaptive moments (Kingma and Ba, 2015).",
        "`torch.optim.Adam`",
        "`keras.optimizers.Adam`",
        "corrected: epsilon outside the bias correction, in Keras too",
    ]
    assert rows["optimizer.epsilon"][1:4] == [
        "Keeps the quotient finite; outside the root and the bias correction.",
        "`torch.optim.Adam(eps)`",
        "`keras.optimizers.Adam(epsilon)`",
    ]
    assert rows["optimizer.beta1"][2:] == [
        "`torch.optim.Adam(betas[0])`",
        "`keras.optimizers.Adam(beta_1)`",
        "exact",
    ]
    assert rows["training.devices"][4].startswith("corrected: ")
    for key in ("seed", "split.test", "tracking.uri", "data"):
        assert rows[key][4].startswith("ours: ")


def test_a_meaning_is_the_comment_in_the_file_that_the_key_comes_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = explained(capsys, "debug=overfit")
    assert (
        rows["loss.multiclass.label_smoothing"][1] == "Share of each target spread evenly over all classes."
    )
    assert rows["loss.binary"][1] == folders.headline(CONF / "loss" / "binary_cross_entropy.yaml")
    assert rows["training.early_stopping.patience"][1].startswith("Epochs without an improvement")
    assert rows["debug.one_batch"][1] == "Whether the first batch is all there is to train on."
    assert rows["split.test"][1] == "Share of the rows that is kept for the end; the rest is for training."


def test_each_kind_of_layer_has_one_row_with_all_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    tree = "architecture.layers=[flatten,{dense:{units:7}},{residual:[{dense:{units:7}},activation]},{dropout:{rate:0.5}}]"
    rows = explained(capsys, "architecture=tree", tree)
    assert rows["dense (3 of them)"][2:4] == ["`torch.nn.Linear`", "`keras.layers.Dense`"]
    assert rows["dense.units"][0] == "`dense.units=7, 10`"
    assert rows["residual"][3] == "`keras.layers.Add`"
    assert rows["activation.function"][0] == "`activation.function=relu`"
    assert rows["dropout.rate"][2:4] == ["`torch.nn.Dropout(p)`", "`keras.layers.Dropout(rate)`"]


def test_what_is_the_users_own_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("def bend(*, force: float):\n    return lambda x: x * force\n")
    (tmp_path / "conf" / "activation").mkdir(parents=True)
    text = "# A line through zero.\n_target_: mine.bend\n# Its slope.\nforce: 2.0\n"
    (tmp_path / "conf" / "activation" / "bend.yaml").write_text(text)
    rows = explained(capsys, "activation=bend")
    assert rows["activation"][:2] == ["`activation=bend`", "A line through zero."]
    assert rows["activation.force"][1] == "Its slope."
    assert rows["activation.force"][4].startswith("ours: a function of your own")


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal_and_is_plain_elsewhere(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    assert main(["explain", "architecture=cnn"]) == 0
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert max(map(len, told.splitlines())) <= width
    words = " ".join(told.split())
    for part in ("optimizer=adam", "epsilon outside", "network", "convolution" if width == 120 else "key"):
        assert part in words


def test_the_page_of_all_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--differences"]) == 0
    assert capsys.readouterr().out == (CONF.parent / "docs" / "differences.md").read_text(encoding="utf-8")


def test_every_name_can_be_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--check"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Every class, function and argument is there: torch ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["optimizer=adm"], "optimizer: there is no option 'adm'. Did you mean adam?"),
        (["training.epochs=0"], "training.epochs: must be at least 1. Received: 0."),
        (["-m", "seed=1,2"], "-m: explain looks at one configuration at a time. Leave -m out."),
        (["--differences", "seed=1"], "seed=1: does not go with --differences"),
        (["--mark"], "--mark"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words]) == 2
    answer = capsys.readouterr()
    assert said in answer.err
    assert answer.out == ""


def test_native_semantics_is_told_to_correct_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--markdown", "backend.semantics=native"]) == 0
    assert "what is called corrected here is not" in capsys.readouterr().err
    assert main(["explain", "--markdown"]) == 0
    assert capsys.readouterr().err == ""
