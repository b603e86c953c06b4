"""Judge which derived data of the target would be stale after the copy.

Rows arrive and are replaced without triggers firing. So what a trigger would have written is missing, and a search
index lacks what it would have indexed, unless the sources bring that as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sqlite_consolidate.engine.checks.derived.arriving_rows import ArrivingRows, describe_rows
from sqlite_consolidate.engine.checks.derived.declared_rebuilds import CRITERION, plan_rebuilds, rebuild_lines
from sqlite_consolidate.engine.checks.derived.declared_refreshes import (
    plan_refreshes,
    refresh_lines,
)
from sqlite_consolidate.engine.checks.derived.kept_rows import add_lost_rows
from sqlite_consolidate.engine.merge.rows.policies import policy_of
from sqlite_consolidate.engine.merge.views.own_rows import reaches_row
from sqlite_consolidate.engine.sqlite.integrity import lagging_indexes
from sqlite_consolidate.engine.sqlite.schema.derivations import Derivation, DerivationReader
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind, index_columns, unseen_option
from sqlite_consolidate.engine.sqlite.schema.index_queries import key_of_index, query_by_triggers, writes_rows
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import join_names, toml_string

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table
    from sqlite_consolidate.plan.parts.derived import Rebuild, Refresh, Stale

    Entry = TypeVar("Entry", Rebuild, Refresh)

_ACCEPT = 'accept that {0} is stale: [[stale]] with name = "{0}" and a reason'
_MOVE_APART = "move the rows into a table of another name (into)"


def add_stale_data(databases: InspectedDatabases, limits: Limits) -> None:
    """Add a problem for what would be stale, and a finding for what the plan accepts."""
    arriving = ArrivingRows(databases, limits)
    reader = DerivationReader(databases.target_schema.schema, limits, arriving.refreshed)
    try:
        derivations = [
            *(entry for entry in reader.of_indexes() if arriving.reaches(entry)),
            *_of_triggers(reader, arriving),
        ]
        databases.rebuilt_indexes, problems = plan_rebuilds(reader, _certain(databases, databases.plan.rebuilds))
        databases.refreshes, refused = plan_refreshes(reader, _certain(databases, databases.plan.refreshes))
        unexplained = _unexplained(reader, databases)
    finally:
        reader.close()
    databases.problems += [*refused, *problems]
    add_lost_rows(databases)
    rebuilt = {folded(entry.table) for entry in databases.plan.rebuilds}
    stale = []
    for derivation in derivations:
        if folded(derivation.table) in rebuilt or _is_set_again(arriving, derivation):
            continue
        if derivation.is_index:
            stale.append(derivation)
        elif not _comes_along(arriving, derivation):
            if derivation.of_new_row or _is_appended(arriving, derivation):
                databases.findings += _assumed(arriving, derivation)
            else:
                stale.append(derivation)
    _add_tables(arriving, stale)
    databases.findings += [*unexplained, *_lagging(databases)]
    watched = dict.fromkeys(derivation.over for derivation in derivations)
    databases.without_added_rows += [table for table in watched if _is_unchanged(arriving, table)]


def _of_triggers(reader: DerivationReader, arriving: ArrivingRows) -> list[Derivation]:
    return [
        derivation
        for table in arriving.tables
        for event in arriving.events(table)
        for derivation in reader.of_triggers(table, event)
    ]


def _is_set_again(arriving: ArrivingRows, derivation: Derivation) -> bool:
    """Return whether triggers only update columns that the plan sets again."""
    columns = arriving.refreshed.get(folded(derivation.table), set())
    return derivation.ways == {"UPDATE"} and derivation.columns <= columns


def _is_unchanged(arriving: ArrivingRows, table: str) -> bool:
    """Return whether sources have rows for a table, and the copy changes none of its rows."""
    brought = sum(map(arriving.databases.rows, arriving.into(table)))
    return bool(brought) and not any(arriving.count(table, event) for event in arriving.events(table))


def _comes_along(arriving: ArrivingRows, derivation: Derivation) -> bool:
    """Return whether the derived rows are exactly those that one source has derived.

    Both tables are new, and this source alone fills them with all of its rows. The derived table may have rows of other
    databases that the trigger does not reach. If it has no others, the trigger writes nothing.
    """
    over = arriving.into(derivation.over)
    files = {mapping.source.file for mapping in over}
    is_apart = _reaches_own_rows_only(arriving, derivation, files)
    derived = [each for each in arriving.into(derivation.table) if not is_apart or each.source.file in files]
    shared = derived if is_apart else []
    alone = over if is_apart else [*over, *derived]
    return (
        all(mapping.new and policy_of(mapping.table_map) == "refuse" for mapping in alone)
        and all(map(arriving.keeps_each_row, shared))
        and len({mapping.source.name for mapping in (*over, *derived)}) == 1
        and (is_apart or bool(derived))
        and arriving.has_fired(derivation.over, derivation.name)
        and not arriving.is_derived_from_left(derivation)
    )


def _reaches_own_rows_only(arriving: ArrivingRows, derivation: Derivation, files: set[str]) -> bool:
    """Return whether a trigger reaches no row of other databases in the table that it writes.

    No further trigger writes the table.
    """
    databases, schema = arriving.databases, arriving.databases.target_schema.schema
    trigger = next((each for each in schema.triggers if each.name == derivation.name), None)
    others = {mapping.source.file for mapping in arriving.into(derivation.table)} - files
    others |= {databases.target.file} if databases.target else set()
    return (
        trigger is not None
        and not any(writes_rows(each.sql) for each in schema.triggers_on(derivation.table))
        and not any(reaches_row(databases, trigger.sql, derivation.table, file) for file in others)
    )


def _is_appended(arriving: ArrivingRows, derivation: Derivation) -> bool:
    """Return whether a trigger only appends rows, and each source brings these.

    A log may tell of rows that are left behind, and a search index may not find them. A trigger that replaces a row of
    a search index under the key of its own row appends one for each new row.
    """
    declared = arriving.databases.target_schema.schema.table(derivation.table)
    if declared and content_kind(declared) and arriving.is_derived_from_left(derivation):
        return False
    sources = {mapping.source.name for mapping in arriving.bringing(derivation.over)}
    brought = [mapping for mapping in arriving.into(derivation.table) if mapping.source.name in sources]
    return (
        derivation.event == "INSERT"
        and (derivation.ways == {"INSERT"} or _replaces_own_row(arriving, derivation))
        and {mapping.source.name for mapping in brought} == sources != set()
        and all(map(arriving.keeps_each_row, brought))
        and arriving.has_fired(derivation.over, derivation.name)
    )


def _replaces_own_row(arriving: ArrivingRows, derivation: Derivation) -> bool:
    """Return whether a trigger writes into a search index under the key of its row."""
    schema = arriving.databases.target_schema.schema
    table = schema.table(derivation.table)
    return (
        derivation.ways == {"INSERT", "REPLACE"}
        and table is not None
        and key_of_index(schema, table, derivation.name) is not None
    )


def _unexplained(reader: DerivationReader, databases: InspectedDatabases) -> list[Finding]:
    """Return a finding for each contentless search index that no trigger writes."""
    contentless = reader.contentless_indexes()
    if not contentless or not databases.mappings:
        return []
    written = {entry.table for table in reader.schema.tables for entry in reader.of_triggers(table)}
    written |= {index.name for index in databases.rebuilt_indexes}
    text = "a search index without content: nothing in the schema says from which rows it is derived."
    return [
        Finding.of("index-unexplained", f"{databases.plan.target}:{name}", text)
        for name in contentless
        if name not in written
    ]


def _lagging(databases: InspectedDatabases) -> list[Finding]:
    """Return a finding for each index that lags behind its content before the run."""
    target, rebuilt = databases.target, {folded(index.name) for index in databases.rebuilt_indexes}
    names = lagging_indexes(target.write_lock.reader, target.schema) if target else []
    text = "this search index does not have the rows of its content. These lines of the plan rebuild it: [[rebuild]]"
    return [
        Finding.of("index-lags", f"{databases.plan.target}:{name}", f"{text} table = {toml_string(name)}")
        for name in names
        if folded(name) not in rebuilt
    ]


def _assumed(arriving: ArrivingRows, derivation: Derivation) -> list[Finding]:
    """Return the finding that a trigger does not fire, where the sources bring its rows."""
    rows = arriving.count_of(derivation)
    arrive = "arrives" if rows == 1 else "arrive"
    which = f" that {arrive}" if derivation.event == "INSERT" else ""
    text = f"trigger {derivation.name} does not fire for {describe_rows(rows, derivation.event)}{which}"
    if derivation.event == "REFRESH":
        text += "; it changes only the row itself."
    elif derivation.of_new_row:
        text += "; it changes only the new row, and each row arrives as its source has it."
    else:
        text += f"; the rows that it wrote into {derivation.table} come from the same sources."
    subject = f"{arriving.databases.plan.target}:{derivation.over}"
    return [Finding.of("trigger-not-fired", subject, text, count=rows)] if rows else []


def _certain(databases: InspectedDatabases, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries but those whose table another problem may keep from the target."""
    schema = databases.target_schema.schema
    return [entry for entry in entries if schema.table(entry.table) or not databases.is_incomplete]


