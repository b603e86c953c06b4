"""Hold all that is known of the databases before anything is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.merge.target_schema import TargetSchema
from sqlite_consolidate.engine.sqlite.sql import folded

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.files import FileProblem
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.problem import Problem


@dataclass
class InspectedDatabases:
    """All that is known before the run touches anything.

    Attributes:
        plan: What the databases were read for.
        unread: Every database of the plan that exists and could not be read: its file in the plan, to the reason in a
            few words.
        staged: Source name to the scratch database that its rows are read from, where that is not the source itself.
    """

    plan: Plan
    sources: dict[str, InspectedDatabase] = field(default_factory=dict)
    target: InspectedDatabase | None = None
    mappings: list[TableMapping] = field(default_factory=list)
    target_schema: TargetSchema = field(default_factory=TargetSchema)
    problems: list[Problem] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    staged: dict[str, Path] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)

    @property
    def databases(self) -> list[InspectedDatabase]:
        """The target, where there is one, and the sources, as far as they were read."""
        return [*([self.target] if self.target else []), *self.sources.values()]

    def add_file_problem(self, file_problem: FileProblem) -> None:
        """Add a problem of a file, and the reason for which a database was not read."""
        self.problems.append(file_problem.problem)
        if file_problem.reason:
            self.unread.setdefault(file_problem.file, file_problem.reason)

    def rows(self, mapping: TableMapping) -> int:
        """Number of rows in the source of a move."""
        facts = self.sources[mapping.source.name]
        table = facts.schema.table(mapping.table_map.name)
        return facts.digests[table.name].rows if table else 0

    def expected_digest(self, mapping: TableMapping) -> TableDigest | None:
        """Digest of a move's rows as they have to arrive, where the survey has read the very same; else None."""
        facts = self.sources[mapping.source.name]
        table = facts.schema.table(mapping.table_map.name)
        if table is None or not mapping.projection().is_unchanged or mapping.source.name in self.staged:
            return None
        return facts.digests[table.name] if mapping.rowid_counts == table.counts_rowid else None

    def digest_before(self, mapping: TableMapping) -> TableDigest | None:
        """Digest of the rows that the table of a move has before, where the survey has read the same; else None."""
        table = self.target.schema.table(mapping.into.name) if self.target else None
        if self.target is None or table is None or mapping.rowid_counts != table.counts_rowid:
            return None
        return self.target.digests[table.name]

    def autoincrement_value(self, mapping: TableMapping) -> int:
        """The AUTOINCREMENT mark of the source of a move, 0 without one."""
        return next(
            (
                value
                for name, value in self.sources[mapping.source.name].marks.items()
                if folded(name) == folded(mapping.table_map.name)
            ),
            0,
        )
