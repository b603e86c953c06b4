"""Build the record of a run from what the run knows."""

from __future__ import annotations

import getpass
import platform
import sys
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlite_consolidate
from sqlite_consolidate.engine.apps.smoke_observations import command_text
from sqlite_consolidate.engine.checks.constants.followed_constants import followed_keys, planned_constants
from sqlite_consolidate.engine.checks.renumbering.key_texts import key_column
from sqlite_consolidate.engine.merge.declaration_differences import declaration_differences
from sqlite_consolidate.engine.run.criteria import SMOKE
from sqlite_consolidate.engine.run.long_sequences import remade
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.results import RunResults
from sqlite_consolidate.engine.run.verdict import headline, next_verb, verdict
from sqlite_consolidate.engine.verbs.judge import CheckRun, ReadOnlyRun
from sqlite_consolidate.engine.verbs.roll_back import RollbackRun
from sqlite_consolidate.findings import STAGE_ERROR, Finding, merge_findings
from sqlite_consolidate.page_reader.availability import page_reader_text
from sqlite_consolidate.plan.parts.masked_plan import mask_plan
from sqlite_consolidate.report.evidence import (
    DatabaseRecord,
    DerivedRecord,
    KeyMapRecord,
    MoveRecord,
    Record,
    SchemaDifference,
    SmokeRecord,
    TableContent,
)
from sqlite_consolidate.report.evidence_json import printable_record
from sqlite_consolidate.report.formatting import duration, last_characters
from sqlite_consolidate.report.past_runs import workspace_id
from sqlite_consolidate.report.statements.comparison import compare_with_last_run
from sqlite_consolidate.secret_masking import mask_secrets
from sqlite_consolidate.text import escaped

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from sqlite_consolidate.engine.apps.runner import SmokeResult
    from sqlite_consolidate.engine.content.digest import TableDigest
    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.transaction import TargetTransaction
    from sqlite_consolidate.engine.run.pipeline import Pipeline
    from sqlite_consolidate.engine.run.request import RunRequest
    from sqlite_consolidate.engine.run.results import FinalReading
    from sqlite_consolidate.plan.model import Plan, Source
    from sqlite_consolidate.plan.parts.programs import Smoke
    from sqlite_consolidate.report.evidence import Attempt, Place
    from sqlite_consolidate.row_differences import Disclosure
else:
    from sqlite_consolidate.sqlite_library import sqlite3


DIGEST_LIMITS = (
    "Digests prove that the files of a bundle belong together. They do not prove who made them, because a forger can "
    "change all files and compute the digests again. Only a digest that is kept elsewhere proves that, such as the one "
    "in a ticket."
)
"""What digests prove, and what they do not."""


def limits(plan: Plan, mode: Mode) -> tuple[str, ...]:
    """Return a sentence for each thing that a run of a mode did not examine."""
    if mode is Mode.ROLLBACK:
        return ("No application was run, and no code was searched, because a rollback only compares what it restores.",)
    sentences = [
        "Databases that the plan does not name were not examined.",
        "Application code that no smoke test of the plan runs was not tested."
        if plan.smoke
        else "No application was run, because the plan has no smoke test ([[smoke]]).",
        f"References to old databases were searched for only in {', '.join(plan.scan.paths)}."
        if plan.scan.paths
        else "References to old databases were not searched for, because the plan names no [scan] paths.",
    ]
    if mode.only_judges:
        return (*sentences, "No log was watched for new errors, because only a migration and its rehearsal do that.")
    if not plan.logs.files:
        sentences.append("No log was watched for new errors, because the plan names no [logs] files.")
    if not plan.dump:
        sentences.append("No SQL dump was made, because the plan states dump = false.")
    sentences += [
        f"{source.name}: the plan states no number of rows for {names}, so the run did not compare it."
        for source in plan.stated.sources
        if (names := ", ".join(_uncounted_tables(source)))
    ]
    return tuple(sentences)


