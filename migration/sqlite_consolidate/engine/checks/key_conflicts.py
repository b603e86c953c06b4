"""Find rows that claim the same key, before any row is copied.

The keys are looked up over all sources and the target.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlite_consolidate.engine.checks.derived.arriving_rows import is_derived_from
from sqlite_consolidate.engine.checks.matching.collision_hints import kept_key_reason, key_hint
from sqlite_consolidate.engine.checks.references.held_rowids import collision_hint, reason_to_keep
from sqlite_consolidate.engine.checks.references.predicted_target import key_sources as key_sources_of
from sqlite_consolidate.engine.checks.renumbering.separate_keys import are_separate
from sqlite_consolidate.engine.content.digest import TableDigest
from sqlite_consolidate.engine.content.inspection import read_problem
from sqlite_consolidate.engine.content.literals import format_value
from sqlite_consolidate.engine.merge.conflict_log import count_identical
from sqlite_consolidate.engine.merge.copy_rows import copy_rows, existing_rows_digest, source_digest
from sqlite_consolidate.engine.merge.rows.policies import updates_matched_rows
from sqlite_consolidate.engine.sqlite.connections import (
    attach,
    attached,
    encoding_of,
    open_memory,
    read_text_losslessly,
    scratch_database,
)
from sqlite_consolidate.engine.sqlite.schema.objects import computed_keys, keys_of
from sqlite_consolidate.engine.sqlite.sql import folded, quoted
from sqlite_consolidate.problem import Problem, ProblemError
from sqlite_consolidate.text import counted, join_first_names

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.copy_rows import CopiedTable
    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import KeySource, TableMapping
    from sqlite_consolidate.engine.sqlite.limits import Limits
    from sqlite_consolidate.engine.sqlite.schema.objects import Key, Table
else:
    from sqlite_consolidate.sqlite_library import sqlite3


def add_key_conflicts(databases: InspectedDatabases, limits: Limits, left_out: set[str]) -> None:
    """Find repeated keys, except in tables that get rows of some subjects.

    SQLite cannot compute keys of these rows, or their values would change.
    """
    with closing(_AttachedDatabases(limits)) as attached_databases:
        for into in {mapping.into.name: mapping.into for mapping in databases.mappings}.values():
            mappings = databases.mappings_into(into.name)
            rows = key_sources_of(databases, into)
            if left_out & {key_source.subject for key_source in rows}:
                continue
            try:
                copied = databases.trial_copies if is_derived_from(databases.target_schema.schema, into) else None
                databases.problems += _find_key_conflicts(into, mappings, rows, attached_databases, copied)
            except sqlite3.Error as error:
                subject = ", ".join(mapping.subject for mapping in mappings)
                databases.problems.append(read_problem(subject, error))


def _find_conflicts_by_trial_copy(
    into: Table,
    mappings: Sequence[TableMapping],
    key_sources: Sequence[KeySource],
    limits: Limits,
    copied: list[CopiedTable] | None,
) -> list[Problem]:
    """Copy the rows of all sources into a scratch table and list the conflicts."""
    with scratch_database(key_sources[0].path, limits) as con:
        con.execute(into.sql)
        for index in into.indexes:
            if index.unique and index.sql:
                con.execute(index.sql)
        return _copy_into(con, into, mappings, key_sources, copied)


def _copy_into(
    con: sqlite3.Connection,
    into: Table,
    mappings: Sequence[TableMapping],
    key_sources: Sequence[KeySource],
    copied: list[CopiedTable] | None,
) -> list[Problem]:
    expected = TableDigest()
    problems = []
    for key_source in key_sources:
        with attached(con, key_source.path, "party") as alias:
            con.execute("BEGIN")
            try:
                mapping = key_source.mapping
                identical = 0 if copied is None else count_identical(con, mapping, alias)
                result = copy_rows(con, mapping, source_digest(con, mapping, alias), alias)
                expected += result.change
                if copied is not None:
                    copied.append(replace(result, identical=identical))
            except ProblemError as error:
                problems += _conflict_problems(con, into, key_source, alias, error)
            if con.in_transaction:
                con.execute("COMMIT")
    if not problems and existing_rows_digest(con, mappings[0]) != expected:
        fact = f"rows of {into.name} would be dropped silently: its ON CONFLICT clause resolves a key collision."
        problems.append(
            Problem(
                "rows-dropped",
                key_sources[-1].subject,
                fact,
                "Take the clause out, or mend the rows.",
                criterion="keys-free",
            )
        )
    return problems


def _conflict_problems(
    con: sqlite3.Connection, into: Table, key_source: KeySource, alias: str, error: ProblemError
) -> list[Problem]:
    if all(problem.criterion == "keys-free" for problem in error.problems):
        return [replace(problem, subject=key_source.subject) for problem in error.problems]
    return [_conflict_problem(con, into, key_source, alias, error)]


def _conflict_problem(
    con: sqlite3.Connection, into: Table, key_source: KeySource, alias: str, error: ProblemError
) -> Problem:
    cause = error.problems[0]
    if count := _count_taken_rowids(con, key_source.mapping.projection(alias)):
        return _rowid_problem(into, key_source.mapping, count, (key_source.subject,))
    if not key_source.is_target:
        return replace(cause, subject=key_source.subject, criterion="keys-free")
    fact = f"existing rows violate the new constraint of {into.name}: {error.__cause__ or cause.what}."
    hint = "Leave the new key out of the target, or mend the rows."
    return Problem("key-collision", key_source.subject, fact, hint, criterion="keys-free")


def _count_taken_rowids(con: sqlite3.Connection, rows: Projection) -> int:
    """Count the rows whose keys are free, but whose rowid the scratch table has.

    No conflict policy decides on such a row.
    """
    if rows.rowid is None or not rows.rowid_counts:
        return 0
    taken = rows.select_target(["1"], f"{rows.rowid.target} = {rows.rowid.source}")
    return int(con.execute(rows.select(["count(*)"], f"NOT {rows.clashing} AND EXISTS ({taken})")).fetchone()[0])


_MAX_UNITED = 400  # queries in one statement
_MAX_KEYS_SHOWN = 3  # keys of one collision


class _AttachedDatabases:
    """Keep databases attached for the next tables that come from the same ones.

    SQLite reads the whole schema of each database that it attaches.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.con = open_memory(limits)
        self.aliases: dict[Path, str] = {}

    def attach_all(self, paths: Sequence[Path]) -> None:
        """Attach databases, and detach all others if one of these is new."""
        if self.aliases.keys() >= set(paths):
            return
        self.close()
        self.con, self.aliases = open_memory(self.limits), {}
        self.con.execute(f"PRAGMA encoding='{encoding_of(paths[0], self.limits)}'")
        read_text_losslessly(self.con)
        for path in dict.fromkeys(paths):
            attach(self.con, path, f"p{len(self.aliases)}")
            self.aliases[path] = f"p{len(self.aliases)}"

    def close(self) -> None:
        """Close the connection."""
        self.con.close()


