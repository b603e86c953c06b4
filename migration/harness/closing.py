"""Closing: what the terminal says last: why, the verdict, where everything is, and what to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from migration.audit.bundle import zip_of
from migration.audit.faults_table import faults_table
from migration.audit.inventory import lines
from migration.plan.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.harness.state import RunState

_MOST_PROBLEMS = 50


def last_lines(state: RunState) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the last lines of a run, each with its markup; every problem is named once, here.

    Names from plans and databases are escaped: none of the lines can be broken, nor steer the terminal.
    """
    yield "", {}
    yield " sqlite-consolidate ".center(80, "="), {"bold": True}
    for words in lines(state.extra["inventory"]) if "inventory" in state.extra else ():
        yield f"  {one_line(words)}", {}
    if state.mode == "selftest":
        yield from ((f"  {words}", {}) for words in faults_table(state.record()).splitlines())
        yield "", {}
    problems = [*state.errors, *_not_held(state), *_heard(state)]
    for words in problems[:_MOST_PROBLEMS]:
        yield f"  {one_line(words)}", {}
    if len(problems) > _MOST_PROBLEMS:
        yield f"  and {len(problems) - _MOST_PROBLEMS} more: see the report", {}
    if problems:
        yield "", {}
    if state.findings:
        yield f"  {_counted(len(state.findings), 'finding')} for a reader's eye: see the report", {}
    good = state.verdict() == "accepted"
    yield one_line(state.headline()), {"bold": True, "green": good, "red": not good}
    for label, words in (
        ("report", str(state.folder / "audit.html")),
        ("bundle", str(zip_of(state.folder))),
        ("backup set", state.backup_set if state.mode != "rehearsal" else ""),
        ("next", _next(state)),
    ):
        if words:
            yield f"  {label + ':':<12}{one_line(words)}", {}


def command(state: RunState, verb: str) -> str:
    """Return the command that does ``verb`` with this run's workspace and plan, ready to be copied into a shell."""
    said = state.settings
    words = ["pytest", "-m", verb]
    if not said.sample:
        words.append(f"--workspace={said.workspace}")
    if said.plan != said.workspace / "consolidation.toml":
        words.append(f"--plan={said.plan}")
    return shlex.join(words)


def _not_held(state: RunState) -> list[str]:
    """Say of each observation that does not hold what was seen, and what was expected where that tells more."""
    lines = []
    for one in state.evidence:
        if not one.holds:
            expected = "" if one.expected == "no problem" else f" (expected: {one.expected})"
            lines.append(f"{one.criterion}: {one.subject}: {one.observed}{expected} {one.todo}".rstrip())
    return lines


def _heard(state: RunState) -> list[str]:
    """What applications and logs said, where the evidence withholds it; else it is said already."""
    return state.heard if state.settings.withhold_output else []


def _next(state: RunState) -> str:
    if state.mode == "bundle":
        return ""
    if state.put_back_failed:
        return command(state, "rollback")
    if state.verdict() != "accepted":
        first = "" if state.ended is not None else "settle what is listed above, then: "
        return first + command(state, state.verb)
    after = {"inventory": "verify", "rehearsal": "migrate", "migrate": "verify", "rollback": "verify"}.get(state.mode)
    if state.mode == "inventory" and not state.touched:  # there was no plan to write
        return ""
    return command(state, after) if after else ""


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
