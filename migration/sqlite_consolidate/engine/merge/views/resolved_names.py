"""Compare the meaning of names of objects in a source and in the target.

SQLite stores their text and resolves each name when it uses the object. A further column, another order of the columns
or a renamed column of the target can therefore change what an equal text means. SQLite asks the authorizer for each
name that it resolves to a column, in the order of the text. The text is compiled in both schemas to compare the names.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.column_types import comparison, description
from sqlite_consolidate.engine.sqlite.schema.dependencies import (
    Access,
    compile_accesses,
    concerns_schema,
    firing_statements,
    reading_statement,
    record_accesses,
)
from sqlite_consolidate.engine.sqlite.schema.derivations import DerivationReader
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, rename_in_statement
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table, TriggerOrView
    from sqlite_consolidate.engine.sqlite.schema.statements import Statement
    from sqlite_consolidate.plan.model import Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3

_ROWID = "ROWID"  # as SQLite names the implicit rowid, and no folded name of a column
_COMPARES = frozenset(
    (
        *("=", "<", ">", "!", "in", "is", "like", "glob", "between", "order", "group", "distinct", "union", "except"),
        *("intersect", "min", "max", "nullif", "case", "using", "natural"),
    )
)
_SETS = frozenset(("natural", "distinct", "union", "except", "intersect", "group"))
_TRIAL = "~trial"

_Name = tuple[str, str, str]  # action, folded table and folded column in the target


class ResolvedNames:
    """Compare the objects of one source with what their texts mean in the target.

    Attributes:
        renamed_views: Folded name of each view with another name in the target, to that name.
    """

    def __init__(
        self,
        source: Source,
        schema: Schema,
        target: Schema,
        limits: Limits | None = None,
        renamed_views: Mapping[str, str] | None = None,
    ) -> None:
        """Compare the columns of all tables that the source moves.

        Args:
            source: As the plan has it.
            schema: Schema of the source.
            target: Schema of the target with the tables that the run creates.
            limits: Limits of what SQLite executes in memory.
            renamed_views: The views of the source that have other names in the target.
        """
        self.renamed_views = renamed_views if renamed_views is not None else {}
        self._schema, self._target, self._limits = schema, target, limits
        self._maps = {folded(each.name): each for each in source.tables}
        self._pairs = {
            folded(into.name): (table, into)
            for each in source.tables
            if (table := schema.table(each.name)) and (into := target.table(each.into))
        }
        self.differing = {name for name, (table, into) in self._pairs.items() if self._differs(table, into)}
        self._readers: tuple[DerivationReader, DerivationReader] | None = None

    def close(self) -> None:
        """Close the databases in memory."""
        for reader in self._readers or ():
            reader.close()
        self._readers = None

    def view_reason(self, view: TriggerOrView, name: str, sql: str) -> tuple[str, str]:
        """Return why a view means something else in the target.

        The second text says what it does otherwise if it arrives. The view is then known to those that read it.

        Args:
            view: View of the source.
            name: Its name in the target.
            sql: Its statement there.
        """
        if not self.differing:
            return "", ""
        source, target = self._open()
        _execute(target.con, f"DROP VIEW IF EXISTS {quoted(name)}", sql)
        reads = _accesses(source, [reading_statement(view.name)], view.name)
        become = _accesses(target, [reading_statement(name)], name)
        columns, changed = _column_names(source.con, view.name), _column_names(target.con, name)
        nested = self._in_views(target.compile(reading_statement(name)), name)
        if not reads or not self._touches([*become, *nested]):
            return "", ""
        further = self._further(become, reads)
        if further and _returns_all(view.sql, further) and _is_within(columns, changed):
            become = [access for access in become if _label(access) not in further]
            if not self._reason(reads, become) and len(changed) > len(columns):
                return "", f"also returns {join_names(sorted(further))}, which the source does not have"
        reason = self._reason(reads, become) or self._natural_reason(view.sql, become)
        if not reason and list(map(folded, columns)) != list(map(folded, changed)):
            reason = f"its columns would be {join_names(changed)}, and are {join_names(columns)} in the source"
        return reason, "" if reason else self._compared_otherwise(view.sql, [*become, *nested])

    def trigger_reason(self, trigger: TriggerOrView, statement: Statement) -> tuple[str, str]:
        """Return why a trigger means something else in the target.

        The second text says what it compares otherwise if it arrives.

        Args:
            trigger: Trigger of the source.
            statement: The same trigger of the target.
        """
        if not self.differing:
            return "", ""
        source, target = self._open()
        with _trial(source.con, trigger.sql), _trial(target.con, statement.sql):
            reads = _accesses(source, firing_statements(source.con, trigger.table), trigger.name)
            changes = firing_statements(target.con, statement.table)
            become = _accesses(target, changes, statement.name)
            nested = self._in_views([access for each in changes for access in target.compile(each)], statement.name)
        if not reads or not self._touches([*become, *nested]):
            return "", ""
        reason = _excluded_reason(trigger, statement) or self._reason(reads, become)
        reason = reason or self._insert_reason(trigger, become)
        reason = reason or self._natural_reason(trigger.sql, become)
        return reason, "" if reason else self._compared_otherwise(trigger.sql, [*become, *nested])

    def index_reason(self, sql: str, statement: Statement) -> str:
        """Return why an index means something else in the target, or an empty text.

        Args:
            sql: Its statement in the source.
            statement: Its statement in the target.
        """
        if folded(statement.table) not in self.differing:
            return ""
        source, target = self._open()
        reads, become = _indexed(source.con, sql), _indexed(target.con, statement.sql)
        return "" if reads is None or become is None else self._reason(reads, become)

    def _open(self) -> tuple[DerivationReader, DerivationReader]:
        """Return the source's and the target's schema in memory, without triggers.

        No trigger fires another one there.
        """
        if self._readers is None:
            source, target = (
                DerivationReader(replace(each, triggers=()), self._limits) for each in (self._schema, self._target)
            )
            for reader in (source, target):
                reader.con.execute("PRAGMA foreign_keys=OFF")  # their checks read columns as well
            self._readers = source, target
        return self._readers

    def _differs(self, table: Table, into: Table) -> bool:
        """Return whether a name can mean another column, or a column compares otherwise."""
        if table.sql == into.sql:
            return bool(self._maps[folded(table.name)].columns)
        wanted = [(self._column(table.name, each.name), comparison(table, each)) for each in table.columns]
        present = [(folded(each.name), comparison(into, each)) for each in into.columns]
        is_renamed = bool(self._maps[folded(table.name)].columns) or folded(into.name) != folded(table.name)
        return is_renamed or wanted != present or bool(table.alias) != bool(into.alias)

    def _touches(self, accesses: Sequence[Access]) -> bool:
        return any(folded(access.table) in self.differing for access in accesses)

    def _in_views(self, accesses: Sequence[Access], name: str) -> list[Access]:
        """Return the accesses inside the views that an object uses, without unused columns.

        SQLite resolves each column of a view. One that a view returns under its name is needed if it is read there.
        """
        _, target = self._open()
        read = {(folded(access.table), folded(access.column)) for access in accesses}
        inside = [access for access in accesses if access.inside is not None and folded(access.inside) != folded(name)]
        returned = {
            each: set(map(folded, _column_names(target.con, each))) for each in {a.inside or "" for a in inside}
        }
        return [
            access
            for access in inside
            if folded(access.column) not in returned[access.inside or ""]
            or (folded(access.inside or ""), folded(access.column)) in read
        ]

    def _column(self, table: str, column: str) -> str:
        """Return the folded name that a column of the source has in the target."""
        table_map: TableMap | None = self._maps.get(folded(table))
        columns = {folded(old): folded(new) for old, new in table_map.columns.items()} if table_map else {}
        return columns.get(folded(column), folded(column))

    def _mapped(self, access: Access) -> _Name:
        """Return an access of the source with the names of the target."""
        table_map = self._maps.get(folded(access.table))
        into = table_map.into if table_map else self.renamed_views.get(folded(access.table), access.table)
        is_rowid = self._is_rowid(self._schema, access)
        return access.action, folded(into), _ROWID if is_rowid else self._column(access.table, access.column)

    def _is_rowid(self, schema: Schema, access: Access) -> bool:
        table = schema.table(access.table)
        return access.column == _ROWID and not (table and table.column(_ROWID))

    def _in_target(self, access: Access, mapped: _Name | None) -> _Name:
        """Return an access with the names of the target.

        An INTEGER PRIMARY KEY is the rowid that the source reads.
        """
        table = self._target.table(access.table)
        name = access.action, folded(access.table), folded(access.column)
        is_alias = table is not None and bool(table.alias) and name[2] == folded(table.alias)
        if self._is_rowid(self._target, access):
            return (*name[:2], _ROWID)
        return (*name[:2], _ROWID) if is_alias and mapped == (*name[:2], _ROWID) else name

    def _further(self, become: Sequence[Access], reads: Sequence[Access]) -> set[str]:
        """Return the columns that only the target has, and that are read there."""
        known = {self._mapped(access) for access in reads}
        further = set()
        for access in become:
            pair = self._pairs.get(folded(access.table))
            if pair and (access.action, folded(access.table), folded(access.column)) not in known:
                names = {self._column(pair[0].name, column.name) for column in pair[0].columns}
                if folded(access.column) not in names and access.column != _ROWID:
                    further.add(_label(access))
        return further

    def _reason(self, reads: Sequence[Access], become: Sequence[Access]) -> str:
        """Return how the names that a text resolves to differ, or an empty text."""
        wanted = [self._mapped(access) for access in reads]
        present = [self._in_target(each, wanted[i] if i < len(wanted) else None) for i, each in enumerate(become)]
        if wanted == present:
            return ""
        spelling = {name: _label(access) for name, access in zip(present, become, strict=True)}
        captured = [spelling[name] for name in Counter(present) - Counter(wanted)]
        if captured:
            return (
                f"a name or * in it would be {join_names(captured)} in the target, and is something else in the source"
            )
        lost = [
            f"the {_ROWID.lower()} of {name[1]}" if name[2] == _ROWID else ".".join(name[1:])
            for name in Counter(wanted) - Counter(present)
        ]
        if lost:
            return f"a name or * in it would no longer mean {join_names(lost)}"
        tables = sorted({name[1] for name in wanted if name[1] in self.differing})
        return f"* in it would give the columns of {join_names(tables)} in another order"

    def _natural_reason(self, sql: str, become: Sequence[Access]) -> str:
        """Return why a NATURAL JOIN may compare other columns, or an empty text.

        SQLite does not ask the authorizer about these.
        """
        pairs = {folded(access.table): self._pairs.get(folded(access.table)) for access in become}
        others = [
            pair[1].name
            for pair in pairs.values()
            if pair
            and {folded(each.name) for each in pair[0].columns} != {folded(each.name) for each in pair[1].columns}
        ]
        if "natural" not in words_of(sql) or not others:
            return ""
        return f"its NATURAL JOIN may compare other columns, because those of {join_names(others)} are not the same"

    def _insert_reason(self, trigger: TriggerOrView, become: Sequence[Access]) -> str:
        """Return why an INSERT would fill other columns, or an empty text.

        It has no list of columns.
        """
        inserted = {folded(access.table) for access in become if access.action == "INSERT"}
        for name in _inserts_by_position(trigger.sql):
            table_map = self._maps.get(name)
            pair = self._pairs.get(folded(table_map.into)) if table_map else None
            if pair and folded(pair[1].name) in inserted:
                wanted = [self._column(pair[0].name, column.name) for column in pair[0].stored]
                if wanted != [folded(column.name) for column in pair[1].stored]:
                    return f"it inserts into {pair[1].name} without naming columns, which are in another order there"
        return ""

    def _compared_otherwise(self, sql: str, become: Sequence[Access]) -> str:
        """Return in words which columns a text may compare otherwise in the target."""
        if not _COMPARES & set(words_of(sql)):
            return ""
        differing: dict[str, str] = {}
        for access in become:
            if (pair := self._pairs.get(folded(access.table))) and access.action == "READ":
                declared = {self._column(pair[0].name, column.name): column for column in pair[0].columns}
                column, planned = declared.get(folded(access.column)), pair[1].column(access.column)
                if column and planned and comparison(pair[0], column) != comparison(pair[1], planned):
                    was, becomes = description(pair[0], column), description(pair[1], planned)
                    differing[_label(access)] = f"{_label(access)} ({was} in the source, {becomes} in the target)"
        return f"uses {join_names(list(differing.values()))}, so what it compares may differ" if differing else ""


def _label(access: Access) -> str:
    return f"{access.table}.{access.column}" if access.column else access.table


def _excluded_reason(trigger: TriggerOrView, statement: Statement) -> str:
    """Return that SQLite renames ``excluded`` together with its table, or an empty text."""
    if "excluded" not in set(words_of(trigger.sql)) - set(words_of(statement.sql)):
        return ""
    return "SQLite replaces excluded in its upsert by the new name of the table, which is another row"


def _accesses(reader: DerivationReader, statements: Sequence[str], name: str) -> list[Access]:
    """Return the accesses of a view or a trigger, or none if it does not fit the schema.

    Those in a common table expression are inside of its name.
    """
    others = {folded(row[0]) for row in reader.con.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
    accesses = [
        access
        for statement in statements
        for access in reader.compile(statement)
        if access.inside is not None and folded(access.inside) not in others - {folded(name)}
    ]
    _, errors = compile_accesses(reader.con, list(statements))
    return [] if any(map(concerns_schema, errors)) else accesses


def _indexed(con: sqlite3.Connection, sql: str) -> list[Access] | None:
    """Return the columns that the expressions of an index read.

    None if it does not fit the schema.
    """
    with _trial(con):
        try:
            accesses, _ = record_accesses(con, lambda: con.execute(rename_in_statement(sql, _TRIAL)))
        except sqlite3.Error:
            return None
    return [each for each in accesses if each.action == "READ" and not folded(each.table).startswith("sqlite_")]


def _execute(con: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        with contextlib.suppress(sqlite3.Error):  # the plan of the target's schema reports it
            con.execute(statement)


@contextlib.contextmanager
def _trial(con: sqlite3.Connection, *statements: str) -> Iterator[None]:
    """Execute statements, and undo them and all that follows."""
    con.execute("SAVEPOINT compared")
    try:
        _execute(con, *statements)
        yield
    finally:
        con.execute("ROLLBACK TO compared")
        con.execute("RELEASE compared")


def _inserts_by_position(sql: str) -> set[str]:
    """Return the folded names of the tables that a trigger inserts into by position."""
    words, tables = [*words_of(sql), "", "", "", ""], set()
    for index, word in enumerate(words[:-4]):
        if word == "into":
            place = index + 3 if words[index + 2] == "." else index + 1
            after = place + 3 if words[place + 1] == "as" else place + 1
            if words[after] != "(":
                tables.add(words[place])
    return tables


def _returns_all(sql: str, further: set[str]) -> bool:
    """Return whether further columns can only come by ``*`` and change no row."""
    words = set(words_of(sql))
    return "*" in words and not words & (_SETS | {folded(label.partition(".")[2]) for label in further})


def _is_within(columns: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether columns are among others in the same order."""
    remaining = iter(map(folded, others))
    return all(folded(column) in remaining for column in columns)


def _column_names(con: sqlite3.Connection, view: str) -> list[str]:
    with contextlib.suppress(sqlite3.Error):
        return [row[1] for row in con.execute(f"PRAGMA main.table_xinfo({quoted(view)})").fetchall()]
    return []
