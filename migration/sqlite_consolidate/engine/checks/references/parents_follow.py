"""Find references that would lead to other rows, before any row is copied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.constants.constant_references import (
    count_constant_strays,
    find_constant_references,
)
from sqlite_consolidate.engine.checks.matching.match_columns import match_hint
from sqlite_consolidate.engine.checks.references.following import NO_STRAYS, count_strays_elsewhere
from sqlite_consolidate.engine.checks.references.foreign_keys import find_references
from sqlite_consolidate.engine.checks.references.mapped_names import target_column
from sqlite_consolidate.engine.checks.references.missing_parents import find_missing_parents, find_uncheckable_keys
from sqlite_consolidate.engine.checks.references.predicted_strays import (
    brought_keys,
    compare_rows,
    kept_condition,
)
from sqlite_consolidate.engine.checks.references.predicted_target import predicted_target
from sqlite_consolidate.engine.checks.references.target_children import check_target_children
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of, policy_of
from sqlite_consolidate.engine.sqlite.connections import limits_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.problem import Problem
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.engine.checks.references.following import Strays
    from sqlite_consolidate.engine.checks.references.foreign_keys import Reference, ReferredKey
    from sqlite_consolidate.engine.checks.references.predicted_target import PredictedTarget
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def check_parents(databases: InspectedDatabases, limits: Limits | None = None) -> tuple[list[Problem], list[Finding]]:
    """Follow each reference of moved rows, and return what would lead to another row."""
    problems: list[Problem] = []
    findings: list[Finding] = []
    if not databases.mappings:
        return problems, findings
    with predicted_target(databases, limits) as target:
        for reference in find_references(databases):
            if databases.is_refused(reference.child.source, reference.parent_name):
                continue  # the rows of the parent are not known
            limits_of(target.con).deadline.start_step(f"the references of {reference.child.subject}")
            try:
                strays = _strays(databases, target, _of_all_rows(reference))
            except sqlite3.Error as error:
                problems.append(replace(read_problem(reference.child.subject, error), criterion="parents-follow"))
                continue
            if reference.parent is not None or reference.is_shifted or _gets_new_keys(target, reference):
                problems += _problems(reference, strays)
            elif strays.adopted:
                findings.append(_parents_found(reference, strays))
        of_constants = list(_check_constants(databases, target))
        problems += [message for message in of_constants if isinstance(message, Problem)]
        findings += [message for message in of_constants if isinstance(message, Finding)]
        left = [problem for problem in databases.target_schema.problems if problem.id == "parent-left"]
        problems += find_missing_parents(databases, target, {problem.subject for problem in (*left, *problems)})
        findings += find_uncheckable_keys(databases)
        for message in check_target_children(databases, target):
            if isinstance(message, Problem):
                problems.append(message)
            else:
                findings.append(message)
    return problems, findings


def _check_constants(databases: InspectedDatabases, target: PredictedTarget) -> Iterator[Problem | Finding]:
    """Yield what is wrong with constants that refer to rows of their own source.

    A constant may refer to a row of the target that the source lacks, which is a finding if keys change.
    """
    for reference in find_constant_references(databases):
        parent = reference.parent_mapping
        changes = parent is not None and bool(parent.matched or parent.chosen)
        if not (changes or _gets_new_keys(target, reference) or target.has_contest(reference.into.table)):
            continue
        try:
            strays, of_target = count_constant_strays(target, reference)
        except sqlite3.Error as error:
            yield replace(read_problem(reference.child.subject, error), criterion="parents-follow")
            continue
        is_of_target = strays.adopted == of_target
        if strays.adopted and is_of_target:
            yield _parents_found(reference, strays)
        keeps = is_of_target or not _gets_new_keys(target, reference)
        yield from _problems(reference, strays._replace(adopted=0) if keeps else strays)


def _gets_new_keys(target: PredictedTarget, reference: Reference) -> bool:
    """Return whether a source gives new keys to rows of the referred table."""
    return any(source.mapping.key_shifts for source in target.key_sources(reference.into.table))


def _of_all_rows(reference: Reference) -> Reference:
    """Return the reference of moved rows and of matched rows.

    The row of the target that a row matches is updated or has to be identical, so both must refer to the same parent.
    With ``prefer-target``, and with ``prefer-newer`` where the row of the target is newer, that row keeps its values.
    Such a matched row is left out, unless rows match by a column of the reference.
    """
    child = reference.child
    compared = {folded(name) for name in child.match_columns}
    is_compared = any(folded(child.renamed.get(name, "")) in compared for name in reference.columns)
    if child.matched is None or (policy_of(child.table_map) == "prefer-target" and not is_compared):
        return reference
    if policy_of(child.table_map) == "prefer-newer" and not is_compared:
        return replace(reference, child=replace(child, matched=replace(child.matched, only_kept=True)))
    return replace(reference, child=replace(child, matched=None))


def _parents_found(reference: Reference, strays: Strays) -> Finding:
    """Return the finding for rows that refer to a table of which their source has no row.

    They may have been meant for the database that has these rows.
    """
    text = (
        f"will reach rows of {reference.into.table.name} in the target by {_by(reference)}. Their source"
        f" does not have these rows of {reference.parent_name}."
    )
    return Finding.of("parents-found", reference.child.subject, text, count=strays.adopted, noun="row")


def _strays(databases: InspectedDatabases, target: PredictedTarget, reference: Reference) -> Strays:
    """Count the child rows that would not reach the row that their parent becomes."""
    if not databases.rows(reference.child):
        return NO_STRAYS
    keeps = _keeps_its_parents(reference, target)
    if keeps and _has_no_orphan(databases, reference):
        return NO_STRAYS
    if keeps or reference.is_elsewhere or reference.parent is None:
        reached = brought_keys(target, reference.into)
        alias, kept = target.source_alias(reference.child), kept_condition(target, reference.child)
        if kept is None or reached is None:
            return NO_STRAYS
        return count_strays_elsewhere(target.con, reference, alias, reached, kept)
    return compare_rows(target, reference) if reference.has_unique_keys or reference.is_divided else NO_STRAYS


def _keeps_its_parents(reference: Reference, target: PredictedTarget) -> bool:
    """Return whether every parent arrives in the referred table, under an equal key."""
    mapping, parent = reference.parent_mapping, reference.parent
    if mapping is None or parent is None or reference.is_elsewhere or mapping.matched:
        return False
    if mapping.chosen is not None or target.has_contest(reference.into.table):
        return False
    into, number = reference.into, len(parent.columns)
    if _is_computed_anew(mapping, into):
        return False
    names = [folded(target_column(mapping, name)) for name in parent.columns]
    return (
        reference.has_unique_keys
        and names == [folded(name) for name in into.columns[:number]]
        and parent.collations == into.collations[:number]
        and _constants_of(mapping, into.columns[number:]) == reference.constants
        and target.stores_unchanged(into)
    )


def _is_computed_anew(mapping: TableMapping, into: ReferredKey) -> bool:
    """Return whether SQLite computes a referred column, perhaps from new keys."""
    columns = map(into.table.column, into.columns)
    return bool(mapping.shifted) and any(column.generated for column in columns if column)


def _constants_of(mapping: TableMapping, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the constant of a mapping in each of some columns, or an empty text."""
    constants = {folded(name): literal for name, literal in mapping.constants.items()}
    return tuple(constants.get(folded(name), "") for name in columns)


