"""Find the tables, and the implicit rowids, that triggers and views use.

SQLite tells its authorizer which column a statement reads. It names the implicit rowid ``ROWID``, however the statement
spells it, and the column of an INTEGER PRIMARY KEY by the name of that column.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.dependencies import (
    Access,
    appended_tables,
    firing_statements,
    mentioned_names,
    reading_statement,
)
from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS, DerivationReader, unquoted
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, TriggerOrView
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ROWID = rf"(?:{'|'.join(ROWIDS)})"
_ROWID_WORD = re.compile(rf"\b{_ROWID}\b")
_EQUALS = r"(?:\s*==?\s*|\s+is\s+)"
# The row that fires a trigger, found by its own rowid.
_SAME_ROW = re.compile(
    rf"\b(?:\w+\.)?{_ROWID}{_EQUALS}(?:new|old)\.{_ROWID}\b|\b(?:new|old)\.{_ROWID}{_EQUALS}(?:\w+\.)?{_ROWID}\b"
)
_INSERTED = re.compile(r"\binto\s+(?:\w+\s*\.\s*)?(?P<table>\w+)\s*(?:as\s+\w+\s*)?\((?P<columns>[^)]*)\)")


@dataclass(frozen=True)
class RowidUse:
    """Hold an object that uses the implicit rowid of a table.

    Attributes:
        kind: ``trigger`` or ``view``.
        name: Name of the trigger or view.
        table: The table whose rowid it uses.
        others: Folded names of the other tables that it uses. They may hold these rowids.
    """

    kind: str
    name: str
    table: str
    others: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        """Return the kind and the name."""
        return f"{self.kind} {self.name}"


class UseReader(DerivationReader):
    """Read what triggers and views use from an empty copy of a schema in memory."""

    def tables_of(self, trigger: TriggerOrView) -> set[str]:
        """Return the folded names of the tables that a trigger reads or writes."""
        tables = (self.schema.table(access.table) for access in self.accesses_of(trigger))
        return {folded(table.name) for table in tables if table is not None}

    def views_of(self, trigger: TriggerOrView) -> set[str]:
        """Return the folded names of the views that a trigger uses, without its own."""
        names = {folded(view.name) for view in self.schema.views} - {folded(trigger.table)}
        if not names & set(words_of(trigger.sql)):
            return set()
        accesses = [
            each for statement in firing_statements(self.con, trigger.table) for each in self.compile(statement)
        ]
        return names & mentioned_names(trigger.name, trigger.sql, accesses)

    def pairs_rows(self, view: str) -> bool:
        """Return whether a view reads rows of two tables together, or of one table twice."""
        text = next((each.sql for each in self.schema.views if folded(each.name) == folded(view)), "")
        if "union" in words_of(text) and not {"join", "where"} & set(words_of(text)):
            return False
        if len(self.joined_by_view(view)) > 1:
            return True
        roots = {root for (root,) in self.con.execute("SELECT rootpage FROM sqlite_schema WHERE type = 'table'")}
        with contextlib.suppress(sqlite3.Error):
            program = self.con.execute(f"EXPLAIN {reading_statement(view)}").fetchall()
            return len([root for _, opcode, _, root, *_ in program if opcode == "OpenRead" and root in roots]) > 1
        return False

    def joined_by_view(self, view: str) -> set[str]:
        """Return the folded names of the tables that a view reads, also through other views.

        A search index shows rows of another table, and is none of them.
        """
        return self._joined(self.compile(reading_statement(view)))

    def joined_by_trigger(self, trigger: TriggerOrView) -> set[str]:
        """Return the folded names of the tables that a trigger uses together.

        A table that receives new rows only, such as a log, is none of them.
        """
        accesses = self.accesses_of(trigger)
        appended = appended_tables(accesses)
        used = self._joined([access for access in accesses if folded(access.table) not in appended])
        used |= {table for view in self.views_of(trigger) for table in self.joined_by_view(view)}
        is_of_table = self.schema.table(trigger.table) is not None
        return used | ({folded(trigger.table)} if is_of_table else self.joined_by_view(trigger.table))

    def _joined(self, accesses: Iterable[Access]) -> set[str]:
        tables = (self.schema.table(access.table) for access in accesses)
        return {folded(table.name) for table in tables if table is not None and table.kind == "table"}

    def rowid_uses(self) -> Iterator[RowidUse]:
        """Yield each use of the implicit rowid of a table.

        A trigger that uses the rowid only to find the row that fires it has the same meaning under any rowid. So has
        one that keeps a search index of the same rows.
        """
        for view in self.schema.views:
            if _mentions_rowid(view):
                accesses = self.compile(reading_statement(view.name))
                yield from self._uses("view", view, [access for access in accesses if self._is_inside(access, view)])
        for trigger in self.schema.triggers:
            if _mentions_rowid(trigger):
                yield from self._uses_of_trigger(trigger)

    def _uses_of_trigger(self, trigger: TriggerOrView) -> Iterator[RowidUse]:
        accesses = self.accesses_of(trigger)
        others = {folded(access.table) for access in accesses} - {folded(trigger.table)}
        if others and others <= self._indexes_over(trigger.table):
            return
        if not others and not _ROWID_WORD.search(_SAME_ROW.sub("", unquoted(trigger.sql))):
            return
        yield from self._uses("trigger", trigger, accesses)

    def _uses(self, kind: str, entry: TriggerOrView, accesses: Iterable[Access]) -> Iterator[RowidUse]:
        inserted = _inserted_rowids(entry)
        used: dict[str, None] = {}
        tables: set[str] = set()
        for access in accesses:
            if (table := self.schema.table(access.table)) is None:
                continue
            tables.add(folded(table.name))
            if _has_implicit_rowid(table) and _names_rowid(access, table, inserted):
                used[table.name] = None
        return (RowidUse(kind, entry.name, name, frozenset(tables - {folded(name)})) for name in used)

    def accesses_of(self, trigger: TriggerOrView) -> list[Access]:
        """Return the accesses of the body of a trigger."""
        statements = firing_statements(self.con, trigger.table)
        return [access for each in statements for access in self.compile(each) if self._is_inside(access, trigger)]

    def _is_inside(self, access: Access, entry: TriggerOrView) -> bool:
        """Return whether an object contains an access.

        SQLite names the innermost part that contains it, which may be a common table expression of the object.
        """
        if access.inside is None or folded(access.inside) == folded(entry.name):
            return access.inside is not None
        objects = (*self.schema.triggers, *self.schema.views)
        return folded(access.inside) not in {folded(other.name) for other in objects}

    def _indexes_over(self, table: str) -> set[str]:
        """Return the folded names of the search indexes whose external content is a table."""
        return {folded(index.name) for index in self.of_indexes() if folded(index.over) == folded(table)}


def find_rowid_uses(schema: Schema, limits: Limits | None = None) -> list[RowidUse]:
    """Return each use of an implicit rowid by the triggers and views of a schema."""
    if not any(map(_mentions_rowid, (*schema.views, *schema.triggers))):
        return []
    reader = UseReader(schema, limits)
    try:
        return list(reader.rowid_uses())
    finally:
        reader.close()


def joining_accesses(sql: str, schema: Schema) -> list[Access]:
    """Return the columns by which a statement joins tables with USING or NATURAL.

    SQLite reports no access to them. A table counts if the statement mentions its name.
    """
    words = words_of(sql)
    if not {"using", "natural"} & set(words):
        return []
    places = [place for place, word in enumerate(words) if word == "using" and words[place + 1 : place + 2] == ["("]]
    names = {name for place in places for name in words[place + 2 : words.index(")", place)]}
    columns = [
        (table.name, column.name)
        for table in schema.tables.values()
        if folded(table.name) in words
        for column in table.columns
    ]
    if "natural" in words:
        amounts = Counter(folded(name) for _, name in columns)
        names |= {name for name, amount in amounts.items() if amount > 1}
    return [Access("READ", table, None, name) for table, name in columns if folded(name) in names]


def _mentions_rowid(entry: TriggerOrView) -> bool:
    return bool(_ROWID_WORD.search(unquoted(entry.sql)))


def _has_implicit_rowid(table: Table) -> bool:
    """Return whether a table has a rowid that SQLite reports as ``ROWID``."""
    return table.kind == "table" and bool(table.rowid) and not table.alias and "ROWID" not in _names(table)


def _names_rowid(access: Access, table: Table, inserted: dict[str, set[str]]) -> bool:
    if access.action == "INSERT":
        free = set(ROWIDS) - {folded(name) for name in _names(table)}
        return bool(inserted.get(folded(table.name), set()) & free)
    return access.column == "ROWID"


def _names(table: Table) -> set[str]:
    return {column.name for column in table.columns}


def _inserted_rowids(entry: TriggerOrView) -> dict[str, set[str]]:
    """Return each table to the words of the column lists of its INSERT statements.

    SQLite does not tell the authorizer which columns an INSERT names. Therefore the text is read.
    """
    words: dict[str, set[str]] = {}
    for match in _INSERTED.finditer(unquoted(entry.sql)):
        words.setdefault(match["table"], set()).update(re.findall(r"\w+", match["columns"]))
    return words
