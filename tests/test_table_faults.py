"""Bad tables: each is refused in a sentence with the file, the row or the column, and what to do; no framework is there."""

from __future__ import annotations

import bz2
import gzip
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from runner.data import Source, splitting
from runner.data.tables import source
from runner.errors import ConfigurationError
from runner.experiment import Split

CONF = Path(__file__).parents[1] / "conf" / "data" / "table.yaml"
ROWS = 30
NUMBERS = np.arange(ROWS)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Files of one name follow one another faster than clocks tell them apart."""
    source._understood.cache_clear()
    yield
    source._understood.cache_clear()


def text(line: Callable[[int], str] = lambda row: f"{row},red,{row % 2}", head: str = "a,b,y") -> str:
    return f"{head}\n" + "".join(f"{line(row)}\n" for row in range(ROWS))


SOUND = text(lambda row: f"{row},{'red' if row % 3 else 'blue'},{row % 2}")


def with_cell(row: int, cell: str, column: int = 0) -> str:
    """Returns a sound table with another cell, in a row counted from 1."""
    lines = SOUND.splitlines()
    cells = lines[row].split(",")
    cells[column] = cell
    lines[row] = ",".join(cells)
    return "\n".join(lines) + "\n"


def made(folder: Path, content: Any, name: str = "t.csv", **asked: Any) -> Source:
    """Returns the data set of a table, as far as it is known before its training rows are."""
    path = folder / name
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, pd.DataFrame):
        content.to_parquet(path)
    settings = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    del settings["_target_"]
    return source.table(**(settings | {"path": str(path), "target": "y", "divided_by": None} | asked))


def refusal(folder: Path, content: Any, name: str = "t.csv", **asked: Any) -> str:
    """Returns what is said of a table, the folder left out."""
    with pytest.raises(ConfigurationError) as caught:
        made(folder, content, name, **asked)
    return str(caught.value).replace(f"{folder}/", "")


def divided(table: Source, **how: Any) -> splitting.Parts:
    shares = {"validation": 0.2, "test": 0.2, "by": "auto", "column": None, "folds": None, "fold": 0}
    return splitting.parts(table, Split(**(shares | how)), 0, None)


FILES = [
    (None, "no.csv", {}, "data.path: there is no such file. Received: no.csv."),
    ("", "t.csv", {}, "data.path: is empty. Received: t.csv. A table has a line of names and rows below it."),
    (
        "\n \n\n",
        "t.csv",
        {},
        "data.path: is empty. Received: t.csv. A table has a line of names and rows below it.",
    ),
    ("a,b,y\n", "t.csv", {}, "data.path: has a line of names and no row below it. Received: t.csv."),
    ("a,b,y", "t.csv", {}, "data.path: has a line of names and no row below it. Received: t.csv."),
    (
        "y\n1\n2\n",
        "t.csv",
        {},
        "data.path: has one column alone, y. Received: t.csv."
        " There must be a target and an input; is data.delimiter another one?",
    ),
    (
        text(head="a,a,y"),
        "t.csv",
        {},
        "data.path: has several columns of one name: a. Received: t.csv. Rename all but one of them.",
    ),
    (
        text(head="a,a ,y"),
        "t.csv",
        {},
        "data.path: has several columns of one name: a. Received: t.csv. Rename all but one of them.",
    ),
    (
        text(head="a,,y"),
        "t.csv",
        {},
        "data.path: has columns without a name: number 2. Received: t.csv. Give each column a name in the first line.",
    ),
    (
        SOUND.encode("utf-16"),
        "t.csv",
        {"encoding": "utf-8"},
        "data.encoding: does not fit t.csv: byte 0 cannot be read by it. Received: utf-8."
        " Leave it null to have it found out.",
    ),
    (
        SOUND,
        "t.csv",
        {"encoding": "klingon"},
        "data.encoding: is no encoding that Python knows. Received: klingon. Try utf-8 or cp1252.",
    ),
    (
        SOUND.encode("utf-16-le"),
        "t.csv",
        {},
        "data.path: is no text: it has bytes of 0. Received: t.csv. Name a CSV file, or give data.encoding.",
    ),
    (SOUND, "t.csv", {"delimiter": "::"}, "data.delimiter: must be one character. Received: '::'."),
    (
        SOUND.replace("\n17,red,", "\n17,red,9,"),
        "t.csv",
        {},
        "data.path: has 4 cells in line 19 and 3 columns. Received: t.csv."
        " Mend the line, quote a cell that holds ',', or give data.delimiter.",
    ),
    (
        SOUND.replace("\n17,red,1\n", "\n17,red\n"),
        "t.csv",
        {},
        "data.path: has 2 cells in line 19 and 3 columns. Received: t.csv."
        " Mend the line, quote a cell that holds ',', or give data.delimiter.",
    ),
    (
        SOUND.replace("17,red", '17,"red'),
        "t.csv",
        {},
        "data.path: has 2 cells in line 31 and 3 columns. Received: t.csv."
        " A quote before it is opened and never closed.",
    ),
    (SOUND, "t.csv.gz", {}, "data.path: cannot be unpacked: Not a gzipped file (b'a,'). Received: t.csv.gz."),
    (
        gzip.compress(SOUND.encode(), mtime=0)[:40],
        "t.csv.gz",
        {},
        "data.path: cannot be unpacked: Compressed file ended before the end-of-stream marker was reached."
        " Received: t.csv.gz.",
    ),
    (SOUND, "t.csv.zip", {}, "data.path: cannot be unpacked: File is not a zip file. Received: t.csv.zip."),
    (
        SOUND,
        "t.feather",
        {},
        "data.path: cannot be read as feather: Not a Feather V1 or Arrow IPC file. Received: t.feather.",
    ),
    (SOUND, "t.db", {}, "data.path: cannot be read: file is not a database. Received: t.db."),
    (
        SOUND,
        "t.csv",
        {"query": "SELECT 1"},
        "data.query: is for a database, and data.path is a file. Received: SELECT 1. Leave it null.",
    ),
    (
        pd.DataFrame({"a": [], "y": []}),
        "t.parquet",
        {},
        "data.path: has a line of names and no row below it. Received: t.parquet.",
    ),
]


@pytest.mark.parametrize(("content", "name", "asked", "said"), FILES)
def test_a_file_that_is_no_table_is_refused(
    content: Any, name: str, asked: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, content, name, **asked) == said


CATEGORY = "Mend it, or write 'data.kinds={a: category}'."
NO_INPUT = "data.path: has no column that could be an input. Received:"
COLUMNS = "Columns: a, b, y."
VALUES = [
    (
        SOUND,
        {"target": "Y"},
        f"data.target: is no column of the table. Received: Y. Did you mean y? {COLUMNS}",
    ),
    (SOUND, {"target": []}, "data.target: must name a column. Received: []."),
    (SOUND, {"target": ["a", "a"]}, "data.target: names a column twice. Received: a, a."),
    (
        text(lambda row: f"{row},red,1"),
        {},
        "data.target: y has one value alone, 1, in all 30 rows. There is nothing to learn; name another column.",
    ),
    (text(lambda row: f"{row},red,"), {}, "data.target: y is empty in every row of t.csv."),
    (
        with_cell(4, "", column=2),
        {"empty_target": "refuse"},
        "data.target: y is empty in 1 of 30 rows, the first of them row 4."
        " Mend them, or write data.empty_target=drop.",
    ),
    (
        text(lambda row: f"{row},red,class {row}"),
        {},
        "data.target: y has 30 different values in 30 rows, too many for classes."
        " Take data.task=regression if they are numbers, or name another column.",
    ),
    (
        with_cell(5, "rare", column=2),
        {},
        "data.target: column y has numbers, and in row 5 'rare'."
        " Mend it, or take data.task=multiclass if it is the name of a class.",
    ),
    (
        text(lambda row: f"{row},red,{'inf' if row == 6 else row + 0.5}"),
        {},
        "data.target: column y is infinite in row 7. Mend it, or take data.task=multiclass.",
    ),
    (
        text(lambda row: f"{row},red,{row % 3}"),
        {"task": "binary"},
        "data.task: binary needs two classes, and y has 3: 0, 1, 2. Take data.task=auto.",
    ),
    (
        SOUND,
        {"task": "binary", "target": ["a", "y"]},
        "data.task: binary has one target, and there are 2: a, y. Take data.task=regression, or name one.",
    ),
    (
        SOUND,
        {"task": "regression", "target": "b"},
        "data.target: column b has numbers, and in row 1 'blue'. Mend it, or take data.task=multiclass.",
    ),
    (with_cell(18, "oops"), {}, f"data.path: column a has numbers, and in row 18 'oops'. {CATEGORY}"),
    (
        with_cell(18, "-inf"),
        {},
        "data.path: column a is infinite in row 18. Empty the cell, or leave the column out: data.leave_out=[a].",
    ),
    (
        with_cell(2, "1e300"),
        {},
        f"data.path: column a has numbers of at most 1e+100, and in row 2 '1e+300'. {CATEGORY}",
    ),
    (
        text(lambda row: f"1.{row:03},5;red;{row % 2}", head="a;b;y"),
        {},
        "data.path: column a has numbers that are written for people, such as '1.000,5'."
        " Write them as 1234.5, or take 'data.kinds={a: category}'.",
    ),
    (
        text(lambda row: f"2020-01-{99 if row == 9 else 1 + row % 28},red,{row % 2}"),
        {"kinds": {"a": "date"}},
        f"data.path: column a has dates, and in row 10 '2020-01-99'. {CATEGORY}",
    ),
    (
        SOUND,
        {"kinds": {"b": "boolean"}},
        "data.path: column b has true and false, and in row 1 'blue'. Mend it, or write 'data.kinds={b: category}'.",
    ),
    (
        SOUND,
        {"kinds": {"b": "categorical"}},
        "data.kinds.b: must be one of number, category, boolean, date, text. Received: 'categorical'."
        " Did you mean category?",
    ),
    (SOUND, {"kinds": {"zip": "text"}}, f"data.kinds: is no column of the table. Received: zip. {COLUMNS}"),
    (
        SOUND,
        {"leave_out": ["bb"]},
        f"data.leave_out: is no column of the table. Received: bb. Did you mean b? {COLUMNS}",
    ),
    (
        SOUND,
        {"columns": ["bb"]},
        f"data.columns: is no column of the table. Received: bb. Did you mean b? {COLUMNS}",
    ),
    (
        SOUND,
        {"columns": ["a", "y"]},
        "data.columns: is the target, and no input or weight at once. Received: y.",
    ),
    (SOUND, {"leave_out": ["a", "b"]}, f"{NO_INPUT} a as asked, b as asked. Say what one is, by data.kinds."),
    (
        text(lambda row: f"7,red,{row % 2}"),
        {},
        f"{NO_INPUT} a has one value alone, b has one value alone. Say what one is, by data.kinds.",
    ),
    (
        text(lambda row: f"of row {row} a sentence tells what there is to tell,,{row % 2}"),
        {},
        f"{NO_INPUT} a is text, b has no value. Say what one is, by data.kinds.",
    ),
    (SOUND, {"weights": "ww"}, f"data.weights: is no column of the table. Received: ww. {COLUMNS}"),
    (
        SOUND,
        {"weights": "b"},
        "data.weights: column b has numbers, and in row 1 'blue'. Mend it, or name another column.",
    ),
    (
        with_cell(6, "-1"),
        {"weights": "a"},
        "data.weights: a must be a number of at least 0 in every row, and in row 6 is -1.",
    ),
    (
        with_cell(6, ""),
        {"weights": "a"},
        "data.weights: a must be a number of at least 0 in every row, and in row 6 is nothing.",
    ),
]


@pytest.mark.parametrize(("content", "asked", "said"), VALUES)
def test_columns_that_cannot_be_used_are_refused(
    content: str, asked: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert refusal(tmp_path, content, **asked) == said


def test_a_row_is_counted_in_its_file_though_rows_before_it_are_dropped(tmp_path: Path) -> None:
    lines = with_cell(18, "inf").splitlines()
    lines[3] = "2,red,"
    assert "column a is infinite in row 18." in refusal(tmp_path, "\n".join(lines) + "\n")


def test_a_folder_names_the_tables_in_it(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "houses.csv").write_text(SOUND, encoding="utf-8")
    said = "data.path: is a folder, and a table is one file. Received: data. Name a file in it, such as houses.csv."
    assert refusal(tmp_path, None, "data") == said


def test_a_name_that_is_nearly_right_is_told(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text(SOUND, encoding="utf-8")
    assert refusal(tmp_path, None, "house.csv").endswith("Received: house.csv. Did you mean houses.csv?")


def test_an_ending_of_something_else_lists_the_forms(tmp_path: Path) -> None:
    said = refusal(tmp_path, SOUND, "t.json")
    assert said.startswith("data.path: has an ending of no table. Received: t.json. Forms: csv, tsv,")
    assert said.endswith("texts also packed as .gz, .bz2, .xz, .zst or .zip.")


def test_an_archive_of_two_files_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a.csv", SOUND)
        archive.writestr("b.csv", SOUND)
    said = "data.path: must hold one file, and there are 2: a.csv, b.csv. Received: t.zip. Unpack it and name the file."
    assert refusal(tmp_path, None, "t.zip") == said


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, SOUND, "t.parquet")
    assert said.startswith("data.path: cannot be read as parquet: ")
    assert said.endswith("Received: t.parquet.")


FURTHER = [
    (
        "a,y\n1,0\n",
        "data.validation_path: has no column b, which data.path has. Received: v.csv."
        " All files of a data set have the same columns.",
    ),
    ("a,b,y\n", "data.validation_path: has a line of names and no row below it. Received: v.csv."),
    ("a,b,y\n1,red,\n", "data.target: y is empty in every row of v.csv."),
    (
        "a,b,y\n1,red,0\nxx,red,1\n",
        f"data.validation_path: column a has numbers, and in row 2 'xx'. Received: v.csv. {CATEGORY}",
    ),
]


@pytest.mark.parametrize(("content", "said"), FURTHER)
def test_a_further_file_must_be_like_the_first(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(content, encoding="utf-8")
    found = refusal(tmp_path, SOUND, validation_path=str(tmp_path / "v.csv"))
    assert found == said


def test_a_part_is_no_other_part_again(tmp_path: Path) -> None:
    said = (
        "data.test_path: is the file of data.path as well. Received: t.csv."
        " Its rows would be learnt from and judged by at once."
    )
    assert refusal(tmp_path, SOUND, test_path=str(tmp_path / "t.csv")) == said


def test_what_no_training_row_has_is_told(tmp_path: Path) -> None:
    """A column full of unknown categories, and a class that only the validation rows have."""
    (tmp_path / "v.csv").write_text("a,b,y\n1,violet,0\n2,lilac,2\n", encoding="utf-8")
    table = made(tmp_path, SOUND, validation_path=str(tmp_path / "v.csv"))
    assert table.fit is not None
    assert table.fit(divided(table).train, True).warnings == (
        "the class '2' is in no row of data.path, and cannot be learnt.",
        "b: 100% of the validation rows have a category that no training row has.",
    )


def database(path: Path, *names: str) -> None:
    connection = sqlite3.connect(path)
    for name in names:
        pd.DataFrame({"a": NUMBERS, "y": NUMBERS % 2}).to_sql(name, connection, index=False)
    connection.close()


DATABASES = [
    (
        None,
        "data.path: has 2 tables: first, second. Received: t.db. Say which rows: data.query='SELECT * FROM name'.",
    ),
    ("SELECT * FROM third", "no such table: third. Received: t.db."),
    ("SELEC", 'near "SELEC": syntax error. Received: t.db.'),
    ("DROP TABLE first", "attempt to write a readonly database. Received: t.db."),
]


@pytest.mark.parametrize(("query", "said"), DATABASES)
def test_a_database_that_does_not_answer_is_told(query: str | None, said: str, tmp_path: Path) -> None:
    database(tmp_path / "t.db", "first", "second")
    assert refusal(tmp_path, None, "t.db", query=query).endswith(said)
    assert sqlite3_tables(tmp_path / "t.db") == ["first", "second"]


def sqlite3_tables(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master ORDER BY name")]
    connection.close()
    return names


def address(path: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        made(Path(), None, path=path, query="SELECT 1")
    return str(caught.value)


def test_an_address_holds_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    said = address("postgresql://me:secret@127.0.0.1:1/base")
    assert said == (
        "data.path: must hold no password, because configurations are kept."
        " Received: postgresql://me:...@127.0.0.1:1/base. Name a variable of the environment in its place:"
        " 'data.path=postgresql://me:$PASSWORD@host/base'."
    )
    monkeypatch.delenv("OF_NO_ONE", raising=False)
    said = address("postgresql://me:$OF_NO_ONE@127.0.0.1:1/base")
    assert said == "data.path: names a variable of the environment that is not set. Received: $OF_NO_ONE."
    monkeypatch.setenv("OF_MINE", "hush/hush")
    said = address("postgresql+psycopg2://me:$OF_MINE@127.0.0.1:1/base")
    assert "Connection refused" in said
    assert "hush" not in said


def test_an_address_of_no_database_is_refused() -> None:
    said = address("s3://bucket/houses.csv")
    assert said.startswith(
        "data.path: is no address of a database that SQLAlchemy knows. Received: s3://bucket/houses.csv."
    )


NESTED = {
    "lists": [[1, 2]] * ROWS,
    "records": [{"of": 1}] * ROWS,
    "bytes": [b"x", b"z"] * (ROWS // 2),
}


@pytest.mark.parametrize("name", NESTED)
def test_what_is_no_single_value_is_left_out_and_told(name: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"a": NUMBERS % 7, "y": NUMBERS % 2, "b": NESTED[name]})
    found = made(tmp_path, table, "t.parquet")
    assert found.warnings == ("b is left out, because it holds lists, records or bytes.",)
    assert found.input_shape == (1,)
    said = refusal(tmp_path, None, "t.parquet", target="b")
    assert (
        said
        == "data.target: b holds lists, records or bytes. A target is a class or a number; name another column."
    )


WARNED = {
    "constant": (
        lambda row: f"7,{'red' if row % 3 else 'blue'},{row % 2}",
        "a is left out, because it has one value alone.",
    ),
    "empty": (
        lambda row: f",{'red' if row % 3 else 'blue'},{row % 2}",
        "a is left out, because it has no value.",
    ),
}


@pytest.mark.parametrize("name", WARNED)
def test_a_column_that_tells_nothing_is_left_out_and_told(name: str, tmp_path: Path) -> None:
    line, said = WARNED[name]
    assert made(tmp_path, text(line)).warnings == (said,)


def test_the_number_of_a_row_is_warned_of(tmp_path: Path) -> None:
    content = "id,a,y\n" + "".join(f"{100 + row},{row * 7 % 11},{row % 2}\n" for row in range(60))
    said = "id looks like the number of a row, which tells nothing of other rows: data.leave_out=[id]."
    assert made(tmp_path, content).warnings == (said,)


def test_a_division_by_a_column_with_holes_names_the_first(tmp_path: Path) -> None:
    table = made(tmp_path, with_cell(4, "", column=1), divided_by="b")
    for by in ("group", "time"):
        with pytest.raises(ConfigurationError) as caught:
            divided(table, by=by, column="b")
        assert str(caught.value) == (
            "split.column: b is empty in 1 of 30 rows, the first of them row 4. Mend them, or take split.by=auto."
        )


def test_a_class_of_one_row_has_no_part_in_a_stratified_division(tmp_path: Path) -> None:
    content = text(lambda row: f"{row},red,{'rare' if row == 4 else 'yes' if row % 2 else 'no'}")
    with pytest.raises(ConfigurationError, match="stratified needs at least 3 rows of every class") as caught:
        divided(made(tmp_path, content), by="stratified")
    assert "Received: 1 of 'rare'." in str(caught.value)


LABELS = [
    (("no", "yes"), "binary", ("no", "yes")),
    (("True", "False"), "binary", ("false", "true")),
    (("1.0", "0.0"), "binary", ("0", "1")),
    (("日本", "Ünï:/*%", "o k?"), "multiclass", ("o k?", "Ünï:/*%", "日本")),
    (("10", "9", "2"), "multiclass", ("2", "9", "10")),
    (("1", "b"), "binary", ("1", "b")),
]


# How a label is shown that is written in several ways.
SHOWN = {"True": "true", "False": "false", "1.0": "1", "0.0": "0"}


@pytest.mark.parametrize(("labels", "task", "classes"), LABELS)
def test_labels_may_be_anything(
    labels: tuple[str, ...], task: str, classes: tuple[str, ...], tmp_path: Path
) -> None:
    found = made(tmp_path, text(lambda row: f"{row},red,{labels[row % len(labels)]}"))
    assert (found.task, found.classes) == (task, classes)
    written = [labels[row % len(labels)] for row in range(ROWS)]
    assert [classes[number] for number in found.labels()] == [SHOWN.get(each, each) for each in written]


FORMS = {
    "t.csv": SOUND.encode(),
    "crlf.csv": SOUND.replace("\n", "\r\n").encode(),
    "bom.csv": b"\xef\xbb\xbf" + SOUND.encode(),
    "wide.csv": SOUND.encode("utf-16"),
    "semicolons.csv": SOUND.replace(",", ";").encode(),
    "bars.txt": SOUND.replace(",", "|").encode(),
    "t.tsv": SOUND.replace(",", "\t").encode(),
    "spaced.csv": SOUND.replace("a,b,y", " a , b , y ").encode(),
    "numbered.csv": "".join(
        f"{'' if number == 0 else number},{line}\n" for number, line in enumerate(SOUND.splitlines())
    ).encode(),
    "t.csv.gz": gzip.compress(SOUND.encode(), mtime=0),
    "t.csv.bz2": bz2.compress(SOUND.encode()),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_way_to_write_a_table_says_the_same(name: str, tmp_path: Path) -> None:
    found = made(tmp_path, FORMS[name], name)
    assert found.fit is not None
    inputs, targets = found.fit(np.arange(20), True).read()
    a, blue = NUMBERS.astype(np.float64), (NUMBERS % 3 == 0).astype(np.float64)
    expected = np.stack([(a - a[:20].mean()) / a[:20].std(), blue, 1 - blue], axis=1)
    np.testing.assert_allclose(inputs[:], expected, atol=1e-12)
    assert targets.tolist() == (NUMBERS % 2).tolist()


def test_letters_of_an_older_encoding_are_found_out(tmp_path: Path) -> None:
    content = text(lambda row: f"{row},{'Zürich' if row % 2 else 'Genève'},{row % 2}").encode("cp1252")
    found = made(tmp_path, content)
    assert found.column is not None
    assert found.column("b")[:2].tolist() == ["Genève", "Zürich"]


def test_a_decimal_comma_is_found_out(tmp_path: Path) -> None:
    found = made(tmp_path, text(lambda row: f"{row},5;red;{row % 2}", head="a;b;y"))
    assert found.column is not None
    assert found.column("a").tolist() == [row + 0.5 for row in range(ROWS)]


def test_dates_order_rows_as_a_calendar_does(tmp_path: Path) -> None:
    """As words, 10.1.2020 would be before 9.1.2020."""
    found = made(tmp_path, text(lambda row: f"{30 - row}.1.2020,{row % 4},{row % 2}"))
    parts = divided(found, by="time", column="a")
    assert parts.test.tolist() == [5, 4, 3, 2, 1, 0]