def _has_no_orphan(databases: InspectedDatabases, reference: Reference) -> bool:
    """Return whether SQLite's foreign_key_check of the source has found a parent for each row."""
    child = folded(reference.child.table_map.name)
    orphans = databases.sources[reference.child.source.name].orphans
    return reference.is_declared and all(folded(name) != child for name, _ in orphans)


def _problems(reference: Reference, strays: Strays) -> Iterator[Problem]:
    """Yield a problem for each kind of stray row of a reference."""
    if strays.differing + strays.lost:
        if reference.parent_mapping is None:
            yield _parents_left_behind(reference, strays)
        else:
            leaves_parents = reference.parent_mapping.chosen is not None
            problem_of = _parents_left_out if leaves_parents else _parents_differ
            yield _parents_elsewhere(reference, strays) if reference.is_elsewhere else problem_of(reference, strays)
    if strays.adopted:
        yield _orphans_adopted(reference, strays)


def _parents_left_behind(reference: Reference, strays: Strays) -> Problem:
    parent, into, child = reference.parent_name, reference.into.table.name, reference.child
    text = (
        f"{_refer(strays.differing + strays.lost, reference)} rows of {parent}, which is not moved, and the target does"
        f" not have the same rows: {_reached_rows(strays, into)}."
    )
    hint = f"Move {parent} into {into} as well, or {_hint_without_parents(reference)}."
    return Problem("parents-left-behind", child.subject, text, hint, criterion="parents-follow")


def _parents_elsewhere(reference: Reference, strays: Strays) -> Problem:
    parent, into, child = reference.parent_name, reference.into.table.name, reference.child
    elsewhere = reference.parent_mapping.into.name if reference.parent_mapping else ""
    text = (
        f"{_refer(strays.differing, reference)} rows of {parent}, which the plan moves to {elsewhere}, but the foreign"
        f" key of {child.into.name} in the target refers to {into}."
    )
    hint = f"Move {parent} into {into}, or keep {child.table_map.name} apart too (into)."
    if child.new:
        hint = f"{hint.removesuffix('.')}, or give it a create text whose FOREIGN KEY names {elsewhere}."
    return Problem("parents-elsewhere", child.subject, text, hint, criterion="parents-follow")