def _find_key_conflicts(
    into: Table,
    mappings: Sequence[TableMapping],
    key_sources: Sequence[KeySource],
    databases: _AttachedDatabases,
    copied: list[CopiedTable] | None,
) -> list[Problem]:
    """List the keys of a target table that more than one row would have.

    Args:
        into: The target table as it will be.
        mappings: The table maps that lead into it.
        key_sources: The rows of all of them, the target's own first; at most nine different files.
        databases: Of the look-up.
        copied: Receives the result of each copy of the trial.
    """
    if not key_sources:
        return []
    if len({mapping.rowid_counts for mapping in mappings}) > 1:
        return [_mixed_identity_problem(into, mappings)]
    only = key_sources[0].mapping if len(key_sources) == 1 and not key_sources[0].is_target else None
    keys = [key for key in keys_of(into) if only is None or not _already_unique(only, key)]
    has_policy = any(key_source.policy != "refuse" for key_source in key_sources)  # the trial tries their rowids
    rowids = len(key_sources) > 1 and mappings[0].rowid_counts and not has_policy
    problems = _look_up_conflicts(into, keys, key_sources, databases, rowids=rowids) if keys or rowids else []
    if _needs_trial(into, key_sources, only):
        subjects = {problem.subject for problem in problems}
        problems += [
            problem
            for problem in _find_conflicts_by_trial_copy(into, mappings, key_sources, databases.limits, copied)
            if problem.subject not in subjects
        ]
    return problems


