"""Specify that the expected rows are built from backups, archives and the plan."""

from __future__ import annotations

import locale
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sqlite_consolidate.engine.backup.copy_contents import dump_differences
from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.content.dump import write_dump
from sqlite_consolidate.engine.content.table_differences import NOT_AVAILABLE, compare_databases
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.row_differences import DifferenceKind, RowDifferences

if TYPE_CHECKING:
    from pathlib import Path

_MANY = "WITH c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 10000) INSERT INTO t SELECT x FROM c"


def made(path: Path, *statements: str) -> None:
    """Make a database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(open_new(path)) as con:
        for statement in statements:
            con.execute(statement)


class Consolidated:
    """A target, a backup set of what was before, and a plan, each as a test wants it."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "set"
        self.copies: list[DatabaseCopy] = []
        self.sources: list[dict[str, Any]] = []
        self.limits = Limits()

    def source(self, name: str, *statements: str, optional: bool = False, **table: Any) -> None:
        """Plan a source with one table, with a backup if statements are given."""
        self.sources.append(
            {"name": name, "file": f"{name}.db", "optional": optional, "table": [{"name": "t", **table}]}
        )
        if statements:
            self.backup(name, f"{name}.db", *statements)

    def backup(self, name: str, file: str, *statements: str) -> None:
        """Make the backup of a database."""
        copy = f"databases/{name}.db"
        made(self.folder / copy, *statements)
        role: Literal["target", "source"] = "target" if name == "target" else "source"
        self.copies.append(DatabaseCopy(role, name, file, copy, 0, "", "", {}, 0o600, "delete"))

    def differences(self, table: str = "t") -> RowDifferences:
        """Return in which rows the target differs."""
        document = {"format": 1, "name": "small", "target": "main.db", "source": self.sources}
        existed = any(copy.role == "target" for copy in self.copies)
        sealed = Manifest("run", "plan.toml", "", "main.db", existed, tuple(self.copies), (), {})
        before = OriginalRows(Plan.model_validate(document), sealed, self.folder, self.root, self.limits)
        return before.differences_in_file(self.root / "main.db", table)


@pytest.fixture
def consolidated(tmp_path: Path) -> Consolidated:
    """Nothing yet."""
    return Consolidated(tmp_path)


def numbers(differences: RowDifferences) -> tuple[int, int, int]:
    """Return how many rows are missing, extra and changed."""
    return differences.missing, differences.extra, differences.changed


@pytest.mark.parametrize(
    ("policy", "value", "differs"),
    [
        ("prefer-source", "new", False),
        ("prefer-source", "old", True),
        ("prefer-target", "old", False),
        ("prefer-target", "new", True),
    ],
)
def test_policy_of_plan_decides_the_expected_row(
    consolidated: Consolidated, policy: str, value: str, differs: bool
) -> None:
    """The policy replaces the row of the target or skips that of the source."""
    create = "CREATE TABLE t(k PRIMARY KEY, v)"
    consolidated.backup("target", "main.db", create, "INSERT INTO t VALUES(1, 'old')")
    consolidated.source("a", create, "INSERT INTO t VALUES(1, 'new')", on_conflict=policy)
    made(consolidated.root / "main.db", create, f"INSERT INTO t VALUES(1, '{value}')")

    assert numbers(consolidated.differences()) == (0, 0, int(differs))


@pytest.mark.parametrize(("rowids", "differs"), [("keep", True), ("renumber", False)])
def test_rowid_counts_as_the_plan_says(consolidated: Consolidated, rowids: str, differs: bool) -> None:
    """It is all that tells equal rows apart, unless the plan gives it up."""
    create, insert = "CREATE TABLE t(v)", "INSERT INTO t(rowid, v) VALUES({}, 'x')"
    consolidated.source("a", create, insert.format(7), rowids=rowids)
    made(consolidated.root / "main.db", create, insert.format(8))

    differences = consolidated.differences()

    assert bool(differences.number) is differs
    assert [row.kind for row in differences.first] == (
        [DifferenceKind.MISSING, DifferenceKind.EXTRA] if differs else []
    )
    assert bool(differences.note) is not differs


