"""Find a target with the columns of all files of its kind."""

from __future__ import annotations

from itertools import count
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlite_consolidate.inventory.inspection import CountedTable, Database
from sqlite_consolidate.inventory.selection.source_names import name_sources
from sqlite_consolidate.inventory.sources.families import Family, find_families
from sqlite_consolidate.inventory.sources.table_versions import fits_into

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlite_consolidate.inventory.inventory import Inventory


def find_wider_target(
    inventory: Inventory, target: Database, asked: Collection[str] = ()
) -> tuple[Database, str] | None:
    """Return a target with the columns of all files of its kind, and the reason.

    None is returned where the target has them, or where no pattern matches it. A run adds no column to a table of its
    target. Where no file has all columns, the target is a new file.

    Args:
        inventory: The inventory.
        target: The target that was chosen.
        asked: Files whose rows need a column that names their file.
    """
    kinds = find_families(inventory.root, inventory.entries, "")
    kind = next((each for each in kinds if target.file in each.files and len(each.files) > 1), None)
    if kind is None:
        return None
    if not {*kind.files}.isdisjoint(asked):
        reason = f"no table of {kind.file} can name the file of a row"
        return Database(new_file(inventory, kind), "empty", 0, ""), f"{reason}; the run creates it"
    if _has_columns(target, kind.database.tables):
        return None
    wide = [entry.database for entry in kind.entries if _has_columns(entry.database, kind.database.tables)]
    if wide:
        widest = min(wide, key=lambda database: (-database.rows, database.file))
        return widest, f"it has the columns of all files of {kind.file}"
    reason = f"no file of {kind.file} has the columns of all of them, and a run adds none"
    return Database(new_file(inventory, kind), "empty", 0, ""), f"{reason}; the run creates it"


def new_file(inventory: Inventory, kind: Family) -> str:
    """Return the name of a new file, after the files of a kind."""
    [stem] = name_sources([kind.name_path])
    suffix = PurePosixPath(kind.files[0]).suffix
    names = (f"{stem}{'_all' * (number > 0)}{number if number > 1 else ''}{suffix}" for number in count())
    return next(name for name in names if not (inventory.root / name).exists())


def _has_columns(database: Database, tables: Iterable[CountedTable]) -> bool:
    """Return whether a database has all columns of some tables."""
    pairs = [(table.table, database.table(table.name)) for table in tables]
    return all(known and fits_into(table, known.table) for table, known in pairs)
