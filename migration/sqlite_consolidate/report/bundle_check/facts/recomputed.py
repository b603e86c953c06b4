"""Check that the entries of an accepted consolidation follow from its bundle."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.criteria import CRITERIA, SMOKE
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.bundle_check.facts.database_facts import facts_of_databases
from sqlite_consolidate.report.bundle_check.facts.demanded import Demand
from sqlite_consolidate.report.bundle_check.facts.fact import Fact, entry_text, with_printable_texts
from sqlite_consolidate.report.bundle_check.facts.file_facts import (
    Statements,
    contradictions_of_statements,
    facts_of_files,
    rewritten_files,
)
from sqlite_consolidate.report.bundle_check.facts.findings import contradictions_of_findings
from sqlite_consolidate.report.bundle_check.facts.not_required import not_required_facts
from sqlite_consolidate.report.bundle_check.facts.number_facts import contradictions_of_size, number_fact
from sqlite_consolidate.report.bundle_check.facts.record_lists import contradictions_of_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Record

NOT_COMPARED = (
    "priority, risk, reason and optional of sources that were there",
    "columns, and create where the target had the table",
    "newer, and which rows where and follows choose",
    "index_clash, deadline and record_copy",
    "code of [[insert]]",
    "paths and exempt of [scan]",
    "errors where there was no log",
    "require_rehearsal of a rehearsal",
    "answers, path and interpreter of [[smoke]]",
    "function and path of [connection]",
)
"""Parts of a plan that no entry of its run repeats, so a change of them contradicts nothing."""
_STATED_REASON = "a reason that the plan gives"

_Pair = tuple[str, str, str]


@dataclass(frozen=True)
class Recomputed:
    """Hold what the entries of an accepted consolidation must be.

    Attributes:
        plan: The plan with printable texts, as evidence has them.
        contents: The bundle.
        record: The run by its evidence.
        statements: The created objects by ``sql.log``.
        facts: What each entry must state.
        excuses: Entries that may state that nothing was demanded.
    """

    plan: Plan
    contents: BundleContents
    record: Record
    statements: Statements
    facts: tuple[Fact, ...]
    excuses: tuple[Fact, ...]

    @classmethod
    def of(cls, plan: Plan, contents: BundleContents, record: Record) -> Recomputed:
        """Compute the entries from a bundle."""
        printed, statements = with_printable_texts(plan), Statements.of(contents)
        facts = (*facts_of_databases(printed, record), *facts_of_files(printed, record, contents, statements))
        allowed = tuple(not_required_facts(printed, record, contents, statements))
        return cls(printed, contents, record, statements, facts, allowed)

    def demands(self) -> list[Demand]:
        """Return the entries that must be there.

        An entry is not demanded if its criterion is rightly not required.
        """
        excused = {entry.criterion for entry in self._with(Outcome.NOT_REQUIRED) if self._is_excused(entry)}
        return [Demand(fact.criterion, fact.subject) for fact in self.facts if fact.criterion not in excused]

    def contradictions(self) -> Iterator[_Pair]:
        """Yield each entry, finding or list item that the rest of the bundle contradicts."""
        for entry in self._with(Outcome.PASSED):
            yield from self._contradiction(entry)
        for entry in self._with(Outcome.NOT_REQUIRED):
            if not self._is_excused(entry):
                yield f"{entry.criterion}: {entry.subject}: not required", _STATED_REASON, entry.observed
        yield from self._objects()
        yield from contradictions_of_statements(self.contents.plan or self.plan, self.record, self.statements)
        yield from contradictions_of_record(self.plan, self.record)
        yield from contradictions_of_size(self.record)
        yield from contradictions_of_findings(self.plan, self.record)

    @cached_property
    def _known(self) -> dict[tuple[str, str], list[Fact]]:
        """Return the facts by criterion and subject."""
        known: defaultdict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in self.facts:
            known[fact.criterion, folded(fact.subject)].append(fact)
        return dict(known)

    def _of(self, entry: Evidence) -> list[Fact]:
        """Return the facts that an entry may state, or none if they are not known."""
        facts = self._known.get((entry.criterion, folded(entry.subject)), [])
        shape = None if facts else number_fact(entry, self.record)
        return [shape] if shape else facts

    def _contradiction(self, entry: Evidence) -> Iterator[_Pair]:
        subject, facts = f"{entry.criterion}: {entry.subject}: as the record has it", self._of(entry)
        if not entry.examined:
            yield subject, "something examined", "nothing"
        if facts and not any(fact.fits(entry) for fact in facts):
            yield subject, facts[0].text, entry_text(entry)
        elif not facts and self._knows_all(entry):
            yield subject, "no such entry", entry_text(entry)

    def _knows_all(self, entry: Evidence) -> bool:
        """Return whether every subject of the entry's criterion is known."""
        of_code = entry.criterion in ("backup-complete", "code-compiles", "restored-exact")
        if of_code and rewritten_files(self.contents) is None:
            return False
        criterion = CRITERIA.get(entry.criterion)
        is_open = criterion is not None and criterion.is_open
        return not is_open and not entry.criterion.startswith(SMOKE)

    def _objects(self) -> Iterator[_Pair]:
        """Yield each trigger and view that only one of its two criteria lists."""
        before, after = (
            {(entry.subject, entry.expected) for entry in self._with(Outcome.PASSED) if entry.criterion == criterion}
            for criterion in ("triggers-in-place", "final-digest")
        )
        after = {(subject, sql) for subject, sql in after if ("final-digest", folded(subject)) not in self._known}
        for subject, sql in sorted(before - after):
            yield f"final-digest: {subject}: as in triggers-in-place", sql, "missing"
        for subject, sql in sorted(after - before):
            yield f"triggers-in-place: {subject}: as in final-digest", sql, "missing"

    def _is_excused(self, entry: Evidence) -> bool:
        return any(
            fact.criterion == entry.criterion and folded(fact.subject) == folded(entry.subject) and fact.fits(entry)
            for fact in self.excuses
        )

    def _with(self, outcome: Outcome) -> list[Evidence]:
        return [entry for entry in self.record.criteria if entry.outcome is outcome]
