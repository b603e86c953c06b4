"""Take one inventory step by step, and observe its result.

The steps are to inspect the workspace, to propose a plan, and to write it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.backup.copied_files import is_archive
from sqlite_consolidate.engine.run.pipeline import EXPECTED_ERRORS, failure_message
from sqlite_consolidate.engine.run.request import PYTEST
from sqlite_consolidate.engine.run.stages import INVENTORY
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.inventory.choose_proposal import choose_proposal
from sqlite_consolidate.inventory.code.old_table_names import note_old_names
from sqlite_consolidate.inventory.inventory import Inventory, file_state, take_inventory
from sqlite_consolidate.inventory.plan_writer import SCHEMA, render_plan, write_plan
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.refinement.asked_findings import ASKED
from sqlite_consolidate.inventory.refinement.refine import RefinedProposal
from sqlite_consolidate.inventory.selection.roles import NAMED_ROLES
from sqlite_consolidate.inventory.sources.programs import ask_about_programs
from sqlite_consolidate.inventory.sources.united_tables import note_unnamed_tables
from sqlite_consolidate.observation import Observation, not_required
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.plan.positions import decision_lines
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted, join_first_names, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlite_consolidate.inventory.classification import Overlap
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Entry
    from sqlite_consolidate.inventory.proposal import Proposal

_CHANGED = "Run the inventory again while no program uses this file."
_READABLE_KINDS = frozenset({"database", "empty"})


@dataclass
class InventorySession:
    """Hold an inventory while it is taken.

    Attributes:
        root: The workspace.
        plan: Where the plan is written if no file has that name.
        on_progress: Called with the name of each step before it begins.
        excluded: Files and folders, relative to the workspace, that belong to consolidations, such as plan and reports.
        program: Words by which the operator started the inventory.
        limits: Limits of time and size, and the progress of reading.
        target: The database that the operator names as target, or None.
        proposed: Digest of the plan that the last inventory proposed, or empty.
        planned_target: The target of another plan that is there, or empty.
        written: The plan file that was written; None before that, and where there is nothing to propose.
        is_replaced: Whether that plan replaces the one that the last inventory proposed.
        written_files: Names of all files that were written.
    """

    root: Path
    plan: Path
    on_progress: Callable[[str], None]
    excluded: tuple[str, ...] = ()
    program: tuple[str, ...] = PYTEST
    limits: Limits = field(default_factory=Limits)
    target: str | None = None
    proposed: str = ""
    planned_target: str = ""
    result: Inventory | None = None
    refined: RefinedProposal | None = None
    written: Path | None = None
    is_replaced: bool = False
    written_files: list[str] = field(default_factory=list)

    @property
    def inventory(self) -> Inventory:
        """Return the inventory.

        Raises:
            ProblemError: The workspace was not inspected yet.
        """
        if self.result is None:
            raise ProblemError(
                Problem(
                    "out-of-order",
                    INVENTORY.id,
                    "the workspace was not inspected yet.",
                    "Run the stage from its first test.",
                )
            )
        return self.result

    def inspect_workspace(self) -> None:
        """Inspect every database of the workspace."""
        proposed = self.plan.parent.glob(f"{self.plan.stem}.proposed*{self.plan.suffix}")
        names = [path.relative_to(self.root).as_posix() for path in proposed if path.is_relative_to(self.root)]
        self.excluded = (*self.excluded, *names)
        self.result = take_inventory(self.root, self.on_progress, self.excluded, self.limits)

    def write_plan(self) -> Path | None:
        """Write the plan that the inventory suggests, and return its file.

        None is returned where fewer than two databases have rows.

        Raises:
            ProblemError: The plan cannot be written, or the target that the operator names is no database.
        """
        stated = self._stated_target()
        self.on_progress("proposing a plan")
        proposal = propose_plan(self.inventory, stated)
        if proposal is not None:
            self.refined = self._refined(proposal, stated)
            date = datetime.now(UTC).strftime("%Y-%m-%d")
            has_schema = self.plan.with_name(SCHEMA).exists()
            try:
                text = render_plan(self.refined.proposal, date, self.program)
                self.written, self.is_replaced = write_plan(text, self.plan, self.proposed)
            except OSError as error:
                fact = f"cannot be written: {error.strerror}."
                hint = "Give write permission on its folder, or name a plan in another folder: --plan=FILE."
                raise ProblemError(Problem("read-only", self.plan.name, fact, hint)) from error
            self.written_files = [self.written.name, *([] if has_schema else [SCHEMA])]
        return self.written

    def _stated_target(self) -> tuple[Database, str] | None:
        """Return the target that the operator or the plan names, with the reason, or None.

        The target of a plan that a person has edited, or a run has used, counts if it is a database.
        """
        databases = (entry.database for entry in self.inventory.entries)
        readable = {database.file: database for database in databases if database.kind in _READABLE_KINDS}
        if self.target is None:
            planned = readable.get(self.planned_target)
            return (planned, f"{self.plan.name} names it") if planned else None
        if self.target not in readable:
            fact = "the inventory finds no such database in the workspace, which it could propose as the target."
            hint = "Name one by its path in the workspace, as in a plan: --target=FILE."
            raise ProblemError(Problem("no-such-target", self.target, fact, hint))
        return readable[self.target], "--target names it"

    def _refined(self, proposal: Proposal, stated: tuple[Database, str] | None) -> RefinedProposal:
        """Return the proposal after its rehearsal, or with the reason for having none.

        A database can be changed, locked or removed after it was inspected.
        """
        try:
            refined = choose_proposal(self.inventory, proposal, self.on_progress, stated)
            refined = note_unnamed_tables(self.inventory, ask_about_programs(self.inventory, refined))
            return note_old_names(self.inventory, refined, self.excluded)
        except EXPECTED_ERRORS as error:
            reason = f"not rehearsed: {one_line(failure_message(error))}"
            return RefinedProposal(replace(proposal, decide=(*proposal.decide, reason)), unrehearsed_reason=reason)

    @property
    def findings(self) -> list[Finding]:
        """Return what a person has to judge about the plan.

        That is what its rehearsal found, and each pattern or shared table whose rows do not tell from which file they
        come.
        """
        if self.refined is None:
            return []
        unnamed = [
            Finding.of(
                "file-unnamed", each.file, f"no column of {join_first_names(each.unnamed)} names the file of a row."
            )
            for each in self.refined.proposal.sources
            if each.files and each.unnamed and not each.constants
        ]
        return [*self.refined.findings, *unnamed, *_unnamed_tables(self.refined.proposal)]

    @property
    def decisions(self) -> int:
        """Return the number of places in the plan that need a decision."""
        return self.refined.proposal.decisions if self.refined else 0


def _unnamed_tables(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each shared table of which no column names the file."""
    files: dict[str, list[str]] = {}
    for source in proposal.sources:
        for name in () if source.files else source.unnamed:
            files.setdefault(name, []).append(source.file)
    for name, group in files.items():
        text = f"no column tells which rows come from {join_first_names(group)}."
        yield Finding.of("file-unnamed", f"{proposal.target}:{name}", text)


