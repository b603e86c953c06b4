"""Build the schema that the target will have, in memory, before the first change.

The statements of the target, of the moved source tables and of the plan are executed on an empty database. So SQLite
refuses here what it would refuse later. The schema is read back as SQLite understands it, because the text of a
statement does not show that.

A trigger, a view or a foreign key may need a table that is not moved. A view then stays in the archive, with a finding.
A trigger without its table would make every later insert fail, so the run refuses. If the plan leaves that table behind
with a reason, the trigger stays in the archive as well. A foreign key cannot be left behind, so the run refuses.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.merge.source_ddl import NOT_MOVED, create_statements, planned_statements
from sqlite_consolidate.engine.merge.views.arriving_triggers import ArrivingTriggers, Origin
from sqlite_consolidate.engine.merge.views.constant_keys import reasons_by_constants
from sqlite_consolidate.engine.merge.views.mapped_views import ViewMapper
from sqlite_consolidate.engine.merge.views.planned_views import ViewPlanner
from sqlite_consolidate.engine.merge.views.source_names import SourceNames
from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
from sqlite_consolidate.engine.sqlite.application.stand_ins import create_schema_in_memory
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_memory, pragma
from sqlite_consolidate.engine.sqlite.errors import missing_object_kind
from sqlite_consolidate.engine.sqlite.integrity import uncheckable_tables
from sqlite_consolidate.engine.sqlite.schema.objects import HEADER, Schema, read_schema
from sqlite_consolidate.engine.sqlite.schema.statements import (
    Statement,
    is_same_object,
    same_statement,
)
from sqlite_consolidate.engine.sqlite.sql import folded, quoted, rename_in_statement
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.mistakes import in_quotes
from sqlite_consolidate.problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.plan.model import LeftKind, Plan, Source, TableMap
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass
class TargetSchema:
    """Hold the statements that the run will execute in the target, and all problems.

    Attributes:
        before_rows: Tables and indexes, which are created before the rows arrive.
        after_rows: Views and triggers, which are created after the rows so that no trigger fires during the copy.
        schema: The whole schema of the target after the run.
        created_tables: Folded names of the tables that the run creates.
        left_views: Source name to the folded names of its views that stay in the archive.
        renamed_views: Source name to its views with other names in the target, by folded name.
        versions: ``user_version`` and ``application_id`` of a target that the run creates.
    """

    before_rows: list[Statement] = field(default_factory=list)
    after_rows: list[Statement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    schema: Schema = field(default_factory=lambda: Schema({}, (), ()))
    created_tables: set[str] = field(default_factory=set)
    left_views: dict[str, set[str]] = field(default_factory=dict)
    renamed_views: dict[str, Mapping[str, str]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


class SchemaCache:
    """Read a schema, and read it again only if one of its statements has changed.

    SQLite lists columns, keys and indexes from these statements. A hundred tables need a thousand of its lists.
    """

    def __init__(self) -> None:
        self._statements: list[Any] = []
        self._schema = Schema({}, (), ())

    def __call__(self, con: sqlite3.Connection) -> Schema:
        """Return the schema with the present header."""
        statements = [id(con), *con.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid")]
        if statements != self._statements:
            self._schema, self._statements = read_schema(con), statements
        return replace(self._schema, header={name: str(pragma(con, name)) for name in HEADER})


class TargetSchemaBuilder:
    """Build the target schema step by step on one in-memory database."""

    def __init__(
        self,
        plan: Plan,
        target: Schema | None,
        limits: Limits | None = None,
        owners: TableOwners | None = None,
    ) -> None:
        """Begin with the target's schema.

        Args:
            plan: The plan.
            target: The target's schema, or None if the target does not exist yet.
            limits: Limits of what SQLite executes in memory.
            owners: The databases whose rows each table will hold.
        """
        self.plan = plan
        self._owners = owners or TableOwners()
        self._planned = {folded(into) for into in {table.into for source in plan.sources for table in source.tables}}
        self.con = open_memory(limits)
        self.target_schema = TargetSchema()
        # Folded names of the tables with a CREATE TABLE of their own. The others are parts of virtual tables.
        self._own_tables: set[str] = set()
        self._triggers: list[tuple[Origin, Statement]] = []
        self._created: list[tuple[Origin, str]] = []
        self._names = SourceNames(self.con, self._owners.written)
        planned = self.target_schema
        self._judge = ArrivingTriggers(
            self.con, self._owners, planned.created_tables, problems=planned.problems, findings=planned.findings
        )
        # Source name to the folded names of its tables that keep their name and columns.
        self._unchanged_tables: dict[str, frozenset[str]] = {}
        self._equal_names: dict[frozenset[str], frozenset[str]] = {}
        self._target = target or Schema({}, (), ())
        create_schema_in_memory(self.con, self._target, self._report_uncreated)
        self._own_tables |= {folded(table.name) for table in (*self._target.movable, *self._target.lacking)}
        self._uncheckable_before = uncheckable_tables(self.con)

    def build(self) -> TargetSchema:
        """Add the triggers, check the foreign keys and return the finished target schema.

        Triggers come last, because all tables that they use exist now.
        """
        for origin, statement in self._triggers:
            self._add_object(origin, statement)
        self._judge.check_views()
        for origin, table in self._created:
            self._check_foreign_keys(origin, table)
        self._check_keys_of_target()
        self._names.close()
        schema = read_schema(self.con)
        self._judge.check_inserts(schema)
        # A table stands in for each virtual table of the target that this SQLite cannot create.
        lacking = {name: table for name, table in self._target.tables.items() if table.lacks and name in schema.tables}
        self.target_schema.schema = replace(schema, tables=schema.tables | lacking)
        self.con.close()
        return self.target_schema

    def add_table(
        self, source: Source, table_map: TableMap, planned: Sequence[Statement], schema: Schema | None = None
    ) -> None:
        """Add one moved table with its indexes and triggers.

        Args:
            source: The plan's source.
            table_map: One of its table maps.
            planned: The statements of :func:`planned_statements`, the table's first.
            schema: The source's schema. It shows which tables were missing in the source already.
        """
        origin = Origin(f"{source.file}:{table_map.name}", source, schema)
        self._add_name(self._judge.moved_tables, source, table_map.into)
        if not table_map.columns and not table_map.create and folded(table_map.into) == folded(table_map.name):
            self._add_name(self._unchanged_tables, source, table_map.name)
        self._add(origin, [each for each in planned if table_map.create or not _is_left(source, each)])
        names = {folded(statement.name) for statement in planned if statement.kind == "trigger"}
        for trigger in schema.triggers_on(table_map.name) if schema and table_map.create else ():
            if folded(trigger.name) not in names:
                text = f"trigger {trigger.name} stays in the archive: the plan's create text does not have it."
                self._finding("trigger-left", origin, text)

    def require_table(self, name: str, sql: str) -> None:
        """Add a table that the target must have, with its indexes and triggers."""
        origin = Origin(f"the plan's table {name}")
        planned = create_statements(sql, limits_of(self.con))
        known = self._find("table", name)
        if known is not None and known.kind == "table" and not same_statement(known.sql, planned[0].sql):
            text = "the target has this table already, with another declaration."
            self._finding("table-as-it-was", origin, text)
        self._add(origin, planned)

    def add_views(self, source: Source, schema: Schema, taken: Collection[str] = ()) -> None:
        """Add the views of a source with their triggers, as far as all that they read is moved.

        Args:
            source: The plan's source.
            schema: Its schema.
            taken: Folded names of the tables and views that several sources have.
        """
        reasons = reasons_by_constants(source, schema, self.con, self._owners)
        if of_triggers := {name: text for (kind, name), text in reasons.items() if kind == "trigger"}:
            self._judge.reasons[source.name] = of_triggers
        if not schema.views:
            return
        mapper = ViewMapper(source, schema, limits_of(self.con))
        names = self._names.of_views(source, schema, mapper.renamed)
        stays = {name: text for (kind, name), text in reasons.items() if kind == "view"}
        planner = ViewPlanner(mapper, self.con, self._find, self._owners.shared_out, names, taken, stays)
        planner.plan(self._unchanged_tables.get(source.name, frozenset()))
        self.target_schema.after_rows += planner.statements
        self.target_schema.findings += planner.findings
        if planner.left:
            self.target_schema.left_views[source.name] = planner.left
            self._judge.find_left_views(source, schema, planner.left)
        self._use_views(source, schema, mapper.renamed)
        origin = Origin(source.file, source, schema)
        self._triggers += [(origin, trigger) for trigger in planner.triggers if not _is_left(source, trigger)]

    def _add_name(self, tables: dict[str, frozenset[str]], source: Source, name: str) -> None:
        """Add the name of a table to those of a source.

        Equal sets of very many files are one object.
        """
        names = tables.get(source.name, frozenset()) | {folded(name)}
        tables[source.name] = self._equal_names.setdefault(names, names)

    def _use_views(self, source: Source, schema: Schema, renamed: Mapping[str, str]) -> None:
        """Let triggers of tables use the views of their source under their names in the target."""
        if not renamed:
            return
        self.target_schema.renamed_views[source.name] = renamed
        rewritten: dict[tuple[str, str], Statement] = {}
        for table_map in source.tables:
            if not table_map.create and folded(table_map.into) not in self._owners.written:
                with contextlib.suppress(sqlite3.Error, ValueError):  # a problem of its own
                    planned = planned_statements(table_map, schema, source.tables, limits_of(self.con), renamed)
                    rewritten |= {(each.kind, folded(each.name)): each for each in planned}
        self._triggers = [
            (origin, rewritten.get(("trigger", folded(trigger.name)), trigger) if origin.source is source else trigger)
            for origin, trigger in self._triggers
        ]

    def _add(self, origin: Origin, planned: Sequence[Statement]) -> None:
        for statement in planned:
            if statement.kind == "trigger":
                self._triggers.append((origin, statement))
            elif statement.kind != "table":
                self._add_object(origin, statement)
            elif not self._add_table(origin, statement):
                return

    def _add_table(self, origin: Origin, statement: Statement) -> bool:
        known = self._find("table", statement.name)
        if known is None:
            if not self._execute(origin, statement, self.target_schema.before_rows):
                return False
            self._created.append((origin, statement.name))
            self._own_tables.add(folded(statement.name))
            self.target_schema.created_tables.add(folded(statement.name))
            return True
        hint = _RENAME_MAP
        if known.kind != "table":
            article = "an" if known.kind == "index" else "a"
            text = f"the target has {article} {known.kind} named {known.name}."
        elif known.name != statement.name:
            verb = "gets" if folded(known.name) in self.target_schema.created_tables else "has"
            text = f"the target {verb} a table {known.name}, which differs only in case from {statement.name}."
            hint = f"Spell the name in the same way: {'into' if origin.source else 'name'} = {in_quotes(known.name)}."
        else:
            return True
        self._problem(origin.subject, text, hint, id="name-taken")
        return False

    def _add_object(self, origin: Origin, statement: Statement) -> None:
        """Create an index, a trigger or a view of a ``create`` text under an unused name."""
        is_left, findings = self._names.of_object(origin.source, origin.schema, statement, origin.subject)
        self.target_schema.findings += findings
        if is_left or (statement.kind == "trigger" and self._judge.stays(origin, statement)):
            return
        known = self._find(statement.kind, statement.name)
        if known is None:
            self._create(origin, statement)
            return
        if is_same_object(known, statement):
            return
        clash = f"the {statement.kind} name {statement.name} belongs to {known.table} in the target"
        name = f"{statement.table}_{statement.name}"
        if statement.kind == "trigger" and folded(known.table) == folded(statement.table):
            text = f"{statement.table} has a trigger {statement.name} in the target that does something else."
            self._problem(
                origin.subject,
                text,
                "Choose one of the two: give the table a create text in the plan.",
                id="trigger-taken",
            )
        elif statement.kind == "view" or self.plan.index_clash == "refuse":
            self._problem(origin.subject, f"{clash}.", _RENAME_INDEX, id="name-taken")
        elif (other := self._find(statement.kind, name)) is None:
            chosen = Statement(statement.kind, name, statement.table, rename_in_statement(statement.sql, name))
            if self._create(origin, chosen):
                self._finding("name-changed", origin, f"{clash}; for {statement.table} it is created as {name}.")
        elif not is_same_object(
            other, Statement(statement.kind, name, statement.table, rename_in_statement(statement.sql, name))
        ):
            self._problem(origin.subject, f"{clash}, and {name} is taken as well.", _RENAME_INDEX, id="name-taken")

    def _create(self, origin: Origin, statement: Statement) -> bool:
        """Create an index, a trigger or a view, and return whether the target will have it."""
        if statement.kind != "trigger":
            is_index, planned = statement.kind == "index", self.target_schema
            return self._execute(origin, statement, planned.before_rows if is_index else planned.after_rows)
        self.con.execute("SAVEPOINT trial")
        is_created = self._execute(origin, statement, self.target_schema.after_rows)
        if is_created and not self._judge.accept(origin, statement):
            is_created = False
            self.target_schema.after_rows.pop()
            self.con.execute("ROLLBACK TO trial")
        self.con.execute("RELEASE trial")
        return is_created

    def _check_foreign_keys(self, origin: Origin, table: str) -> None:
        """Report each foreign key whose parent table is missing.

        SQLite refuses every insert into its table when foreign keys are enforced.
        """
        for _, _, parent, *_ in self.con.execute(f"PRAGMA main.foreign_key_list({quoted(table)})").fetchall():
            if self._find("table", parent) is not None or folded(parent) in self._planned:
                continue  # a planned table that is missing has a problem of its own
            name = parent.removesuffix(NOT_MOVED)
            if origin.schema is not None and not (origin.schema.table(parent) or origin.schema.table(name)):
                text = f"its foreign key refers to {parent}, which the source does not have either."
                self._finding("parent-absent", origin, text)
            else:
                text = f"its foreign key refers to {name}, which is not moved: no row could be inserted any more."
                self._problem(origin.subject, text, _PARENT, "nothing-left-behind", id="parent-left")
        try:
            self.con.execute(f"PRAGMA main.foreign_key_check({quoted(table)})").fetchall()
        except sqlite3.Error as error:
            self._problem(
                origin.subject,
                f"its foreign key would not work in the target: {error}.",
                _NO_KEY,
                id="broken-foreign-key",
            )

    def _check_keys_of_target(self) -> None:
        """Report each table of the target whose parent is created without the key that it needs."""
        for table in sorted(uncheckable_tables(self.con) - self._uncheckable_before):
            if folded(table) not in self.target_schema.created_tables:
                text = "its foreign key would not work any more: the plan creates its parent without such a key."
                self._problem(f"{self.plan.target}:{table}", text, _NO_PARENT_KEY, id="broken-foreign-key")

    def _find(self, kind: str, name: str) -> Statement | None:
        """Return the object of this name, or None.

        Triggers have a namespace of their own. Tables, indexes and views share one.
        """
        row = self.con.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema"
            " WHERE name = ? COLLATE NOCASE AND (type = 'trigger') = ?",
            (name, kind == "trigger"),
        ).fetchone()
        if row is None:
            return None
        inner = row[0] == "table" and folded(row[1]) not in self._own_tables
        return Statement("part of a virtual table" if inner else row[0], *row[1:])

    def _execute(self, origin: Origin, statement: Statement, order: list[Statement]) -> bool:
        try:
            self.con.execute(statement.sql)
        except sqlite3.Error as error:
            text = f"{statement.kind} {statement.name} cannot be created in the target: {error}."
            self._problem(
                origin.subject, text, _FOREIGN if missing_object_kind(error) else _CORRECT, id="cannot-create"
            )
            return False
        order.append(statement)
        return True

    def _report_uncreated(self, statement: Statement, error: sqlite3.Error) -> None:
        subject, text = f"{self.plan.target}:{statement.name}", f"SQLite cannot create it again: {error}."
        self._problem(subject, text, _FOREIGN, id="cannot-create")

    def _problem(self, subject: str, text: str, hint: str, criterion: str = "names-free", *, id: str) -> None:
        self.target_schema.problems.append(Problem(id, subject, text, hint, criterion=criterion))

    def _finding(self, id: str, origin: Origin, text: str) -> None:
        self.target_schema.findings.append(Finding.of(id, origin.subject, text))


def _is_left(source: Source, statement: Statement) -> bool:
    """Return whether the plan leaves an index or a trigger of a source behind."""
    kinds: dict[str, LeftKind] = {"index": "indexes", "trigger": "triggers"}
    kind = kinds.get(statement.kind)
    return kind is not None and source.leave_reason(kind, statement.name) is not None


_FOREIGN = "It uses a collation, function or module that only the application has: move this table by the application."
_CORRECT = "Correct the plan's create text, or leave the object behind with a reason."
_RENAME_MAP = 'Give the table another name in the target: into = "...".'
_RENAME_INDEX = 'Rename it, or set index_clash = "rename" in the plan.'
_NO_KEY = (
    "Give the table a create text whose foreign key refers to a key of its parent, or a text without that foreign key."
)
_NO_PARENT_KEY = "Give the parent a create text with that key, or move it under another name (into)."
_PARENT = "Move that table as well, or give this table a create text without the foreign key."