def _uncounted_tables(source: Source) -> Iterator[str]:
    """Yield the tables of which the plan states no number of rows."""
    yield from (table.name for table in source.tables if table.rows is None)
    if source.all_tables:
        yield "other tables" if source.tables else "any table"


_LONGEST_OUTPUT = 20_000  # characters of one stream of one application


@dataclass(frozen=True)
class RecordContext:
    """Hold what a record states beside the results of its run.

    Attributes:
        versions: Versions of the programs and packages that the run uses.
        attempts: Earlier runs on this workspace, oldest first.
        drilled: When a rehearsal of this plan, its rollback included, last passed; UTC, ISO 8601, or empty.
    """

    versions: dict[str, str]
    attempts: tuple[Attempt, ...] = ()
    drilled: str = ""


def versions() -> dict[str, str]:
    """Return the versions of this project, SQLite, Python and the packages of a run."""
    names = ("pytest", "pytest-order", "pytest-html", "sqlite-utils", "pydantic", "libcst")
    return {
        "sqlite-consolidate": sqlite_consolidate.__version__,
        "SQLite": sqlite3.sqlite_version,
        "SQLite module": sqlite3.__name__,
        "pages": page_reader_text().removeprefix("pages: "),
        "Python": sys.version.split()[0],
        "platform": platform.platform(),
        **{name: _installed(name) for name in names},
    }


@cache
def _installed(package: str) -> str:
    """Return the version of a package.

    It is read once, because the file that states it holds the whole description of the package.
    """
    from importlib.metadata import version

    return version(package)


def build_record(run: Pipeline, context: RecordContext, *, exit_code: int) -> Record:
    """Return the record of a run at this moment, with printable texts.

    Before the run has ended, its verdict is "not shown". Page, summary and evidence are all made of this one record, so
    they escape the same texts.
    """
    request, log = run.request, run.log
    settings, plan = request.settings, request.plan
    uses_plan = settings.bundle is None  # on a workspace, by a plan
    verb = next_verb(log, has_acted=run.has_acted, lacks_plan=request.lacks_plan)
    record = Record(
        run=request.run_id,
        mode=log.mode,
        verdict=verdict(log) if log.finished else "not shown",
        headline=headline(log, exit_code),
        exit_code=exit_code,
        started=request.started.isoformat(timespec="seconds"),
        finished=log.finished,
        host=platform.node(),
        user=getpass.getuser(),
        versions=dict(context.versions),
        plan={"path": settings.plan.name if uses_plan else "", **_plan_digests(request)},
        change=plan.change.model_dump() if plan else {},
        workspace=settings.workspace.name if uses_plan else "",
        workspace_id=workspace_id(settings.evidence_workspace) if uses_plan else "",
        stages=log.all_stages() if log.finished else tuple(log.stages.values()),
        criteria=log.evidence(),
        findings=merge_findings([*(Finding.of(STAGE_ERROR, "", error) for error in log.errors), *log.findings]),
        put_back=log.rolled_back.text if log.rolled_back else "",
        already=log.already_consolidated,
        unanswerable=dict(log.unanswerable),
        attempts=context.attempts,
        asked=questions_by_criterion(plan) if plan else {},
        limits=limits(plan, log.mode) if plan else () if uses_plan else (DIGEST_LIMITS,),
        next_command=request.command(verb) if verb else "",
        extra=dict(log.extra),
        **_fields_of_run(run, context),
    )
    shown = printable_record(record, log.disclosure.of_text)
    return replace(shown, last_run=compare_with_last_run(shown, settings.reports, log.disclosure.of_text))


def _plan_digests(request: RunRequest) -> dict[str, str]:
    """Return the digest of the plan.

    If secrets in it are masked, the digest of the plan that is shown comes with it.
    """
    shown = mask_plan(request.plan_text)
    masked = {"shown_sha256": sha256(shown).hexdigest()} if shown != request.plan_text else {}
    return {"sha256": request.plan_sha256, **masked}