def _parents_differ(reference: Reference, strays: Strays) -> Problem:
    parent, into = reference.parent_name, reference.into.table.name
    text = (
        f"{_refer(strays.differing + strays.lost, reference)} rows of {parent} that the target does not have or has"
        f" under another key: {_reached_rows(strays, into)}."
    )
    hint = f"{_key_hint(reference)}, or {_rename_hint(reference)}."
    return Problem("parents-differ", reference.child.subject, text, hint, criterion="parents-follow")


def _parents_left_out(reference: Reference, strays: Strays) -> Problem:
    parent, into = reference.parent_name, reference.into.table.name
    text = (
        f"{_refer(strays.differing + strays.lost, reference)} rows of {parent} that the target would not have, or has"
        f" under another key, because the plan moves only some rows of {parent}: {_reached_rows(strays, into)}."
    )
    hint = f'Leave them behind as well: follows = "{parent}", or move these rows of {parent} too.'
    return Problem("parents-left-out", reference.child.subject, text, hint, criterion="parents-follow")


def _key_hint(reference: Reference) -> str:
    """Return the hint by which each child reaches its parent under the same table names."""
    mapping, parent, into = reference.parent_mapping, reference.parent, reference.into
    if mapping is None or parent is None:
        return ""
    number = len(parent.columns)
    columns = ", ".join(into.columns[:number])
    if _is_computed_anew(mapping, into):
        return f'Write keys = "keep" for {reference.parent_name}, because SQLite computes {columns} from its new keys'
    if reference.is_divided:
        names, child = ", ".join(mapping.stated_constants), reference.child.into.name
        return f"Give {child} the columns of the target that tell the rows of {into.table.name} apart ({names})"
    if [folded(target_column(mapping, name)) for name in parent.columns] != list(map(folded, into.columns[:number])):
        wanted = f"{', '.join(parent.columns)} of {reference.parent_name} have to become {columns}"
        return f"Correct columns in the plan ({wanted} of {into.table.name})"
    if (parent.affinities, parent.collations) != (into.affinities[:number], into.collations[:number]):
        return f"Declare type and collation of {columns} in {into.table.name} of the target as the source does"
    # Not prefer-source, because then the rows of the target that refer to these keys would change their meaning.
    equal = f"ake these rows of {reference.parent_name} equal in both databases"
    if mapping.key_shifts and clash_policy_of(mapping.table_map) != "refuse":
        return f"{match_hint(into.table)}, remove on_conflict from {reference.parent_name}"
    if mapping.table_map.on_conflict == "prefer-target" and not mapping.table_map.match:
        names = ", ".join(f'"{name}"' for name in into.columns[:number])
        return f"Say that rows with equal {columns} are one row (match = [{names}]), or m{equal}"
    return f"M{equal}"


def _orphans_adopted(reference: Reference, strays: Strays) -> Problem:
    text = (
        f"{_refer(strays.adopted, reference)} rows that {reference.parent_name} of the source does not have, and"
        f" would reach rows of {reference.into.table.name} in the target."
    )
    wrong = "the constant in the plan" if reference.origins else "these rows in the source"
    way = _rename_hint(reference) if reference.parent_mapping else _hint_without_parents(reference)
    hint = f"Correct {wrong}, or {way}."
    return Problem("orphans-adopted", reference.child.subject, text, hint, criterion="parents-follow")


def _reached_rows(strays: Strays, into: str) -> str:
    """Return which rows the stray rows would reach, without the kinds that do not occur."""
    numbers = {f"another row of {into}": strays.differing, f"no row of {into}": strays.lost}
    return ", ".join(f"{number} would reach {row}" for row, number in numbers.items() if number)


def _hint_without_parents(reference: Reference) -> str:
    """Return how rows can be moved without the rows that they refer to.

    A create text changes no table that the target has already.
    """
    child = reference.child
    if reference.is_stated:
        return "remove refers"
    if child.new:
        return f"give {child.into.name} a create text without this FOREIGN KEY"
    return f"move {child.table_map.name} under another name (into), with a create text without this FOREIGN KEY"


def _rename_hint(reference: Reference) -> str:
    tables = dict.fromkeys([reference.child.table_map.name, reference.parent_name])
    return f"move {' and '.join(tables)} under names of their own (into)"


def _refer(rows: int, reference: Reference) -> str:
    verb = "refers" if rows == 1 else "refer"
    return f"{counted(rows, 'row')} {verb} by {_by(reference)} to"


def _by(reference: Reference) -> str:
    """Return the names of the columns that refer."""
    return ", ".join(reference.columns or reference.constant_columns)
