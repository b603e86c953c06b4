"""Compute what entries about databases must state, from record and plan."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.backup.archive import archived_name
from sqlite_consolidate.engine.backup.history import TABLE as HISTORY
from sqlite_consolidate.engine.backup.ledger import RECORDED
from sqlite_consolidate.engine.checks.comparison.compare import QUICK_AND_PAGES, settled_text
from sqlite_consolidate.engine.checks.comparison.compare_neighbours import REBUILT_INDEX, STALE_INDEX
from sqlite_consolidate.engine.checks.derived.rebuilt_contents import CONTENTS, INTACT
from sqlite_consolidate.engine.checks.lacking_objects import UNEXAMINED, intact_text
from sqlite_consolidate.engine.checks.open_files import OTHER_CONTAINERS, describe_unexamined
from sqlite_consolidate.engine.content.inspection import BY_PAGES, BY_SQLITE
from sqlite_consolidate.engine.criteria.committed import DOCUMENTS
from sqlite_consolidate.engine.merge.conflict_log import matched_text
from sqlite_consolidate.engine.merge.derived.refresh import others_text
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import NO_PROBLEM
from sqlite_consolidate.plan.patterns import backup_names, stated_rows
from sqlite_consolidate.report.bundle_check.facts.fact import BYTES_AND_DIGEST, Fact, content_text, contents_of
from sqlite_consolidate.report.bundle_check.facts.key_facts import facts_of_keys, table_map_of
from sqlite_consolidate.report.signing.plan_approval import APPROVED, DEMANDED, SIGNED_BY
from sqlite_consolidate.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.plan.model import Plan
    from sqlite_consolidate.plan.patterns import StatedRows
    from sqlite_consolidate.report.evidence import DatabaseRecord, MoveRecord, Record, TableContent

_HEADER = ("user_version", "application_id", "encoding")


def facts_of_databases(plan: Plan, record: Record) -> Iterator[Fact]:
    """Yield what entries about databases, tables and rows must state."""
    yield from _of_preflight(plan, record)
    yield from _of_copies(plan, record)
    yield from _of_moves(plan, record)
    yield from _of_target(plan, record)
    yield from _of_derived_data(plan, record)
    yield from _of_archives(record)
    yield from _of_record(plan, record)
    if record.mode is Mode.REHEARSAL:
        yield from _of_rollback(plan, record)


def databases_before(record: Record) -> list[DatabaseRecord]:
    """Return the databases that existed before the run."""
    return [database for database in (record.target, *record.sources) if database and database.size is not None]


def stamp_of(record: Record) -> str:
    """Return the time in a run's id, which names its backup set and its archives."""
    return record.run.partition("-")[0]


def tables_after(record: Record) -> dict[str, TableContent]:
    """Return the tables of the target after the run, without the history.

    Their names are without case.
    """
    tables = contents_of(record.target, "after")
    tables.pop(HISTORY, None)
    return tables


def uncompared_indexes(record: Record) -> set[str]:
    """Return the folded names of the search indexes that were not compared.

    A [[stale]] or a [[rebuild]] of the plan allows it.
    """
    rebuilt = {folded(derived.table) for derived in record.derived if derived.action == "rebuild"}
    return rebuilt | {
        folded(entry.subject)
        for entry in record.criteria
        if entry.criterion == "neighbours-unchanged" and entry.observed in (STALE_INDEX, REBUILT_INDEX)
    }


def refreshed_tables(plan: Plan) -> set[str]:
    """Return the folded names of the tables whose columns the plan sets again."""
    return {folded(entry.table) for entry in plan.refreshes}


def moved_into(plan: Plan, moves: Sequence[MoveRecord]) -> str:
    """Return the subject of the comparison of a target table.

    A pattern stands for its files.
    """
    subjects = []
    for move in moves:
        source = plan.source_named(move.source)
        is_of_pattern = source is not None and source.is_of_pattern
        subjects.append(f"{printable(source.entry.file)}:{move.table}" if source and is_of_pattern else move.subject)
    return f"{moves[0].into} <- {', '.join(dict.fromkeys(subjects))}"


