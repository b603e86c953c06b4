"""Specify that the expected rows are built from backups, archives and the plan."""

from __future__ import annotations

import locale
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sqlite_consolidate.engine.backup.copy_contents import dump_differences
from sqlite_consolidate.engine.backup.manifest import DatabaseCopy, Manifest
from sqlite_consolidate.engine.checks.comparison.explain import OriginalRows
from sqlite_consolidate.engine.content.dump import write_dump
from sqlite_consolidate.engine.content.table_differences import compare_databases
from sqlite_consolidate.engine.sqlite.connections import open_existing, open_new
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.row_differences import DifferenceKind, RowDifferences

if TYPE_CHECKING:
    from pathlib import Path

_SAME = "All rows are equal. Statements, AUTOINCREMENT marks or the header differ."
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
    assert differences.note == ("" if differs else "No row differs from the backup set in the columns that both have.")


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
    assert differences.note == "No row differs from the backup set in the columns that both have."


@pytest.mark.parametrize(
    ("statement", "note"),
    [
        ("CREATE TABLE other(v)", "a.db: its backup has no table t."),
        ("CREATE TABLE t(k, gone)", "a.db:t: its rows do not fit t as it is now."),
        ("", "a.db: the differing rows are not known, because the original rows are not available."),
    ],
)
def test_rows_that_cannot_be_made_again_are_not_compared(consolidated: Consolidated, statement: str, note: str) -> None:
    """The note says of which source."""
    consolidated.source("a", *filter(None, [statement]))
    made(consolidated.root / "main.db", "CREATE TABLE t(k PRIMARY KEY)")

    differences = consolidated.differences()

    assert (differences.number, differences.note) == (0, note)


def test_table_that_is_gone_is_named(consolidated: Consolidated) -> None:
    """There are no rows to compare."""
    consolidated.source("a", "CREATE TABLE t(k)")
    made(consolidated.root / "main.db", "CREATE TABLE other(k)")

    assert consolidated.differences().note == "The target has no table t."


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

    note = consolidated.differences().note

    assert note == "The differing rows are not known, because the comparison failed (SQLITE_INTERRUPT)."


@pytest.mark.parametrize("many", ["copy", "dump"])
def test_dump_is_compared_within_the_limits(tmp_path: Path, many: str) -> None:
    """The limits also hold for the rows that a dump restores."""
    for name in ("copy", "dump"):
        made(tmp_path / f"{name}.db", "CREATE TABLE t(k)", *([_MANY] if name == many else []))
    copy = dumped(tmp_path, "dump", "copy")
    limits = Limits()
    limits.interrupted.set()

    note = dump_differences(copy, tmp_path, limits).note

    assert note == "The differing rows are not known, because the comparison failed (SQLITE_INTERRUPT)."


@pytest.mark.parametrize(
    ("before", "now", "note"),
    [
        (["CREATE TABLE t(a)"], ["CREATE TABLE t(a)"], _SAME),
        (["CREATE TABLE t(a)", "CREATE TABLE u(a)"], ["CREATE TABLE u(a)"], "Table t is missing."),
        (["CREATE TABLE t(a)"], ["CREATE TABLE u(a)"], "Table t is missing. Additional tables: u."),
        (
            ["CREATE TABLE t(a)"],
            ["CREATE TABLE T(a)", "CREATE TABLE v(a)", "CREATE TABLE u(a)"],
            "Additional tables: v, u.",
        ),
        (
            ["CREATE TABLE t(a, B, c)"],
            ["CREATE TABLE t(A, d)"],
            "Not compared, because one side lacks it: b, c, d of t.",
        ),
        (["CREATE TABLE t(a PRIMARY KEY) WITHOUT ROWID"], ["CREATE TABLE t(a)"], _SAME),
    ],
)
def test_databases_say_what_their_rows_do_not(tmp_path: Path, before: list[str], now: list[str], note: str) -> None:
    """The note names tables and columns that one side does not have."""
    made(tmp_path / "before.db", *before)
    made(tmp_path / "now.db", *now)

    differences = compare_databases(tmp_path / "before.db", tmp_path / "now.db")

    assert (differences.number, differences.note) == (0, note)


def test_database_that_is_gone_is_not_compared(tmp_path: Path) -> None:
    """The note names it."""
    made(tmp_path / "now.db", "CREATE TABLE t(a)")
    note = "gone.db: the differing rows are not known, because the original rows are not available."

    assert compare_databases(tmp_path / "gone.db", tmp_path / "now.db").note == note
    assert compare_databases(tmp_path / "now.db", tmp_path / "gone.db").note == note


def test_comparison_of_databases_ends_when_the_run_is_interrupted(tmp_path: Path) -> None:
    """Its connections carry the limits of the run."""
    rows = "WITH c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 50000) INSERT INTO t SELECT x FROM c"
    for name in ("before.db", "now.db"):
        made(tmp_path / name, "CREATE TABLE t(a)", rows)
    limits = Limits()
    limits.interrupted.set()

    note = compare_databases(tmp_path / "before.db", tmp_path / "now.db", limits).note

    assert note == "The differing rows are not known, because the comparison failed (SQLITE_INTERRUPT)."


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
    for name in ("a", "odd"):
        assert dump_differences(dumped(tmp_path, name), tmp_path).note == _SAME


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

    assert (rows.number, rows.note) == (0, _SAME)


def test_dump_with_undecodable_statement_is_not_loaded(tmp_path: Path) -> None:
    """Only SQLite's shell can load such a dump, which is no fault of the bytes."""
    made(tmp_path / "odd.db", "CREATE TABLE t(a DEFAULT 'XX')")
    copy = dumped(tmp_path, "odd")
    dump = tmp_path / copy.dump
    dump.write_bytes(dump.read_bytes().replace(b"XX", b"\xff"))

    note = dump_differences(copy, tmp_path).note

    assert note == "The differing rows are not known, because the comparison failed (OperationalError)."