def _look_up_conflicts(
    into: Table, keys: list[Key], key_sources: Sequence[KeySource], databases: _AttachedDatabases, *, rowids: bool
) -> list[Problem]:
    """Find the keys that two rows have, of all databases together."""
    databases.attach_all([key_source.path for key_source in key_sources])
    con = databases.con
    projected_rows = [_ProjectedRows(each, databases.aliases[each.path]) for each in key_sources]
    parties = [(rows.key_source.mapping, rows.database) for rows in projected_rows]
    unclear = [key for key in keys if not are_separate(con, into, key, parties)]
    problems = [problem for key in unclear for problem in _find_repeated_keys(con, into, key, projected_rows)]
    return problems + (_find_repeated_rowids(con, into, projected_rows) if rowids else [])


class _ProjectedRows(NamedTuple):
    """Hold a source of keys with the name of its attached database."""

    key_source: KeySource
    database: str

    @property
    def projection(self) -> Projection:
        """Return the SQL that reads its rows, which is made again each time."""
        return self.key_source.mapping.projection(self.database)


def _needs_trial(into: Table, key_sources: Sequence[KeySource], only: TableMapping | None) -> bool:
    """Return whether only a trial copy can find the conflicts.

    That is so for computed keys, and for several sources with a conflict policy.
    """
    has_policy = len(key_sources) > 1 and any(
        key_source.policy != "refuse" or updates_matched_rows(key_source.mapping.table_map)
        for key_source in key_sources
    )
    source_indexes = {index.sql for index in only.table.indexes} if only and not only.shifted else set()
    return has_policy or any(index.sql not in source_indexes for index in computed_keys(into))


def _mixed_identity_problem(into: Table, mappings: Sequence[TableMapping]) -> Problem:
    first, *others = (mapping.subject for mapping in mappings if mapping.rowid_counts)
    by_rowid = join_first_names([first, *others])
    others_have = f"those of the other sources of {into.name} have one, or may change their rowids"
    fact = f"rows of {by_rowid} have no identity but their rowid, {others_have}."
    if reason := reason_to_keep(mappings[0]):
        fact = f"{reason} of {into.name}: those of {by_rowid} would be kept, and those of the other sources would not."
    hint = 'Let the rowids change: rowids = "renumber"; or move them under another name.'
    return Problem("rowids-beside-keys", first, fact, hint, criterion="keys-free", others=tuple(others))


def _already_unique(mapping: TableMapping, key: Key) -> bool:
    """Return whether the only source declares a key that is at least as strict.

    Then its rows cannot collide.
    """
    target_key = {(folded(column), folded(collation)) for column, collation in key}
    renamed = {folded(old): folded(new) for old, new in mapping.columns}
    for key_of_source in keys_of(mapping.table):
        source_key = {(renamed.get(folded(column), ""), folded(collation)) for column, collation in key_of_source}
        if source_key <= target_key:
            return True
    return False


def _find_repeated_keys(
    con: sqlite3.Connection, into: Table, key: Key, key_sources: Sequence[_ProjectedRows]
) -> list[Problem]:
    names = [column for column, _ in key]
    selects = [_select_key(at, rows.projection, key) for at, rows in enumerate(key_sources)]
    rows = _gathered(con, selects, ["party", *(f"k{n}" for n in range(len(key)))])
    not_null = " AND ".join(f"k{n} IS NOT NULL" for n in range(len(key)))
    grouping = ", ".join(f"k{n} COLLATE {quoted(collation)}" for n, (_, collation) in enumerate(key))
    key_columns = ", ".join(f"k{n}" for n in range(len(key)))
    twice = (
        f"(SELECT group_concat(DISTINCT party) AS who, count(*) AS n, {key_columns}"
        f" FROM ({rows}) WHERE {not_null} GROUP BY {grouping} HAVING n > 1)"
    )
    problems = []
    for who, count in con.execute(f"SELECT who, count(*) FROM {twice} GROUP BY who").fetchall():
        involved = [key_sources[at].key_source for at in sorted(int(at) for at in str(who).split(","))]
        if len(involved) > 1 and all(key_source.policy != "refuse" for key_source in involved[1:]):
            continue
        some = con.execute(
            f"SELECT {key_columns} FROM {twice} WHERE who = ? LIMIT {_MAX_KEYS_SHOWN}", (who,)
        ).fetchall()
        problems.append(
            replace(_key_collision_problem(into, names, involved, count), values=_describe_keys(key, some, count))
        )
    return problems