def _of_preflight(plan: Plan, record: Record) -> Iterator[Fact]:
    yield Fact("plan-valid", record.plan["path"], "no mistake")
    known = {database.file: database for database in databases_before(record)}
    for file in dict.fromkeys([plan.target, *(source.file for source in plan.sources)]):
        if database := known.get(file):
            tables = contents_of(database, "live").values()
            observed = f"{counted(len(tables), 'table')}, {counted(sum(table.rows for table in tables), 'row')}"
            yield Fact("sources-readable", file, "every table is read", observed)
            yield Fact("integrity-before", file, _intact_by(plan, file, record.findings), is_pattern=True)
        else:
            yield Fact("sources-readable", file, NO_PROBLEM, "absent, and optional in the plan")
    for source in record.sources:
        tables = contents_of(source, "live").values()
        observed = f"{counted(len(tables), 'table')}: each is moved, is left with a reason, or has no row"
        yield Fact("nothing-left-behind", source.file, NO_PROBLEM, observed)
    yield from _of_plan(plan, record, len(known))
    if record.mode is Mode.MIGRATE:
        signed = f"{SIGNED_BY}.+"
        yield Fact(APPROVED, record.plan["path"], DEMANDED, signed, is_pattern=True)
    if plan.require_rehearsal is not None and record.mode is Mode.MIGRATE:
        expected = f"one that is at most {plan.require_rehearsal / 3600:g} h old"
        yield Fact("rehearsed", record.plan["path"], expected, _rehearsals(plan.require_rehearsal, record), True)  # noqa: FBT003


def _intact_by(plan: Plan, file: str, findings: Sequence[Finding]) -> str:
    """Return the pattern of what may have proved that a database was intact before the run."""
    has_finding = any(finding.id == "integrity-by-pages" for finding in findings)
    texts = (BY_SQLITE, BY_PAGES) if plan.integrity == "pages" and has_finding else (BY_SQLITE,)
    return "|".join(_intact(file, findings, text) for text in texts)


def _intact(file: str, findings: Sequence[Finding], text: str) -> str:
    """Return the pattern of the text that a database is intact.

    It names the tables that SQLite could not examine. Findings that were merged name only some of them.
    """
    if any(finding.id == UNEXAMINED and finding.count > 1 for finding in findings):
        return f"{re.escape(text)}(; not examined: .+)?"
    return re.escape(intact_text(file, findings, text))


def _of_plan(plan: Plan, record: Record, databases: int) -> Iterator[Fact]:
    observed = f"open files and locks of {counted(databases, 'database')} examined"
    if unseen := sum(finding.count for finding in record.findings if finding.id == "processes-unexamined"):
        observed += f"; {describe_unexamined(unseen)}"
    if any(finding.id == "processes-elsewhere" for finding in record.findings):
        observed += f"; {OTHER_CONTAINERS}"
    yield Fact("no-other-process", plan.name, NO_PROBLEM, observed)
    yield Fact("space", "folders of backups and databases", NO_PROBLEM, "each can be written")
    if record.moves:
        maps = f"{counted(len(record.moves), 'table mapping')} compared by column, and each value tried"
        yield Fact("values-fit", plan.name, NO_PROBLEM, maps)
        tables = counted(len({folded(move.into) for move in record.moves}), "table")
        yield Fact("keys-free", plan.name, NO_PROBLEM, f"keys of {tables} looked up in all sources and the target")
        followed = f"the foreign keys of {counted(len(record.moves), 'table mapping')} followed to their rows"
        yield Fact("parents-follow", plan.name, NO_PROBLEM, followed)
        derived = re.escape(f"triggers and search indexes of {tables} examined") + _without_added_rows(plan, record)
        yield Fact("derived-declared", plan.name, NO_PROBLEM, derived, True)  # noqa: FBT003
    if plan.references or plan.inserts:
        references, inserts = counted(len(plan.references), "reference"), counted(len(plan.inserts), "insertion")
        places = f"{references} and {inserts}: each place is found"
        yield Fact("references-found", plan.name, NO_PROBLEM, places)


def _without_added_rows(plan: Plan, record: Record) -> str:
    """Return a pattern of the tables that may be named as those to which no row is added.

    The record does not say from which of them something is derived.
    """
    added: dict[str, int] = {}
    for move in record.moves:
        table_map = table_map_of(plan, move)
        skips_identical = table_map is not None and table_map.on_conflict == "prefer-newer"
        identical = (move.identical or 0) if move.replaced and not skips_identical else 0
        added[move.into] = added.get(move.into, 0) + max((move.arrived or 0) - identical, 0)
    names = "|".join(re.escape(name) for name, rows in added.items() if not rows)
    return rf"(?i:; 0 rows are added to ({names})((, | and )({names}))*)?" if names else ""