def databases_found(inventory: Inventory) -> list[Observation]:
    """Observe that there is a database at all.

    Without a database the inventory is refused.
    """
    databases = sum(entry.database.kind in _READABLE_KINDS for entry in inventory.entries)
    observed = f"{databases} databases in {inventory.discovery.files} files"
    hidden = [
        f"{folder.folder} ({folder.databases})" for folder in inventory.discovery.skipped_folders if folder.databases
    ]
    if hidden:
        observed += f"; not searched because git ignores them, with files named like databases: {', '.join(hidden)}"
    hint = "Name the folder that holds the databases: --workspace=DIR."
    return [Observation(inventory.root.name, "at least one SQLite database", observed, databases > 0, hint)]


def plan_proposed(session: InventorySession) -> list[Observation]:
    """Observe that the plan is valid and marks every problem of its own check."""
    if session.written is None or session.refined is None:
        return [not_required("plan", f"no plan was written: {no_plan_reason(session.inventory)}")]
    name = session.written.name
    try:
        load(session.written)
    except ProblemError as error:
        return [Observation(name, "a plan without a mistake", str(problem), holds=False) for problem in error.problems]
    marked = len(decision_lines(session.written.read_text("utf-8")))
    refined = session.refined
    trial = refined.unrehearsed_reason or f"rehearsed on copies: {counted(len(refined.objections), 'problem')} left"
    observed = f"{trial}; {marked} decisions marked"
    return [
        Observation(
            name, "no problem in its own check, or a mark at each problem", observed, marked == session.decisions
        )
    ]


def no_plan_reason(inventory: Inventory) -> str:
    """Return why an inventory proposes no plan, and what would help."""
    alone = f"only {inventory.live[0].file} has rows" if inventory.live else "there is none"
    reason = f"a consolidation needs two databases with rows, and {alone}."
    unread = [entry.file for entry in inventory.entries if entry.database.kind in ("unreadable", "encrypted", "link")]
    if unread:
        reason += f" Not read: {join_first_names(unread)}. Make them readable."
    archives = [entry.file for entry in inventory.entries if is_archive(entry.file)]
    if archives:
        reason += f" By its archives ({join_first_names(archives)}), the workspace is already consolidated."
        reason += " They are no sources, and a rollback needs their names."
    named = [entry.file for entry in inventory.entries if entry.role in NAMED_ROLES and entry.file not in archives]
    if named:
        words = "a word in its path" if len(named) == 1 else "words in their paths"
        verb = "is no source" if len(named) == 1 else "are no sources"
        reason += f" By {words}, {join_first_names(named)} {verb}. Rename a file that is a source all the same."
    ignored = [folder.folder for folder in inventory.discovery.skipped_folders if folder.databases]
    if ignored:
        reason += f" git ignores {join_first_names(ignored)}. Name the folder that has the databases: --workspace=DIR."
    return reason


