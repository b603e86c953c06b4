"""Replace each pattern of files in a plan by sources, and ``tables = "*"`` by tables.

All other modules see sources of one file only, with each table that they move.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING, TypeVar

from sqlite_consolidate.plan.constants import uses_placeholder
from sqlite_consolidate.plan.loader import mistake_in_plan
from sqlite_consolidate.plan.mistakes import in_quotes, key_path_text, mistake_at
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.text import join_first_names, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlite_consolidate.plan.model import Plan, Source, TableMap
    from sqlite_consolidate.problem import Problem

T = TypeVar("T")

MOST_LISTED = 3
"""Number of files of a pattern up to which each is listed."""

_WILDCARDS = {"*": "[^/]*", "?": "[^/]"}


def has_wildcard(file: str) -> bool:
    """Return whether a path is a pattern, unless a file has exactly this name."""
    return any(character in file for character in _WILDCARDS)


def path_pattern(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of the paths that a pattern matches.

    A wildcard matches no slash, and every other character stands for itself.
    """
    parts = (_WILDCARDS.get(character) or re.escape(character) for character in normpath(pattern))
    return re.compile("".join(parts), re.DOTALL)


def expand(plan: Plan, files_of: Callable[[str], Iterable[str] | None]) -> Plan:
    """Return a plan with a source for each file of its patterns.

    A pattern without a file stays as it is, like a source whose file does not exist.

    Args:
        plan: The plan as its file states it.
        files_of: Returns the files of a pattern, or None for a path that is no pattern, because a file has this name.

    Raises:
        ProblemError: Two sources have one file, or two files have equal stems where a constant uses them. Each mistake
            has its line in the file of the plan.
    """
    sources: list[Source] = []
    for source in plan.stated.sources:
        files = files_of(source.file) if has_wildcard(source.file) else None
        ordered = sorted(map(normpath, files or ()), key=lambda file: file.encode("utf-8", "surrogateescape"))
        sources += source.of_files(ordered) or [source]
    if all(not source.is_of_pattern for source in sources):
        return plan.stated
    if mistakes := [*_shared_files(plan.stated, sources), *_shared_stems(plan.stated, sources)]:
        raise ProblemError(*(mistake_in_plan(plan.stated, mistake, "plan-valid") for mistake in mistakes))
    return plan.stated.with_sources(sources)


def name_all_tables(plan: Plan, tables: Mapping[str, Iterable[str]]) -> Plan:
    """Return a plan in which ``tables = "*"`` is replaced by a mapping for each table.

    The files of a pattern with the same tables share their mappings.

    Args:
        plan: The plan with a source for each file.
        tables: Name of each source that was read, to the names of its tables.
    """
    shared: dict[tuple[int, tuple[str, ...]], list[TableMap]] = {}
    sources = list(plan.sources)
    for index, source in enumerate(sources):
        if source.all_tables and source.name in tables:
            names = tuple(tables[source.name])
            key = id(source.entry), names
            sources[index] = source.with_tables(shared.get(key) or shared.setdefault(key, source.all_maps(names)))
    is_unchanged = all(new is source for new, source in zip(sources, plan.sources, strict=True))
    return plan if is_unchanged else plan.with_sources(sources)


def expand_by_names(plan: Plan, files: Mapping[str, str], tables: Mapping[str, Iterable[str]]) -> Plan:
    """Return a plan with the sources that a run has had.

    Args:
        plan: The plan as its file states it.
        files: Name of each source of the run to its file.
        tables: Name of each source of the run to the names of its tables.
    """
    of_entry: dict[str, list[str]] = {}
    for name, file in files.items():
        entry, colon, path = name.partition(":")
        if colon and path == file:
            of_entry.setdefault(entry, []).append(file)
    by_pattern = {source.file: of_entry.get(source.name) for source in plan.stated.sources}
    return name_all_tables(expand(plan, lambda pattern: by_pattern[pattern]), tables)


@dataclass(frozen=True)
class StatedRows:
    """Hold the number of rows that the plan states of a table, in all files of its source.

    Attributes:
        source: The source as the plan states it.
        index: Index of the table in it.
        files: Source of each file.
    """

    source: Source
    index: int
    files: tuple[Source, ...]

    @property
    def table_map(self) -> TableMap:
        """Return the table as the plan states it."""
        return self.source.tables[self.index]

    @property
    def rows(self) -> int:
        """Return the stated number."""
        return self.table_map.rows or 0

    @property
    def subject(self) -> str:
        """Return the file, or the pattern, and the table."""
        return f"{self.source.file}:{self.table_map.name}"