def _add_tables(arriving: ArrivingRows, stale: Sequence[Derivation]) -> None:
    """Add what would be stale, table by table, and a problem for each idle [[stale]]."""
    databases = arriving.databases
    idle = {folded(entry.name): entry for entry in databases.plan.stale}
    for table in dict.fromkeys(derivation.table for derivation in stale):
        derivations = [derivation for derivation in stale if derivation.table == table]
        for name in (table, *(derivation.name for derivation in derivations)):
            idle.pop(folded(name), None)
        _add_table(arriving, table, derivations)
    if idle and databases.is_incomplete:
        return  # a table may receive rows that a problem stops
    databases.problems += [
        Problem(
            "no-effect",
            f"[[stale]] {entry.name}",
            "names nothing that would be stale: no search index, no trigger on a table that receives rows, and no"
            " table that such a trigger writes.",
            "Correct the name, or remove the [[stale]].",
            criterion=CRITERION,
        )
        for entry in idle.values()
    ]


def _add_table(arriving: ArrivingRows, table: str, derivations: Sequence[Derivation]) -> None:
    databases = arriving.databases
    lacking = [each for each in derivations if arriving.count_of(each) or _has_sum_of_left(arriving, each)]
    if not lacking:
        return
    read_tables = list(dict.fromkeys(derivation.over for derivation in lacking))
    rows = sum(max(arriving.count_of(each) for each in lacking if each.over == over) for over in read_tables)
    subject, fact = f"{databases.plan.target}:{table}", _fact(arriving, lacking)
    is_index = any(derivation.is_index for derivation in lacking)
    declared = databases.target_schema.schema.table(table)
    lacks = declared.lacks if declared else ""
    checked = is_index and not lacks and _is_compared_by_integrity_check(databases, table)
    accepted = _accepting(databases.plan.stale, table, [] if is_index else lacking)
    if accepted and not checked:
        reasons = dict.fromkeys(entry.reason.rstrip(".") for entry in accepted)
        text = f"{fact} The plan accepts that: {'; '.join(reasons)}."
        databases.findings.append(Finding.of("derived-stale", subject, text, count=rows))
        databases.stale_indexes |= {folded(table)} if is_index else set()
        return
    if checked:
        fact += " SQLite's integrity_check reports a stale FTS4 index as malformed, so a [[stale]] cannot accept it."
    hint = _define(table, lacks) if lacks else _hint(databases, table, lacking, checked=checked)
    others = tuple(mapping.subject for over in read_tables for mapping in arriving.bringing(over))
    databases.problems.append(Problem("derived-undeclared", subject, fact, hint, criterion=CRITERION, others=others))