def _rehearsals(limit: float, record: Record) -> str:
    """Return a pattern of the text about a rehearsal that was recent enough.

    The rehearsal must be one of the listed earlier runs.
    """
    recent = [
        re.escape(f"{attempt.run} passed at {attempt.finished}")
        for attempt in record.attempts
        if attempt.mode is Mode.REHEARSAL and attempt.verdict == "accepted"
        if _age(attempt.finished, record.started) <= timedelta(seconds=limit)
    ]
    words = " on exactly these databases; its report is consistent, which does not prove who made it"
    return f"({'|'.join(recent) or 'no rehearsal'}){re.escape(words)}"


def _age(moment: str, now: str) -> timedelta:
    try:
        return datetime.fromisoformat(now) - datetime.fromisoformat(moment)
    except (ValueError, TypeError):  # it is no time, or has no zone
        return timedelta.max


def _of_copies(plan: Plan, record: Record) -> Iterator[Fact]:
    known = databases_before(record)
    names = backup_names(database.name for database in known)
    for database in known:
        yield Fact("backup-complete", database.file, BYTES_AND_DIGEST, is_pattern=True)
        yield Fact("backup-digest", database.file, database.digest)
        if plan.dump:
            yield Fact("dump-reloads", f"databases/{names[database.name]}.sql", database.digest)


def _of_moves(plan: Plan, record: Record) -> Iterator[Fact]:
    after = tables_after(record)
    by_target: dict[str, list[MoveRecord]] = {}
    for move in record.moves:
        by_target.setdefault(move.into, []).append(move)
        table_map = table_map_of(plan, move)
        yield _arrived(move, is_matched=bool(table_map and table_map.match))
        if table_map and table_map.moves_some_rows:
            yield _chosen(move, is_matched=bool(table_map.match))
    yield from _of_stated_rows(plan, record)
    yield from facts_of_keys(plan, record)
    for into, moves in by_target.items():
        if content := after.get(folded(into)):
            yield Fact("rows-counted", f"target: {into}", counted(content.rows, "row"))
            yield _exact(plan, moves, content)


def _of_stated_rows(plan: Plan, record: Record) -> Iterator[Fact]:
    for stated, rows in moved_rows(plan, record):
        for criterion in ("rows-as-stated", "rows-expected"):
            yield Fact(criterion, printable(stated.subject), counted(stated.rows, "row"), counted(rows, "row"))


def moved_rows(plan: Plan, record: Record) -> list[tuple[StatedRows, int]]:
    """Return each stated number of rows with the number of moved rows."""
    rows: dict[tuple[str, str], int] = {}
    for move in record.moves:
        key = move.source, folded(move.table)
        rows[key] = rows.get(key, 0) + move.rows
    numbers = []
    for stated in stated_rows(plan):
        table = folded(printable(stated.table_map.name))
        moved = [rows[key] for file in stated.files if (key := (printable(file.name), table)) in rows]
        numbers += [(stated, sum(moved))] if moved else []
    return numbers


def _arrived(move: MoveRecord, *, is_matched: bool) -> Fact:
    settled = settled_text(move.skipped, move.replaced, move.left)
    settled = matched_text(move.skipped, move.identical or 0, move.left) if is_matched else settled
    expected = f"{counted(move.rows, 'row')}{settled}"
    observed = rf"{counted(move.arrived or 0, 'row')} arrived in \d+\.\d\d s"
    return Fact("rows-counted", f"{move.subject} -> {move.into}", expected, observed, is_pattern=True)


def _chosen(move: MoveRecord, *, is_matched: bool) -> Fact:
    """Return what the entry about the chosen rows of a table must state.

    Their digest is nowhere else in the evidence.
    """
    moved = move.rows - move.left - (move.skipped if is_matched else 0)
    digest = ", [0-9a-f]{64}" if moved else ""
    text = f"{counted(moved, 'row')}{digest} of {counted(move.rows, 'row')}"
    return Fact("rows-chosen", f"{move.subject} -> {move.into}", text, is_pattern=True)


def _exact(plan: Plan, moves: list[MoveRecord], content: TableContent) -> Fact:
    """Return what a table must hold.

    The digest of the moved rows is not known if it has no rowids although they may change, if it has those of rows with
    a key, or if columns were set again afterwards.
    """
    subject = moved_into(plan, moves)
    maps = [table_map_of(plan, move) for move in moves]
    kept = any(move.rowids for move in moves) or folded(moves[0].into) in refreshed_tables(plan)
    if kept or any(table_map and table_map.rowids == "renumber" for table_map in maps):
        return Fact("rows-exact", subject, _any_digest(content), is_pattern=True)
    return Fact("rows-exact", subject, content_text(content))


