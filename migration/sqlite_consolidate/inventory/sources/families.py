"""Find the files of one schema that a pattern names, such as ``phones/*.db``."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product, takewhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from sqlite_consolidate.engine.checks.left_objects import name_of_conflict
from sqlite_consolidate.engine.sqlite.pattern_files import matching_files
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.references.unstated_references import unite_strays
from sqlite_consolidate.inventory.sources.kinds import Kinds, schema_of, unite_databases
from sqlite_consolidate.inventory.sources.table_versions import agree, fits_into, same_version, unite_all, users_of
from sqlite_consolidate.plan.patterns import has_wildcard
from sqlite_consolidate.problem import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.sqlite.schema.objects import Table, TriggerOrView
    from sqlite_consolidate.inventory.inspection import CountedTable, Database
    from sqlite_consolidate.inventory.inventory import Entry
    from sqlite_consolidate.inventory.references.unstated_references import StrayNumbers, UnstatedReference

_YEAR_AND_MONTH = re.compile(r"(?<!\d)(19|20)\d\d([-_.](\d\d[-_.])?)?$")
_Width = Literal["date", "word", "letter"]
_SHORTEST_NAME = 3  # letters of a name of files that says more than that of their folder
SMALLEST = 3
"""Files of one schema from which on a pattern names them."""


@dataclass(frozen=True)
class Family:
    """Hold the files of one ``[[source]]``.

    Attributes:
        file: The file, or the pattern of all files.
        entries: At least one, with one schema or with versions of one.
        exceptions: Files that the pattern matches and that are no sources of it, such as a copy.
    """

    file: str
    entries: tuple[Entry, ...]
    exceptions: tuple[Entry, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """Return the path of each file."""
        return tuple(entry.file for entry in self.entries)

    @cached_property
    def database(self) -> Database:
        """Return the schema of the files with the rows of all of them."""
        first, *others = (entry.database for entry in self.entries)
        if not others:
            return first
        databases = (first, *others)
        names = {folded(table.name): table.name for each in databases for table in each.tables}
        tables = [_united(self._versions_of(name)) for name in names.values()]
        unstated = _united_references([each.unstated for each in databases])
        return replace(unite_databases(self.widest_first, tables), file=self.file, unstated=unstated)

    def users_of(self, table: str) -> dict[str, TriggerOrView]:
        """Return the triggers and views of a table, by their folded names.

        A trigger or a view that later versions have changed has the text of the file with the most tables and columns.
        """
        users: dict[str, TriggerOrView] = {}
        for database in self.widest_first:
            users = users_of(folded(table), database) | users
        return users

    def has_versions(self, table: str) -> bool:
        """Return whether the files have several declarations of a table or of its users."""
        first, *others = self._versions_of(table)
        holders = [entry.database for entry in self.entries if entry.database.table(table)]
        users = self.users_of(table)
        each_users = [users_of(folded(table), each) for each in holders]
        has_all = all(each.keys() == users.keys() and agree(each, users) for each in each_users)
        return not has_all or not all(same_version(each.table, first.table) for each in others)

    def files_by_stamp(self, table: str) -> list[list[str]]:
        """Return the files with rows in a table of migrations, those with equal rows together.

        The largest group is the first. A file with too many rows to be compared is alone.
        """
        groups: dict[object, list[str]] = defaultdict(list)
        for entry in self.entries:
            counted_table = entry.database.table(table)
            if counted_table and counted_table.rows != 0:
                stamp = counted_table.stamp
                groups[entry.file if stamp is None else stamp].append(entry.file)
        return sorted(groups.values(), key=lambda files: -len(files))

    @property
    def lacks(self) -> dict[str, frozenset[str]]:
        """Return each file to the folded names of what it lacks and other files have."""
        names = {entry.file: _names_of(entry.database) for entry in self.entries}
        every = frozenset().union(*names.values())
        return {file: every - each for file, each in names.items()}

    @cached_property
    def widest_first(self) -> list[Database]:
        """Return the files, those with the most tables and columns first."""
        databases = (entry.database for entry in self.entries)
        return sorted(databases, key=lambda database: -sum(len(each.table.columns) + 1 for each in database.tables))

    def _versions_of(self, table: str) -> list[CountedTable]:
        tables = (entry.database.table(table) for entry in self.entries)
        return [each for each in tables if each]

    @property
    def name_path(self) -> str:
        """Return the path from which the source gets its name."""
        if len(self.entries) == 1:
            return name_of_conflict(self.file) if self.entries[0].role == "conflict" else self.file
        *folders, name = self.file.split("/")
        starts = [re.sub(r"[-_.\d]+$", "", part.partition("*")[0]) for part in (name, *folders) if "*" in part]
        named = [folder for folder in reversed(folders) if "*" not in folder]
        speaking = [start for start in starts if len(start) >= _SHORTEST_NAME]
        names = (part for part in (*speaking, *named, *starts) if part)
        return next((f"{part}.db" for part in names), name.replace("*", "") or "files.db")


def find_families(root: Path, entries: Iterable[Entry], target: str) -> list[Family]:
    """Return the sources of a plan in the order of their first files, conflicted copies last.

    A table has then the name that its original gives it.

    Files of one schema, or of versions of one, are one source if a pattern matches them, and no database that is moved
    but the target. A few other files, such as copies and damaged ones, are its exceptions.

    Args:
        root: The workspace.
        entries: Every database of the inventory.
        target: File of the target. Empty for all files of one kind, whatever the target is.
    """
    others = {entry.file: entry for entry in entries}
    rest = [entry for entry in others.values() if entry.file != target and (entry.is_live or entry.role == "no rows")]
    families = []
    by_schema, by_kind = (False, schema_of), (True, Kinds(entry.database for entry in rest).kind_of)
    for group_of, (has_versions, kind_of) in product((_by_folder, _by_name, _by_depth), (by_kind, by_schema)):
        groups: dict[object, list[Entry]] = defaultdict(list)
        for entry in (entry for entry in rest if entry.role != "conflict"):
            groups[group_of(entry.file), kind_of(entry.database)].append(entry)
        for group in groups.values():
            if family := _family(root, group, target, others, has_versions=has_versions):
                families.append(family)
                rest = [entry for entry in rest if entry not in group]
    families += [Family(entry.file, (entry,)) for entry in rest if entry.is_live]
    return sorted(families, key=lambda family: (family.entries[0].role == "conflict", family.files[0]))


def richest_first(families: Sequence[Family]) -> list[Family]:
    """Return the sources so that the first one with a table has all columns of the others.

    The first source with a table determines its declaration in the target.
    """
    tables = [{folded(each.name): each.table for each in family.database.tables} for family in families]
    declarations: dict[str, dict[str, Table]] = defaultdict(dict)
    for database in tables:
        for name, table in database.items():
            declarations[name].setdefault(table.sql, table)
    richer = {
        (name, table.sql): sum(fits_into(table, other) and not fits_into(other, table) for other in alike.values())
        for name, alike in declarations.items()
        for table in alike.values()
    }
    ranks = [sum(richer[name, table.sql] for name, table in database.items()) for database in tables]
    return [families[number] for number in sorted(range(len(families)), key=ranks.__getitem__)]


def _by_depth(file: str) -> object:
    return file.count("/")


def _by_folder(file: str) -> object:
    return PurePosixPath(file).parent


def _by_name(file: str) -> object:
    return PurePosixPath(file).parent.parent, PurePosixPath(file).name


def _family(
    root: Path, group: Sequence[Entry], target: str, others: Mapping[str, Entry], *, has_versions: bool
) -> Family | None:
    """Return these files as the files of a pattern, or None where it matches too many others.

    Args:
        root: The workspace.
        group: Files of one kind.
        target: File of the target.
        others: Every database of the inventory.
        has_versions: Whether the files may have versions of one schema. Then the pattern can match a file with another
            declaration of a table as well, which is a source of its own.
    """
    files = [entry.file for entry in group]
    if len(files) < SMALLEST or any(map(has_wildcard, files)):
        return None
    try:
        pattern, matched = find_pattern(root, files, target)
    except ProblemError:  # a folder that cannot be read
        return None
    further = sorted(matched - set(files))
    versions = {_table_names(entry) for entry in group} if has_versions else set()
    exceptions = tuple(
        others[file]
        for file in further
        if file in others and not has_wildcard(file) and _can_be_left(others[file], versions)
    )
    is_fitting = len(exceptions) == len(further) and 2 * len(further) <= len(files)
    return Family(pattern, tuple(group), exceptions) if is_fitting else None


def find_pattern(root: Path, files: Sequence[str], target: str) -> tuple[str, set[str]]:
    """Return the widest pattern that matches the same files as the narrowest, with these.

    Args:
        root: The workspace.
        files: At least two files, with as many folders each.
        target: File of the target, which no pattern matches.

    Raises:
        ProblemError: A folder cannot be read.
    """
    matches = {pattern: set(matching_files(root, pattern, [target])) for pattern in _patterns(files)}
    *_, narrowest = matches.values()
    return next(each for each in matches.items() if each[1] == narrowest)


def _can_be_left(entry: Entry, versions: set[frozenset[str]]) -> bool:
    """Return whether a file can be an exception of a pattern.

    It is no database that is moved, or has the tables of a version with other declarations, so that it becomes a
    source of its own.
    """
    return entry.role != "live" or _table_names(entry) in versions


def _table_names(entry: Entry) -> frozenset[str]:
    return frozenset(folded(table.name) for table in entry.database.tables)


def _patterns(files: Sequence[str]) -> list[str]:
    """Return patterns that match some files, the widest first.

    A file of the next month or of another person differs in the whole part of the name that varies.
    """
    parts = list(zip(*(file.split("/") for file in files), strict=True))
    widths: tuple[_Width, ...] = ("date", "word", "letter")
    return list(dict.fromkeys("/".join(_pattern_of_part(part, width) for part in parts) for width in widths))


def _pattern_of_part(names: Sequence[str], width: _Width) -> str:
    """Return a pattern of names.

    Args:
        names: Names of files, or of folders.
        width: What varies as a whole: single letters and digits, words and numbers, or dates.
    """
    first = names[0]
    if all(name == first for name in names):
        return first
    start = _common_start(names)
    end = _common_start([name[len(start) :][::-1] for name in names])[::-1]
    if width != "letter":
        varying = [name[len(start) : len(name) - len(end)] for name in names]
        start = _without_word(start, {each[:1] or end[:1] for each in varying})
        end = _without_word(end[::-1], {each[-1:] or start[-1:] for each in varying})[::-1]
        if width == "date" and all(each[:1].isdigit() for each in varying):
            start = _YEAR_AND_MONTH.sub("", start)
    return f"{start}*{end}"


def _without_word(text: str, following: Collection[str]) -> str:
    """Return a text without the letters or the digits with which it ends, if they go on.

    Args:
        text: The text.
        following: The characters that follow it.
    """
    for is_of_word in (str.isdigit, str.isalpha):
        if is_of_word(text[-1:]) and any(map(is_of_word, following)):
            return text[: len(text) - len(list(takewhile(is_of_word, reversed(text))))]
    return text


def _common_start(texts: Sequence[str]) -> str:
    return "".join(
        letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    )


def _names_of(database: Database) -> frozenset[str]:
    """Return the folded names of all objects, and each column as ``table.column``."""
    names = [user.name for user in (*database.schema.triggers, *database.schema.views)]
    for each in database.tables:
        names += [each.name, *(index.name for index in each.table.indexes)]
        names += [f"{each.name}.{column.name}" for column in each.table.columns]
    return frozenset(map(folded, names))


def _united(tables: Sequence[CountedTable]) -> CountedTable:
    """Return a table of one file with the rows of all files."""
    counts = [table.rows for table in tables]
    rows = None if None in counts else sum(count or 0 for count in counts)
    stamps = {table.stamp for table in tables if table.rows}
    stamp = stamps.pop() if len(stamps) == 1 else None
    has_more = any(table.has_more for table in tables)
    table = unite_all([each.table for each in tables]) or tables[0].table
    needs = frozenset().union(*(each.needs for each in tables))
    used = needs.difference(*(each.appended for each in tables)).union(*(each.needs - each.appended for each in tables))
    settings = {each.setting for each in tables if each.rows != 0}
    setting = settings.pop() if len(settings) == 1 else ""
    united = replace(tables[0], table=table, rows=rows, has_more=has_more, needs=needs, stamp=stamp, setting=setting)
    return replace(united, appended=needs - used)


def _united_references(files: Sequence[Sequence[UnstatedReference]]) -> tuple[UnstatedReference, ...]:
    """Return each column with what its values say in all files together.

    A column that refers to several tables does so under the same conditions in all files.
    """
    by_column: dict[tuple[str, str], list[UnstatedReference]] = defaultdict(list)
    for references in files:
        for reference in references:
            by_column[reference.table, reference.column].append(reference)
    united: list[UnstatedReference] = []
    for known in by_column.values():
        filled = [reference for reference in known if not reference.is_empty] or known
        cases = {(reference.when, reference.to): _with_all_sentinels(reference, known) for reference in filled}
        conditions = {when for when, _ in cases}
        is_known = len(conditions) == len(cases) and ("" not in conditions or len(cases) == 1)
        if any(reference.among for reference in filled):
            united.append(_in_all_files(filled))
        else:
            every = [*cases.values()] if is_known else [replace(filled[0], to=None, when="", by="")]
            united += [each if each.to else replace(each, strays=_all_strays(filled)) for each in every]
    return tuple(united)


def _with_all_sentinels(reference: UnstatedReference, known: Sequence[UnstatedReference]) -> UnstatedReference:
    """Return a reference with the numbers that are no key in any of the files."""
    rows: Counter[int] = Counter()
    for each in known:
        if each.is_empty or (each.when, each.to) == (reference.when, reference.to):
            rows.update(dict(each.sentinels))
    return replace(reference, sentinels=tuple(sorted(rows.items(), reverse=True)))


def _all_strays(known: Sequence[UnstatedReference]) -> StrayNumbers | None:
    """Return the numbers of all files that are no key, or None if a file has mostly others."""
    strays = [each.strays for each in known if each.strays]
    if not strays or any((each.strays.to if each.strays else each.to) != strays[0].to for each in known):
        return None
    return unite_strays(strays)


def _in_all_files(known: Sequence[UnstatedReference]) -> UnstatedReference:
    """Return a column with the tables to which it may refer in all files."""
    each_among = [reference.among or (reference.to,) for reference in known]
    common = tuple(key for key in each_among[0] if key and all(key in keys for keys in each_among))
    return replace(known[0], to=common[0], among=()) if len(common) == 1 else replace(known[0], to=None, among=common)