def _has_sum_of_left(arriving: ArrivingRows, derivation: Derivation) -> bool:
    """Return whether a value arrives that a trigger has computed of rows that stay behind."""
    return "UPDATE" in derivation.ways and arriving.is_derived_from_left(derivation)


def _define(table: str, lacks: str) -> str:
    """Return what the operator can do about a table that needs what this SQLite lacks."""
    setup = f'Define {lacks} in a function that the plan names: setup = "tools/setup.py:register" of [connection]'
    return f"{setup}. Or {_ACCEPT.format(table)}."


def _hint(databases: InspectedDatabases, table: str, derivations: Sequence[Derivation], *, checked: bool) -> str:
    """Return what the operator can do, with the lines to paste."""
    accept = _ACCEPT.format(table)
    if checked:
        return f"Paste these lines into the plan, and the run rebuilds it:\n{rebuild_lines(table)}"
    if any(derivation.is_index for derivation in derivations):
        return f"Paste these lines into the plan, and the run rebuilds it. Or {accept}.\n{rebuild_lines(table)}"
    schema = databases.target_schema.schema
    declared = schema.table(table)
    if declared and content_kind(declared) and not unseen_option(declared):
        return _rebuild_hint(schema, declared, accept)
    names = {name for derivation in derivations for name in derivation.columns}
    columns = [c.name for c in declared.columns if folded(c.name) in names and not c.key] if declared else []
    if columns and all("UPDATE" in derivation.ways for derivation in derivations):
        triggers = list(dict.fromkeys(derivation.name for derivation in derivations))
        lines = refresh_lines(table, columns, triggers)
        paste = f"Paste these lines into the plan with the queries of these columns. Or {_MOVE_APART}, or {accept}."
        if any(derivation.ways != {"UPDATE"} for derivation in derivations):
            reason = f"{join_names(triggers)} would add rows as well"
            paste = f"Paste these lines into the plan with the queries of these columns. Or {_MOVE_APART}."
            lines += f"\n[[stale]]\nname = {toml_string(table)}\nreason = {toml_string(reason)}"
        return f"{paste}\n{lines}"
    return f"M{_MOVE_APART[1:]}, or {accept}."


