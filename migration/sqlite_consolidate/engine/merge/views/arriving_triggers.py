"""Judge whether triggers work in the target, and mean what they mean in their source."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.source_ddl import NOT_MOVED, describe_together, tables_together
from sqlite_consolidate.engine.sqlite.application.stand_ins import create_schema_in_memory
from sqlite_consolidate.engine.sqlite.connections import limits_of, open_memory
from sqlite_consolidate.engine.sqlite.schema import dependencies
from sqlite_consolidate.engine.sqlite.schema.index_queries import inserted_columns
from sqlite_consolidate.engine.sqlite.schema.object_uses import UseReader
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection

    from sqlite_consolidate.engine.merge.views.table_owners import TableOwners
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.engine.sqlite.schema.statements import Statement
    from sqlite_consolidate.plan.model import Source


@dataclass(frozen=True)
class Origin:
    """Hold where a statement comes from, for messages.

    Source and schema are None for the plan's own tables.
    """

    subject: str
    source: Source | None = None
    schema: Schema | None = None

    def leave_reason(self, table: str) -> str | None:
        """Return the plan's reason to leave a table or view of this source behind, or None."""
        if self.source is None:
            return None
        reason = self.source.leave_reason("tables", table)
        return self.source.leave_reason("views", table) if reason is None else reason


