"""Limits: what a run of a plan does not look at, because the plan does not ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.plan.model import Plan


DIGESTS = (
    "Digests prove that the files of a bundle belong together, not who made them: whoever changes all of them can "
    "compute the digests anew. Only a digest that is kept elsewhere, such as the summary in a ticket, shows that."
)
"""What the check of a bundle proves, and what it cannot."""


def limits(plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each thing that nobody looked at; the reader decides whether that is enough."""
    said = [
        "Application code that no [[smoke]] of the plan runs was not tried."
        if plan.smoke
        else "No application was run: the plan names no [[smoke]].",
        f"References to old databases were looked for in {', '.join(plan.scan.paths)} only."
        if plan.scan.paths
        else "References to old databases were not looked for: the plan names no [scan] paths.",
    ]
    if not plan.logs.files:
        said.append("No log was watched for new errors: the plan names no [logs] files.")
    if not plan.dump:
        said.append("No SQL dump was made: the plan says dump = false.")
    said += [
        f"{source.name}: rows were not compared with a number that the plan states; it states none for {names}."
        for source in plan.sources
        if (names := ", ".join(table.name for table in source.tables if table.rows is None))
    ]
    return tuple(said)
