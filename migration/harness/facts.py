"""Facts: how what the engine found becomes what the record keeps."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from migration.audit.evidence import DatabaseRecord, MoveRecord, SchemaDifference, SmokeRecord, TableContent
from migration.audit.words import duration
from migration.engine.move import column_differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.engine.digest import TableDigest
    from migration.engine.facts import Facts
    from migration.engine.smoke import SmokeResult
    from migration.engine.survey import Survey
    from migration.engine.transfer import Transferred
    from migration.plan.model import Smoke, Source


def database_record(facts: Facts, source: Source | None = None) -> DatabaseRecord:
    """Return what the report says of a database before the run; ``source`` is the plan's, None for the target."""
    return DatabaseRecord(
        name=facts.name,
        file=facts.file,
        size=facts.size,
        digest=facts.digest,
        rows=facts.rows,
        versions=dict(facts.schema.header),
        contents={"live": contents(facts.digests)},
        about=_about(source) if source else {},
    )


def contents(tables: dict[str, TableDigest]) -> dict[str, TableContent]:
    """Return what each table holds."""
    return {name: TableContent(one.rows, one.sha256) for name, one in tables.items()}


def planned_moves(found: Survey) -> list[MoveRecord]:
    """Return the tables that are to be moved, none of them copied yet."""
    return [
        MoveRecord(move.source.name, move.subject, move.map.name, move.into.name, found.rows(move))
        for move in found.moves
    ]


def done_moves(done: Sequence[Transferred]) -> list[MoveRecord]:
    """Return the tables that were copied, and how many rows of each arrived."""
    return [
        MoveRecord(
            source=one.move.source.name,
            subject=one.move.subject,
            table=one.move.map.name,
            into=one.move.into.name,
            rows=one.rows,
            arrived=one.inserted,
            skipped=one.skipped,
            replaced=one.replaced,
        )
        for one in done
    ]


def schema_differences(found: Survey) -> list[SchemaDifference]:
    """Return, column by column, where the target declares otherwise than the sources."""
    return [
        SchemaDifference(one.subject, one.column, one.what, one.source, one.target)
        for move in found.moves
        for one in column_differences(move)
    ]


def smoke_record(test: Smoke, result: SmokeResult, *, withheld: bool) -> SmokeRecord:
    """Return what an application did; its command as the plan has it, for an interpreter's path is this machine's.

    What it printed may hold values of rows: where it is to be withheld, it is only counted.
    """
    command = shlex.join(["python", "-c", test.python] if test.python else test.run)
    return SmokeRecord(
        name=test.name,
        command=command,
        ended=result.problem or result.ended or f"exit status {result.exit}",
        seconds=result.seconds,
        lines=len(result.stdout.splitlines()),
        error_lines=len(result.stderr.splitlines()),
        stdout="" if withheld else result.stdout,
        stderr="" if withheld else result.stderr,
    )


def _about(source: Source) -> dict[str, str]:
    said = {"priority": str(source.priority or ""), "risk": source.risk, "reason": source.reason}
    said["estimate"] = duration(source.estimate)
    return {name: value for name, value in said.items() if value}
