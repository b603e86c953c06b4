"""Applications: the smoke tests of a plan, and what they did beside what they should: logs, databases, the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine import bystanders, history, logs
from migration.engine.digest import digest_tables
from migration.engine.guard import looking
from migration.engine.observation import Observation, equal
from migration.engine.schema import read
from migration.engine.smoke import SmokeResult, run_smoke
from migration.plan.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.engine.digest import TableDigest
    from migration.plan.model import Plan, Smoke


class Applications:
    """Runs applications in a workspace, or in its copy, and watches what they change.

    Attributes:
        noted: Whether the state before the first application is known.
        after: The target's digests after the last one, once side effects were looked at.
    """

    def __init__(
        self,
        plan: Plan,
        root: Path,
        live: Path,
        *,
        held: frozenset[tuple[int, int]],
        marks: logs.LogMarks,
        say: Callable[[str], None],
    ) -> None:
        self.noted = False
        self.after: dict[str, TableDigest] = {}
        self.say = say
        self._plan, self._root, self._live = plan, root, live
        self._held, self._marks = held, marks
        self._before: dict[str, TableDigest] = {}
        self._databases: dict[str, bystanders.Fingerprint] = {}
        self._writers: set[str] = set()

    def note(self, target: dict[str, TableDigest]) -> None:
        """Remember the target's digests and every database of the workspace, as they are before the applications."""
        self._before = target
        self._databases = self._look()
        self.noted = True

    def run(self, test: Smoke) -> SmokeResult:
        """Run one smoke test in a subprocess."""
        self.say(f"running {one_line(test.name)}")
        if test.writes:
            self._writers.add(test.name)
        return run_smoke(test, root=self._root, live_root=self._live)

    def new_log_errors(self) -> list[Observation]:
        """Observe lines that are new since the run began and report an error."""
        said = self._plan.logs
        return logs.new_errors(self._root, self._marks, said.files, said.errors, never_open=self._held)

    def side_effects(self) -> tuple[list[Observation], list[str]]:
        """Observe what the applications did to databases; what the plan allows is said, not judged.

        Returns:
            Observations, and sentences about allowed changes.
        """
        changes = bystanders.changes(self._databases, self._look())
        others = [change for change in changes if change.file != self._plan.target]
        with looking(self._root / self._plan.target) as con:
            self.after = digest_tables(con, read(con))
        differ = [
            name
            for name in sorted({*self._before, *self.after} - {history.TABLE})
            if self._before.get(name) != self.after.get(name)
        ]
        if self._writers:
            who = ", ".join(sorted(self._writers))
            said = [f"{change.file}: {change.what} by applications that may write ({who})." for change in others]
            said += [f"{self._plan.target}: {name} changed by applications that may write ({who})." for name in differ]
            holds = Observation(
                "databases", "changed only as allowed", f"{len(said)} changes, allowed to {who}", holds=True
            )
            return [holds], said
        seen = bystanders.observe(others, frozenset()) if others else []
        seen += [self._changed(name) for name in differ]
        tables = len(self._before)
        return seen or [equal("databases", f"{tables} tables as before", f"{tables} tables as before")], []

    def _changed(self, name: str) -> Observation:
        before, after = self._before.get(name), self.after.get(name)
        return Observation(
            f"{self._plan.target}: {name}",
            str(before) if before else "no such table",
            str(after) if after else "no such table",
            holds=False,
            todo="Let the application not write in a smoke test, or say writes = true in the plan.",
        )

    def _look(self) -> dict[str, bystanders.Fingerprint]:
        skip = frozenset({self._root / self._plan.backups})
        return bystanders.look(self._root, never_open=self._held, skip=skip)
