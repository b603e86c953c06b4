"""Decide which views of a source the target gets, and under which names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.views.mapped_views import in_order_of_use
from sqlite_consolidate.engine.sqlite.application.stand_ins import stand_ins_in
from sqlite_consolidate.engine.sqlite.schema import dependencies
from sqlite_consolidate.engine.sqlite.schema.statements import Statement, same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.text import join_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlite_consolidate.engine.merge.views.mapped_views import ViewMapper
    from sqlite_consolidate.engine.merge.views.resolved_names import ResolvedNames
    from sqlite_consolidate.engine.sqlite.schema.objects import TriggerOrView
else:
    from sqlite_consolidate.sqlite_library import sqlite3


@dataclass
class ViewPlanner:
    """Plan the views of one source.

    A view is moved if all tables that it reads are moved from its source. Otherwise it would read nothing, or another
    table of that name, and stays in the archive with a finding. A view that reads renamed tables is rewritten.

    Attributes:
        mapper: Rewrites the views of the source.
        con: Database in memory with the tables of the target. Each planned view is created in it.
        find: Returns the object of a kind and name in ``con``, or None.
        shared_out: Returns in words which database has rows in some of several tables, and keeps another one apart.
        names: Compares what the views mean in the source and in the target.
        taken: Folded names of the tables and views that several sources have.
        reasons: Folded name of each view that stays behind for another reason, to that reason.
        statements: The planned views.
        triggers: Their INSTEAD OF triggers.
        findings: Which views stay, and which have other names.
        left: Folded names of the views that stay.
    """

    mapper: ViewMapper
    con: sqlite3.Connection
    find: Callable[[str, str], Statement | None]
    shared_out: Callable[[Collection[str]], str]
    names: ResolvedNames
    taken: Collection[str] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    statements: list[Statement] = field(default_factory=list)
    triggers: list[Statement] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    _instead: list[tuple[TriggerOrView, str]] = field(default_factory=list)

    def plan(self, unchanged: Collection[str]) -> None:
        """Plan each view of the source.

        Args:
            unchanged: Folded names of the tables of the source that are moved with their name and declaration.
        """
        source = self.mapper.source
        for view in in_order_of_use(self.mapper.schema.views):
            if source.leave_reason("views", view.name) is not None:
                self.left.add(folded(view.name))
            elif reason := self._add_view(view, unchanged):
                self.left.add(folded(view.name))
                text = f"view {view.name} stays in the archive: {reason}."
                self.findings.append(Finding.of("view-left", source.file, text))
        # A trigger may use views that are planned after its own.
        self.triggers = [self._rewritten_trigger(trigger, view) for trigger, view in self._instead]

    def _add_view(self, view: TriggerOrView, unchanged: Collection[str]) -> str:
        """Add a view and return an empty text, or return why it stays in the archive."""
        if left := self.mapper.reads_view(view, self.left):
            return f"it reads the view {left}, which stays in the archive"
        if together := self.mapper.together(view):
            return f"{together}, and it would read the rows of each as those of all"
        if rows := self.shared_out(self.mapper.targets(view.name)):
            return f"it would pair rows of two databases ({rows})"
        if reason := self.reasons.get(folded(view.name)):
            return reason
        known = self.find("view", view.name)
        is_known = known is not None and same_statement(known.sql, view.sql)
        if not is_known and (whole_file := self.mapper.reads(view.name).whole_file):
            return whole_file
        triggers = self.mapper.schema.triggers_on(view.name)
        if self.mapper.reads_renamed(view.name):
            return self._add_mapped_view(view, triggers)
        if not is_known:
            reason = self._create(view.name, view.sql, lambda: self._problem(view, unchanged))
        else:
            reason = self._unmoved_reason(view) or self._other_meaning(view, view.name, view.sql)
        if not reason:
            self._instead += [(each, view.name) for each in triggers]
            self._find_needed(view, view.name)
        return reason

    def _find_needed(self, view: TriggerOrView, name: str) -> None:
        """Add a finding for a view that needs what only the application defines."""
        if lacks := stand_ins_in(self.con, view.sql):
            text = f"view {name} is created as it is. It needs {join_names(lacks)}, which this SQLite lacks."
            self.findings.append(Finding.of("view-needs", self.mapper.source.file, text))

    def _rewritten_trigger(self, trigger: TriggerOrView, view: str) -> Statement:
        """Return a trigger of a view, for the names that its tables have in the target."""
        try:
            return self.mapper.rewrite_trigger(trigger, view)
        except sqlite3.Error:  # the target's schema reports that it cannot work
            return Statement("trigger", trigger.name, view, trigger.sql)

    def _add_mapped_view(self, view: TriggerOrView, triggers: Sequence[TriggerOrView]) -> str:
        """Add a view that reads renamed tables, under a name of its own."""
        name = self._mapped_name(view)
        if reason := self._unmoved_reason(view):
            return reason
        try:
            sql = self.mapper.rewrite(view, name)
            for trigger in triggers:
                self.mapper.rewrite_trigger(trigger, name)
        except (sqlite3.Error, ValueError) as error:
            return f"SQLite cannot rewrite it for the renamed tables ({error})"
        known, targets = self.find("view", name), self.mapper.targets(view.name)
        if known is not None and same_statement(known.sql, sql):
            reason = self._other_meaning(view, name, sql)
        else:
            reason = self._create(
                name, sql, lambda: self._mapped_problem(name, targets) or self._other_meaning(view, name, sql)
            )
        if reason:
            return reason
        if folded(name) != folded(view.name):
            self.mapper.renamed[folded(view.name)] = name
            reason = f"because it reads {', '.join(sorted(targets))}, and its name is taken"
            text = f"view {view.name} is created as {name}, {reason}."
            self.findings.append(Finding.of("name-changed", self.mapper.source.file, text))
        self._instead += [(trigger, name) for trigger in triggers]
        self._find_needed(view, name)
        return ""

    def _mapped_name(self, view: TriggerOrView) -> str:
        if self.find("view", view.name) is None and folded(view.name) not in self.taken:
            return view.name
        return f"{self.mapper.prefix(view.name) or f'{self.mapper.source.name}_'}{view.name}"

    def _create(self, name: str, sql: str, problem: Callable[[], str]) -> str:
        """Create a view and return an empty text, or return why it cannot be created."""
        if self.find("view", name) is not None:
            return "the target has another object of that name"
        self.con.execute("SAVEPOINT trial")
        try:
            self.con.execute(sql)
            reason = problem()
        except sqlite3.Error as error:
            reason = f"it cannot be created in the target ({error})"
        if reason:
            self.con.execute("ROLLBACK TO trial")
        else:
            self.statements.append(Statement("view", name, name, sql))
        self.con.execute("RELEASE trial")
        return reason

    def _other_meaning(self, view: TriggerOrView, name: str, sql: str) -> str:
        """Return why a view would mean something else in the target, or an empty text.

        A view that compares otherwise there gets a finding.
        """
        reason, difference = self.names.view_reason(view, name, sql)
        if difference:
            text = f"view {name} {difference}."
            self.findings.append(Finding.of("meaning-differs", self.mapper.source.file, text))
        return reason

    def _problem(self, view: TriggerOrView, unchanged: Collection[str]) -> str:
        needs = dependencies.view_dependencies(self.con, view.name)
        if needs.broken:
            return f"it reads an object that is not moved ({needs.broken})"
        foreign = sorted(needs.tables - set(unchanged))
        if foreign:
            return f"it reads {', '.join(foreign)}, which is not moved from this source as it is"
        return self._other_meaning(view, view.name, view.sql)

    def _mapped_problem(self, name: str, targets: set[str]) -> str:
        needs = dependencies.view_dependencies(self.con, name)
        if needs.broken:
            return f"it cannot work on the renamed tables ({needs.broken})"
        others = sorted(needs.tables ^ targets)
        return f"it would not read the same tables ({', '.join(others)})" if others else ""

    def _unmoved_reason(self, view: TriggerOrView) -> str:
        """Return why a view cannot mean the same in the target, or an empty text."""
        if broken := self.mapper.reads(view.name).broken:
            return f"this SQLite cannot say what it reads ({broken})" if self.mapper.reads_renamed(view.name) else ""
        unmoved = self.mapper.unmoved(view.name)
        return f"it reads {', '.join(unmoved)}, which is not moved from this source as it is" if unmoved else ""
