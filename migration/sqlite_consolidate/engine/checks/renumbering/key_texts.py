"""Name the keys that get new values, in the evidence and in findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.findings import Finding
from sqlite_consolidate.plan.patterns import MOST_LISTED
from sqlite_consolidate.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping

NO_NEW_KEY = "no table of the plan gets new keys"
"""What an entry observes if the plan renumbers no key."""

UNSTATED_KEYS = (
    "no history of the target states the new keys. rows-exact compares each row under the key that its original gives"
)
"""What an entry observes if only the run that makes a consolidation can show its new keys."""


def key_text(rows: int, offset: int, taken: int = 0) -> str:
    """Return the text of an entry about the keys of one table.

    Args:
        rows: Number of keys that lead to exactly one row.
        offset: Number that is added to each.
        taken: Number of rows that the target had at or above the first new key.
    """
    return f"{counted(rows, 'key')} plus {offset}, each at 1 row, and {counted(taken, 'row')} there before"


def key_subject(mapping: TableMapping, key: str) -> str:
    """Return the subject of an entry about a renumbered key."""
    return subject_of(mapping.subject, mapping.into.name, key_column(mapping, key))


def subject_of(source: str, into: str, column: str) -> str:
    """Return the subject of such an entry by names, as the evidence has them."""
    return f"{source} -> {into}{f'.{column}' if column else ''}"


def key_column(mapping: TableMapping, key: str) -> str:
    """Return the name in the target of a key that is not the primary key, else an empty text."""
    return "" if mapping.table.primary_key == (key,) else mapping.renamed[key]


def renumbered_findings(databases: InspectedDatabases) -> Iterator[Finding]:
    """Yield a finding for each key with new numbers.

    A pattern with many files has one finding for all of them.
    """
    keys: dict[tuple[str, int, str], list[TableMapping]] = {}
    for mapping in databases.mappings:
        for key, shift in mapping.key_shifts.items() if databases.rows(mapping) else ():
            if shift.offset:
                keys.setdefault((mapping.entry_subject, id(mapping.source.entry), key), []).append(mapping)
    for (subject, _, key), mappings in keys.items():
        noun = "key" if mappings[0].table.primary_key == (key,) else key
        into, offsets = mappings[0].into.name, [mapping.key_shifts[key].offset for mapping in mappings]
        if len(mappings) > MOST_LISTED:
            rows, ends = sum(map(databases.rows, mappings)), f"from {min(offsets)} to {max(offsets)}"
            text = f"of {into} have the {noun} of their file plus an offset for each file, {ends}."
            yield Finding.of("keys-renumbered", subject, text, count=rows, noun="row")
            continue
        for mapping, offset in zip(mappings, offsets, strict=True):
            rows = databases.rows(mapping)
            text = f"of {into} {'has' if rows == 1 else 'have'} the {noun} of the source plus {offset}."
            yield Finding.of("keys-renumbered", mapping.subject, text, count=rows, noun="row")


def changed_offsets(
    mappings: Iterable[TableMapping], rehearsal: str, rehearsed: Mapping[tuple[str, str, str], int]
) -> Iterator[Finding]:
    """Yield a finding for each key that has another offset than in the rehearsal.

    There is one for all files of a pattern that has many.

    Args:
        mappings: The moved tables.
        rehearsal: Id of the rehearsal.
        rehearsed: Its offsets, by source, and by table and column of the target as its evidence has them.
    """
    changed: dict[tuple[str, str], list[tuple[TableMapping, int, int]]] = {}
    for mapping in mappings:
        for key, shift in mapping.key_shifts.items():
            names = (mapping.source.name, mapping.into.name, key_column(mapping, key))
            offset = rehearsed.get(tuple(map(printable, names)))  # type: ignore[arg-type] # of three names
            if offset is not None and offset != shift.offset:
                changed.setdefault((mapping.entry_subject, key), []).append((mapping, shift.offset, offset))
    since = "on databases that have changed since."
    for (subject, key), files in changed.items():
        if len(files) > MOST_LISTED:
            into = files[0][0].into.name
            text = f"files add another number to {key} of {into} than the rehearsal {rehearsal} did, {since}"
            yield Finding.of("offsets-changed", subject, text, count=len(files))
            continue
        for mapping, now, then in files:
            text = f"gets {key} plus {now}. The rehearsal {rehearsal} added {then}, {since}"
            yield Finding.of("offsets-changed", mapping.subject, text)
