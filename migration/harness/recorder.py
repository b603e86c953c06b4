"""Recorder: how what a criterion saw becomes evidence, and what of it a stage's test has to assert."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.audit.evidence import Evidence
from migration.plan.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.engine.observation import Observation
    from migration.engine.smoke import SmokeResult
    from migration.harness.state import RunState
    from migration.plan.model import Smoke
    from migration.plan.problem import Problem


class Recorder:
    """Records what a criterion saw, and says what of it does not hold."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def __call__(self, criterion: str, seen: Sequence[Observation]) -> str:
        """Record observations as evidence of one criterion.

        Returns:
            One line for each that does not hold; empty when all hold. A criterion that saw nothing does not hold.
        """
        for one in seen:
            if one.heard and not one.holds:
                self._state.heard.append(f"{criterion}: {one.subject}: {one.heard}")
        seen = [self._for_the_report(one) for one in seen]
        self._state.evidence += [
            Evidence(criterion, one.subject, one.expected, one.observed, one.holds, one.todo) for one in seen
        ]
        if not seen:
            return f"{criterion}: nothing was looked at."
        return printable(
            "\n".join(
                f"{criterion} {one.subject}: expected {one.expected}, observed {one.observed}. {one.todo}".rstrip()
                for one in seen
                if not one.holds
            )
        )

    def _for_the_report(self, one: Observation) -> Observation:
        """What was heard may hold values of rows: it is kept out of files when that was asked for."""
        if not one.heard:
            return one
        said = " (withheld)" if self._state.settings.withhold_output else f": {one.heard}"
        return replace(one, observed=one.observed + said)

    def _what(self, problem: Problem) -> str:
        values = problem.values if self._state.settings.show_values else ""
        return f"{problem.what} {values}".rstrip()

    def keep(self, seen: Sequence[Evidence]) -> str:
        """Record evidence as it is; return one line for each piece that does not hold."""
        self._state.evidence += seen
        wrong = [one for one in seen if not one.holds]
        return printable(
            "\n".join(f"{one.subject}: expected {one.expected}, observed {one.observed}." for one in wrong)
        )

    def application(self, test: Smoke, result: SmokeResult) -> str:
        """Record what an application did, and judge that; return one line for each thing that does not hold."""
        from migration.engine.smoke import observe
        from migration.harness.facts import smoke_record

        self._state.smoke.append(smoke_record(test, result, withheld=self._state.settings.withhold_output))
        return self(f"smoke:{test.name}", observe(test, result))

    def problems(self, criterion: str, found: Sequence[Problem], looked_at: str) -> str:
        """Record the problems of a preflight criterion, or that there is none.

        Args:
            criterion: Id of the criterion.
            found: All problems of the survey; those of other criteria are passed over.
            looked_at: What was looked at, for the evidence when there is no problem.
        """
        mine = [one for one in found if one.criterion == criterion]
        self._state.evidence += [
            Evidence(criterion, one.subject, "no problem", self._what(one), holds=False, todo=one.next) for one in mine
        ] or [Evidence(criterion, looked_at, "no problem", "no problem", holds=True)]
        return "\n".join(str(one) for one in mine)
