"""Read from a record the figures that page one states."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.apps.live_watch import WORKSPACE_CHANGED
from sqlite_consolidate.engine.checks.aftercare import MISSING_TABLE
from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.engine.run.exit_codes import ExitCode
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.run_log import ENDED_EARLY
from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.findings import STAGE_ERROR
from sqlite_consolidate.observation import Outcome
from sqlite_consolidate.report.formatting import count_of, moment
from sqlite_consolidate.report.questions import outcomes
from sqlite_consolidate.report.statements.comparison import changes_in_words
from sqlite_consolidate.report.statements.endings import Ending, ending_of
from sqlite_consolidate.report.statements.expectations import (
    expected_time,
    grade_of_inventory,
    grade_of_rehearsal,
    migration_seconds,
)
from sqlite_consolidate.text import counted, join_names, list_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.report.evidence import Record

_LEFT_TABLE = "rows-left"
"""Id of the findings that state how many rows of a table the plan leaves in its source."""

_STOPPERS: dict[int, str] = {
    ExitCode.INTERRUPTED: "Ctrl-C",
    ExitCode.HUNG_UP: "the end of its terminal (SIGHUP)",
    ExitCode.TERMINATED: "a request to end it (SIGTERM)",
}
_STOPPED_STAGES = ("running", "failed")


class Facts:
    """Answer what a record states, for the claims of page one."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.ending: Ending = ending_of(record)
        self.outcomes = outcomes(record)

    def passed(self, *criteria: str) -> bool:
        """Return whether each of these criteria passed."""
        return all(self.outcomes.get(criterion) is Outcome.PASSED for criterion in criteria)

    def failed(self, criterion: str) -> bool:
        """Return whether a criterion failed."""
        return self.outcomes.get(criterion) is Outcome.FAILED

    def has_finding(self, *ids: str) -> bool:
        """Return whether there is a finding of one of these kinds."""
        return any(finding.id in ids for finding in self.record.findings)

    @property
    def is_migration(self) -> bool:
        """Return whether the run is one on the workspace itself, and no rehearsal."""
        return self.record.mode is Mode.MIGRATE

    @property
    def is_rehearsal(self) -> bool:
        """Return whether the run worked on copies."""
        return self.record.mode is Mode.REHEARSAL

    @property
    def is_rollback(self) -> bool:
        """Return whether the run is the rollback of a migration."""
        return self.record.mode is Mode.ROLLBACK

    @property
    def is_untouched(self) -> bool:
        """Return whether nothing in the workspace changed while the run went on."""
        return not self.has_finding(WORKSPACE_CHANGED)

    @property
    def is_refused_at_once(self) -> bool:
        """Return whether the run ended before it changed anything."""
        return self.record.exit_code == ExitCode.REFUSED and self.is_untouched

    @property
    def is_undone(self) -> bool:
        """Return whether a migration was rolled back completely."""
        return self.is_migration and bool(self.record.put_back) and self.ending is not Ending.STRANDED

    @cached_property
    def unmoved(self) -> int:
        """Return the number of rows that the plan leaves behind, or replaces by other ones."""
        by_table = sum(finding.count for finding in self.record.findings if finding.id == _LEFT_TABLE)
        return by_table + sum(
            move.left + move.skipped + move.replaced - (move.identical or 0) for move in self.record.moves
        )

    @cached_property
    def identical(self) -> int:
        """Return the number of rows for which identical ones stay."""
        return sum(move.identical or 0 for move in self.record.moves)

    @property
    def keeps_neighbours(self) -> bool:
        """Return whether the run made the target, or all that the target had before is unchanged."""
        target = self.record.target
        is_new = target is not None and target.size is None
        return is_new or self.passed("neighbours-unchanged")

    @property
    def has_command(self) -> bool:
        """Return whether the record has a command that rolls the run back, and it can be needed."""
        return bool(rollback_command(self.record))

    @property
    def is_drilled(self) -> bool:
        """Return whether a rehearsal has tried the rollback of this plan."""
        return bool(self.record.rollback.get("drilled"))

    @property
    def waits_for_rollback(self) -> bool:
        """Return whether a migration can be rolled back, and did not try that itself."""
        return self.is_migration and not self.record.put_back

    @property
    def starts_applications(self) -> bool:
        """Return whether runs of this mode start the applications of the plan."""
        return any(stage.runs_applications for stage in stages_of(self.record.mode)) and not self.record.already

    @property
    def needs_no_rollback(self) -> bool:
        """Return whether the run changed nothing that could be rolled back."""
        if self.ending in (Ending.ALREADY, Ending.NOT_ROLLED_BACK) or self.record.mode is Mode.CHECK:
            return False
        if self.failed("only-looked"):
            return False
        reads = self.is_rehearsal or self.record.mode.only_judges or self.record.mode is Mode.INVENTORY
        stopped = self.ending is Ending.INTERRUPTED and self.is_migration and not self.record.put_back
        return reads or stopped or self.is_refused_at_once

    @property
    def smoke_all_passed(self) -> bool:
        """Return whether there are smoke tests, and all passed."""
        return set(self.smoke) == {Outcome.PASSED}

    @property
    def smoke_failed(self) -> bool:
        """Return whether a smoke test failed."""
        return Outcome.FAILED in self.smoke

    @property
    def smoke_open(self) -> bool:
        """Return whether a smoke test was not examined, and none failed."""
        return Outcome.NOT_EXAMINED in self.smoke and not self.smoke_failed

    @cached_property
    def smoke(self) -> list[Outcome]:
        """Return the outcomes of the smoke tests."""
        return [outcome for criterion, outcome in self.outcomes.items() if criterion.startswith(SMOKE)]

    def _smoke_in_words(self) -> str:
        """Return how far the smoke tests were run of which one has no outcome."""
        number, still_open = len(self.smoke), self.smoke.count(Outcome.NOT_EXAMINED)
        running = {stage.id for stage in stages_of(self.record.mode) if stage.runs_applications}
        was_begun = any(stage.id in running and stage.outcome != "not run" for stage in self.record.stages)
        if still_open == number:
            all_tests = "the smoke test" if number == 1 else f"none of {number:,} smoke tests"
            verb = ("did not come" if number == 1 else "came") + " to an end"
            was = "was not run" if number == 1 else "was run"
            because = f", because {ENDED_EARLY} this stage" if self.record.finished else ""
            return f"{all_tests} {verb}" if was_begun else f"{all_tests} {was}{because}"
        passed = f"{self.smoke.count(Outcome.PASSED):,} of {number:,} smoke tests passed"
        return f"{passed}, and {still_open:,} did not come to an end"

    @cached_property
    def failures(self) -> int:
        """Return the number of failed subjects, and of stages that failed without one."""
        failed = {(entry.criterion, entry.subject) for entry in self.record.criteria if entry.outcome is Outcome.FAILED}
        return len(failed) + sum(finding.id == STAGE_ERROR for finding in self.record.findings)

    @cached_property
    def missing(self) -> list[str]:
        """Return each table that the migration left, and that a check did not find."""
        entries = [entry for entry in self.record.criteria if entry.criterion == "target-right"]
        return [
            entry.subject for entry in entries if entry.outcome is Outcome.FAILED and entry.observed == MISSING_TABLE
        ]

    @cached_property
    def attention(self) -> int:
        """Return the number of kinds of findings that a reader has to judge.

        What stopped a stage is counted by :attr:`failures`.
        """
        kinds = {finding.id for finding in self.record.findings if finding.level == "attention"}
        return len(kinds - {STAGE_ERROR})

    @cached_property
    def values(self) -> dict[str, str]:
        """Return the texts that the sentences of the claims have in their braces."""
        return dict(self._values())

    def _values(self) -> Iterator[tuple[str, str]]:
        record, flow = self.record, self.record.flow
        rows = sum(move.rows if move.arrived is None else move.arrived for move in flow)
        yield "rows", count_of(rows)
        yield "no", self._no
        yield "each_row", f"Each of the {count_of(rows)}" if rows > 1 else "Each row"
        yield "tables", count_of(len(flow), "table")
        yield "sources", count_of(len({move.source for move in flow}), "source database")
        yield "databases", count_of(self.databases, "database")
        yield "target", record.target.file if record.target else "the target"
        yield "target_age", "which was there before" if self.had_target else "which is new"
        yield "absent", f"{count_of(self.absent, 'database')} of the plan {'was' if self.absent == 1 else 'were'}"
        yield "unmoved", count_of(self.unmoved)
        yield "identical", f"{count_of(self.identical)} {'was' if self.identical == 1 else 'were'}"
        yield "references", count_of(self.references, "place")
        yield (
            "archived",
            f"{count_of(len(record.archive), 'old database')} {'was' if len(record.archive) == 1 else 'were'}",
        )
        yield "restored", count_of(self.number("restored-exact", Outcome.PASSED), "comparison")
        yield from self._values_of_failures()
        yield "smoke", f"{len(self.smoke):,}"
        for outcome in Outcome:
            yield f"smoke_{outcome.name.lower()}", f"{self.smoke.count(outcome):,}"
        yield "smoke_tests", "smoke test" if len(self.smoke) == 1 else "smoke tests"
        yield "smoke_open", self._smoke_in_words()
        yield "on_copies", " on the copies" if self.is_rehearsal else ""
        yield "drilled", moment(record.rollback.get("drilled", ""))
        yield "backup_set", record.backup_set
        yield "put_back", record.put_back
        yield "headline", record.headline
        yield (
            "changed_tables",
            f"{count_of(self.changed_tables, 'table')} {'has' if self.changed_tables == 1 else 'have'}",
        )
        yield from self._values_of_inventory()
        yield "migration_time", expected_time(migration_seconds(record))
        figures = {"references": self.references, "unmoved": self.unmoved, "findings": self.attention}
        yield "effort_and_risk", grade_of_rehearsal(record, **figures, smoke=len(self.smoke))
        yield "last_run", record.last_run.run if record.last_run else ""
        yield "compared", "database" if self.record.mode is Mode.INVENTORY else "table"
        yield "changes", changes_in_words(record.last_run) if record.last_run and record.last_run.changes else ""

    def _values_of_inventory(self) -> Iterator[tuple[str, str]]:
        yield "found", count_of(self.inventory_count("databases"), "database")
        decisions = self.inventory_count("decisions")
        yield "decisions", f"{count_of(decisions, 'decision')} of the plan {'waits' if decisions == 1 else 'wait'}"
        yield "objections", count_of(self.inventory_count("objections"), "problem")
        plan = str(self._inventory.get("plan", ""))
        yield "plan", plan
        untried = self._inventory.get("untried", [])
        yield "untried", f" Not tried yet: {join_names(untried)}." if untried else ""
        yield "grade", grade_of_inventory(self._inventory) if self.effort else ""
        yield "rehearsed_tables", count_of(self.effort.get("tables", 0), "table")
        yield "rehearsed_time", expected_time(self.effort.get("seconds") or 0)

    def _values_of_failures(self) -> Iterator[tuple[str, str]]:
        yield "problems", f"{count_of(self.failures, 'problem')} {'is' if self.failures == 1 else 'are'}"
        is_alone = self.failures == 1
        yield (
            "failures_first",
            f"The failure{'' if is_alone else 's'} at the top of this page come{'s' if is_alone else ''}",
        )
        failed_criteria = list(self.outcomes.values()).count(Outcome.FAILED)
        yield "failed_criteria", counted(failed_criteria, "criterion", "criteria")
        stage = next((each.id for each in self.record.stages if each.outcome in _STOPPED_STAGES), "")
        yield "in_stage", f" in stage {stage}" if stage else ""
        yield "stopper", _STOPPERS.get(self.record.exit_code, "a signal")
        tables = count_of(len(self.missing), "table")
        yield "missing_tables", f"{tables} that the migration left {'is' if len(self.missing) == 1 else 'are'}"
        yield "missing", list_names(self.missing)

    @cached_property
    def databases(self) -> int:
        """Return the number of databases that became one."""
        return len(self.record.sources) + self.had_target

    @property
    def had_target(self) -> bool:
        """Return whether the target was there before the run."""
        return self.record.target is not None and self.record.target.size is not None

    @cached_property
    def absent(self) -> int:
        """Return the number of databases of the plan that were not there."""
        return sum(finding.count for finding in self.record.findings if finding.id == "source-absent")

    @cached_property
    def references(self) -> int:
        """Return the number of places of the code that were rewritten."""
        return self.number("references-updated", Outcome.PASSED)

    @cached_property
    def changed_tables(self) -> int:
        """Return the number of tables whose rows have changed since the migration."""
        return sum(finding.count for finding in self.record.findings if finding.id == "table-changed-since")

    @property
    def has_target_changed(self) -> bool:
        """Return whether a check found the target other than the migration left it."""
        return self.changed_tables > 0 or self.has_finding("object-changed-since") or bool(self.missing)

    @property
    def is_as_left(self) -> bool:
        """Return whether a check found target and archives as the migration left them."""
        differs = self.failed("target-right") or self.failed("archives-unchanged")
        return not differs and not self.has_target_changed

    @property
    def has_changed_since(self) -> bool:
        """Return whether something differs from the last run of this kind."""
        return bool(self.record.last_run and self.record.last_run.changes)

    @property
    def is_as_last(self) -> bool:
        """Return whether nothing differs from the last run of this kind."""
        last = self.record.last_run
        return last is not None and not last.obstacle and not last.changes

    @property
    def needs_no_attention(self) -> bool:
        """Return whether nothing asks a reader for a decision."""
        marked = self.inventory_count("decisions") + self.inventory_count("objections")
        is_open = self.ending in (Ending.STRANDED, Ending.UNFINISHED)
        return not self.attention and not self.failures and not marked and not is_open

    @property
    def is_about_databases(self) -> bool:
        """Return whether the run is about the databases of a workspace."""
        return self.record.mode not in (Mode.BUNDLE, Mode.SELFTEST)

    @property
    def plan_passes(self) -> bool:
        """Return whether an inventory has rehearsed its plan without an objection."""
        is_rehearsed = bool(self._inventory.get("plan")) and not self._inventory.get("unrehearsed")
        return is_rehearsed and not self.inventory_count("objections")

    @property
    def effort(self) -> dict[str, Any]:
        """Return the numbers by which a proposed plan is graded, none without a plan."""
        return self._inventory.get("effort") or {}

    def inventory_count(self, key: str) -> int:
        """Return a number of the inventory, or the length of one of its lists."""
        value = self._inventory.get(key, 0)
        return value if isinstance(value, int) else len(value)

    @property
    def _inventory(self) -> dict[str, Any]:
        return self.record.extra.get("inventory") or {}

    @property
    def _no(self) -> str:
        """Return the answer that nothing is lost, as far as the run can give it."""
        if self.ending.tone != "good":
            return ""
        return "On the copies, no." if self.is_rehearsal else "No."

    def number(self, criterion: str, outcome: Outcome) -> int:
        """Return the number of entries of a criterion with an outcome."""
        return sum(entry.criterion == criterion and entry.outcome is outcome for entry in self.record.criteria)


def rollback_command(record: Record) -> str:
    """Return the rollback command, or an empty text if nothing can be rolled back."""
    is_needed = record.verdict == "accepted" or not record.finished or record.exit_code == ExitCode.INTERNAL
    can_roll_back = record.mode is Mode.CHECK or (record.mode is Mode.MIGRATE and is_needed)
    return record.rollback.get("command", "") if can_roll_back else ""
