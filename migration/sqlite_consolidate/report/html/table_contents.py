"""Contents: each table of a database at every place where it was read: live, backup, dump, archive, target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.report.evidence import DatabaseRecord, MoveRecord, Place, Record, TableContent

PLACES: dict[Place, str] = {
    "backup": "Backup, read again", "dump": "Dump, loaded again", "archive": "Archive", "after": "After the run",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """What a table held at one place: whether that is what the live file held, else what it was."""

    same: bool
    rows: int
    digest: str


@dataclass(frozen=True)
class TableLine:
    """One table: what the live file held (None: it was not there), and a cell for each place; None: it has it not."""

    name: str
    live: TableContent | None
    cells: tuple[Cell | None, ...]
    into: MoveRecord | None
    arrived: TableContent | None


@dataclass(frozen=True)
class DatabaseTables:
    """The tables of one database with rows at any place, and how many have none anywhere.

    Attributes:
        places: Headings of the cells.
        moved: Whether a column for what became of the tables in the target makes sense.
    """

    database: DatabaseRecord
    places: tuple[str, ...]
    tables: tuple[TableLine, ...]
    empty: int
    moved: bool


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