def _gathered(con: sqlite3.Connection, selects: Sequence[str], columns: Sequence[str]) -> str:
    """Return a query of the rows of many queries with the same columns.

    SQLite unites at most 500 (https://sqlite.org/limits.html#max_compound_select). The rows of more are gathered in a
    temporary table, whose pages SQLite writes to a file. Its columns have no type, so that no value changes.
    """
    if len(selects) <= _MAX_UNITED:
        return " UNION ALL ".join(selects)
    con.execute("DROP TABLE IF EXISTS temp.gathered")
    con.execute(f"CREATE TEMP TABLE gathered({', '.join(columns)})")
    for start in range(0, len(selects), _MAX_UNITED):
        con.execute(f"INSERT INTO temp.gathered {' UNION ALL '.join(selects[start : start + _MAX_UNITED])}")
    return "SELECT * FROM temp.gathered"


def _select_key(number: int, projection: Projection, key: Key) -> str:
    """Return the query of the key values that rows will have, with the number of their source."""
    values = [f"{column.source} AS k{at}" for at, (column, _) in enumerate(projection.key(key))]
    return projection.select([f"{number} AS party", *values], by_index=True)


def _describe_keys(key: Key, rows: list[tuple[Any, ...]], count: int) -> str:
    """Return a sentence with the first keys, for an operator who asks for values."""
    keys = [", ".join(format_value(column, value) for (column, _), value in zip(key, row, strict=True)) for row in rows]
    if count == 1:
        return f"The key is {keys[0]}."
    return f"The {'keys are' if len(keys) == count else 'first keys are'} {'; '.join(keys)}."


def _key_collision_problem(into: Table, names: list[str], involved: list[KeySource], count: int) -> Problem:
    keys, columns = counted(count, "key"), ", ".join(names)
    if len(involved) == 1:
        fact = f"{keys} ({columns}) would occur more than once in {into.name} under the target's unique key."
        return Problem(
            "key-collision",
            involved[0].subject,
            fact,
            "Drop the unique key from the target, or mend the rows.",
            criterion="keys-free",
        )
    subjects = tuple(key_source.subject for key_source in involved)
    fact = f"{keys} ({columns}) of {into.name} would occur in more than one row: in {join_first_names(subjects)}."
    fact += kept_key_reason(involved[-1].mapping, names)
    hint = key_hint(names, involved)
    return Problem("key-collision", subjects[-1], fact, hint, criterion="keys-free", others=subjects[:-1])


def _find_repeated_rowids(con: sqlite3.Connection, into: Table, key_sources: Sequence[_ProjectedRows]) -> list[Problem]:
    projections = (rows.projection for rows in key_sources)
    selects = [each.select([f"{each.rowid.source} AS r"], by_index=True) for each in projections if each.rowid]
    rows = _gathered(con, selects, ["r"])
    count = con.execute(f"SELECT count(*) FROM (SELECT r FROM ({rows}) GROUP BY r HAVING count(*) > 1)").fetchone()[0]
    if not count:
        return []
    subjects = tuple(rows.key_source.subject for rows in key_sources)
    return [_rowid_problem(into, key_sources[-1].key_source.mapping, count, subjects)]


def _rowid_problem(into: Table, mapping: TableMapping, count: int, subjects: Sequence[str]) -> Problem:
    rowids = f"{counted(count, 'rowid')} {'is' if count == 1 else 'are'}"
    fact = f"{rowids} used by more than one row: in {join_first_names(subjects)}."
    if reason := reason_to_keep(mapping):
        fact = f"{reason} of {into.name}, and {fact}"
    else:
        without = "has rows that no key tells apart" if keys_of(into) or computed_keys(into) else "has no key"
        fact = f"{into.name} {without}, and {fact}"
    hint = collision_hint(mapping)
    return Problem("rowid-collision", subjects[-1], fact, hint, criterion="keys-free", others=tuple(subjects[:-1]))
