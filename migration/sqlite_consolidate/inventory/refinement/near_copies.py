"""Ask about a file of a pattern that may be a copy of another one.

A person or a synchronizer leaves such copies. Rows with new keys would come twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.sqlite.connections import open_for_inspection, read_text_losslessly
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.inventory.proposed_parts import LINE_OF_DECISION
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Table
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.proposal import ProposedSource
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ROWS, _FEWEST_ROWS, _ALL_ROWS = 1_000, 20, 200_000  # of a table of a file at most and at least, and of all files
_BYTES = 1_000_000  # of a table of a file, after which no further row is read
_SMALL = 100_000  # two files can have a row of smaller numbers by chance
_FEWEST_ALIKE = 3  # two small files can have two equal rows, such as the first users
_MOST_COPIES = 20
_QUESTION = (
    "Most rows of some files are in another file as well, key included, as those of a copy are. They are moved as "
    "different rows, so that each is in the target twice. Leave each copy out by `files` in a [[source.leave]]. If the "
    "files have different things, there is nothing to do. Rows, as far as they were compared:"
)


class NearCopy(NamedTuple):
    """Hold two files that have many rows alike.

    Attributes:
        file: The file that may be a copy.
        other: The other file.
        identical: Number of its rows that the other file has as well.
        compared: Number of its rows that were compared.
    """

    file: str
    other: str
    identical: int
    compared: int

    @property
    def text(self) -> str:
        """Return the files and the numbers as a line."""
        return f"{self.file}: {self.identical} of {counted(self.compared, 'row')} in {self.other}"


def ask_about_near_copies(root: Path, source: ProposedSource, databases: Sequence[Database]) -> tuple[str, ...]:
    """Return the decision about files that may be copies of others, or none.

    Args:
        root: The workspace.
        source: The source of the pattern.
        databases: Its files.
    """
    # Identical rows of any other table become one row.
    doubled = {folded(each.name) for each in source.maps if not (each.on_conflict or each.match or each.is_index)}
    copies = find_near_copies(root, databases, {name for name in doubled if not is_migration_stamp(name)})
    if not copies:
        return ()
    more = len(copies) - _MOST_COPIES
    items = [*(each.text for each in copies[:_MOST_COPIES]), *([f"{more} more"] if more > 0 else [])]
    return (LINE_OF_DECISION.join([_QUESTION, *items]),)


def find_near_copies(root: Path, databases: Sequence[Database], names: Collection[str]) -> list[NearCopy]:
    """Return the files of which most rows are in another file as well.

    The first rows of each table are compared. Rows that more than half of the files have say nothing, because a program
    ships them. Neither do rows of small numbers only.

    Args:
        root: The workspace.
        databases: The files.
        names: Folded names of the tables that count.
    """
    limit = min(_ROWS, max(_FEWEST_ROWS, _ALL_ROWS // (len(databases) * len(names) or 1)))
    holders: dict[int, list[int]] = defaultdict(list)
    for number, database in enumerate(databases):
        for row in set(_rows(root, database, names, limit)):
            holders[row].append(number)
    compared: Counter[int] = Counter()
    identical: Counter[tuple[int, int]] = Counter()
    for files in holders.values():
        if len(files) <= max(2, len(databases) // 2):
            compared.update(files)
            identical.update((number, files[0]) for number in files[1:])
            identical.update((files[0], number) for number in files[1:2])
    copies = (
        NearCopy(databases[number].file, databases[other].file, rows, compared[number])
        for (number, other), rows in identical.items()
        if 2 * rows > compared[number] and rows >= min(_FEWEST_ALIKE, compared[number])
    )
    return _one_of_two(copies)


def _one_of_two(copies: Iterable[NearCopy]) -> list[NearCopy]:
    """Return each two files once, with the one of which more rows are in the other."""
    pairs: dict[frozenset[str], NearCopy] = {}
    for each in copies:
        pair = frozenset((each.file, each.other))
        pairs[pair] = max(each, pairs.get(pair, each), key=lambda copy: (copy.identical / copy.compared, copy.file))
    return sorted(pairs.values())


def _rows(root: Path, database: Database, names: Collection[str], limit: int) -> Iterator[int]:
    """Yield a hash of each of the first rows that two files hardly have by chance.

    A file that cannot be read now has none.
    """
    tables = [table.table for table in database.tables_with_rows if folded(table.name) in names]
    try:
        with open_for_inspection(root / database.file) as con:
            read_text_losslessly(con)
            for table in tables:
                size = 0
                for row in con.execute(_query(table, limit)):
                    if any(map(_is_telling, row)):
                        yield hash((folded(table.name), *row))
                    size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
                    if size > _BYTES:
                        break
    except sqlite3.Error:
        return


def _query(table: Table, limit: int) -> str:
    """Return the SQL of the first rows, with rowids where nothing else tells rows apart."""
    rowid = [table.rowid] if table.rowid_is_identity else []
    columns = ", ".join(map(quoted, (*rowid, *(column.name for column in table.stored))))
    return f"SELECT {columns} FROM main.{quoted(table.name)} {table.by_itself} LIMIT {limit}"


def _is_telling(value: Any) -> bool:
    return value is not None and not (isinstance(value, int) and abs(value) < _SMALL)
