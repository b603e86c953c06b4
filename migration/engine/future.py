"""Future: the schema that the target will have, tried out in memory before anything is touched.

The statements of the target, of the sources' moved tables and of the plan are executed on an empty database, so what
SQLite would refuse later, it refuses here, and what it makes of the plan's DDL is read back instead of guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from migration.engine.connections import open_memory
from migration.engine.schema import Schema, Table, read
from migration.engine.sql import folded, quoted, with_name
from migration.plan.ddl import statements
from migration.plan.problem import Problem

if TYPE_CHECKING:
    import sqlite3

    from migration.plan.model import Plan, Source, TableMap
else:
    from sqlite_utils.utils import sqlite3


@dataclass(frozen=True)
class Statement:
    """One DDL statement for the target.

    Attributes:
        kind: ``table``, ``index``, ``trigger`` or ``view``.
        name: Name of the object it makes.
        table: The table it belongs to.
    """

    kind: str
    name: str
    table: str
    sql: str


@dataclass
class Future:
    """What will be made in the target, in order, and what stands in the way.

    Attributes:
        early: Tables and indexes: made before the rows arrive.
        late: Triggers and views: made after, so that nothing fires during the copy.
        schema: The target's whole schema afterwards.
        made: Names of tables (folded) that the run creates; the others were there before.
    """

    early: list[Statement] = field(default_factory=list)
    late: list[Statement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    schema: Schema = field(default_factory=lambda: Schema({}, (), ()))
    made: set[str] = field(default_factory=set)


class Foretelling:
    """Builds a :class:`Future` step by step on one in-memory database."""

    def __init__(self, plan: Plan, target: Schema | None) -> None:
        self.plan = plan
        self.con = open_memory()
        self.future = Future()
        self.before = target or Schema({}, (), ())
        for subject, sql in _own_statements(self.before):
            try:
                self.con.execute(sql)
            except sqlite3.Error as error:
                self._problem(f"{plan.target}:{subject}", f"SQLite cannot make it again: {error}.", _FOREIGN)

    def finish(self) -> Future:
        """Return the future, with the schema that the target will have."""
        self.future.schema = read(self.con)
        self.con.close()
        return self.future

    def move(self, source: Source, table_map: TableMap, planned: list[Statement]) -> None:
        """Add one moved table with its indexes and triggers (as :func:`planned_statements` gives them)."""
        where = f"{source.file}:{table_map.name}"
        for statement in planned:
            if statement.kind == "table":
                if not self._table(where, statement):
                    return
            else:
                self._attached_object(where, statement)

    def require(self, name: str, sql: str) -> None:
        """Add a table that the target must have in any case, unless a source already brought it."""
        if self._owner(name) is not None:
            return
        for statement in _made_by(statements(sql)):
            if statement.kind == "table":
                self._table("plan", statement)
            else:
                self._attached_object("plan", statement)

    def view(self, source: Source, name: str, sql: str) -> None:
        """Let a view come along if everything it reads is in the target; otherwise it is a finding."""
        known = self._existing(name)
        if known and " ".join(known.split()) == " ".join(sql.split()):
            return
        label = f"{source.file}: view {name}"
        if self._owner(name) is not None:
            self.future.findings.append(f"{label} stays in the archive: the target has another object of that name.")
            return
        self.con.execute("SAVEPOINT trial")
        try:
            self.con.execute(sql)
            self.con.execute(f"EXPLAIN SELECT * FROM {quoted(name)}").fetchall()
        except sqlite3.Error as error:
            self.con.execute("ROLLBACK TO trial")
            self.future.findings.append(f"{label} stays in the archive: it reads what is not moved ({error}).")
        else:
            self.future.late.append(Statement("view", name, name, sql))
        finally:
            self.con.execute("RELEASE trial")

    def _table(self, where: str, statement: Statement) -> bool:
        if self._owner(statement.name) is None:
            return self._execute(where, statement, self.future.early)
        there = self.con.execute(
            "SELECT type, name FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (statement.name,)
        )
        kind, name = there.fetchone()
        if kind != "table":
            self._problem(where, f"the target has a {kind} named {name}.", _RENAME_MAP, "names-free")
            return False
        if name != statement.name:
            what = f"the target has a table {name}, which differs only in case from {statement.name}."
            self._problem(where, what, _RENAME_MAP, "names-free")
            return False
        return True

    def _attached_object(self, where: str, statement: Statement) -> None:
        """Make an index or trigger, under a free name."""
        if self._has_equal(statement):
            return
        chosen = statement
        owner = self._owner(statement.name)
        if owner is not None:
            name = f"{statement.table}_{statement.name}"
            clash = f"the {statement.kind} name {statement.name} belongs to {owner} in the target"
            if self.plan.index_clash == "refuse" or self._owner(name) is not None:
                self._problem(where, f"{clash}.", 'Rename it, or set index_clash = "rename" in the plan.', "names-free")
                return
            chosen = Statement(statement.kind, name, statement.table, with_name(statement.sql, name))
            self.future.findings.append(f"{where}: {clash}; for {statement.table} it is created as {name}.")
        self._execute(where, chosen, self.future.early if chosen.kind == "index" else self.future.late)

    def _has_equal(self, statement: Statement) -> bool:
        """Whether the target's table already has this very index or trigger, under the same name."""
        if folded(self._owner(statement.name) or "") != folded(statement.table):
            return False
        known = self._existing(statement.name)
        return known is not None and _same_text(known, statement.sql)

    def _owner(self, name: str) -> str | None:
        """Name of the table that the object of this name belongs to, or None when the name is free."""
        row = self.con.execute("SELECT tbl_name FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _existing(self, name: str) -> str | None:
        row = self.con.execute("SELECT sql FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _execute(self, where: str, statement: Statement, order: list[Statement]) -> bool:
        try:
            self.con.execute(statement.sql)
        except sqlite3.Error as error:
            what = f"{statement.kind} {statement.name} cannot be created in the target: {error}."
            self._problem(where, what, _FOREIGN if "no such" in str(error) else _CORRECT, "names-free")
            return False
        order.append(statement)
        if statement.kind == "table":
            self.future.made.add(folded(statement.name))
        return True

    def _problem(self, subject: str, what: str, todo: str, criterion: str = "names-free") -> None:
        self.future.problems.append(Problem(criterion, subject, what, todo))


_FOREIGN = "It uses a collation, function or module that only the application has: move this table by the application."
_CORRECT = "Correct the plan's create text, or leave the object behind with a reason."
_RENAME_MAP = 'Give the table another name in the target: into = "...".'


def planned_statements(table_map: TableMap, schema: Schema) -> list[Statement]:
    """Return the DDL for one table map: the plan's own, or the source's with the plan's renames applied.

    Raises:
        sqlite3.Error: The source's schema needs what only its application has (a collation, a function, a module).
    """
    if table_map.create:
        return _made_by(statements(table_map.create))
    table = schema.table(table_map.name)
    if table is None:
        raise ValueError(f"no table {table_map.name}")
    if table.kind == "virtual" or (table_map.into == table.name and not table_map.columns):
        return _as_they_are(table, schema)
    return _renamed(table_map, table, schema)


def _as_they_are(table: Table, schema: Schema) -> list[Statement]:
    found = [Statement("table", table.name, table.name, table.sql)]
    found += [Statement("index", index.name, table.name, index.sql) for index in table.indexes if index.sql]
    of_table = [trigger for trigger in schema.triggers if folded(trigger.table) == folded(table.name)]
    return found + [Statement("trigger", trigger.name, table.name, trigger.sql) for trigger in of_table]


def _renamed(table_map: TableMap, table: Table, schema: Schema) -> list[Statement]:
    """Let SQLite itself rename: ALTER TABLE rewrites indexes, triggers, checks and foreign keys with it."""
    con = open_memory()
    try:
        for statement in _as_they_are(table, schema):
            con.execute(statement.sql)
        for old, new in table_map.columns.items():
            con.execute(f"ALTER TABLE {quoted(table.name)} RENAME COLUMN {quoted(old)} TO {quoted(new)}")
        if table_map.into != table.name:
            con.execute(f"ALTER TABLE {quoted(table.name)} RENAME TO {quoted(table_map.into)}")
        return _statements_of(con)
    finally:
        con.close()


def _made_by(texts: list[str]) -> list[Statement]:
    con = open_memory()
    try:
        for text in texts:
            con.execute(text)
        return _statements_of(con)
    finally:
        con.close()


def _statements_of(con: sqlite3.Connection) -> list[Statement]:
    rows = con.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema"
        " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, rowid"
    )
    return [Statement(*row) for row in rows]


def _own_statements(schema: Schema) -> list[tuple[str, str]]:
    tables = [(table.name, table.sql) for table in schema.movable]
    indexes = [(index.name, index.sql) for table in schema.movable for index in table.indexes if index.sql]
    late = [(named.name, named.sql) for named in (*schema.views, *schema.triggers)]
    return tables + indexes + late


def _same_text(one: str, other: str) -> bool:
    return " ".join(one.split()) == " ".join(other.split())