def is_proved_by_pages(plan: Plan, record: Record) -> bool:
    """Return whether the page reader may stand in for integrity_check of the target."""
    return plan.integrity == "pages" and any(finding.id == "target-by-pages" for finding in record.findings)


def _of_target(plan: Plan, record: Record) -> Iterator[Fact]:
    after, target = tables_after(record), record.target
    yield Fact("schema-as-planned", "target: tables", str(len(after)))
    for name, value in _versions_of_new_target(record).items():
        yield from (Fact(criterion, f"target: {name}", value) for criterion in ("schema-as-planned", "final-digest"))
    yield Fact("final-digest", "target: tables", str(len(after)))
    intact = _intact(plan.target, record.findings, "ok")
    if is_proved_by_pages(plan, record):
        intact += f"|{re.escape(QUICK_AND_PAGES)}"
        yield Fact("final-digest", "target: integrity_check", "ok")
    yield Fact("integrity", "target: integrity_check", intact, is_pattern=True)
    yield Fact("committed", plan.target, stamp_of(record))
    for name, content in after.items():
        yield Fact("final-digest", f"target: {name}", content_text(content))
    if target is None or target.size is None:
        return
    receiving = {folded(move.into) for move in record.moves} | {HISTORY}
    for name, content in contents_of(target, "live").items():
        if name not in receiving | uncompared_indexes(record):
            yield Fact("neighbours-unchanged", name, content_text(content))
    yield from (Fact("neighbours-unchanged", f"target: {name}", target.versions.get(name, "")) for name in _HEADER)


def _versions_of_new_target(record: Record) -> dict[str, str]:
    """Return the versions on which the sources agree, if the run creates the target.

    Sources that bring no table do not count.
    """
    if record.target and record.target.size is not None:
        return {}
    moved = {move.source for move in record.moves}
    sources = [source for source in record.sources if source.name in moved]
    stated = {name: {source.versions.get(name, "0") for source in sources} for name in _HEADER[:2]}
    return {name: value for name, values in stated.items() if len(values) == 1 for value in values}


def _of_derived_data(plan: Plan, record: Record) -> Iterator[Fact]:
    """Yield what entries about data that was derived again must state.

    Digests of some columns, and of the terms of an index without content, are nowhere else in the evidence.
    """
    after, receiving = tables_after(record), {folded(move.into) for move in record.moves}
    for table in dict.fromkeys(folded(entry.table) for entry in plan.refreshes):
        content = after.get(table)
        columns = [column for entry in plan.refreshes if folded(entry.table) == table for column in entry.columns]
        if content is not None:
            criterion = "rows-exact" if table in receiving else "neighbours-unchanged"
            yield Fact(criterion, others_text(table, columns), _any_digest(content), is_pattern=True)
            yield Fact("derived-right", table, content_text(content))
            yield Fact("derived-right", f"{table} ({', '.join(columns)})", content_text(content))
    for entry in plan.rebuilds:
        yield Fact("derived-right", entry.table, CONTENTS if entry.from_ else INTACT, is_pattern=bool(entry.from_))


def _any_digest(content: TableContent) -> str:
    """Return the pattern of an entry about a table whose digest is not known."""
    return f"{counted(content.rows, 'row')}{', [0-9a-f]{64}' if content.rows else ''}"


def _of_archives(record: Record) -> Iterator[Fact]:
    for source in record.sources:
        archive = record.archive.get(source.file, archived_name(source.file, stamp_of(record)))
        old, new = (file.rpartition("/")[2] for file in (source.file, archive))
        yield Fact("archived", source.file, f"{old} is gone; {new} exists; sidecar files: none")
        yield Fact("archive-restorable", archive, source.digest)
        yield Fact("no-late-writes", source.file, source.digest)


def _of_record(plan: Plan, record: Record) -> Iterator[Fact]:
    folder = record.backup_set or f"{plan.backups}/{plan.name}-{stamp_of(record)}"
    yield from (Fact("record-written", f"{folder}/{name}", "written") for name in DOCUMENTS)
    yield Fact("record-written", "ledger", RECORDED)


def _of_rollback(plan: Plan, record: Record) -> Iterator[Fact]:
    databases = databases_before(record)
    yield from (Fact("restored-exact", database.file, database.digest) for database in databases)
    gone = [*record.archive.values()]
    if record.target is None or record.target.size is None:
        gone.append(plan.target)
    yield from (Fact("restored-exact", file, "no such file") for file in gone)
