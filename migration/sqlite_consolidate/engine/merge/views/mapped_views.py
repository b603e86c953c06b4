"""Rewrite the views of a source for the names that its tables have in the target.

SQLite rewrites a view when it renames a table that the view reads. A view cannot be renamed, so a table with its
columns stands in for each view that another one reads, and for the view of an INSTEAD OF trigger.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.source_ddl import (
    column_names,
    describe_together,
    rename_stand_ins,
    rename_tables,
    stand_in,
    tables_together,
    with_common_names,
)
from sqlite_consolidate.engine.sqlite.application.stand_ins import execute_with_stand_ins, stand_in_statement
from sqlite_consolidate.engine.sqlite.connections import open_memory
from sqlite_consolidate.engine.sqlite.schema import dependencies
from sqlite_consolidate.engine.sqlite.schema.statements import Statement, words_of
from sqlite_consolidate.engine.sqlite.sql import folded, identifier_list, quoted, rename_in_statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterator

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, TriggerOrView
    from sqlite_consolidate.plan.model import Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_INSTEAD_OF, _BEFORE = re.compile(r"\bINSTEAD\s+OF\b", re.IGNORECASE), re.compile(r"\bBEFORE\b")


def in_order_of_use(views: Collection[TriggerOrView]) -> Iterator[TriggerOrView]:
    """Yield each view after the views that it mentions."""
    pending = {folded(view.name): view for view in views}
    mentions = {name: set(words_of(view.sql)) - {name} for name, view in pending.items()}
    while pending:
        name = next((name for name in pending if not mentions[name] & pending.keys()), next(iter(pending)))
        yield pending.pop(name)


@dataclass
class ViewMapper:
    """Rewrite the views of one source.

    Attributes:
        source: As the plan has it.
        schema: Schema of the source.
        limits: Limits of what SQLite executes in memory.
        renamed: Folded name of each view that has another name in the target, to that name.
    """

    source: Source
    schema: Schema
    limits: Limits | None = None
    renamed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Read what each view reads, and its columns, in a database with the whole schema."""
        self._maps = {folded(table_map.name): table_map for table_map in self.source.tables}
        self._reads: dict[str, dependencies.Dependencies] = {}
        self._columns: dict[str, list[str]] = {}
        with contextlib.closing(self._open(self.schema.views)) as con:
            for view in self.schema.views:
                self._reads[folded(view.name)] = dependencies.view_dependencies(con, view.name)
                with contextlib.suppress(sqlite3.Error):
                    self._columns[folded(view.name)] = column_names(con, view.name)

    def reads(self, view: str) -> dependencies.Dependencies:
        """Return the tables of the source that a view reads, also through other views."""
        return self._reads[folded(view)]

    def reads_renamed(self, view: str) -> bool:
        """Return whether a view reads a table with another name or other columns in the target."""
        return any(_is_renamed(table_map) for table_map in self._maps_of(view))

    def reads_view(self, view: TriggerOrView, names: Collection[str]) -> str:
        """Return the first of several views that a view reads, or an empty text.

        Args:
            view: View of the source.
            names: Folded names of other views.
        """
        for name in sorted(set(words_of(view.sql)) & set(names)):
            others = [other for other in self.schema.views if folded(other.name) not in (name, folded(view.name))]
            with contextlib.closing(self._open([view], stand_ins=others)) as con:
                missing = dependencies.view_dependencies(con, view.name).missing
            if folded(missing) == name:
                return name
        return ""

    def unmoved(self, view: str) -> list[str]:
        """Return the tables that a view reads and that are not moved as they are declared."""
        moved = {name for name, table_map in self._maps.items() if not table_map.create}
        return sorted(self.reads(view).tables - moved)

    def together(self, view: TriggerOrView) -> str:
        """Return which tables go into one table of those that a view reads, in words."""
        reads = self.reads(view.name)
        names = reads.tables | (set(words_of(view.sql)) if reads.broken else set())
        groups = tables_together(self.source)
        return next((describe_together(group) for group in groups if names & {folded(m.name) for m in group}), "")

    def targets(self, view: str) -> set[str]:
        """Return the folded names that the tables that a view reads have in the target."""
        return {folded(table_map.into) for table_map in self._maps_of(view)}

    def prefix(self, view: str) -> str:
        """Return the prefix that all renamed tables that a view reads have, or an empty text."""
        prefixes = {
            table_map.into[: -len(table_map.name)] if folded(table_map.into).endswith(folded(table_map.name)) else ""
            for table_map in self._maps_of(view)
            if folded(table_map.into) != folded(table_map.name)
        }
        return prefixes.pop() if len(prefixes) == 1 else ""

    def rewrite(self, view: TriggerOrView, name: str) -> str:
        """Return the statement that creates a view under a name, with its columns.

        Raises:
            sqlite3.Error: SQLite cannot rewrite the view.
        """
        others = [other for other in self.schema.views if other is not view]
        with contextlib.closing(self._open((), stand_ins=others)) as con:
            con.execute(view.sql)
            self._rename(con)
            sql = _sql(con, "view", view.name)
            names, wanted = column_names(con, view.name), self._columns[folded(view.name)]
        sql = rename_in_statement(sql, name)
        return sql if names == wanted else _with_columns(sql, name, wanted)

    def rewrite_trigger(self, trigger: TriggerOrView, view: str) -> Statement:
        """Return an INSTEAD OF trigger of a view that is named ``view`` in the target.

        Raises:
            sqlite3.Error: SQLite cannot rewrite the trigger.
        """
        if folded(view) == folded(trigger.table) and not any(map(_is_renamed, self.source.tables)):
            return Statement("trigger", trigger.name, view, trigger.sql)
        with contextlib.closing(self._open((), stand_ins=self.schema.views)) as con:
            con.execute(_INSTEAD_OF.sub("BEFORE", trigger.sql, count=1))
            common_names = self._rename(con)
            if folded(view) != folded(trigger.table) and folded(trigger.table) not in self.renamed:
                execute_with_stand_ins(con, f"ALTER TABLE {quoted(trigger.table)} RENAME TO {quoted(view)}")
            sql = _BEFORE.sub("INSTEAD OF", _sql(con, "trigger", trigger.name), count=1)
        return Statement("trigger", trigger.name, view, with_common_names(sql, common_names))

    def _maps_of(self, view: str) -> list[TableMap]:
        return [self._maps[table] for table in self.reads(view).tables if table in self._maps]

    def _open(self, views: Collection[TriggerOrView], stand_ins: Collection[TriggerOrView] = ()) -> sqlite3.Connection:
        """Return a database in memory with tables, some views, and tables for other views."""
        con = open_memory(self.limits)
        statements = [stand_in_statement(table) for table in self.schema.lacking]
        statements += [table.sql for table in self.schema.movable]
        # A view may name an index (INDEXED BY).
        statements += [index.sql for table in self.schema.movable for index in table.indexes if index.sql]
        statements += [view.sql for view in views]
        statements += [
            stand_in(view.name, self._columns[folded(view.name)])
            for view in stand_ins
            if folded(view.name) in self._columns
        ]
        for statement in statements:
            with contextlib.suppress(sqlite3.Error):  # the plan of the target's schema reports it
                execute_with_stand_ins(con, statement)
        return con

    def _rename(self, con: sqlite3.Connection) -> dict[str, str]:
        common_names = rename_tables(con, self.source.tables, self.schema)
        rename_stand_ins(con, self.schema, self.renamed)
        return common_names


def _is_renamed(table_map: TableMap) -> bool:
    return bool(table_map.columns) or folded(table_map.into) != folded(table_map.name)


def _sql(con: sqlite3.Connection, kind: str, name: str) -> str:
    query = "SELECT sql FROM sqlite_schema WHERE type = ? AND name = ?"
    return str(con.execute(query, (kind, name)).fetchone()[0])


def _with_columns(sql: str, name: str, columns: list[str]) -> str:
    """Return a CREATE VIEW statement with a list of columns, unless it has one."""
    head = f"CREATE VIEW {quoted(name)}"
    rest = sql[sql.index(quoted(name)) + len(quoted(name)) :]
    return sql if rest.lstrip().startswith("(") else f"{head}({identifier_list(columns)}){rest}"
