"""Find what triggers and search indexes derive from the rows of a table."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.application.stand_ins import create_schema_in_memory
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema.dependencies import Access, compile_accesses, record_accesses
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind
from sqlite_consolidate.engine.sqlite.schema.module_arguments import module_arguments
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, strip_literals

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, TriggerOrView
else:
    from sqlite_consolidate.sqlite_library import sqlite3

SEARCH_MODULES = ("fts4", "fts5")
"""Modules of virtual tables that can have external content or none."""
ROWIDS = ("rowid", "_rowid_", "oid")
"""Names of the implicit rowid, as far as no column of the table has them."""
# SQLite does not ask the authorizer about the rows that OR REPLACE deletes.
_REPLACES = re.compile(r"\bor\s+replace\b|\breplace\s+into\b")
_ON_CONFLICT_REPLACE = re.compile(r"\bon\s+conflict\s+replace\b")
# A query has FROM, and IN without a parenthesis reads a table.
_READS_ROWS = re.compile(r"\bfrom\b|\bin\b(?!\s*\()")
_COMPARES = re.compile(r"\bdistinct\s+from\b")
_EVENT = re.compile(r"(?<!\S)(?:insert|update|delete)(?!\S)")


@dataclass(frozen=True)
class Derivation:
    """Hold what one trigger or search index derives from the rows of a table.

    Attributes:
        name: Name of the trigger or of the search index.
        table: The table that the trigger writes, or the search index itself.
        over: The table from whose rows it is derived.
        event: What fires the trigger: ``INSERT``, ``UPDATE`` or ``DELETE``. ``REFRESH`` is an UPDATE by the plan.
        ways: How the trigger writes, by ``INSERT``, ``UPDATE``, ``DELETE`` or ``REPLACE``. Empty for an index.
        of_new_row: Whether the trigger only updates the row that fires it.
        columns: Folded names of the columns that the trigger updates, or that an index reads. Empty if not known.
    """

    name: str
    table: str
    over: str
    ways: frozenset[str] = frozenset()
    of_new_row: bool = False
    event: str = "INSERT"
    columns: frozenset[str] = frozenset()

    @property
    def is_index(self) -> bool:
        """Return whether a search index reads the rows, and no trigger writes it."""
        return not self.ways


class DerivationReader:
    """Read derivations from an empty copy of a schema in memory.

    SQLite compiles the statements there, and its authorizer names what they access.
    """

    def __init__(
        self, schema: Schema, limits: Limits | None = None, refreshed: Mapping[str, Collection[str]] | None = None
    ) -> None:
        """Take the schema, whose copy has stand-ins for what only the application defines.

        Args:
            schema: The schema.
            limits: Limits of what SQLite executes in memory.
            refreshed: Folded name of each table that the plan sets again, to the folded names of its columns.
        """
        self.schema = schema
        self.refreshed = refreshed or {}
        self._limits = limits

    @cached_property
    def con(self) -> sqlite3.Connection:
        """Return the connection to the copy, which is created at its first use."""
        con = open_memory(self._limits)
        create_schema_in_memory(con, self.schema)  # what SQLite cannot create is a problem of its own
        return con

    def close(self) -> None:
        """Close the copy, if it was used."""
        if "con" in vars(self):
            self.con.close()

    def of_triggers(self, table: str, event: str = "INSERT") -> Iterator[Derivation]:
        """Yield what the triggers of a table at one event write, and what these fire."""
        for fired, writes in self._fired(table, event):
            for written, ways in self._written(fired, writes).items():
                is_own = folded(written) == folded(table)
                writing = [each for each in fired if _writes(each, written, writes)] if is_own else []
                of_new_row = is_own and all(self._updates_new_row(each, table, ways) for each in writing)
                columns = _updated_columns(fired, written, writes)
                yield Derivation(
                    fired[0].name, written, table, ways, of_new_row=of_new_row, event=event, columns=columns
                )

    def fired_triggers(self, table: str, event: str) -> list[list[TriggerOrView]]:
        """Return each trigger of a table at one event, followed by those that it fires."""
        return [fired for fired, _ in self._fired(table, event)]

    def _fired(self, table: str, event: str) -> Iterator[tuple[list[TriggerOrView], dict[str, list[Access]]]]:
        """Yield each trigger with those that it fires, and with the writes of each folded name."""
        writes: dict[str, list[Access]] = {}
        if not self.schema.triggers:
            return
        for access in self.compile(self._statement(table, event)):
            if access.inside is not None and access.action != "READ":
                writes.setdefault(folded(access.inside), []).append(access)
        for trigger in triggers_of(self.schema, table, ["UPDATE" if event == "REFRESH" else event]):
            fired = [trigger]
            for current in fired:  # grows meanwhile
                for access in writes.get(folded(current.name), ()):
                    fired += [
                        other for other in triggers_of(self.schema, access.table, [access.action]) if other not in fired
                    ]
            yield fired, writes

    def _statement(self, table: str, event: str) -> str:
        """Return a statement that fires each trigger of a table at one event."""
        if event == "INSERT":
            return f"INSERT INTO {quoted(table)} DEFAULT VALUES"
        if event == "DELETE":
            return f"DELETE FROM {quoted(table)}"
        declared = self.schema.table(table)
        refreshed = self.refreshed.get(folded(table), ()) if event == "REFRESH" else None
        columns = [
            quoted(column.name)
            for column in (declared.stored if declared else ())
            if refreshed is None or folded(column.name) in refreshed
        ]
        return f"UPDATE {quoted(table)} SET {', '.join(f'{column} = {column}' for column in columns)}"

    def of_indexes(self) -> Iterator[Derivation]:
        """Yield each FTS4 and FTS5 table with external content, with each table that it reads.

        FTS reads its content when it rebuilds the index. It cannot rebuild an index over another search index, which
        it reads by a query only.
        """
        for table in self.schema.tables.values():
            if table.module in SEARCH_MODULES:
                contents = self.content_of(table)
                is_direct = len(contents) == 1 and self._names_content(table, contents[0])
                columns = frozenset(folded(column.name) for column in table.stored) if is_direct else frozenset()
                for content in contents:
                    yield Derivation(table.name, table.name, content, columns=columns)

    def contentless_indexes(self) -> list[str]:
        """Return the FTS4 and FTS5 tables that store no content, and read none.

        Nothing in the schema says from which rows they are derived.
        """
        return [
            table.name
            for table in self.schema.tables.values()
            if content_kind(table) in ("external", "none") and not self.content_of(table)
        ]

    def _names_content(self, table: Table, content: str) -> bool:
        """Return whether a search index reads a table itself, and no view over it."""
        named = module_arguments(table.sql).options.get("content", "")
        return folded(named) == folded(content)

    def content_of(self, table: Table) -> list[str]:
        """Return the ordinary tables that a search index reads as its external content."""
        rebuild = f"INSERT INTO {quoted(table.name)}({quoted(table.name)}) VALUES('rebuild')"

        def run() -> None:
            for statement in (rebuild, f"SELECT * FROM {quoted(table.name)}"):
                with contextlib.suppress(sqlite3.Error):  # such as that there is no content
                    self.con.execute(statement).fetchall()

        accesses, _ = record_accesses(self.con, run)
        read = (access.table for access in accesses if access.action == "READ")
        return self._ordinary_tables(name for name in read if folded(name) != folded(table.name))

    def compile(self, statement: str) -> list[Access]:
        """Return the accesses of a statement, with stand-ins for what the application defines."""
        return compile_accesses(self.con, [statement])[0]

    def _written(self, fired: list[TriggerOrView], writes: dict[str, list[Access]]) -> dict[str, frozenset[str]]:
        """Return each table that triggers write, and how."""
        written: dict[str, set[str]] = {}
        for trigger in fired:
            replaces = bool(_REPLACES.search(strip_literals(trigger.sql)))
            for access in writes.get(folded(trigger.name), ()):
                table = self.schema.table(access.table)
                if table is not None:
                    ways = written.setdefault(table.name, set())
                    ways.add(access.action)
                    if access.action == "INSERT" and (replaces or _replaces_by_constraint(table)):
                        ways.add("REPLACE")
        return {name: frozenset(ways) for name, ways in written.items()}

    def _updates_new_row(self, trigger: TriggerOrView, table: str, ways: frozenset[str]) -> bool:
        """Return whether each UPDATE of a trigger reads and changes the new row only.

        Its key limits the UPDATE to that row. A value that other rows determine, such as a number of rows, is another
        one among the rows of the target. The authorizer does not name rows. Therefore the text of the trigger is read.
        """
        declared = self.schema.table(table)
        if declared is None or ways != {"UPDATE"} or folded(trigger.table) != folded(table):
            return False
        by_key = re.compile(rf"\bwhere\s+(?:{_same_row(declared)})\s*(?:;|\band\b(?!.*\bor\b))", re.DOTALL)
        code = unquoted(trigger.sql)
        updates = re.split(r"\bupdate\b", re.split(r"\bbegin\b", code, maxsplit=1)[-1])[1:]
        statements = [update.split(";")[0] + ";" for update in updates]
        return bool(updates) and all(by_key.search(each) and not reads_rows(each) for each in statements)

    def _ordinary_tables(self, names: Iterable[str]) -> list[str]:
        tables = (self.schema.table(name) for name in names)
        return list(dict.fromkeys(table.name for table in tables if table and table.kind != "shadow"))


def triggers_of(schema: Schema, table: str, events: Iterable[str]) -> list[TriggerOrView]:
    """Return the triggers of a table or a view that fire at one of these events."""
    return [trigger for trigger in schema.triggers_on(table) if trigger_event(trigger) in events]


def _same_row(table: Table) -> str:
    """Return the pattern of a condition that only the row fulfils that fires a trigger.

    Each name of the rowid stands for any other. A NULL is not unique, so IS does not find one row by another key.
    """
    columns = {folded(column.name) for column in table.columns}
    rowids = [name for name in ROWIDS if name not in columns] if table.rowid else []
    key = table.primary_key if len(table.primary_key) == 1 and not table.alias else ()
    patterns = []
    for names, equals in (([*rowids, *filter(None, [table.alias])], r"(?:\s*==?\s*|\s+is\s+)"), (key, r"\s*==?\s*")):
        if names:
            name = f"(?:{'|'.join(re.escape(folded(name)) for name in names)})"
            patterns += [
                rf"(?:\w+\.)?{name}{equals}(?:new|old)\.{name}\b",
                rf"(?:new|old)\.{name}{equals}(?:\w+\.)?{name}\b",
            ]
    return "|".join(patterns) or r"\b\B"


def _updated_columns(fired: list[TriggerOrView], table: str, writes: dict[str, list[Access]]) -> frozenset[str]:
    """Return the folded names of the columns of a table that triggers update."""
    accesses = (access for trigger in fired for access in writes.get(folded(trigger.name), ()))
    updates = (access for access in accesses if access.action == "UPDATE" and folded(access.table) == folded(table))
    return frozenset(folded(access.column) for access in updates)


def _writes(trigger: TriggerOrView, table: str, writes: dict[str, list[Access]]) -> bool:
    return any(folded(access.table) == folded(table) for access in writes.get(folded(trigger.name), ()))


def trigger_event(trigger: TriggerOrView) -> str:
    """Return ``INSERT``, ``UPDATE`` or ``DELETE`` as what fires a trigger.

    No name before it can be one of these words, unless it is quoted.
    """
    match = _EVENT.search(strip_literals(trigger.sql))
    return match[0].upper() if match else ""


def reads_rows(sql: str) -> bool:
    """Return whether a trigger or a statement of one reads rows of a table by a query."""
    return bool(_READS_ROWS.search(_COMPARES.sub(" ", strip_literals(sql))))


def unquoted(sql: str) -> str:
    """Return SQL in lower case without comments, texts and the quotes of plain names."""
    return strip_literals(re.sub(r"[\"`\[](\w+)[\"`\]]", r"\1", sql))


def _replaces_by_constraint(table: Table) -> bool:
    return bool(_ON_CONFLICT_REPLACE.search(strip_literals(table.sql)))
