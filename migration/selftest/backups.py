"""Faults of the backup set: what is not as it was copied when the set is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.schema import read
from migration.engine.sql import folded, quoted
from migration.selftest.fault import Fault, NotPlantedError, Scene
from migration.selftest.meddling import a_row, drop_last_row, filled, first, opened

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migration.engine.manifest import DatabaseCopy, Manifest
    from migration.engine.schema import Table


def _truncate_a_copy(scene: Scene) -> None:
    path = scene.run.folder / first(_databases(scene), "there is no copy of a database").copy
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _truncate_code(scene: Scene) -> None:
    copy = first(_sealed(scene).code, "the plan rewrites no code")
    (scene.run.folder / copy.copy).write_bytes(b"")


def _open_to_others(scene: Scene) -> None:
    (scene.run.folder / first(_databases(scene), "there is no copy of a database").copy).chmod(0o644)


def _lose_a_row(scene: Scene) -> None:
    for path in _copies(scene):
        with opened(path) as con:
            tables = list(filled(con))
            if tables:
                drop_last_row(con, tables, "")
                return
    raise NotPlantedError("no database has a row")


def _lose_a_row_of_a_dump(scene: Scene) -> None:
    """Let a dump bring back all but one row."""
    _add_to_a_dump(scene, lambda _, table: f"DELETE FROM {quoted(table.name)} WHERE {a_row(table)};\n")


def _cut_a_text_of_a_dump(scene: Scene) -> None:
    """Let a dump bring back a text without its last character."""
    _add_to_a_dump(scene, _cut)


def _cut(con: sqlite3.Connection, table: Table) -> str:
    keys = {folded(term[0] or "") for index in table.indexes if index.unique for term in index.terms}
    for column in table.stored:
        name = quoted(column.name)
        is_text = f"typeof({name}) = 'text' AND length({name}) > 0"
        if column.key or folded(column.name) in keys or not _any(con, table, is_text):
            continue
        shorter = f"substr({name}, 1, length({name}) - 1)"
        return f"UPDATE {quoted(table.name)} SET {name} = {shorter} WHERE {a_row(table, is_text)};\n"
    return ""


def _any(con: sqlite3.Connection, table: Table, condition: str) -> bool:
    return con.execute(f"SELECT 1 FROM {quoted(table.name)} WHERE {condition}").fetchone() is not None


def _add_to_a_dump(scene: Scene, damage: Callable[[sqlite3.Connection, Table], str]) -> None:
    """Add a statement to the first dump for one of whose tables there is one; its triggers would stand in the way."""
    if not scene.run.plan.dump:
        raise NotPlantedError("the plan asks for no dump")
    for copy in _databases(scene):
        with opened(scene.run.folder / copy.copy) as con:
            statement = next((sql for table in filled(con) if (sql := damage(con, table))), "")
            triggers = read(con).triggers
        if statement:
            in_the_way = "".join(f"DROP TRIGGER {quoted(trigger.name)};\n" for trigger in triggers)
            dump = scene.run.folder / copy.dump
            dump.write_bytes(dump.read_bytes() + f"{in_the_way}{statement}".encode("utf-8", "surrogateescape"))
            return
    raise NotPlantedError("no database has such a row")


def _sealed(scene: Scene) -> Manifest:
    if scene.run.sealed is None:
        raise NotPlantedError("the run has not sealed its backup set")
    return scene.run.sealed


def _databases(scene: Scene) -> tuple[DatabaseCopy, ...]:
    return _sealed(scene).databases


def _copies(scene: Scene) -> Iterator[Path]:
    return (scene.run.folder / copy.copy for copy in _databases(scene))


_COMPLETE = "test_all_originals_are_in_the_backup_set"
_RELOADS = "test_each_dump_reloads_to_the_same_content"

BACKUPS = (
    Fault("backup-complete", "a copy of a database is cut in half", _truncate_a_copy, at=_COMPLETE),
    Fault("backup-complete", "a copied code file is empty", _truncate_code, at=_COMPLETE),
    Fault("backup-complete", "a copy can be read by others", _open_to_others, at=_COMPLETE),
    Fault(
        "backup-digest",
        "a row is missing in a backup",
        _lose_a_row,
        at="test_each_backup_has_the_content_of_its_original",
    ),
    Fault("dump-reloads", "a row is missing in a dump", _lose_a_row_of_a_dump, at=_RELOADS),
    Fault("dump-reloads", "a text is cut in a dump", _cut_a_text_of_a_dump, at=_RELOADS),
)