@dataclass
class ArrivingTriggers:
    """Judge each trigger that the run would create.

    Attributes:
        con: Database in memory with the tables and views of the target.
        owners: The databases whose rows each table will hold.
        created_tables: Folded names of the tables that the run creates, to which others are added later.
        moved_tables: Source name to the folded target names of its tables.
        left_views: Source name to the folded name of each trigger that uses a view which stays behind, with that view.
        reasons: Source name to the folded name of each trigger that stays behind for another reason, with that reason.
        accepted: The triggers that have been created.
        problems: Triggers that cannot work.
        findings: Triggers that stay in the archive, or use tables that are not moved.
    """

    con: sqlite3.Connection
    owners: TableOwners
    created_tables: Collection[str]
    moved_tables: dict[str, frozenset[str]] = field(default_factory=dict)
    left_views: dict[str, dict[str, str]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    accepted: list[tuple[Origin, Statement]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def find_left_views(self, source: Source, schema: Schema, left: Collection[str]) -> None:
        """Find the triggers of a source that use views which stay behind.

        Args:
            source: As the plan has it.
            schema: Its schema.
            left: Folded names of its views that stay behind.
        """
        names = set(left)
        triggers = [trigger for trigger in schema.triggers if names & set(words_of(trigger.sql))]
        if not triggers:
            return
        with contextlib.closing(UseReader(schema, limits_of(self.con))) as reader:
            used = {folded(each.name): sorted(reader.views_of(each) & names) for each in triggers}
        self.left_views[source.name] = {name: views[0] for name, views in used.items() if views}

    def stays(self, origin: Origin, statement: Statement) -> bool:
        """Return whether a trigger stays behind, as far as its source shows.

        It may use a view that stays behind. Without an object of that name in the target it cannot work, which is found
        when it has been created.

        Args:
            origin: Where it comes from.
            statement: The trigger under the name that it has in the source.
        """
        if origin.source is None or folded(statement.table) in self.owners.written:
            return False
        name = folded(statement.name)
        reason = self.reasons.get(origin.source.name, {}).get(name, "")
        view = self.left_views.get(origin.source.name, {}).get(name, "")
        if view and dependencies.has_object(self.con, view):
            reason = (
                f"it uses the view {view}, which stays in the archive, and the target has another object of that name"
            )
        if reason:
            text = f"trigger {statement.name} of {statement.table} stays in the archive, because {reason}."
            self._find("trigger-left", origin, text)
        return bool(reason)

    def check_views(self) -> None:
        """Report each trigger that changes a view which no trigger of the target lets change.

        All triggers exist now.
        """
        for origin, statement in self.accepted:
            view = dependencies.unwritable_view(self.con, statement.table) if origin.source else ""
            if view and folded(view) in words_of(statement.sql):
                self._report_broken(origin, statement, f"it changes the view {view}, which has no such trigger")

    def check_inserts(self, schema: Schema) -> None:
        """Find each trigger whose rows SQLite refuses in the target only.

        Args:
            schema: The target with all tables.
        """
        for origin, statement in self.accepted:
            for name, listed in inserted_columns(statement.sql):
                table, earlier = schema.table(name), origin.schema.table(name) if origin.schema else None
                lacking = [each for each in _needed_columns(table) if folded(each) not in listed]
                if table and set(map(folded, lacking)) - set(map(folded, _needed_columns(earlier))):
                    text = (
                        f"trigger {statement.name} of {statement.table} inserts rows into {table.name} without"
                        f" {join_names(lacking)}. SQLite refuses these rows, because a NOT NULL column without a"
                        " default needs a value."
                    )
                    self._find("trigger-incomplete", origin, text)

    def accept(self, origin: Origin, statement: Statement) -> bool:
        """Return whether a trigger that has been created in ``con`` may stay there."""
        needs = dependencies.trigger_dependencies(self.con, statement.name, statement.table)
        label = f"trigger {statement.name} of {statement.table}"
        missing = needs.missing.removesuffix(NOT_MOVED)
        if missing and (reason := origin.leave_reason(missing)) is not None:
            text = f"{label} stays in the archive: it uses {missing}, which the plan leaves behind ({reason})."
            self._find("trigger-left-with-table", origin, text)
            return False
        if needs.broken and self._fails_in_source(origin, statement):
            reason = f"it fails in its source already ({needs.broken.removesuffix(NOT_MOVED)})"
            self._find("trigger-left", origin, f"{label} stays in the archive, because {reason}.")
            return False
        if needs.broken and not (origin.source and needs.whole_file):
            self._report_broken(origin, statement, needs.broken.removesuffix(NOT_MOVED))
            return False
        if reason := self._other_meaning(origin, statement, needs):
            self._find("trigger-left", origin, f"{label} stays in the archive, because {reason}.")
            return False
        foreign = sorted(needs.tables - self.moved_tables.get(origin.source.name, frozenset())) if origin.source else []
        if foreign:
            text = f"{label} now uses {', '.join(foreign)} of the target, which is not moved from this source."
            self._find("trigger-uses-target", origin, text)
        self.accepted.append((origin, statement))
        return True

    def _fails_in_source(self, origin: Origin, statement: Statement) -> bool:
        """Return whether a trigger uses an object that its source does not have either."""
        triggers = origin.schema.triggers if origin.schema else ()
        trigger = next((each for each in triggers if folded(each.name) == folded(statement.name)), None)
        if origin.schema is None or trigger is None or folded(statement.table) in self.owners.written:
            return False
        with contextlib.closing(open_memory(limits_of(self.con))) as con:
            create_schema_in_memory(con, replace(origin.schema, triggers=(trigger,)))
            return bool(dependencies.trigger_dependencies(con, trigger.name, trigger.table).broken)

    def _other_meaning(self, origin: Origin, statement: Statement, needs: dependencies.Dependencies) -> str:
        """Return why a trigger would mean something else, or an empty text."""
        table = statement.table
        if origin.source and needs.whole_file:
            return needs.whole_file
        if together := self._together(origin, table, needs.tables):
            return f"{together}, and it would use the rows of each as those of all"
        is_of_view = dependencies.is_view(self.con, table)
        view_reads = dependencies.view_dependencies(self.con, table).tables if is_of_view else frozenset()
        if is_of_view and (rows := self.owners.shared_out(needs.tables | view_reads)):
            return f"it would pair rows of two databases: {rows}"
        is_created = folded(table) in self.created_tables
        others = self.owners.others(table, needs.tables, statement.sql) if is_created else {}
        rows = "; ".join(f"{name} also holds rows of {', '.join(files)}" for name, files in others.items())
        return f"it would use rows of other databases: {rows}" if others else ""

    def _together(self, origin: Origin, table: str, used: frozenset[str]) -> str:
        """Return in words which tables of a source go into one table that a trigger uses."""
        if origin.source is None or folded(table) in self.owners.written:
            return ""
        names = {folded(table), *used}
        groups = tables_together(origin.source)
        return next((describe_together(group) for group in groups if folded(group[0].into) in names), "")

    def _report_broken(self, origin: Origin, statement: Statement, broken: str) -> None:
        text = (
            f"trigger {statement.name} of {statement.table} cannot work in the target: {broken}."
            " Every change that fires it would fail."
        )
        self.problems.append(
            Problem("broken-trigger", origin.subject, text, _MOVE_TOO, criterion="nothing-left-behind")
        )

    def _find(self, id: str, origin: Origin, text: str) -> None:
        self.findings.append(Finding.of(id, origin.subject, text))


def _needed_columns(table: Table | None) -> list[str]:
    """Return the columns of a table that each INSERT has to fill."""
    if table is None:
        return []
    return [each.name for each in table.stored if each.notnull and each.default is None and each.name != table.alias]


_MOVE_TOO = "Move what it uses as well, or leave that behind with a reason. Then the trigger stays in the archive too."
