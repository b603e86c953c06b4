"""Sum up what evidence states of the files of a pattern, and keep each value.

An entry about each of 10,000 files would repeat the same text. One item stands for all of them: ``{file}``, ``{base}``,
``{backup}`` and ``{digest}`` in its texts are those of each file, numbers are sums, and ``each`` has the values that
differ, in the order of the files. Nothing is lost.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.plan.patterns import MOST_LISTED, backup_names
from sqlite_consolidate.text import counted, indented_json, json_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Item = dict[str, Any]

_MOST_UNFOLDED = 2_000_000  # 10,000 files with 50 tables have fewer
LISTED = "as listed for each file"
"""Text of an entry whose texts have no sum."""

_SUMMED = ("rows", "arrived", "skipped", "replaced", "identical", "left", "unfollowed", "matched", "examined")
_NEVER_FOLDED = ("limit", "number")
_TEXTS = ("expected", "observed")
_BY_MOVE = ("source", "table", "into")
_LISTS = ("criteria", "moves", "planned", "key_maps")
_COUNTS = re.compile(r"\d+ (?:tables?|rows?)\b(?:, \d+ rows?\b)?")
_NUMBER = re.compile(r"(?<![\w.])(\d+)(?![\w.])(?: (row|table|value)s?\b)?")
_SECONDS = re.compile(r" in [\d.]+ s\b")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b|\{digest\}")
_TOKEN = re.compile(r"\{(?:file|base|backup|digest)\}")
_AS_LIVE = "live"


@dataclass(frozen=True, slots=True)
class _File:
    """Hold a file of a pattern.

    Attributes:
        entry: Name of its source in the plan.
        position: Its place among the files of that source.
        file: Its path.
        backup: Name of its backup, without an ending.
        digest: Its content digest.
    """

    entry: str
    position: int
    file: str
    backup: str
    digest: str

    @property
    def texts(self) -> dict[str, str]:
        """Return what stands for each of its texts, to the text."""
        base = self.file.rpartition("/")[2]
        return {"{file}": self.file, "{base}": base, "{backup}": self.backup, "{digest}": self.digest}

    def generic(self, item: Item) -> Item | None:
        """Return an entry with names for what is of this file, or None if that loses something."""
        texts, own_texts = {}, self.texts
        for key in ("subject", *_TEXTS):
            text = item[key]
            for token, value in own_texts.items():
                text = text.replace(value, token) if value else text
            texts[key] = text
        if texts["observed"] == texts["expected"]:
            texts["observed"] = texts["expected"]  # one text for both of very many entries
        is_same = all(self.specific(text) == item[key] for key, text in texts.items())
        return item | texts if is_same else None

    def specific(self, text: str) -> str:
        """Return a text of this file."""
        if "{" not in text:
            return text
        texts = self.texts
        return texts.get(text) or _TOKEN.sub(lambda match: texts[match[0]] or match[0], text)


class FilesOfPatterns:
    """Know the files of each pattern that has many.

    Attributes:
        numbers: Name of a source in the plan to the number of its files.
    """

    def __init__(self, sources: Sequence[tuple[str, str, str]]) -> None:
        """Prepare the names by which evidence mentions a file.

        Args:
            sources: Name, path and digest of each source, in the order of the evidence.
        """
        backups = backup_names(name for name, _, _ in sources)
        self.numbers: dict[str, int] = defaultdict(int)
        self._by_label: dict[str, _File] = {}
        self._by_name: dict[str, _File] = {}
        for label, file, digest in sources:
            entry, colon, path = label.partition(":")
            if colon and path == file:
                known = _File(entry, self.numbers[entry], file, backups[label], digest)
                self.numbers[entry] += 1
                self._by_label[label] = self._by_name[file] = self._by_name[backups[label]] = known
        self._by_entry: dict[str, list[_File]] = defaultdict(list)
        for known in self._by_label.values():
            self._by_entry[known.entry].append(known)

    @property
    def are_many(self) -> bool:
        """Return whether a pattern has so many files that its items are summed up."""
        return any(number > MOST_LISTED for number in self.numbers.values())

    def of_subject(self, subject: str) -> _File | None:
        """Return the file that a subject of an entry names."""
        copy = subject.rpartition("/")[2].rpartition(".")[0]
        names = [subject, subject.rpartition(".archived_")[0], copy]
        names += [subject[: match.start()] for match in re.finditer(":", subject)]
        return next((file for name in names if (file := self._by_name.get(name))), None)

    def of_label(self, label: str) -> _File | None:
        """Return the file whose source has this name."""
        return self._by_label.get(label)

    def at(self, entry: str, position: int) -> _File:
        """Return a file by its place.

        Raises:
            IndexError: There is no such file.
        """
        return self._by_entry[entry][position]


def fold_entries(items: Iterable[Item], files: FilesOfPatterns) -> Iterator[Item]:
    """Yield entries of criteria, with one for all files of a pattern where possible.

    Those of one criterion follow each other, and only they are kept at a time.
    """
    for _, entries in groupby(_generic_entries(items, files), key=lambda entry: entry[0]["id"]):
        yield from _fold(entries, files)


def fold_moves(items: Iterable[Item], files: FilesOfPatterns) -> Iterator[Item]:
    """Yield moves or key maps, with one for all files of a pattern and each table."""
    placed = ((item, files.of_label(item["source"])) for item in items)
    return _fold(((item | {"source": file.entry} if file else item, file) for item, file in placed), files)


def fold_document(document: Item, files: FilesOfPatterns | None = None) -> Item:
    """Return a document of evidence with the files of patterns summed up.

    Args:
        document: The document. Its lists may be iterators, which are read once. They then are iterators again.
        files: The files of its sources. None if the sources are a list.
    """
    files = files or _files_of(document)
    if not files.are_many:
        return document
    folded = {
        name: (fold_entries if name == "criteria" else fold_moves)(document[name], files)
        for name in _LISTS
        if name in document
    }
    folded["sources"] = (_with_live_contents(source, files) for source in document["sources"])
    return document | {
        name: items if isinstance(document[name], Iterator) else list(items) for name, items in folded.items()
    }


def unfold_document(document: Item) -> Item:
    """Return a document of evidence with an item for each file.

    Its lists are iterators, which are read once. Their items are made when they are read, because there may be very
    many files.

    Raises:
        ValueError: A folded item is not one of this release, or there are too many. An iterator raises it as well.
    """
    files = _files_of(document)
    number = sum(
        len(_positions(item["each"], files)) for name in _LISTS for item in document.get(name, ()) if "each" in item
    )
    if number > _MOST_UNFOLDED:
        raise ValueError(f"{number} items of files are too many")
    unfolded = {
        name: (item for folded in document[name] for item in _unfold(folded, files))
        for name in _LISTS
        if name in document
    }
    return document | unfolded | {"sources": [_with_all_contents(source) for source in document["sources"]]}


def dump(document: Item) -> Iterator[bytes]:
    """Yield a document as indented JSON in ASCII, with one line for each file of a pattern.

    Args:
        document: The document. Its lists may be iterators, which are read when they are written.
    """
    return json_pieces(document, _json_of_item)


def _json_of_item(name: str, item: Any) -> str:
    if name == "sources" and ":" in item["name"]:
        return json.dumps(item)
    if not isinstance(item, dict) or "each" not in item:
        return indented_json(item)
    each = {key: json.dumps(values) for key, values in item["each"].items()}
    text = indented_json(item | {"each": {key: f"\0{key}" for key in each}})  # no text of evidence has this character
    return re.sub(r'"\\u0000(\w+)"', lambda match: each[match[1]], text)


def _files_of(document: Item) -> FilesOfPatterns:
    return FilesOfPatterns(
        [(source["name"], source["file"], source["before"]["digest"]) for source in document["sources"]]
    )


def _generic_entries(items: Iterable[Item], files: FilesOfPatterns) -> Iterator[tuple[Item, _File | None]]:
    for item in items:
        is_special = item["todo"] or "rows" in item or any(item.get(key) is not None for key in _NEVER_FOLDED)
        file = None if is_special or item["outcome"] == "failed" else files.of_subject(item["subject"])
        generic = file.generic(item) if file else None
        yield (generic, file) if generic is not None else (item, None)


def _fold(items: Iterable[tuple[Item, _File | None]], files: FilesOfPatterns) -> Iterator[Item]:
    groups: dict[object, _Group] = {}
    for number, (item, file) in enumerate(items):
        key: object = number
        if file and files.numbers[file.entry] > MOST_LISTED:
            names = _BY_MOVE if "source" in item else ("id", "subject", "outcome", "relation")
            key = (file.entry, *(item.get(name) for name in names), *item)
        if group := groups.get(key):
            group.add(item, file)
        else:
            groups[key] = _Group(item, file)
    return (folded for group in groups.values() for folded in group.fold(files))


class _Group:
    """Hold items with the same keys, and a value for each file only where the files differ."""

    def __init__(self, item: Item, file: _File | None) -> None:
        self._first = item
        self._files = [file]
        self._columns: dict[str, list[Any]] = {}

    def add(self, item: Item, file: _File | None) -> None:
        """Add the item of a further file."""
        for key, value in item.items():
            first, column = self._first[key], self._columns.get(key)
            if column is not None:
                column.append(value)
            elif type(value) is not type(first) or value != first:
                self._columns[key] = [first] * len(self._files) + [value]
        self._files.append(file)

    def fold(self, files: FilesOfPatterns) -> Iterator[Item]:
        """Yield one item for all files, or the item of each file if they cannot be folded."""
        positions = [file.position for file in self._files if file]
        if len(self._files) == 1 or len(set(positions)) < len(self._files) or self._files[0] is None:
            for number, file in enumerate(self._files):
                own_values = {key: column[number] for key, column in self._columns.items()}
                yield _as_it_was(self._first | own_values, file)
            return
        entry = self._files[0].entry
        folded, each = dict(self._first), Item(source=entry)
        if positions != list(range(files.numbers[entry])):
            each["files"] = positions
        for key, value in self._first.items():
            values = self._columns.get(key)
            if key in _SUMMED and (values or value):
                values = values or [value] * len(positions)
                folded[key], each[key] = sum(number or 0 for number in values), values
            elif values:
                folded[key], each[key] = _summary(key, values), values
        if each.get("observed") is not None and each["observed"] == each.get("expected"):
            each["observed"] = "expected"
        yield folded | {"each": each}


def _as_it_was(item: Item, file: _File | None) -> Item:
    if file is None:
        return item
    texts = {key: file.specific(item[key]) for key in ("subject", *_TEXTS) if key in item}
    return item | texts | ({"source": f"{file.entry}:{file.file}"} if "source" in item else {})


def _summary(key: str, values: Sequence[Any]) -> Any:
    """Return a value for all files.

    It is a sum if each text begins with a number of rows, or of tables and rows.
    """
    if key not in _TEXTS:
        return max(values) if all(isinstance(value, int) for value in values) else values[0]
    return sum_of_counts(values) or LISTED


def sum_of_counts(texts: Sequence[str]) -> str:
    """Return a text with the sums of the counts with which texts begin, or nothing.

    Texts that differ in their numbers alone are summed up as a whole, and others by what they begin with.
    """
    matches = [_COUNTS.match(text) for text in texts]
    if not all(matches):
        return ""
    timeless = [_SECONDS.sub("", text) for text in texts]
    whole = "" if _DIGEST.search(timeless[0]) else _sum(timeless)
    summed = whole or _sum([match[0] for match in matches if match])
    return f"{summed} in all files" if summed else ""


def _sum(texts: Sequence[str]) -> str:
    """Return a text with the sum of each number, or nothing if other words differ."""
    if len({_NUMBER.sub(lambda match: f"# {match[2] or ''}", text) for text in texts}) > 1:
        return ""
    columns = zip(*([int(match[1]) for match in _NUMBER.finditer(text)] for text in texts), strict=True)
    sums = map(sum, columns)
    return _NUMBER.sub(lambda match: counted(next(sums), match[2]) if match[2] else str(next(sums)), texts[0])


def _unfold(item: Item, files: FilesOfPatterns) -> Iterator[Item]:
    each = item.get("each")
    if each is None:
        yield item
        return
    positions, entry = _positions(each, files), each["source"]
    values = {key: value for key, value in each.items() if key not in ("source", "files")}
    if values.get("observed") == "expected":
        values["observed"] = values["expected"]
    for key, column in values.items():
        if not _fits(key, column, item.get(key), len(positions)):
            raise ValueError(f"{key} of each file does not fit the item")
    base = {key: value for key, value in item.items() if key != "each"}
    for number, position in enumerate(positions):
        own_values = {key: column[number] for key, column in values.items()}
        absent = {key for key, value in own_values.items() if value is None and key not in ("arrived", "identical")}
        yield _as_it_was(
            {key: value for key, value in (base | own_values).items() if key not in absent}, files.at(entry, position)
        )


def _positions(each: Item, files: FilesOfPatterns) -> Sequence[int]:
    """Return the places of the files that an item is about.

    Raises:
        ValueError: There are no such files.
    """
    number = files.numbers.get(each["source"], 0)
    positions: Sequence[int] = each.get("files", range(number))
    if not positions or len(set(positions)) < len(positions) or not 0 <= min(positions) <= max(positions) < number:
        raise ValueError("an item names a file that is no source")
    return positions


def _fits(key: str, column: Any, outer: Any, number: int) -> bool:
    """Return whether a value for each file has the form of the value for all of them."""
    if not isinstance(column, list) or len(column) != number:
        return False
    if isinstance(outer, dict):
        return all(
            isinstance(value, dict) and all(isinstance(text, str) for text in value.values()) for value in column
        )
    least = None if key == "offset" else 0
    return all(
        value is None
        or (type(value) is type(outer) and (not isinstance(value, int) or least is None or value >= least))
        for value in column
    )


def _with_live_contents(source: Item, files: FilesOfPatterns) -> Item:
    """Return a database in which places that hold what the live file held refer to it."""
    contents = source.get("contents", {})
    if not files.of_label(source["name"]) or _AS_LIVE not in contents:
        return source
    live = contents[_AS_LIVE]
    same = {place: _AS_LIVE for place, tables in contents.items() if place != _AS_LIVE and tables == live}
    return source | {"contents": contents | same}


def _with_all_contents(source: Item) -> Item:
    contents = source.get("contents", {})
    if not any(isinstance(tables, str) for tables in contents.values()):
        return source
    live = contents[_AS_LIVE]
    return source | {
        "contents": {place: live if isinstance(tables, str) else tables for place, tables in contents.items()}
    }
