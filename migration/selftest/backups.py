"""Faults of the backup set: what is not as it was copied when the set is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.schema import read
from migration.engine.sql import quoted
from migration.selftest.fault import Fault, NotPlantedError, Scene
from migration.selftest.meddling import a_row, drop_last_row, filled, first, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migration.engine.manifest import DatabaseCopy, Manifest


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


def _cut_a_dump(scene: Scene) -> None:
    """Let a dump bring back all but one row."""
    for copy in _databases(scene):
        with opened(scene.run.folder / copy.copy) as con:
            tables, triggers = list(filled(con)), read(con).triggers
        if copy.dump and tables:
            in_the_way = "".join(f"DROP TRIGGER {quoted(trigger.name)};\n" for trigger in triggers)
            lost = f"{in_the_way}DELETE FROM {quoted(tables[0].name)} WHERE {a_row(tables[0])};\n"
            dump = scene.run.folder / copy.dump
            dump.write_bytes(dump.read_bytes() + lost.encode("utf-8", "surrogateescape"))
            return
    raise NotPlantedError("the plan asks for no dump" if not scene.run.plan.dump else "no database has a row")


def _sealed(scene: Scene) -> Manifest:
    if scene.run.sealed is None:
        raise NotPlantedError("the run has not sealed its backup set")
    return scene.run.sealed


def _databases(scene: Scene) -> tuple[DatabaseCopy, ...]:
    return _sealed(scene).databases


def _copies(scene: Scene) -> Iterator[Path]:
    return (scene.run.folder / copy.copy for copy in _databases(scene))


_COMPLETE = "test_all_originals_are_in_the_backup_set"

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
    Fault(
        "dump-reloads",
        "a row is missing in a dump",
        _cut_a_dump,
        at="test_each_dump_reloads_to_the_same_content",
    ),
)
