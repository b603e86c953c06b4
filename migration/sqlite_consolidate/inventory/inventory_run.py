"""Take the inventory of a workspace, and propose a plan."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.open_files import unseen_findings
from sqlite_consolidate.engine.run.pipeline import Pipeline
from sqlite_consolidate.engine.run.stages import INVENTORY
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.inventory.session import (
    InventorySession,
    databases_found,
    inventory_data,
    only_looked,
    plan_proposed,
)
from sqlite_consolidate.plan.loader import load, sha256
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlite_consolidate.engine.run.pipeline import Check
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.stages import Stage


class InventoryRun(Pipeline):
    """Run an inventory as a pipeline of one stage.

    Attributes:
        session: The inventory, and the plan that is proposed from it.
    """

    def __init__(
        self, request: RunRequest, on_progress: Callable[[str], None] = lambda _words: None, proposed: str = ""
    ) -> None:
        """Prepare an inventory without opening a file.

        Args:
            request: Workspace, and the name of the plan.
            on_progress: Called with the name of each step before it begins.
            proposed: Digest of the plan that the last inventory proposed, or empty.
        """
        super().__init__(request, on_progress)
        settings = request.settings
        inside = [path for path in (settings.plan, settings.reports) if path.is_relative_to(settings.workspace)]
        names = tuple(path.relative_to(settings.workspace).as_posix() for path in inside)
        self.session = InventorySession(
            settings.workspace,
            settings.plan,
            on_progress,
            names,
            settings.program,
            self.limits,
            settings.target,
            proposed,
        )

    @property
    def actions(self) -> Mapping[Stage, Callable[[], None]]:
        """Return the action that inspects the workspace and writes the plan."""
        return {INVENTORY: self._take}

    @property
    def checks(self) -> dict[str, Check]:
        """Return the check of each criterion."""
        return {
            "databases-found": lambda: databases_found(self.session.inventory),
            "plan-proposed": lambda: plan_proposed(self.session),
            "only-looked": lambda: only_looked(self.session.inventory),
        }

    @property
    def has_acted(self) -> bool:
        """Return whether a plan was written."""
        return self.session.written is not None

    def prepare_connections(self) -> None:
        """Load the function that prepares each connection, if there is a plan that names one."""
        settings = self.request.settings
        if settings.plan.is_file():
            with contextlib.suppress(ProblemError):  # a plan with a mistake is no reason to find no database
                plan = load(settings.plan)
                if sha256(settings.plan) != self.session.proposed:
                    self.session.planned_target = plan.target
                if self.connections.setup is None:
                    self.load_setup(plan, settings.workspace)

    def _take(self) -> None:
        self.session.inspect_workspace()
        inventory = self.session.inventory
        self.log.note(*unseen_findings(inventory.unexamined_processes), *inventory.findings)
        try:
            written = self.session.write_plan()
        finally:
            self.log.extra["inventory"] = inventory_data(self.session)
        if self.session.is_replaced and written is not None:
            text = "replaces the plan of the last inventory. No byte of that was edited, and no run has used it."
            self.log.note(Finding.of("plan-replaced", written.name, text))
        self.log.note(*self.session.findings)
        if written is not None:
            settings = replace(self.request.settings, plan=written)
            self.request = replace(
                self.request, settings=settings, plan_text=written.read_bytes(), plan_sha256=sha256(written)
            )
