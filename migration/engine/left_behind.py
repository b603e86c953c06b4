"""Left behind: every table with rows is moved, or left behind with a reason that the plan states."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from migration.engine.findings import Finding
from migration.engine.observation import counted
from migration.engine.sql import folded
from migration.plan.problem import Problem

if TYPE_CHECKING:
    from migration.engine.facts import Facts
    from migration.plan.model import Source


def left_behind(source: Source, facts: Facts) -> tuple[list[Problem], list[Finding]]:
    """Return the tables with rows that the plan forgets, and a finding for each that it leaves with a reason."""
    problems, findings = [], []
    moved = {folded(table_map.name) for table_map in source.tables}
    for name, rows in facts.rows.items():
        reason = next((one.reason for one in source.leave if any(fnmatchcase(name, p) for p in one.tables)), None)
        if folded(name) in moved:
            continue
        if reason is not None:
            subject, text = f"{source.file}:{name}", f"left behind: {reason.rstrip('.')}."
            findings.append(Finding.of("rows-left", subject, text, count=rows, noun="row"))
        elif rows:
            what = f"{counted(rows, 'row')} {'is' if rows == 1 else 'are'} in no table map, and would be left behind."
            todo = "Add a [[source.table]] for it, or a [[source.leave]] with a reason."
            problems.append(
                Problem("left-behind", f"{source.file}:{name}", what, todo, criterion="nothing-left-behind")
            )
    return problems, findings