@pytest.mark.parametrize(("rowids", "differs"), [("keep", True), ("renumber", False)])
def test_rowid_of_rows_from_before_counts_alike(consolidated: Consolidated, rowids: str, differs: bool) -> None:
    """Both sides of the comparison read it, or neither does."""
    create, insert = "CREATE TABLE t(v)", "INSERT INTO t(rowid, v) VALUES({}, '{}')"
    consolidated.backup("target", "main.db", create, insert.format(1, "own"))
    consolidated.source("a", create, insert.format(7, "x"), rowids=rowids)
    made(consolidated.root / "main.db", create, insert.format(2, "own"), insert.format(7, "x"))

    assert bool(consolidated.differences().number) is differs


def test_source_that_was_absent_brings_no_row(consolidated: Consolidated) -> None:
    """An optional source that was present brings its rows, but only of the mapped table."""
    create = "CREATE TABLE t(k PRIMARY KEY)"
    consolidated.source("a", create, "INSERT INTO t VALUES(1)", optional=True)
    consolidated.source("b", optional=True)
    consolidated.source("c", into="other")
    made(consolidated.root / "main.db", create, "INSERT INTO t VALUES(1)")

    differences = consolidated.differences("T")

    assert numbers(differences) == (0, 0, 0)
    assert differences.note


@pytest.mark.parametrize(
    ("statement", "subject"),
    [("CREATE TABLE other(v)", "a.db: "), ("CREATE TABLE t(k, gone)", "a.db:t: "), ("", "a.db: ")],
)
def test_rows_that_cannot_be_made_again_are_not_compared(
    consolidated: Consolidated, statement: str, subject: str
) -> None:
    """The note names the source."""
    consolidated.source("a", *filter(None, [statement]))
    made(consolidated.root / "main.db", "CREATE TABLE t(k PRIMARY KEY)")

    differences = consolidated.differences()

    assert differences.number == 0
    assert differences.note.startswith(subject)


def test_table_that_is_gone_is_named(consolidated: Consolidated) -> None:
    """There are no rows to compare."""
    consolidated.source("a", "CREATE TABLE t(k)")
    made(consolidated.root / "main.db", "CREATE TABLE other(k)")

    assert " t." in consolidated.differences().note


def test_reading_ends_when_the_run_is_interrupted(consolidated: Consolidated) -> None:
    """The limits are those of every connection."""
    create = "CREATE TABLE t(k PRIMARY KEY)"
    rows = "WITH c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 50000) INSERT INTO t SELECT x FROM c"
    consolidated.source("a", create, rows)
    made(consolidated.root / "main.db", create, rows)
    with closing(open_existing(consolidated.root / "main.db")) as con:
        con.execute("DELETE FROM t WHERE k = 7")
    assert numbers(consolidated.differences()) == (1, 0, 0)
    consolidated.limits.interrupted.set()

    differences = consolidated.differences()

    assert (differences.number, "SQLITE_INTERRUPT" in differences.note) == (0, True)


@pytest.mark.parametrize("place", ["backup", "target"])
def test_each_side_is_read_within_the_limits(consolidated: Consolidated, place: str) -> None:
    """Rows of either may be too many to be read to the end."""
    create = "CREATE TABLE t(k PRIMARY KEY)"
    consolidated.source("a", create, *([_MANY] if place == "backup" else []))
    made(consolidated.root / "main.db", create, *([_MANY] if place == "target" else []))
    consolidated.limits.interrupted.set()

    assert "(SQLITE_INTERRUPT)" in consolidated.differences().note


