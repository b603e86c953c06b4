"""Log the rows that a conflict policy affects, and count the different ones apart."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.content.expected_rows import digest_values
from sqlite_consolidate.engine.content.literals import literal
from sqlite_consolidate.engine.merge.rows.matched_rows import WHOLE_ROW
from sqlite_consolidate.engine.merge.rows.newer_rows import NewerRows
from sqlite_consolidate.engine.merge.rows.policies import clash_policy_of, policy_of
from sqlite_consolidate.engine.sqlite.connections import read_text_losslessly
from sqlite_consolidate.engine.sqlite.wide_rows import fetch_rows
from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import by_table
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.content.projection import Projection
    from sqlite_consolidate.engine.merge.rows.matched_rows import MatchedRows
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.wide_rows import RowQuery

CONFLICT_LOG = "settled-conflicts.jsonl"
"""File of one JSON object per row, with ``from``, ``into``, ``policy``, ``key`` as SQL literals, and ``identical``."""

_POLICY_FINDINGS = {
    "prefer-newer": ("rows-newer", "decided", "that stays"),
    "skip-identical": ("rows-skipped", "not moved", "that stays"),
    "prefer-target": ("rows-not-moved", "not moved", "that stays"),
    "prefer-source": ("rows-replaced", "replaced", "that replaces it"),
}
"""Conflict policy to the id of its finding, to what happened to a row, and to which row it is compared with."""


@dataclass(frozen=True)
class ResolvedConflict:
    """Hold one row that a conflict policy affects.

    Attributes:
        key: Values of its key as SQL literals.
        is_identical: Whether the row that stays is the same row, byte by byte.
        is_replaced: Whether it is a row of the target that ``prefer-newer`` replaces, while the policy drops others.
        existing: Key of the existing row of the target, if other columns match.
    """

    key: list[str]
    is_identical: bool
    is_replaced: bool = False
    existing: str = ""


@dataclass(frozen=True)
class ConflictCounts:
    """Hold how many rows of one table mapping a conflict policy affects.

    Attributes:
        identical: Number of rows that are identical to the row that stays.
        different: Number of rows that differ from the row that stays. The target has them no more.
        replaced: Number of these that ``prefer-newer`` has replaced. The others were not moved.
    """

    identical: int = 0
    different: int = 0
    replaced: int = 0

    def __add__(self, other: ConflictCounts) -> ConflictCounts:
        return ConflictCounts(
            self.identical + other.identical, self.different + other.different, self.replaced + other.replaced
        )

    @property
    def rows(self) -> int:
        """Return the number of affected rows."""
        return self.identical + self.different


def resolved_conflicts(con: sqlite3.Connection, mapping: TableMapping, alias: str) -> Iterator[ResolvedConflict]:
    """Yield each row that the conflict policy affects.

    With ``prefer-source`` these are the target rows that the copy will replace. Otherwise they are the source rows that
    the copy will skip. With ``prefer-newer`` they are both. Call this before the copy, because the copy changes the
    answer. With ``skip-identical`` rows are not compared here, because the copy refuses the run if one differs.
    """
    rows, policy = mapping.projection(alias), clash_policy_of(mapping.table_map)
    if policy == "refuse" or not rows.keys:
        return
    affected, staying = clashing_source_rows(rows), claimed_target_rows(rows)
    if policy == "prefer-source":
        affected, staying = staying, affected
    replaced: RowQuery = ""
    if policy == "prefer-newer":
        newer = NewerRows.of(mapping, rows)
        affected, replaced = rows.select_row(newer.losing), rows.select_target_row(newer.replaced, by_index=True)
    places, is_same = rows.key_places()[0], policy == "skip-identical"
    text_factory = con.text_factory
    read_text_losslessly(con)
    try:
        kept = set() if is_same else {digest_values(row) for row in fetch_rows(con, staying)}
        for row in fetch_rows(con, affected):
            yield ResolvedConflict([literal(row[place]) for place in places], is_same or digest_values(row) in kept)
        for row in fetch_rows(con, replaced) if replaced else ():
            yield ResolvedConflict([literal(row[place]) for place in places], is_identical=False, is_replaced=True)
    finally:
        con.text_factory = text_factory


def matched_conflicts(con: sqlite3.Connection, matched: MatchedRows, alias: str) -> Iterator[ResolvedConflict]:
    """Yield each row of a source that matches a row of the target, in the order of the source."""
    text_factory = con.text_factory
    read_text_losslessly(con)
    try:
        lines = f"SELECT old, new, identical, updates FROM {matched.place(alias)} ORDER BY row"
        for old, new, identical, updates in con.execute(lines).fetchall():
            yield ResolvedConflict([literal(old)], bool(identical), bool(updates), literal(new))
    finally:
        con.text_factory = text_factory


def count_identical(con: sqlite3.Connection, mapping: TableMapping, alias: str) -> int:
    """Count the rows that a policy decides about and that are identical.

    This is done for ``prefer-source`` and ``prefer-target``.
    Call this before the copy, because the copy changes the answer.
    """
    if clash_policy_of(mapping.table_map) not in ("prefer-source", "prefer-target"):
        return 0
    return sum(conflict.is_identical for conflict in resolved_conflicts(con, mapping, alias))


def clashing_source_rows(rows: Projection) -> RowQuery:
    """Return the query of the source rows whose key the target already has."""
    return rows.select_row(rows.clashing)


def claimed_target_rows(rows: Projection) -> RowQuery:
    """Return the query of the target rows whose key the source also has."""
    return rows.select_target_row(rows.claimed, by_index=True)


def log_resolved_conflicts(con: sqlite3.Connection, mapping: TableMapping, alias: str, folder: Path) -> ConflictCounts:
    """Append the affected keys to the conflict log of the backup set, and count them.

    Only the operator can read the log. The rows themselves are in the backups. Call this right before the copy.
    """
    conflicts = resolved_conflicts(con, mapping, alias)
    if mapping.matched:
        conflicts = matched_conflicts(con, mapping.matched, alias)
    elif clash_policy_of(mapping.table_map) == "refuse":
        return ConflictCounts()
    policy, number, replaced = policy_of(mapping.table_map), {True: 0, False: 0}, 0
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(folder / CONFLICT_LOG, flags, 0o600), "w", encoding="ascii") as file:
        for conflict in conflicts:
            number[conflict.is_identical] += 1
            replaced += conflict.is_replaced
            entry = {
                "from": mapping.subject,
                "into": mapping.into.name,
                "policy": policy,
                "key": conflict.key,
                "identical": conflict.is_identical,
            }
            if policy == "prefer-newer":
                entry["replaced"] = conflict.is_replaced
            if mapping.matched:
                entry |= {"match": mapping.table_map.match, "standing": conflict.existing}
            file.write(json.dumps(entry) + "\n")
    return ConflictCounts(number[True], number[False], replaced)


def matched_text(matched: int, identical: int, left: int = 0) -> str:
    """Return the numbers of rows that were not inserted.

    The target had some of them, and the plan leaves others behind.
    """
    parts = [f"{identical} matched and identical, {matched - identical} matched and different"] if matched else []
    parts += [f"{left} left behind"] if left else []
    return f" ({', '.join(parts)})" if parts else ""


def conflict_findings(conflicts: Iterable[tuple[TableMapping, ConflictCounts]], folder: str) -> Iterator[Finding]:
    """Yield the finding of each table that states the affected rows, without values.

    Args:
        conflicts: Each table mapping, with its affected rows.
        folder: Name of the backup set. Empty in a rehearsal, which keeps none.
    """
    place = f"a migration writes the keys to {CONFLICT_LOG} of its backup set"
    place = f"the keys are in {folder}/{CONFLICT_LOG}" if folder else place
    items = ((mapping.source, mapping.table_map.name, (mapping.table_map, counts)) for mapping, counts in conflicts)
    for subject, files in by_table(items):
        table_map, counts = files[0][0], sum((counts for _, counts in files), ConflictCounts())
        policy = policy_of(table_map)
        text = f"{conflict_text(policy, counts, table_map.match)}; {place}."
        yield Finding.of(_POLICY_FINDINGS[policy][0], subject, text, count=counts.rows)


def conflict_text(policy: str, counts: ConflictCounts, match: Sequence[str] = ()) -> str:
    """Return the sentence about affected rows, without the place of their keys.

    Args:
        policy: The policy that decides about them.
        counts: Their numbers.
        match: Columns under which the target has them. Empty if it has their keys.
    """
    if match:
        return _match_text(policy, counts, match)
    _, fact, which = _POLICY_FINDINGS[policy]
    if policy == "prefer-newer":
        return _newer_text(counts)
    of_target = " of the target" if policy == "prefer-source" else ""
    rows = f"{counted(counts.rows, 'row')}{of_target} {'was' if counts.rows == 1 else 'were'} {fact}"
    identical = f"{counts.identical} {'is' if counts.identical == 1 else 'are'} identical to the row {which}"
    different = "1 differs and is" if counts.different == 1 else f"{counts.different} differ and are"
    return f"{rows} ({policy}): {identical}, {different} nowhere in the target now"


def _newer_text(counts: ConflictCounts) -> str:
    older = counts.different - counts.replaced
    have = "row has a key" if counts.rows == 1 else "rows have keys"
    numbers = (
        f"{counts.identical} {'is' if counts.identical == 1 else 'are'} identical to the row that stays",
        f"{older} {'is older and was' if older == 1 else 'are older and were'} not moved",
        f"and {counts.replaced} {'has' if counts.replaced == 1 else 'have'} replaced an older row",
    )
    gone = "the older row is" if counts.different == 1 else "the older rows are"
    return (
        f"{counts.rows} {have} that the target already has (prefer-newer): {', '.join(numbers)}; {gone} nowhere in"
        " the target now"
    )


def _match_text(policy: str, counts: ConflictCounts, match: Sequence[str]) -> str:
    columns = "the whole row" if list(match) == WHOLE_ROW else ", ".join(match)
    rows = f"{counted(counts.rows, 'row')} {'was' if counts.rows == 1 else 'were'} in the target already"
    identical = f"{counts.identical} {'is' if counts.identical == 1 else 'are'} identical to the existing row"
    fact = "updated it" if policy == "prefer-source" else "is nowhere in the target now"
    if counts.different != 1:
        fact = "updated theirs" if policy == "prefer-source" else "are nowhere in the target now"
    different = f"{counts.different} {'differs' if counts.different == 1 else 'differ'} and {fact}"
    if policy == "prefer-newer":
        older, newer = counts.different - counts.replaced, counts.replaced
        different = f"{older} {'is older and was' if older == 1 else 'are older and were'} not moved,"
        different += f" {newer} {'is newer and has updated it' if newer == 1 else 'are newer and have updated theirs'}"
    return f"{rows}, by {columns} ({policy}): {identical}, {different}"
