"""Show where the rows of each table came from and went, and its content at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import (
        DatabaseRecord,
        KeyMapRecord,
        MoveRecord,
        Place,
        Record,
        TableContent,
    )

PLACES: dict[Place, str] = {
    "backup": "Backup, read again", "dump": "Dump, loaded again", "archive": "Archive", "after": "After the run",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """Hold what a table held at one place, and whether the live file held the same."""

    same: bool
    rows: int
    digest: str


@dataclass(frozen=True)
class TableLine:
    """Hold one table with its content in the live file and in each other place.

    Attributes:
        live: Content in the live file; None if the table was not there.
        cells: Content at each place; None if the table was not there.
        into: The move of the table; None if it is not moved.
        arrived: Content of the receiving table of the target.
    """

    name: str
    live: TableContent | None
    cells: tuple[Cell | None, ...]
    into: MoveRecord | None
    arrived: TableContent | None


@dataclass(frozen=True)
class DatabaseTables:
    """Hold the tables of one database that have rows at any place.

    Attributes:
        places: Headings of the cells.
        empty: How many tables have no row at any place.
        moved: Whether the target has a column in the table of the page.
    """

    database: DatabaseRecord
    places: tuple[str, ...]
    tables: tuple[TableLine, ...]
    empty: int
    moved: bool


@dataclass(frozen=True)
class MoveLine:
    """Hold the move of one table, with its new keys and its way of copying in words."""

    move: MoveRecord
    keys: str
    method: str


_METHODS = {
    "records": "whole records",
    "records-under-other-defaults": "whole records, while the table had the DEFAULTs of the source",
    "columns": "by columns",
}


def move_lines(record: Record) -> list[MoveLine]:
    """Return a line for each table that was moved, or that is planned if none was."""
    lines = []
    for move in record.flow:
        maps = [key_map for key_map in record.key_maps if _is_of(key_map, move)]
        is_one = len({key_map.source for key_map in maps}) <= 1
        keys = ", ".join(filter(None, map(_keys, maps))) if is_one else "by file: see evidence.json"
        lines.append(MoveLine(move, keys, _METHODS.get(move.method, "")))
    return lines


def _is_of(key_map: KeyMapRecord, move: MoveRecord) -> bool:
    """Return whether a key map is of a table, or of one of the files that it stands for."""
    is_source = key_map.source == move.source or key_map.source.startswith(f"{move.source}:")
    return is_source and key_map.table == move.into


def _keys(key_map: KeyMapRecord) -> str:
    moved = f"{key_map.column or 'key'} + {key_map.offset:,}" if key_map.offset else ""
    matched = f"{key_map.matched:,} matched" if key_map.matched else ""
    return ", ".join(filter(None, (moved, matched)))


def database_tables(record: Record) -> list[DatabaseTables]:
    """Return the tables of each source and of the target."""
    return [_tables(database, record) for database in (*record.sources, record.target) if database]


def _tables(database: DatabaseRecord, record: Record) -> DatabaseTables:
    moves = {move.table: move for move in record.flow if move.source == database.name}
    arrived = record.target.contents.get("after", {}) if record.target else {}
    places = [place for place in PLACES if place in database.contents]
    names = dict.fromkeys(name for tables in database.contents.values() for name in tables)
    live = database.contents.get("live", {})
    lines = [
        TableLine(
            name,
            live.get(name),
            tuple(_cell(live.get(name), database.contents[place].get(name)) for place in places),
            moves.get(name),
            arrived.get(moves[name].into) if name in moves else None,
        )
        for name in names
    ]
    full = tuple(line for line in lines if line.into or _has_rows(line))
    headings = tuple(PLACES[place] for place in places)
    return DatabaseTables(database, headings, full, len(lines) - len(full), bool(moves))


def _has_rows(line: TableLine) -> bool:
    return bool(line.live and line.live.rows) or any(cell and cell.rows for cell in line.cells)


def _cell(live: TableContent | None, content: TableContent | None) -> Cell | None:
    return Cell(content == live, content.rows, content.digest) if content else None
