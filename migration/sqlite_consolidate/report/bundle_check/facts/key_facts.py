"""State what entries about new keys and matched rows must say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.matching.matched_rows_proof import (
    copied_subject,
    matched_rows_text,
    matched_subject,
)
from sqlite_consolidate.engine.checks.renumbering.key_texts import key_text, subject_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.report.bundle_check.facts.fact import Fact, content_text, contents_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.plan.model import Plan, TableMap
    from sqlite_consolidate.report.evidence import KeyMapRecord, MoveRecord, Record


def table_map_of(plan: Plan, move: MoveRecord) -> TableMap | None:
    """Return the table of the plan that a move follows."""
    source = plan.source_named(move.source)
    tables = source.tables if source else ()
    return next((table_map for table_map in tables if folded(table_map.name) == folded(move.table)), None)


def facts_of_keys(plan: Plan, record: Record) -> Iterator[Fact]:
    """Yield what entries about new keys must state.

    Those about columns that refer to keys have digests that are nowhere else in the evidence.
    """
    renumbered = {
        (source.name, folded(table_map.name))
        for source in plan.sources
        for table_map in source.tables
        if source.keys_of(table_map) == "renumber" or table_map.renumber
    }
    maps: dict[tuple[str, str], list[KeyMapRecord]] = {}
    for key_map in record.key_maps:
        maps.setdefault((key_map.source, folded(key_map.table)), []).append(key_map)
    for move in record.moves:
        table_map = table_map_of(plan, move)
        for key_map in maps.get((move.source, folded(move.into)), ()):
            if (move.source, folded(move.table)) in renumbered and not _has_only_matched_keys(table_map, key_map):
                subject = subject_of(move.subject, move.into, key_map.column)
                text = key_text(move.rows - move.left - key_map.matched, key_map.offset)
                if key_map.column:  # NULL is no number, and the evidence does not count it
                    text = rf"\d+ keys?{re.escape(text.partition(' key')[2].removeprefix('s'))}"
                yield Fact("keys-mapped", subject, text, is_pattern=bool(key_map.column))
        if table_map and table_map.match:
            subject = matched_subject(move.subject, move.into, table_map.match)
            yield Fact("keys-mapped", subject, matched_rows_text(move.skipped))
            yield Fact("keys-mapped", copied_subject(move.subject), _content_of(record, move))


def _has_only_matched_keys(table_map: TableMap | None, key_map: KeyMapRecord) -> bool:
    """Return whether a table whose rows match may have no renumbered key.

    The default of a source skips tables without an integer key of one column.
    """
    is_default = table_map is not None and bool(table_map.match) and table_map.keys_ != "renumber"
    return is_default and not key_map.column and not key_map.offset


def _content_of(record: Record, move: MoveRecord) -> str:
    """Return the rows and the digest of the source table of a move."""
    tables = (contents_of(source, "live") for source in record.sources if source.name == move.source)
    content = next((each[folded(move.table)] for each in tables if folded(move.table) in each), None)
    return content_text(content) if content else "no such table"