def only_looked(inventory: Inventory) -> list[Observation]:
    """Observe that no database and no sidecar file was changed, created or removed.

    Changes to databases that another process has open do not count. Of a ``-shm`` it counts only that it exists.
    """
    now = file_state(inventory.root, [entry.file for entry in inventory.entries])
    held = tuple(entry.file for entry in inventory.entries if entry.open_in)
    changed = [file for file in sorted({*now, *inventory.state}) if now.get(file) != inventory.state.get(file)]
    unexpected = [file for file in changed if not file.startswith(held)] if held else changed
    explained = len(changed) - len(unexpected)
    addition = f"; {explained} files that another process has open changed" if explained else ""
    unchanged = f"{len(now)} files unchanged{addition}"
    all_unchanged = Observation("workspace", "as before", unchanged, holds=True, examined=len(now))
    if not now and not inventory.state:
        return [not_required("workspace", "there is no database")]
    return [
        Observation(file, "as before", _change(file, inventory.state, now), holds=False, todo=_CHANGED)
        for file in unexpected
    ] or [all_unchanged]


def inventory_data(session: InventorySession) -> dict[str, Any]:
    """Return what the reports show of an inventory, as data for JSON."""
    inventory, proposal = session.inventory, session.refined.proposal if session.refined else None
    sources = proposal.sources if proposal else ()
    parts = {proposal.target: "target"} if proposal else {}
    parts |= {file: "source" for source in sources for file in source.all_files}
    patterns = {file: source.file for source in sources for file in source.files}
    return {
        "databases": [
            _entry(entry, parts.get(entry.file, ""), patterns.get(entry.file, "")) for entry in inventory.entries
        ],
        "duplicates": [list(group) for group in inventory.duplicates],
        "overlaps": [asdict(overlap) | {"united": _is_united(overlap, proposal)} for overlap in inventory.overlaps],
        "passed_over": [asdict(folder) for folder in inventory.discovery.skipped_folders],
        "files_read": inventory.files_read,
        "processes_unseen": inventory.unexamined_processes,
        "plan": session.written.name if session.written else "",
        "written": session.written_files,
        "untried": _untried(proposal) if proposal else [],
        **({"effort": _effort(session.refined)} if session.refined and session.written else {}),
        "target_because": list(proposal.target_reasons) if proposal else [],
        "no_plan": no_plan_reason(inventory) if inventory.is_one_at_most else "",
        "decisions": session.decisions,
        "to_review": sorted({finding.id for finding in session.findings} - ASKED),
        "unrehearsed": session.refined.unrehearsed_reason if session.refined else "",
        "objections": [*session.refined.objections, *_open_places(proposal)] if session.refined and proposal else [],
    }


def _is_united(overlap: Overlap, proposal: Proposal | None) -> bool:
    """Return whether the rows of all files are in one table after the plan."""
    maps = [(each, source) for source in (proposal.sources if proposal else ()) for each in source.maps]
    united = {
        file
        for each, source in maps
        for file in source.all_files
        if folded(each.name) == folded(each.into) == folded(overlap.table)
    }
    target = {proposal.target} if proposal else set()
    return {file for file, rows in overlap.rows.items() if rows != "0"} <= united | target


def _untried(proposal: Proposal) -> list[str]:
    """Return what the rehearsal of the inventory leaves to that of the operator."""
    tests = sum(not test.decide for test in proposal.smoke) + bool(proposal.test_command)
    numbers = {"reference": sum(reference.understood for reference in proposal.references), "smoke test": tests}
    return [counted(number, noun) for noun, number in numbers.items() if number]


def _effort(refined: RefinedProposal) -> dict[str, Any]:
    """Return the numbers by which a report grades the migration."""
    proposal = refined.proposal
    maps = [(each, source) for source in proposal.sources for each in source.maps]
    return {
        "tables": len(maps),
        "tables_with_new_keys": sum(each.new_keys(source.keys) for each, source in maps),
        "tables_with_new_names": sum(each.into != each.name for each, _ in maps),
        "references": len(proposal.references),
        "smoke_tests": sum(not test.decide for test in proposal.smoke) + bool(proposal.test_command),
        "seconds": None if refined.seconds is None else round(refined.seconds, 3),
    }


def _open_places(proposal: Proposal) -> list[str]:
    """Return the places of the code that the plan leaves, and that a run would refuse."""
    places = [reference for reference in proposal.references if not reference.understood]
    return [f"{place.file}:{place.line}: {place.reason}" for place in places]


def _entry(entry: Entry, part: str, pattern: str) -> dict[str, Any]:
    database = entry.database
    return {
        "file": database.file,
        "kind": database.kind,
        "role": entry.role,
        "part": part,
        "pattern": pattern,
        "why": entry.role_reason,
        "size": database.size,
        "changed": database.changed,
        "features": database.features,
        **database.schema.header,
        "tables": {table.name: table.rows_text for table in database.tables},
        "mentions": [{"file": mention.file, "line": mention.line} for mention in entry.mentions],
        "open_in": [{"pid": holder.pid, "command": holder.program} for holder in entry.open_in],
    }


def _change(file: str, before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]) -> str:
    if file not in before:
        return "created"
    return "changed" if file in now else "removed"