def _fields_of_run(run: Pipeline, context: RecordContext) -> dict[str, Any]:
    """Return the fields of a record that only some kinds of run fill."""
    if isinstance(run, RunResults):
        return _fields_of_consolidation(run, context)
    if isinstance(run, CheckRun):
        folder = run.backup_set.folder.relative_to(run.root).as_posix()
        fields: dict[str, Any] = {
            "backup_set": folder,
            "archive": dict(run.sealed.archive),
            "smoke": _smoke_records(run),
        }
        if run.backup_set.is_deleted:
            return fields
        return fields | {"rollback": {"command": run.request.command("rollback"), "drilled": context.drilled}}
    if isinstance(run, ReadOnlyRun):
        return {"smoke": _smoke_records(run)}
    return {"backup_set": run.backup_set} if isinstance(run, RollbackRun) else {}


def _fields_of_consolidation(run: RunResults, context: RecordContext) -> dict[str, Any]:
    drilled = run.log.finished if run.is_rehearsal and run.has_rolled_back else context.drilled
    fields: dict[str, Any] = {
        "backup_set": run.backup_set,
        "rollback": {"drilled": drilled},
        "diff": run.diff,
        "smoke": _smoke_records(run),
    }
    if run.is_sealed or run.has_acted:
        fields["rollback"] = {"command": run.request.command("rollback"), "drilled": drilled}
    if run.is_archived:
        fields["archive"] = run.sealed.archive
    if run.has_preflight:
        fields |= _fields_of_preflight(run)
    if run.transaction is not None:
        copied = run.transaction.copied_tables
        fields["moves"] = remade(lambda: map(_move_record, copied), len(copied))
        fields["derived"] = tuple(_derived_records(run.transaction))
        fields["sql"] = run.log.statements.items
    return fields


def _move_record(table: CopiedTable) -> MoveRecord:
    return MoveRecord(
        source=table.mapping.source.name,
        subject=table.mapping.subject,
        table=table.mapping.table_map.name,
        into=table.mapping.into.name,
        rows=table.rows,
        arrived=table.inserted,
        skipped=table.skipped,
        replaced=table.replaced,
        method=table.method,
        identical=table.identical,
        rowids="kept" if table.mapping.compares_rowids_of_keys else "",
        constants=planned_constants(table.mapping),
        followed=followed_keys(table.mapping),
        left=table.left.rows,
        unfollowed=table.left.unfollowed,
    )


def _derived_records(target: TargetTransaction) -> Iterator[DerivedRecord]:
    for refresh, rows in zip(target.inspected.refreshes, target.refreshed_rows, strict=False):
        yield DerivedRecord(refresh.name, "refresh", rows, refresh.columns, refresh.reason)
    for rebuilt in target.rebuilt_indexes:
        yield DerivedRecord(rebuilt.index.name, "rebuild", rebuilt.rows)


def _fields_of_preflight(run: RunResults) -> dict[str, Any]:
    preflight = run.inspected
    sources = [source for source in run.plan.sources if source.name in preflight.sources]
    target = _database_record(preflight.target, run) if preflight.target else None
    if run.final is not None:
        target = _with_final_reading(target or DatabaseRecord(name="target", file=run.plan.target), run.final)
    return {
        "sources": remade(
            lambda: (_database_record(preflight.sources[source.name], run, source) for source in sources), len(sources)
        ),
        "target": target,
        "planned": ()
        if run.transaction and run.transaction.copied_tables
        else remade(lambda: _planned(preflight), len(preflight.mappings)),
        "key_maps": remade(lambda: _key_maps(preflight), sum(1 for _ in _key_maps(preflight))),
        "differences": tuple(
            SchemaDifference(
                difference.subject, difference.column, difference.aspect, difference.source, difference.target
            )
            for mapping in preflight.mappings
            for difference in declaration_differences(mapping)
        ),
    }


def _planned(preflight: InspectedDatabases) -> Iterator[MoveRecord]:
    """Yield each table that the plan moves, for a run that has moved none."""
    for mapping in preflight.mappings:
        yield MoveRecord(
            mapping.source.name,
            mapping.subject,
            mapping.table_map.name,
            mapping.into.name,
            preflight.rows(mapping),
            constants=planned_constants(mapping),
            followed=followed_keys(mapping),
        )


