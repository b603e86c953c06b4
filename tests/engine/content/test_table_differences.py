"""Specify how two databases are compared table by table and row by row."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.copy_contents import dump_differences
from sqlite_consolidate.engine.content.table_differences import compare_databases, table_side
from sqlite_consolidate.engine.sqlite.connections import open_readonly
from sqlite_consolidate.engine.sqlite.schema.objects import read_schema
from sqlite_consolidate.row_differences import DifferenceKind
from tests.support.rows.named_rows import named
from tests.support.workspaces.two_sources import (
    consolidated,
    database,
    execute,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_databases_that_differ_in_no_row_say_so(tmp_path: Path) -> None:
    """Content digests hold statements, marks and header as well."""
    database(tmp_path / "a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
    database(tmp_path / "b.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, a)")
    execute(tmp_path / "b.db", "PRAGMA user_version = 3")

    rows = compare_databases(tmp_path / "a.db", tmp_path / "b.db")

    assert (rows.number, rows.first) == (0, ())
    assert rows.note


def test_databases_name_rows_and_tables_that_one_lacks(tmp_path: Path) -> None:
    """Tables without a key are compared by their rowids."""
    for name in ("a.db", "b.db"):
        database(tmp_path / name, "CREATE TABLE t(a)")
        execute(tmp_path / name, "INSERT INTO t(rowid, a) VALUES(5, 'x'), (7, 'x')")
    execute(tmp_path / "a.db", "CREATE TABLE lost(a)")
    execute(tmp_path / "b.db", "UPDATE t SET a = 'y' WHERE rowid = 7")

    rows = compare_databases(tmp_path / "a.db", tmp_path / "b.db")

    assert named(rows) == [(DifferenceKind.CHANGED, "t", ("7",), ("a",))]
    assert "lost" in rows.note


def test_dump_that_brings_back_other_rows_names_them(root: Path) -> None:
    """The dump is loaded again for the report, and no file is left beside it."""
    folder = consolidated(root)
    sealed = manifest.read(folder)
    assert sealed is not None
    copy = sealed.database("logs/tasks.db")
    assert copy is not None
    dump = folder / copy.dump
    dump.write_text(dump.read_text("utf-8").replace("'two'", "'too'"), "utf-8")
    before = sorted(path.name for path in dump.parent.iterdir())

    rows = dump_differences(copy, folder)

    assert named(rows) == [(DifferenceKind.CHANGED, "tasks", ("2",), ("title",))]
    assert sorted(path.name for path in dump.parent.iterdir()) == before


def test_side_reads_rows_with_its_policy_and_time(tmp_path: Path) -> None:
    """The place of the time is that among the compared columns."""
    database(tmp_path / "a.db", "CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT COLLATE NOCASE)")
    with closing(open_readonly(tmp_path / "a.db")) as con:
        side = replace(table_side(con, read_schema(con).tables["t"], counts=False), policy="prefer-newer", newer="At")
        rows = side.rows(["id", "at"])

    assert (rows.policy, rows.newer) == ("prefer-newer", (1, "nocase"))
