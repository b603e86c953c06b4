"""Taking: one inventory under way: look, propose, write; then what came of it, as observations and as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.stages import INVENTORY
from sqlite_consolidate.engine.sqlite.limits import Limits
from sqlite_consolidate.inventory.inventory import Inventory, file_state, take
from sqlite_consolidate.inventory.plan_writer import rendered, write
from sqlite_consolidate.inventory.propose import propose
from sqlite_consolidate.inventory.refine import Revised, revise
from sqlite_consolidate.observation import Observation, not_required
from sqlite_consolidate.plan.loader import load
from sqlite_consolidate.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlite_consolidate.inventory.inventory import Entry

_READ = frozenset({"database", "empty"})


@dataclass
class Taking:
    """An inventory under way.

    Attributes:
        root: The workspace.
        plan: Where the plan goes, if that name is free.
        say: Called with a few words before each part.
        own: Files and folders, relative to the workspace, that are about consolidations: plan and reports.
        limits: What ends a long statement, and how far the reading has come.
        written: The plan file that was written; None before, and where there is nothing to propose.
    """

    root: Path
    plan: Path
    say: Callable[[str], None]
    own: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    found: Inventory | None = None
    revised: Revised | None = None
    written: Path | None = None

    @property
    def inventory(self) -> Inventory:
        """What was found.

        Raises:
            ProblemError: Nothing was looked at yet.
        """
        if self.found is None:
            raise ProblemError(
                Problem(
                    "out-of-order", INVENTORY.id, "nothing was looked at yet.", "Run the stage from its first test on."
                )
            )
        return self.found

    def look(self) -> None:
        """Look at everything in the workspace."""
        proposed = self.plan.parent.glob(f"{self.plan.stem}.proposed*{self.plan.suffix}")
        names = [path.relative_to(self.root).as_posix() for path in proposed if path.is_relative_to(self.root)]
        self.found = take(self.root, self.say, (*self.own, *names), self.limits)

    def propose(self) -> Path | None:
        """Write the plan that the inventory suggests; None where there are not two databases to make one of.

        Raises:
            ProblemError: A database is locked or busy.
            OSError: The plan cannot be written.
        """
        suggested = propose(self.inventory)
        if suggested is not None:
            self.revised = revise(self.root, suggested, self.say, self.limits)
            on = datetime.now(UTC).strftime("%Y-%m-%d")
            self.written = write(rendered(self.revised.proposal, on), self.plan)
        return self.written

    @property
    def decisions(self) -> int:
        """Number of places in the plan that need a decision."""
        return self.revised.proposal.decisions if self.revised else 0


def databases_found(found: Inventory) -> list[Observation]:
    """Observe that there is a database at all; none is a reason to refuse."""
    databases = sum(entry.database.kind in _READ for entry in found.entries)
    observed = f"{databases} databases among {found.finding.files} files"
    hidden = [f"{one.folder} ({one.databases})" for one in found.finding.passed_over if one.databases]
    if hidden:
        observed += f"; git ignores these folders, which have files named like databases: {', '.join(hidden)}"
    todo = "Name the folder that holds the databases: --workspace=DIR."
    return [Observation(found.root.name, "at least one SQLite database", observed, databases > 0, todo)]


def plan_proposed(taking: Taking) -> list[Observation]:
    """Observe that the plan is a plan, and that whatever its own check found is marked at its place."""
    if taking.written is None or taking.revised is None:
        live = len(taking.inventory.live)
        observed = f"{live} with rows that are no copy, backup, template or test: no plan was written"
        return [not_required("plan", observed)]
    name = taking.written.name
    try:
        load(taking.written)
    except ProblemError as refused:
        return [Observation(name, "a plan without a mistake", str(one), holds=False) for one in refused.problems]
    text = taking.written.read_text("utf-8")
    marked = text.count("# decide: ")
    said = taking.revised.untried or f"tried on copies: {len(taking.revised.problems)} problems left"
    seen = f"{said}; {marked} decisions marked"
    return [Observation(name, "passes its own check, or marks what is to be decided", seen, marked == taking.decisions)]


def only_looked(found: Inventory) -> list[Observation]:
    """Observe that no database and no sidecar was changed, made or removed; those that others have open may be."""
    now = file_state(found.root, [entry.file for entry in found.entries])
    held = tuple(entry.file for entry in found.entries if entry.open_in)
    changed = [file for file in sorted({*now, *found.state}) if now.get(file) != found.state.get(file)]
    ours = [file for file in changed if not file.startswith(held)] if held else changed
    theirs = len(changed) - len(ours)
    also = f"; {theirs} files changed that others have open" if theirs else ""
    unchanged = f"{len(now)} files as before{also}"
    good = Observation("workspace", "as before", unchanged, holds=True, examined=len(now))
    if not now and not found.state:
        return [not_required("workspace", "no database is there")]
    return [Observation(file, "as before", _change(file, found.state, now), holds=False) for file in ours] or [good]


def as_data(taking: Taking) -> dict[str, Any]:
    """Return what the reports show of an inventory, as data that JSON can hold."""
    found, proposal = taking.inventory, taking.revised.proposal if taking.revised else None
    sources = {source.file for source in proposal.sources} if proposal else set()
    part = {proposal.target: "target"} if proposal else {}
    part |= dict.fromkeys(sources, "source")
    return {
        "databases": [_entry(entry, part.get(entry.file, "")) for entry in found.entries],
        "duplicates": [list(group) for group in found.duplicates],
        "overlaps": [asdict(one) for one in found.overlaps],
        "passed_over": [asdict(one) for one in found.finding.passed_over],
        "files_read": found.files_read,
        "processes_unseen": found.unseen,
        "plan": taking.written.name if taking.written else "",
        "target_because": list(proposal.why) if proposal else [],
        "decisions": taking.decisions,
    }


def _entry(entry: Entry, part: str) -> dict[str, Any]:
    one = entry.database
    return {
        "file": one.file,
        "kind": one.kind,
        "role": entry.role,
        "part": part,
        "why": entry.why,
        "size": one.size,
        "changed": one.changed,
        "features": one.features,
        **one.schema.header,
        "tables": {table.name: table.counted for table in one.tables},
        "mentions": [{"file": at.file, "line": at.line} for at in entry.mentions],
        "open_in": [{"pid": who.pid, "command": who.command} for who in entry.open_in],
    }


def _change(file: str, before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]) -> str:
    if file not in before:
        return "it was not there before"
    return "changed" if file in now else "it is gone"
