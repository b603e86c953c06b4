"""Hold the databases whose rows each table of the target will hold.

An object that uses several tables together relies on rows that belong together. If the rows of one database are shared
out, so that some of its tables are merged and others are kept apart, such an object would pair rows of two databases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sqlite_consolidate.plan.model import Plan

    Reaches = Callable[[str, str, str], bool]


@dataclass(frozen=True)
class TableOwners:
    """Hold the databases whose rows each table of the target will hold.

    Attributes:
        moving: Folded name of a table to the files of all sources that the plan moves into it.
        with_rows: Folded name of a table to the files of the databases that have rows for it.
        written: Folded names of the tables with a ``create`` text, whose triggers are meant for the target as it is.
        places: File of each database to the folded names of its tables with rows, each with the table of the target
            that receives them. It is empty if they stay behind.
        names: Folded name of a table to its folded names in the databases from which it has rows.
        tables: File of each database to the folded names of its tables.
        reaches: Returns whether a trigger, by its statement, may use a row that a database has for a table.
    """

    moving: dict[str, set[str]] = field(default_factory=dict)
    with_rows: dict[str, set[str]] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    tables: dict[str, frozenset[str]] = field(default_factory=dict)
    reaches: Reaches = lambda _sql, _table, _file: True

    @classmethod
    def of(cls, plan: Plan, rows: Mapping[str, Mapping[str, int]], reaches: Reaches) -> TableOwners:
        """Return the owners by the plan and by the number of rows of each table of each file.

        Very many files have the same tables, and share what is equal.
        """
        owners = cls(written={folded(table.name) for table in plan.tables}, reaches=reaches)
        equal_names: dict[frozenset[str], frozenset[str]] = {}
        equal_places: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
        for file, tables in rows.items():
            names = frozenset(map(folded, tables))
            owners.tables[file] = equal_names.setdefault(names, names)
        for name, number in _folded_names(rows.get(plan.target, {})).items():
            owners.names.setdefault(name, set()).add(name)
            if number:
                owners.with_rows.setdefault(name, set()).add(plan.target)
                owners.places.setdefault(plan.target, {})[name] = name
        for source in plan.in_order:
            counts = _folded_names(rows.get(source.file, {}))
            places = {name: "" for name, number in counts.items() if number}
            for table_map in source.tables:
                into = folded(table_map.into)
                owners.moving.setdefault(into, set()).add(source.file)
                owners.written.update([into] if table_map.create else [])
                if counts.get(folded(table_map.name)):
                    owners.with_rows.setdefault(into, set()).add(source.file)
                    places[folded(table_map.name)] = into
                owners.names.setdefault(into, set()).add(folded(table_map.name))
            owners.places[source.file] = equal_places.setdefault(tuple(places.items()), places)
        return owners

    def others(self, table: str, used: Iterable[str], sql: str) -> dict[str, list[str]]:
        """Return each used table that holds rows of databases that have none in a table.

        Args:
            table: The table, which the run creates.
            used: Folded names of the tables that a trigger of the table reads or writes.
            sql: Statement of the trigger. Rows that it cannot reach do not count.

        Returns:
            Each such table to the files of these databases.
        """
        if folded(table) in self.written:
            return {}
        present = self.moving.get(folded(table), set())
        others = {name: sorted(self.with_rows.get(name, set()) - present) for name in sorted(used)}
        reached = {name: [each for each in files if self.reaches(sql, name, each)] for name, files in others.items()}
        return {name: files for name, files in reached.items() if files}

    def shared_out(self, used: Collection[str]) -> str:
        """Return in words which database has only a part of its rows in several tables.

        Args:
            used: Folded names of tables of the target that an object uses together.

        Returns:
            An empty text if the rows of each database are together.
        """
        names = {name for table in used for name in self.names.get(table, ())} if len(used) > 1 else set()
        for file, places in self.places.items():
            shared = sorted(table for table in used if file in self.with_rows.get(table, ()))
            apart = [name for name in sorted(names & places.keys()) if places[name] not in used]
            if shared and apart:
                where = f"goes into the table {places[apart[0]]}" if places[apart[0]] else "stays in the archive"
                return f"{shared[0]} also holds rows of {file}, whose {apart[0]} {where}"
        return ""

    def without_table(self, used: Collection[str], led: Mapping[str, Collection[str]]) -> str:
        """Return in words which database has rows in some tables and never had another one.

        Rows of the other one that lead to those by a foreign key lead to rows of their own database.

        Args:
            used: Folded names of tables of the target that an object uses together.
            led: Each of them to those to which its foreign keys lead in the object.

        Returns:
            An empty text if no database has rows in all of these tables.
        """
        files = [self.with_rows.get(table, set()) for table in used]
        if not files or not set.intersection(*files):
            return ""
        for file, tables in self.tables.items():
            shared = sorted(table for table in used if file in self.with_rows.get(table, ()))
            absent = sorted(table for table in used if not (self.names.get(table, set()) | {table}) & tables)
            paired = ((other, table) for table in absent for other in shared if other not in led.get(table, ()))
            if pair := next(paired, None):
                return f"{pair[0]} also holds rows of {file}, which has no table {pair[1]}"
        return ""


def _folded_names(rows: Mapping[str, int]) -> dict[str, int]:
    return {folded(name): number for name, number in rows.items()}