def by_entry(sources: Iterable[Source]) -> list[tuple[Source, tuple[Source, ...]]]:
    """Return each source as the plan states it, with the source of each of its files."""
    files: dict[int, list[Source]] = {}
    for source in sources:
        files.setdefault(id(source.entry), []).append(source)
    return [(alike[0].entry, tuple(alike)) for alike in files.values()]


def stated_rows(plan: Plan) -> list[StatedRows]:
    """Return each number of rows that the plan states, in the order of transfer."""
    return [
        StatedRows(source, index, files)
        for source, files in by_entry(plan.in_order)
        for index, table_map in enumerate(source.tables)
        if table_map.rows is not None
    ]


def by_table(items: Iterable[tuple[Source, str, T]]) -> Iterator[tuple[str, list[T]]]:
    """Yield the subject of each table with its value, or with those of all files.

    The files of a pattern are taken together if there are many.

    Args:
        items: Source of a file, name of one of its tables, and a value.
    """
    tables: dict[tuple[int, str], list[tuple[Source, T]]] = {}
    for source, table, value in items:
        tables.setdefault((id(source.entry), table), []).append((source, value))
    for (_, table), files in tables.items():
        if len(files) > MOST_LISTED:
            yield f"{files[0][0].entry.file}:{table}", [value for _, value in files]
        else:
            yield from ((f"{source.file}:{table}", [value]) for source, value in files)


def backup_names(names: Iterable[str]) -> dict[str, str]:
    """Return each name of a source to the name of its backup, without an ending.

    The files of a pattern are numbered in their order, because their paths are no file names.
    """
    numbers: dict[str, int] = {}
    backups: dict[str, str] = {}
    for name in names:
        entry, colon, _ = name.partition(":")
        numbers[entry] = numbers.get(entry, 0) + 1
        backups[name] = f"{entry}+{numbers[entry]:04}" if colon else name  # no name in a plan has a plus sign
    return backups


def _shared_files(plan: Plan, sources: list[Source]) -> Iterator[Problem]:
    """Yield a mistake for each pattern with a file that another source has."""
    first: dict[str, Source] = {}
    shared: dict[tuple[int, int], list[str]] = {}
    for source in sources:
        other = first.setdefault(normpath(source.file), source)
        if other is not source and (source.is_of_pattern or other.is_of_pattern):
            places = sorted((_index(plan, other), _index(plan, source)))
            shared.setdefault((places[0], places[1]), []).append(source.file)
    for (earlier, later), files in shared.items():
        names = in_quotes(join_first_names(files))
        fact = f"{names} is of {key_path_text(('source', earlier))} already."
        if len(files) > 1:
            fact = f"{names} are of {key_path_text(('source', earlier))} already."
        yield mistake_at(
            ("source", later, "file"), "file-twice", fact, "Make the pattern narrower, or remove a source."
        )


def _shared_stems(plan: Plan, sources: list[Source]) -> Iterator[Problem]:
    """Yield a mistake for each constant with the stem of two files."""
    stems: dict[tuple[int, str], list[str]] = {}
    for source in sources:
        if source.is_of_pattern and any(uses_placeholder(value, "stem") for value in source.constants.values()):
            stems.setdefault((id(source.entry), PurePosixPath(source.file).stem), []).append(source.file)
    entries = {id(source.entry): source for source in sources}
    reported: set[int] = set()
    for (entry, stem), files in stems.items():
        if len(files) == 1 or entry in reported:
            continue
        reported.add(entry)
        column = next(name for name, value in entries[entry].constants.items() if uses_placeholder(value, "stem"))
        fact = f"{join_first_names([one_line(file) for file in files])} have the same stem, {in_quotes(stem)}."
        loc = ("source", _index(plan, entries[entry]), "constants", column)
        yield mistake_at(loc, "stem-twice", fact, 'Write "{file}" in place of "{stem}", or rename a file.')


def _index(plan: Plan, source: Source) -> int:
    return next(index for index, entry in enumerate(plan.sources) if entry is source.entry)
