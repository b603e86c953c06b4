"""Specify which files need a column that tells them apart, because code opens each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.checks.merged_files import telling_columns
from sqlite_consolidate.engine.checks.merged_files.files_told_apart import files_told_apart
from sqlite_consolidate.engine.checks.merged_files.merged_tables import find_merged_tables
from sqlite_consolidate.engine.code.scanning.old_names import Mention, OldNames
from sqlite_consolidate.engine.code.scanning.scan import mentions_in
from tests.support.databases import TARGET, Bench, source, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import Source

SALES = "CREATE TABLE sales(id INTEGER PRIMARY KEY, item TEXT, total REAL{})"
RENEWED = table("sales", keys="renumber")


def sell(bench: Bench, file: str, further: str = "", value: str = "") -> None:
    """Create sales of which only the totals differ from those of other files."""
    amount = len(file)
    bench.database(
        file,
        SALES.format(further),
        f"INSERT INTO sales VALUES (1, 'hat', {amount}.5{value}), (2, 'coat', {amount}.25{value}), "
        f"(3, 'hat', {amount}.5{value})",
    )


def named(file: str, place: str = "") -> Mention:
    """Return a place in code that names a file."""
    return Mention(place or f"{file}.py", 1, "", file, "code")


def findings(
    bench: Bench, *sources: Source, opened: Sequence[str] = ("a.db", "b.db"), required: dict[str, str] | None = None
) -> list[Finding]:
    """Return the findings of a plan, if code opens each of some files."""
    uses = {file: (named(file),) for file in opened}
    inspected = bench.survey(*sources, required=required)
    assert inspected.problems == []
    return list(files_told_apart(inspected, find_merged_tables(inspected), uses))


def subjects(bench: Bench, *sources: Source, opened: Sequence[str] = ("a.db", "b.db")) -> list[tuple[str, int]]:
    """Return subject and number of files of each finding."""
    return [(finding.subject, finding.count) for finding in findings(bench, *sources, opened=opened)]


def test_files_that_code_opens_by_name_are_a_finding(bench: Bench) -> None:
    """Both programs sum the sales of both files after the run."""
    sell(bench, "a.db")
    sell(bench, "b.db")

    assert subjects(bench, source("a.db", RENEWED), source("b.db", RENEWED)) == [("a.db:sales", 2)]


def test_rows_of_the_target_count_as_a_file(bench: Bench) -> None:
    """The subject is the source, of which the plan has an entry."""
    sell(bench, TARGET)
    sell(bench, "b.db")

    assert subjects(bench, source("b.db", RENEWED), opened=(TARGET, "b.db")) == [("b.db:sales", 2)]
    assert subjects(bench, source("b.db", RENEWED), opened=("b.db",)) == []


@pytest.mark.parametrize(
    ("file", "text", "number"),
    [
        ("a.sh", "cp {} /backup/\n", 0),
        ("a.sh", "  sudo tar -czf $OUT.tgz {} > log\n", 0),
        ("Makefile", "save:\n\t@cp {} x\n", 0),
        ("a.py", "shutil.copy('{}', folder)\n", 0),
        ("a.py", "copyfile(Path('{}'), x)\n", 0),
        ("a.py", "subprocess.run(['/bin/cp', '{}', 'x'])\n", 0),
        ("a.py", "def test_x(tmp_path): sqlite3.connect(tmp_path / '{}')\n", 0),
        ("a.sh", "cp {0} x && sqlite3 {0} .dump\n", 1),
        ("a.sh", "scp=1 sqlite3 {}\n", 1),
        ("a.py", "shutil.copy('{0}', x); connect('{0}')\n", 1),
        ("a.py", "name = '{}'\nshutil.copy(name, x)\n", 1),
        ("a.py", "copy('{}')\n", 1),
        ("a.py", "subprocess.run(['sqlite3', '{}'])\n", 1),
    ],
)
def test_code_that_copies_a_file_reads_no_rows(bench: Bench, file: str, text: str, number: int) -> None:
    """Code opens a file unless it only copies it, or one of the name below a temporary folder."""
    sources = []
    for name in ("a.db", "b.db"):
        sell(bench, name)
        sources.append(source(name, RENEWED))
    inspected = bench.survey(*sources)
    code = "".join(text.format(name) for name in ("a.db", "b.db"))
    mentions = mentions_in(file, code.encode(), OldNames(["a.db", "b.db"]))
    uses = {name: [mention for mention in mentions if mention.database == name] for name in ("a.db", "b.db")}

    assert all(uses.values())
    assert len([*files_told_apart(inspected, find_merged_tables(inspected), uses)]) == number


@pytest.mark.parametrize(
    ("further", "values"),
    [
        (", shop TEXT", ("'a'", "'b'")),
        (", sold_at TEXT", ("'2023-01-02'", "'2024-01-02'")),
        (", shop TEXT", ("NULL", "'b'")),
    ],
)
def test_column_of_the_rows_tells_files_apart(bench: Bench, further: str, values: tuple[str, str]) -> None:
    """No value of one file is in the other."""
    for file, value in zip(("a.db", "bb.db"), values, strict=True):
        sell(bench, file, further, f", {value}")
    sources = source("a.db", RENEWED), source("bb.db", RENEWED)

    assert subjects(bench, *sources, opened=("a.db", "bb.db")) == []


def test_column_with_a_common_value_tells_nothing(bench: Bench) -> None:
    """Totals and keys that differ by chance do not tell it either."""
    sell(bench, "a.db", ", shop TEXT", ", 'north'")
    sell(bench, "bb.db", ", shop TEXT", ", 'north'")
    bench.execute("bb.db", "UPDATE sales SET shop = 'south' WHERE id = 1", "UPDATE sales SET id = id + 10")
    sources = source("a.db", "sales"), source("bb.db", "sales")

    assert subjects(bench, *sources, opened=("a.db", "bb.db")) == [("a.db:sales", 2)]


def test_parent_of_the_rows_tells_files_apart(bench: Bench) -> None:
    """Each file has a shop of its own, to which the sales refer."""
    for file in ("a.db", "b.db"):
        bench.database(file, "CREATE TABLE shop(id INTEGER PRIMARY KEY, name TEXT)")
        bench.execute(file, f"INSERT INTO shop VALUES (1, '{file}')")
        sell(bench, file, ", shop INTEGER REFERENCES shop(id)", ", 1")
    sources = [source(file, table("shop", keys="renumber"), RENEWED) for file in ("a.db", "b.db")]

    assert subjects(bench, *sources) == []


def test_constant_of_each_source_tells_files_apart(bench: Bench) -> None:
    """A constant that both sources have does not."""
    sell(bench, "a.db")
    sell(bench, "b.db")
    wide = {"sales": SALES.format(", file TEXT")}

    for value, number in (("{stem}", 0), ("north", 1)):
        sources = [source(file, RENEWED, constants={"file": value}) for file in ("a.db", "b.db")]
        assert len(findings(bench, *sources, required=wide)) == number


@pytest.mark.parametrize(("value", "updates"), [("NULL", 1), ("'all'", 0)])
def test_null_in_rows_of_the_target_names_no_file(bench: Bench, value: str, updates: int) -> None:
    """The finding has the statement that fills the column, and no second column."""
    sell(bench, TARGET, ", file TEXT", f", {value}")
    sell(bench, "b.db")
    told = source("b.db", RENEWED, constants={"file": "{stem}"})

    texts = [finding.text for finding in findings(bench, told, opened=(TARGET, "b.db"))]

    assert [re.findall("(?<=`)[A-Z]+", text) for text in texts] == [["UPDATE"]] * updates


def test_target_that_code_does_not_open_needs_no_name(bench: Bench) -> None:
    """The constant is the same in both sources, so that a second column is advised."""
    sell(bench, TARGET, ", file TEXT", ", NULL")
    sources = []
    for file in ("a.db", "b.db"):
        sell(bench, file)
        sources.append(source(file, RENEWED, constants={"file": "north"}))

    [finding] = findings(bench, *sources)

    assert re.findall("(?<=`)[A-Z]+", finding.text) == ["ALTER", "UPDATE"]


@pytest.mark.parametrize("keys", [{"match": ["item", "total"], "keys": "renumber"}, {"on_conflict": "skip-identical"}])
def test_rows_that_files_share_are_no_finding(bench: Bench, keys: dict[str, object]) -> None:
    """They are looked up by both."""
    bench.database("a.db", SALES.format(""), "INSERT INTO sales VALUES (1, 'hat', 1.5), (2, 'coat', 2.5)")
    bench.database("b.db", SALES.format(""), "INSERT INTO sales VALUES (1, 'hat', 1.5), (2, 'coat', 2.5)")

    assert subjects(bench, source("a.db", "sales"), source("b.db", table("sales", **keys))) == []


def test_bookkeeping_is_no_finding(bench: Bench) -> None:
    """Neither is a table with one row in each file, such as one of a version."""
    for number, file in enumerate(("a.db", "b.db")):
        bench.database(file, "CREATE TABLE schema_migrations(version)", "CREATE TABLE about(version)")
        bench.execute(file, f"INSERT INTO schema_migrations VALUES ({number}), (9)", "INSERT INTO about VALUES (7)")
    tables = [table(name, rowids="renumber") for name in ("schema_migrations", "about")]
    sources = [source(file, *tables) for file in ("a.db", "b.db")]

    assert subjects(bench, *sources) == []


def test_computed_name_opens_no_file(bench: Bench) -> None:
    """A loop over the files reads the rows of all before the run as well."""
    sell(bench, "a.db")
    sell(bench, "b.db")
    inspected = bench.survey(source("a.db", RENEWED), source("b.db", RENEWED))
    computed = Mention("all.py", 1, "", "b.db", "code", pattern="*.db")

    uses = {"a.db": (named("a.db"),), "b.db": (computed,)}

    assert list(files_told_apart(inspected, find_merged_tables(inspected), uses)) == []


def test_name_of_several_files_opens_each(bench: Bench) -> None:
    """A place that means one file only is quoted first, or one in the folder of the file."""
    sell(bench, "a.db")
    sell(bench, "b.db")
    inspected = bench.survey(source("a.db", RENEWED), source("b.db", RENEWED))
    merged = find_merged_tables(inspected)
    either = Mention("one.py", 1, "", "data.db", "code")
    known = {"a.db": (either, named("a.db", "first.py")), "b.db": (either,)}

    for uses, places in (({"a.db": (either,), "b.db": (either,)}, ["one.py"]), (known, ["first.py", "one.py"])):
        [finding] = files_told_apart(inspected, merged, uses)
        assert (finding.subject, finding.count) == ("a.db:sales", 2)
        assert re.findall(r"[\w.]+(?=:1)", finding.text) == places


def test_rows_that_are_left_behind_tell_nothing(bench: Bench) -> None:
    """The other file has the shop of the row that does not move."""
    sell(bench, "a.db", ", shop TEXT", ", 'a'")
    sell(bench, "bb.db", ", shop TEXT", ", 'b'")
    bench.execute("bb.db", "INSERT INTO sales VALUES (4, 'hat', 1.5, 'a')")
    chosen = table("sales", keys="renumber", where="shop = 'b'", reason="those of b")

    for moved, number in ((chosen, 0), (RENEWED, 1)):
        sources = source("a.db", RENEWED), source("bb.db", moved)
        assert len(subjects(bench, *sources, opened=("a.db", "bb.db"))) == number


def test_first_rows_of_large_tables_are_compared(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A common value in them proves the finding, and without one nothing is claimed."""
    for file, value in (("a.db", "a"), ("bb.db", "b")):
        sell(bench, file, ", shop TEXT", f", '{value}'")
        bench.execute(file, "INSERT INTO sales VALUES (4, 'hat', 1.5, 'north')")
    sources = source("a.db", RENEWED), source("bb.db", RENEWED)

    for rows, number in ((4, 1), (3, 0)):
        monkeypatch.setattr(telling_columns, "_ROWS", rows)
        assert len(subjects(bench, *sources, opened=("a.db", "bb.db"))) == number


def test_unreadable_rows_raise_no_error(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a column tells the files apart is then unknown, which is no finding."""
    sell(bench, "a.db")
    sell(bench, "b.db")
    inspected = bench.survey(source("a.db", RENEWED), source("b.db", RENEWED))
    merged = find_merged_tables(inspected)
    monkeypatch.setattr(telling_columns, "_LETTERS", "no SQL")

    assert list(files_told_apart(inspected, merged, {file: (named(file),) for file in ("a.db", "b.db")})) == []
