"""Sum up the files of each pattern of a record.

A page about thousands of files stays readable.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.report.evidence import DatabaseRecord, MoveRecord, SchemaDifference, TableContent
from sqlite_consolidate.report.evidence_json import entries_from_json, entries_to_json, moves_from_json, moves_to_json
from sqlite_consolidate.report.folded_files import LISTED, FilesOfPatterns, fold_entries, fold_moves, sum_of_counts
from sqlite_consolidate.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlite_consolidate.report.evidence import Evidence, KeyMapRecord, Place, Record

_DIGEST = "the content digest of each file"


def sum_up_files(record: Record) -> tuple[Record, dict[str, int]]:
    """Return a record with one source for all files of a pattern that has many.

    Returns:
        The record, and the number of files of each source that stands for several.
    """
    files = FilesOfPatterns([(source.name, source.file, source.digest) for source in record.sources])
    if not files.are_many:
        return record, {}
    by_entry: dict[str, list[DatabaseRecord]] = {}
    for source in record.sources:
        file = files.of_label(source.name)
        by_entry.setdefault(file.entry if file else source.name, []).append(source)
    labels = {entry: f"{entry} ({counted(len(each), 'file')})" for entry, each in by_entry.items() if len(each) > 1}
    moves, planned = (_moves(items, files, labels) for items in (record.moves, record.planned))
    archive = {}
    for name, archived in record.archive.items():
        known = files.of_subject(name)
        if known is None or known.position == 0:
            archive[f"{name}{_others(files, known.entry) if known else ''}"] = archived
    summed = replace(
        record,
        sources=tuple(_database(each, labels.get(entry, entry)) for entry, each in by_entry.items()),
        criteria=tuple(_entries(record.criteria, files)),
        moves=moves,
        planned=planned,
        key_maps=tuple(_key_map(key_map, files, labels) for key_map in record.key_maps),
        differences=tuple(_differences(record.differences, files)),
        archive=archive,
    )
    return summed, {labels[entry]: len(each) for entry, each in by_entry.items() if entry in labels}


def _others(files: FilesOfPatterns, entry: str) -> str:
    number = files.numbers[entry] - 1
    return f" and {counted(number, 'more file')}" if number else ""


def _database(databases: list[DatabaseRecord], name: str) -> DatabaseRecord:
    """Return several databases as one, with a digest of all their digests."""
    first = databases[0]
    if len(databases) == 1:
        return first
    places: dict[Place, None] = {place: None for database in databases for place in database.contents}
    return replace(
        first,
        name=name,
        file=f"{first.file} and {counted(len(databases) - 1, 'more file')}",
        size=sum(database.size or 0 for database in databases),
        digest="",
        rows=dict(sum((Counter(database.rows) for database in databases), Counter[str]())),
        contents={place: _contents([database.contents.get(place, {}) for database in databases]) for place in places},
    )


def _contents(databases: list[dict[str, TableContent]]) -> dict[str, TableContent]:
    tables: dict[str, list[TableContent]] = {}
    for contents in databases:
        for name, content in contents.items():
            tables.setdefault(name, []).append(content)
    return {
        name: TableContent(
            sum(content.rows for content in contents),
            hashlib.sha256(" ".join(content.digest for content in contents).encode()).hexdigest(),
        )
        for name, contents in tables.items()
    }


def _entries(entries: Iterable[Evidence], files: FilesOfPatterns) -> Iterator[Evidence]:
    for item in fold_entries(entries_to_json(entries), files):
        [entry] = entries_from_json([item])
        if each := item.get("each"):
            positions = each.get("files", range(files.numbers[each["source"]]))
            first = files.at(each["source"], positions[0])
            more = f" and {counted(len(positions) - 1, 'more file')}"
            texts = [
                first.specific(_of_all(item, key, len(positions)).replace("{digest}", _DIGEST))
                for key in ("expected", "observed")
            ]
            subject = first.specific(entry.subject)
            yield replace(entry, subject=f"{subject}{more}", expected=texts[0], observed=texts[1])
        else:
            yield entry


def _of_all(item: dict[str, Any], key: str, files: int) -> str:
    """Return the text of a folded entry for all of its files.

    It is the sum of their texts, or that of the first file.

    Args:
        item: The folded entry.
        key: Name of the text.
        files: Number of the files.
    """
    text, each = str(item[key]), item["each"]
    if key not in each:
        return sum_of_counts([text] * files) or text
    if text != LISTED:
        return text
    texts = each["expected"] if each[key] == "expected" else each[key]
    return f"{texts[0]} in the first file; evidence.json has the others"


def _moves(moves: Iterable[MoveRecord], files: FilesOfPatterns, labels: dict[str, str]) -> tuple[MoveRecord, ...]:
    items = list(fold_moves(moves_to_json(moves), files))
    for item in items:
        if "each" in item:
            item["source"] = labels[item["source"]]
            item["constants"] = _constants(item["each"].get("constants", [item["constants"]]))
    subjects = {(move.source, move.table): move.subject for move in moves}
    return tuple(
        replace(move, subject=subjects.get((move.source, move.table), f"{move.source}:{move.table}"))
        for move in moves_from_json(items)
    )


def _constants(each: list[dict[str, str]]) -> dict[str, str]:
    """Return the constants of several files, with the first of the values that differ."""
    values = {name: list(dict.fromkeys(constants[name] for constants in each)) for name in each[0]}
    return {
        name: f"{first} and {counted(len(others), 'more value')}" if others else first
        for name, (first, *others) in values.items()
    }


def _key_map(key_map: KeyMapRecord, files: FilesOfPatterns, labels: dict[str, str]) -> KeyMapRecord:
    """Return a key map whose source has the name that the page gives the files of its pattern."""
    file = files.of_label(key_map.source)
    if file is None or file.entry not in labels:
        return key_map
    return replace(key_map, source=f"{labels[file.entry]}:{file.file}")


def _differences(differences: Iterable[SchemaDifference], files: FilesOfPatterns) -> Iterator[SchemaDifference]:
    groups: dict[object, list[SchemaDifference]] = {}
    for number, difference in enumerate(differences):
        file = files.of_subject(difference.subject)
        table = difference.subject[len(file.file) :] if file else ""
        alike = (table, difference.column, difference.aspect, difference.source, difference.target)
        groups.setdefault((file.entry, *alike) if file else number, []).append(difference)
    for group in groups.values():
        more = f" and {counted(len(group) - 1, 'more file')}" if len(group) > 1 else ""
        yield replace(group[0], subject=f"{group[0].subject}{more}")
