"""Plant faults into a workspace before a run.

The preflight has to refuse the run before it changes anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.attachable import attachable
from sqlite_consolidate.engine.sqlite.connections import attached, pragma
from sqlite_consolidate.engine.sqlite.schema.objects import keys_of, read_schema
from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted
from sqlite_consolidate.faults.database_edits import drop_last_row, first, open_unchecked, tables_with_rows
from sqlite_consolidate.faults.fault import Fault, not_planted
from sqlite_consolidate.plan.patterns import name_all_tables
from sqlite_consolidate.report.signing.plan_approval import signature_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.faults.fault import Undo, WorkspaceCopy
    from sqlite_consolidate.inventory.inventory_run import InventoryRun
    from sqlite_consolidate.plan.model import Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3


_FAULT = "selftest_fault"
_FREE_PAGES = 36  # offset of the number of free pages in the header (https://sqlite.org/fileformat.html)


def _add_an_unknown_key(copy: WorkspaceCopy) -> None:
    _prepend(copy.plan_file, "selftest_fault = 1\n")


def _require_a_rehearsal(copy: WorkspaceCopy) -> None:
    demanded = copy.plan.require_rehearsal is not None  # then a rehearsal of the unchanged plan exists
    _prepend(copy.plan_file, "# a selftest\n" if demanded else 'require_rehearsal = "24h"\n')


def _edit_the_approved_plan(copy: WorkspaceCopy) -> None:
    """Sign the plan with a new key, and then add a line to it."""
    signature_file(copy.plan_file).write_bytes(copy.sign(copy.plan_file.read_bytes()))
    _prepend(copy.plan_file, "# a selftest\n")


def _delete_a_source(copy: WorkspaceCopy) -> None:
    needed = [source for source in _present_sources(copy) if not (source.optional or source.is_of_pattern)]
    (copy.root / first(needed, "every source is optional in the plan, or a file of a pattern").file).unlink()


def _replace_a_source_by_text(copy: WorkspaceCopy) -> None:
    source = first(_present_sources(copy), "no source exists")
    (copy.root / source.file).write_text("This is a text and no database.\n")


def _damage_a_source(copy: WorkspaceCopy) -> None:
    """Increase the number of free pages in the header by one, as a torn write might.

    SQLite's integrity_check counts the free pages and finds the difference.
    """
    path = copy.root / first(_present_sources(copy), "no source exists").file
    with open_unchecked(path) as con:
        con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # otherwise SQLite would read the header in the -wal
    with path.open("r+b") as file:
        file.seek(_FREE_PAGES)
        count = int.from_bytes(file.read(4))
        file.seek(_FREE_PAGES)
        file.write((count + 1).to_bytes(4))


def _open_a_source_elsewhere(copy: WorkspaceCopy) -> Undo:
    """Let another process hold a write transaction on a source."""
    code = (
        "import sqlite3, sys; con = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "con.execute('BEGIN IMMEDIATE'); print('open', flush=True); sys.stdin.read()"
    )
    path = copy.root / first(_present_sources(copy), "no source exists").file
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if other.stdout is None or other.stdout.readline() != "open\n":
        raise not_planted("no other process could open a source")
    return lambda: other.communicate("")


def _fill_the_disk(copy: WorkspaceCopy) -> None:
    """Extend a source to a sparse file that is larger than the free space."""
    path = copy.root / first(_present_sources(copy), "no source exists").file
    with open_unchecked(path) as con:
        page = int(str(pragma(con, "page_size")))
    os.truncate(path, shutil.disk_usage(copy.root).free // page * page + page)


def _add_a_table(copy: WorkspaceCopy) -> None:
    sources = [source for source in _present_sources(copy) if not source.all_tables]
    with open_unchecked(copy.root / first(sources, "every source moves all of its tables").file) as con:
        con.execute("CREATE TABLE selftest_fault(x)")
        con.execute("INSERT INTO selftest_fault VALUES (1)")


def _name_a_view_like_a_table(copy: WorkspaceCopy) -> None:
    """Create a view in the target with the name of a planned table."""
    with open_unchecked(copy.root / copy.plan.target) as con:
        schema = read_schema(con)
        new = (table_map.into for _, table_map in _table_maps(copy) if schema.table(table_map.into) is None)
        name = first(new, "every planned table is in the target already")
        con.execute(f"CREATE VIEW {quoted(name)} AS SELECT 1")


def _create_an_unfit_table(copy: WorkspaceCopy) -> None:
    """Create a table of a planned name in the target, without a column of the source."""
    with open_unchecked(copy.root / copy.plan.target) as con:
        schema = read_schema(con)
        new = (table_map.into for _, table_map in _table_maps(copy) if schema.table(table_map.into) is None)
        name = first(new, "every planned table is in the target already")
        con.execute(f"CREATE TABLE {quoted(name)}(selftest_fault)")


def _insert_a_used_key(copy: WorkspaceCopy) -> None:
    """Copy a row of a source into the target."""
    for source, table_map in _table_maps(copy):
        has_new_keys = source.keys_of(table_map) == "renumber" or table_map.renumber or table_map.match
        if table_map.on_conflict != "refuse" or has_new_keys:
            continue
        with (
            open_unchecked(copy.root / copy.plan.target) as con,
            attachable(copy.root / source.file) as path,
            attached(con, path, "selftest_source") as alias,
        ):
            if _copy_a_row(con, alias, table_map):
                return
    raise not_planted("no table with rows and a key has on_conflict = 'refuse' and keeps its keys")


def _copy_a_row(con: sqlite3.Connection, alias: str, table_map: TableMap) -> bool:
    table = read_schema(con, alias).table(table_map.name)
    if table is None or table.kind != "table" or not keys_of(table):
        return False
    if not _create_in_target(con, table, table_map):
        return False
    source_columns = [column.name for column in table.stored]
    target_columns = [table_map.columns.get(name, name) for name in source_columns]
    sql = (
        f"INSERT INTO main.{quoted(table_map.into)} ({identifier_list(target_columns)})"
        f" SELECT {identifier_list(source_columns)} FROM {quoted(alias)}.{quoted(table.name)} LIMIT 1"
    )
    return con.execute(sql).rowcount > 0


def _create_in_target(con: sqlite3.Connection, table: Table, table_map: TableMap) -> bool:
    """Return whether a table map has an ordinary target table, and create it if need be."""
    if table.kind != "table":
        return False
    if read_schema(con).table(table_map.into) is None:
        if not table_map.create and table_map.into != table.name:
            return False
        with suppress(sqlite3.OperationalError):  # an index may have a used name; the table is created before it
            con.executescript(table_map.create or table.sql)
    return True


def _count_arriving_rows(copy: WorkspaceCopy) -> None:
    """Let a trigger of the target count the rows of a table that receives rows."""
    for source, table_map in _table_maps(copy):
        with (
            open_unchecked(copy.root / copy.plan.target) as con,
            attachable(copy.root / source.file) as path,
            attached(con, path, "selftest_source") as alias,
        ):
            table = read_schema(con, alias).table(table_map.name)
            if table is None or con.execute(f"SELECT 1 FROM {quoted(alias)}.{quoted(table.name)}").fetchone() is None:
                continue
            if _create_in_target(con, table, table_map) and _lets_rows_arrive(con, table_map):
                con.execute("CREATE TABLE selftest_fault(n)")
                con.execute(
                    f"CREATE TRIGGER selftest_counts AFTER INSERT ON main.{quoted(table_map.into)}"
                    " BEGIN UPDATE selftest_fault SET n = n + 1; END"
                )
                return
    raise not_planted("no ordinary table receives rows for certain")


def _lets_rows_arrive(con: sqlite3.Connection, table_map: TableMap) -> bool:
    """Return whether no policy can skip each row, because the target has it already."""
    is_empty = con.execute(f"SELECT 1 FROM main.{quoted(table_map.into)}").fetchone() is None
    return is_empty or table_map.on_conflict == "refuse"


def _delete_a_stated_row(copy: WorkspaceCopy) -> None:
    """Delete a row from a source whose number of rows the plan states."""
    for source, table_map in _table_maps(copy):
        if table_map.rows:
            with open_unchecked(copy.root / source.file) as con:
                drop_last_row(con, tables_with_rows(con, [table_map.name]), f"{table_map.name} has no row")
            return
    raise not_planted("the plan states no number of rows")


def _empty_a_referenced_file(copy: WorkspaceCopy) -> None:
    reference = first(copy.plan.references, "the plan names no reference")
    (copy.root / reference.file).write_text("")


def _name_a_source_in_a_further_file(copy: WorkspaceCopy) -> None:
    folders = ((copy.root / path) for path in copy.plan.scan.paths)
    folder = first((path for path in folders if path.is_dir()), "the plan scans no folder")
    (folder / f"{_FAULT}.py").write_text(f"PATH = {copy.plan.sources[0].file!r}\n")


def _leave_parents_behind(copy: WorkspaceCopy) -> None:
    """Add a source whose child rows refer to a table that the plan leaves behind.

    The target gets an empty table of that name.
    """
    parent, child = f"{_FAULT}_parent", f"{_FAULT}_child"
    create = f"CREATE TABLE {parent}(id INTEGER PRIMARY KEY)"
    with open_unchecked(copy.root / f"{_FAULT}.db") as con:
        con.execute(create)
        con.execute(f"CREATE TABLE {child}(parent INTEGER REFERENCES {parent}(id))")
        con.execute(f"INSERT INTO {parent} VALUES (1)")
        con.execute(f"INSERT INTO {child} VALUES (1)")
    source = f'[[source]]\nname = "{_FAULT}"\nfile = "{_FAULT}.db"\n'
    tables = f'[[source.table]]\nname = "{child}"\n[[source.leave]]\ntables = ["{parent}"]\nreason = "a fault"\n'
    required = f'[[table]]\nname = "{parent}"\ncreate = "{create}"\n'
    with copy.plan_file.open("a", encoding="utf-8") as file:
        file.write(f"\n{source}{tables}{required}")


def _present_sources(copy: WorkspaceCopy) -> list[Source]:
    return [source for source in copy.plan.in_order if (copy.root / source.file).is_file()]


def _table_maps(copy: WorkspaceCopy) -> Iterator[tuple[Source, TableMap]]:
    plan = name_all_tables(copy.plan, {source.name: _table_names(copy, source) for source in _present_sources(copy)})
    present = {source.name for source in _present_sources(copy)}
    return ((source, table_map) for source in plan.in_order if source.name in present for table_map in source.tables)


def _table_names(copy: WorkspaceCopy, source: Source) -> list[str]:
    """Return the tables of a source of which all are moved."""
    if not source.all_tables:
        return []
    with open_unchecked(copy.root / source.file) as con:
        return [table.name for table in read_schema(con).movable]


def _prepend(path: Path, text: str) -> None:
    """Add a line at the top of the plan, before the first table of the TOML file."""
    path.write_bytes(text.encode() + path.read_bytes().removeprefix(b"\xef\xbb\xbf"))


BEFORE_RUN_FAULTS = (
    Fault("plan-valid", "the plan has an unknown key", _add_an_unknown_key),
    Fault("sources-readable", "a source is missing", _delete_a_source),
    Fault("sources-readable", "a source is no database", _replace_a_source_by_text),
    Fault("integrity-before", "a source is damaged", _damage_a_source),
    Fault("no-other-process", "another process writes to a source", _open_a_source_elsewhere),
    Fault("space", "a source is larger than the free space", _fill_the_disk),
    Fault("nothing-left-behind", "a source has a table that the plan does not name", _add_a_table),
    Fault("names-free", "a view has the name of a planned table", _name_a_view_like_a_table),
    Fault("values-fit", "the target table has no column of the source", _create_an_unfit_table),
    Fault("keys-free", "a row is in the target already", _insert_a_used_key),
    Fault("derived-declared", "a trigger of the target counts rows that arrive", _count_arriving_rows),
    Fault("rows-as-stated", "a row is deleted from a source", _delete_a_stated_row),
    Fault("references-found", "an expression is not in the code", _empty_a_referenced_file),
    Fault("references-complete", "a file names a source, and the plan does not", _name_a_source_in_a_further_file),
    Fault("parents-follow", "the parents of moved rows are left behind", _leave_parents_behind),
    Fault("rehearsed", "no rehearsal was made", _require_a_rehearsal),
    Fault("approved", "the plan was edited after its approval", _edit_the_approved_plan),
)


_MAGIC = b"SQLite format 3\0"


def _delete_every_database(copy: WorkspaceCopy) -> None:
    for path in copy.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                is_database = file.read(len(_MAGIC)) == _MAGIC
            if is_database:
                path.unlink()


def _break_the_plan(run: InventoryRun) -> None:
    written = run.session.written
    if written is None:
        raise not_planted("the inventory proposes no plan, because fewer than two databases have rows")
    written.write_bytes(b"selftest_fault = 1\n" + written.read_bytes())


def _write_into_a_database(run: InventoryRun) -> None:
    entry = first(run.session.inventory.live, "no database has rows")
    with open_unchecked(run.session.root / entry.file) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


INVENTORY_FAULTS = (
    Fault("databases-found", "there is no database", _delete_every_database, Mode.INVENTORY),
    Fault.in_run("plan-proposed", "the proposed plan has an unknown key", _break_the_plan, Mode.INVENTORY),
    Fault.in_run("only-looked", "a database was written to", _write_into_a_database, Mode.INVENTORY),
)