def _key_maps(preflight: InspectedDatabases) -> Iterator[KeyMapRecord]:
    """Yield how the keys of each table arrive, with the number of matched rows."""
    for mapping in preflight.mappings:
        name, into, matched = mapping.source.name, mapping.into.name, mapping.matched.rows if mapping.matched else 0
        if mapping.matched and not any(not key_column(mapping, key) for key in mapping.key_shifts):
            yield KeyMapRecord(name, into, 0, matched)
        for key, shift in mapping.key_shifts.items():
            column = key_column(mapping, key)
            yield KeyMapRecord(name, into, shift.offset, 0 if column else matched, column=column)


def _database_record(facts: InspectedDatabase, run: RunResults, source: Source | None = None) -> DatabaseRecord:
    places: dict[Place, dict[str, TableContent]] = {"live": _table_contents(facts.listed)}
    for place in ("backup", "dump", "archive"):
        tables = run.contents.get(place, {}).get(facts.file)
        if tables is not None:
            listed = {name: each for name, each in tables.items() if name in facts.listed}
            places[place] = places["live"] if listed == facts.listed else _table_contents(listed)
    return DatabaseRecord(
        name=facts.name,
        file=facts.file,
        size=facts.size,
        digest=facts.digest,
        rows={name: digest.rows for name, digest in facts.listed.items()},
        versions=facts.schema.header,
        contents=places,
        about=describe_source(source) if source else {},
    )


def _with_final_reading(before: DatabaseRecord, final: FinalReading) -> DatabaseRecord:
    """Add the size and contents of the target after the run, as the last check read them."""
    content = final.content
    return replace(
        before,
        size_after=final.size,
        digest_after=content.digest,
        rows_after={name: table.rows for name, table in content.tables.items()},
        versions=before.versions or dict(final.schema.header),
        contents={**before.contents, "after": _table_contents(content.tables)},
    )


def _table_contents(tables: Mapping[str, TableDigest]) -> dict[str, TableContent]:
    return {name: TableContent(table.rows, table.sha256) for name, table in tables.items()}


def _smoke_records(run: RunResults | ReadOnlyRun) -> tuple[SmokeRecord, ...]:
    by_name = {test.name: test for test in run.plan.smoke}
    shown = run.log.disclosure
    return tuple(smoke_record(by_name[name], result, shown) for name, result in run.application_results)


def smoke_record(test: Smoke, result: SmokeResult, shown: Disclosure) -> SmokeRecord:
    """Return what an application did.

    The output may hold values of rows: where it is to be withheld, only its lines are counted. Secrets in it are
    masked. It is escaped, so that the check of a bundle can judge the same text again.
    """
    return SmokeRecord(
        name=test.name,
        command=command_text(test, shown),
        ended=result.problem or result.ended or f"exit status {result.exit}",
        seconds=result.seconds,
        lines=len(result.stdout.splitlines()),
        error_lines=len(result.stderr.splitlines()),
        stdout=_output_text(result.stdout, shown),
        stderr=_output_text(result.stderr, shown),
    )


def _output_text(output: str, shown: Disclosure) -> str:
    """Return an output as the evidence has it.

    The secrets of the plan are masked first, because a key in the output may hide a part of one.
    """
    if shown.withhold_output:
        return ""
    return escaped(last_characters(mask_secrets(shown.of_text(output)), _LONGEST_OUTPUT))


def questions_by_criterion(plan: Plan) -> dict[str, str]:
    """Return the success criterion that each smoke test answers, by its criterion's id."""
    return {f"{SMOKE}{test.name}": test.answers or test.name for test in plan.smoke}


def describe_source(source: Source) -> dict[str, str]:
    """Return what the plan states about a source, as the page shows it."""
    stated = {"priority": str(source.priority or ""), "risk": source.risk, "reason": source.reason}
    stated["estimate"] = duration(source.estimate)
    return {name: value for name, value in stated.items() if value}