@pytest.mark.parametrize("many", ["copy", "dump"])
def test_dump_is_compared_within_the_limits(tmp_path: Path, many: str) -> None:
    """The limits also hold for the rows that a dump restores."""
    for name in ("copy", "dump"):
        made(tmp_path / f"{name}.db", "CREATE TABLE t(k)", *([_MANY] if name == many else []))
    copy = dumped(tmp_path, "dump", "copy")
    limits = Limits()
    limits.interrupted.set()

    assert "(SQLITE_INTERRUPT)" in dump_differences(copy, tmp_path, limits).note


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        (["CREATE TABLE t(a)"], ["CREATE TABLE t(a)"], []),
        (["CREATE TABLE t(a)", "CREATE TABLE u(a)"], ["CREATE TABLE u(a)"], ["t"]),
        (["CREATE TABLE t(a)"], ["CREATE TABLE u(a)"], ["t", "u"]),
        (["CREATE TABLE t(a)"], ["CREATE TABLE T(a)", "CREATE TABLE v(a)", "CREATE TABLE u(a)"], ["v", "u"]),
        (["CREATE TABLE t(a, B, c)"], ["CREATE TABLE t(A, d)"], ["b", "c", "d", "t"]),
        (["CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID"], ["CREATE TABLE t(a)"], []),
    ],
)
def test_databases_say_what_their_rows_do_not(
    tmp_path: Path, before: list[str], now: list[str], named: list[str]
) -> None:
    """The note names tables and columns that one side does not have."""
    made(tmp_path / "before.db", *before)
    made(tmp_path / "now.db", *now)

    differences = compare_databases(tmp_path / "before.db", tmp_path / "now.db")

    assert differences.number == 0
    assert re.findall(r"\b[a-z]\b", differences.note) == named


def test_database_that_is_gone_is_not_compared(tmp_path: Path) -> None:
    """The note names it."""
    made(tmp_path / "now.db", "CREATE TABLE t(a)")
    notes = {
        compare_databases(tmp_path / before, tmp_path / after).note
        for before, after in (("gone.db", "now.db"), ("now.db", "gone.db"))
    }

    assert notes == {f"gone.db: {NOT_AVAILABLE}"}


def test_comparison_of_databases_ends_when_the_run_is_interrupted(tmp_path: Path) -> None:
    """Its connections carry the limits of the run."""
    rows = "WITH c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 50000) INSERT INTO t SELECT x FROM c"
    for name in ("before.db", "now.db"):
        made(tmp_path / name, "CREATE TABLE t(a)", rows)
    limits = Limits()
    limits.interrupted.set()

    assert "(SQLITE_INTERRUPT)" in compare_databases(tmp_path / "before.db", tmp_path / "now.db", limits).note


def dumped(folder: Path, name: str, copied: str = "") -> DatabaseCopy:
    """Dump a database and return the record of a copy with this or another dump."""
    dump = folder / f"{name}.sql"
    with (
        closing(open_existing(folder / f"{name}.db")) as con,
        dump.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
    ):
        write_dump(con, out)
    copy = f"{copied or name}.db"
    return DatabaseCopy("source", name, copy, copy, 0, "", "", {}, 0o600, "delete", dump.name)


def test_dump_brings_back_bytes_that_are_no_text(tmp_path: Path) -> None:
    """Neither a line end of another system nor what is no UTF-8 makes a difference."""
    made(
        tmp_path / "a.db",
        "CREATE TABLE t(a)",
        "INSERT INTO t VALUES('x' || char(13, 10) || 'y'), (CAST(x'ff' AS TEXT))",
    )
    made(tmp_path / "odd.db", "CREATE TABLE t(a DEFAULT 'x\r\ny\u2028é')", "INSERT INTO t VALUES('\u2028é')")
    equal = compare_databases(tmp_path / "a.db", tmp_path / "a.db").note
    for name in ("a", "odd"):
        assert dump_differences(dumped(tmp_path, name), tmp_path).note == equal


def test_dump_is_read_alike_in_every_locale(tmp_path: Path) -> None:
    """With its line ends as they are, which may stand in a name."""
    made(tmp_path / "odd.db", 'CREATE TABLE "é\r\n"(a)', """INSERT INTO "é\r\n" VALUES('é')""")
    copy = dumped(tmp_path, "odd")
    before = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, "C")
    try:
        rows = dump_differences(copy, tmp_path)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)

    assert (rows.number, rows.note) == (0, compare_databases(tmp_path / "odd.db", tmp_path / "odd.db").note)


def test_dump_with_undecodable_statement_is_not_loaded(tmp_path: Path) -> None:
    """Only SQLite's shell can load such a dump, which is no fault of the bytes."""
    made(tmp_path / "odd.db", "CREATE TABLE t(a DEFAULT 'XX')")
    copy = dumped(tmp_path, "odd")
    dump = tmp_path / copy.dump
    dump.write_bytes(dump.read_bytes().replace(b"XX", b"\xff"))

    assert "(OperationalError)" in dump_differences(copy, tmp_path).note
