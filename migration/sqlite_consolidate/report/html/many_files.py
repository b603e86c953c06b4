"""Sum up the files of each pattern of a record.

A page about thousands of files stays readable.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from operator import or_
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.long_sequences import remade
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
    sums: dict[str, _SummedDatabases] = {}
    for source in record.sources:
        file = files.of_label(source.name)
        entry = file.entry if file else source.name
        sums.setdefault(entry, _SummedDatabases(source)).add(source)
    labels = {entry: f"{entry} ({counted(each.number, 'file')})" for entry, each in sums.items() if each.number > 1}
    moves, planned = (_moves(items, files, labels) for items in (record.moves, record.planned))
    archive = {}
    for name, archived in record.archive.items():
        known = files.of_subject(name)
        if known is None or known.position == 0:
            archive[f"{name}{_others(files, known.entry) if known else ''}"] = archived
    summed = replace(
        record,
        sources=tuple(each.as_one(labels.get(entry, entry)) for entry, each in sums.items()),
        criteria=tuple(_entries(record.criteria, files)),
        moves=moves,
        planned=planned,
        key_maps=remade(
            lambda: (_key_map(key_map, files, labels) for key_map in record.key_maps), len(record.key_maps)
        ),
        differences=tuple(_differences(record.differences, files)),
        archive=archive,
    )
    return summed, {labels[entry]: each.number for entry, each in sums.items() if entry in labels}


def _others(files: FilesOfPatterns, entry: str) -> str:
    number = files.numbers[entry] - 1
    return f" and {counted(number, 'more file')}" if number else ""


class _SummedDatabases:
    """Sum up the databases of a source, of which only the first is kept."""

    def __init__(self, first: DatabaseRecord) -> None:
        self._first = first
        self.number = self._size = 0
        self._rows = Counter[str]()
        self._tables: dict[Place, dict[str, _SummedTables]] = {}

    def add(self, database: DatabaseRecord) -> None:
        """Add a database, such as the first one."""
        self.number += 1
        self._size += database.size or 0
        self._rows.update(database.rows)
        for place, contents in database.contents.items():
            tables = self._tables.setdefault(place, {})
            for name, content in contents.items():
                tables.setdefault(name, _SummedTables()).add(content)

    def as_one(self, name: str) -> DatabaseRecord:
        """Return the databases as one, with a digest of all their digests."""
        if self.number == 1:
            return self._first
        return replace(
            self._first,
            name=name,
            file=f"{self._first.file} and {counted(self.number - 1, 'more file')}",
            size=self._size,
            digest="",
            rows=dict(+self._rows),
            contents={
                place: {table: each.as_one() for table, each in tables.items()}
                for place, tables in self._tables.items()
            },
        )


class _SummedTables:
    """Sum up a table of many databases."""

    def __init__(self) -> None:
        self._rows, self._digest, self._separator = 0, hashlib.sha256(), b""

    def add(self, content: TableContent) -> None:
        """Add the table of a database."""
        self._rows += content.rows
        self._digest.update(self._separator + content.digest.encode())
        self._separator = b" "

    def as_one(self) -> TableContent:
        """Return all rows, with a digest of all digests."""
        return TableContent(self._rows, self._digest.hexdigest())


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
            constants, followed = (item["each"].get(name, [item[name]]) for name in ("constants", "followed"))
            number = max(len(constants), len(followed))
            item["constants"] = _constants(list(map(or_, constants * number, followed * number))[:number])
            item["followed"] = {}
    alone = {(item["source"], item["table"]) for item in items if "each" not in item}
    subjects = {place: move.subject for move in moves if (place := (move.source, move.table)) in alone}
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