def _rebuild_hint(schema: Schema, table: Table, accept: str) -> str:
    """Return the lines that rebuild an index from the query that its triggers state."""
    query = query_by_triggers(schema, table)
    of_rows = "" if query else f" with the query of {join_names(index_columns(table))}"
    text = f"Paste these lines into the plan{of_rows}, and the run rebuilds it. Or {accept}."
    return f"{text}\n{rebuild_lines(table.name, query=query or 'SELECT ...')}"


def _accepting(entries: Sequence[Stale], table: str, derivations: Sequence[Derivation]) -> list[Stale]:
    """Return the [[stale]] entries that accept a table, or all triggers that write it."""
    by_name = {folded(entry.name): entry for entry in entries}
    if folded(table) in by_name:
        return [by_name[folded(table)]]
    triggers = {folded(derivation.name) for derivation in derivations}
    return [by_name[name] for name in sorted(triggers)] if triggers and triggers <= by_name.keys() else []


def _fact(arriving: ArrivingRows, derivations: Sequence[Derivation]) -> str:
    indexes = [derivation for derivation in derivations if derivation.is_index]
    if indexes:
        return f"this search index does not receive {_rows_of(arriving, indexes)}."
    with_rows = [derivation for derivation in derivations if arriving.count_of(derivation)]
    by_insert = [derivation for derivation in with_rows if derivation.event == "INSERT"]
    by_replacement = [derivation for derivation in with_rows if derivation.event != "INSERT"]
    parts = []
    for group in filter(None, (by_insert, by_replacement)):
        names = list(dict.fromkeys(derivation.name for derivation in group))
        named = f"triggers {join_names(names)} do" if len(names) > 1 else f"trigger {names[0]} does"
        parts.append(f"{named} not fire for {_rows_of(arriving, group)}")
    it = "they" if len({derivation.name for derivation in derivations}) > 1 else "it"
    unless = " unless a source brings it" if arriving.bringing(derivations[0].table) else ""
    text = f"{', and '.join(parts)}, so what {it} would write here is missing{unless}. " if parts else ""
    left = any(map(arriving.is_derived_from_left, derivations))
    names = list(dict.fromkeys(derivation.name for derivation in derivations))
    by = f"trigger{'s' if len(names) > 1 else ''} {join_names(names)}" if not text else it
    return f"{text}What {by} wrote for rows that are left behind arrives." if left else text.rstrip()


def _rows_of(arriving: ArrivingRows, derivations: Sequence[Derivation]) -> str:
    """Return the rows of each table for which derivations of one kind are missing."""
    by_table = {derivation.over: derivation for derivation in derivations}
    return join_names(
        [f"{describe_rows(arriving.count_of(each), each.event)} of {over}" for over, each in by_table.items()]
    )


def _is_compared_by_integrity_check(databases: InspectedDatabases, table: str) -> bool:
    """Return whether integrity_check compares a search index with its external content."""
    declared = databases.target_schema.schema.table(table)
    return declared is not None and declared.module == "fts4" and content_kind(declared) == "external"
