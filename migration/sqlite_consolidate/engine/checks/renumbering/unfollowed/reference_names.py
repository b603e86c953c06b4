"""Tell by its name which key of the moved tables a column may refer to."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.renumbering.unfollowed.column_roles import (
    may_mean_own_table,
    starts_like_an_amount,
)
from sqlite_consolidate.engine.checks.renumbering.unfollowed.named_types import words_of_name
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.text import singular_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases
    from sqlite_consolidate.engine.merge.table_mapping import TableMapping
    from sqlite_consolidate.engine.sqlite.schema.objects import Schema, Table

    Named = tuple[str, str]

_STARTS_OF_WORDS = re.compile(r"^|_+|(?<=[a-z0-9])(?=[A-Z])")
_NUMBER = re.compile("_?[0-9]+(?=(_?[iI][dD])?$)")
_MARK_OF_TABLE = re.compile(r"\A(?:[Tt]bl_?|TBL_)(?=\w)|(?:_(?:table|TABLE|tbl|TBL)|(?<=[a-z0-9])_?Table)\Z")
_PLURALS = tuple(map(re.compile, ("(?<=[sxh])es$", r"(?<=\w{3}e)n$", r"(?<=\w{4})en$", r"(?<=\w{5})e$")))
NAMES_OF_ANY_KEY = frozenset({"id", "_id", "rowid", "oid", "key", "pk"})
"""Folded names that a key of any table may have."""


NamedKey = tuple["TableMapping", str]
"""A moved table, and the name of its key."""


class ChangingKeys:
    """Find the keys with new numbers that a column may be named after.

    Attributes:
        references: The folded names of references, such as ``customer_id``, each to the first such key.
        plain: The folded names of tables and their singulars, such as ``customer``, each to all such keys. They are
            names of many other things as well.
    """

    def __init__(self, mappings: Iterable[TableMapping], known: KnownKeys) -> None:
        """Take the moved tables."""
        self.references: dict[str, NamedKey] = {}
        self.plain: dict[str, list[NamedKey]] = defaultdict(list)
        for mapping in mappings:
            for name, key in names_of_references(mapping, known).items():
                self.references.setdefault(name, (mapping, key))
            for named in ((mapping, key) for key in changing_keys(mapping)[:1]):
                for name in forms_of(mapping.table_map.name):
                    self.plain[name].append(named)

    @cached_property
    def _of_single_files(self) -> dict[str, list[NamedKey]]:
        plain = ((name, [end for end in ends if not end[0].source.is_of_pattern]) for name, ends in self.plain.items())
        return {name: ends for name, ends in plain if ends}

    def named(self, column: str) -> NamedKey | None:
        """Return the key after which a column is named as a reference."""
        return next((self.references[name] for name in column_ends(column) if name in self.references), None)

    def of_source(self, mappings: Sequence[TableMapping], known: KnownKeys) -> ChangingKeys:
        """Return the keys to which the names of references in one source may refer.

        A name that means a table of that source means no other table, even if its keys stay. The files of a pattern
        are too many to be compared.

        Args:
            mappings: Those of the source.
            known: The keys of all databases.
        """
        keys = ChangingKeys(mappings, known)
        for name, key in self.references.items():
            if not known.is_of_source(mappings[0], name):
                keys.references.setdefault(name, key)
        source = mappings[0].source.name
        for name, ends in self._of_single_files.items():
            if not known.is_of_source(mappings[0], f"{name}_id"):
                keys.plain[name] += [end for end in ends if end[0].source.name != source]
        return keys


class KnownKeys:
    """Find the key that a column is named after, among those of the target and of all sources."""

    def __init__(self, databases: InspectedDatabases) -> None:
        """Take the databases, whose tables are read at the first use."""
        self._databases = databases

    @cached_property
    def _keys(self) -> dict[str, dict[str, str]]:
        """Return the keys of each source by the names of references to them.

        Files with equal tables share theirs. The source is an empty text for a key of any database.
        """
        sources: dict[str, dict[str, str]] = {}
        shared: dict[tuple[Named, ...], dict[str, str]] = {}
        for source in dict.fromkeys(mapping.source.name for mapping in self._databases.mappings):
            named = _keys_in(mapping.source_table for mapping in self._databases.mappings_of(source))
            if named not in shared:
                shared[named] = _by_reference(named)
            sources[source] = shared[named]
        target = self._databases.target
        of_target = _by_reference(_keys_in(target.schema.tables.values())) if target else {}
        keys: dict[str, str] = {}
        for known in (*shared.values(), of_target):
            for name, key in known.items():
                keys.setdefault(name, key)
        return {**sources, "": keys}

    def is_of_source(self, mapping: TableMapping, column: str) -> bool:
        """Return whether a column is named after a key of its own source."""
        return folded(column) in self._keys.get(mapping.source.name, {})

    def has_named(self, names: Iterable[str]) -> bool:
        """Return whether one of some names is that of a reference to a key of any database."""
        return any(name in self._keys[""] for name in names)

    def other(self, mapping: TableMapping, column: str) -> str:
        """Return the key that another key is named after.

        It is an empty text if that is named after its own table.
        """
        if folded(column) in NAMES_OF_ANY_KEY | names_after(mapping.table_map.name, column):
            return ""
        own_keys = self._keys.get(mapping.source.name, {})
        return own_keys.get(folded(column)) or self._keys[""].get(folded(column), "")


def _keys_in(tables: Iterable[Table]) -> tuple[Named, ...]:
    """Return the tables with a primary key of one column, and that column."""
    return tuple(
        (table.name, table.primary_key[0]) for table in tables if table.kind == "table" and len(table.primary_key) == 1
    )


def _by_reference(named: Iterable[Named]) -> dict[str, str]:
    """Return the names of references to keys, each with the first key that it may mean."""
    keys: dict[str, str] = {}
    for table, key in named:
        for name in names_after(table, key):
            keys.setdefault(name, f"{table}.{key}")
    return keys


def forms_of(table: str) -> set[str]:
    """Return the folded name of a table, and what may be its singular.

    ``person`` may be that of ``PersonTable``, and ``kunde`` that of the German plural ``kunden``. A ``child`` may be a
    row of any table, and not only of ``ChildTable``.
    """
    name, plain = folded(table), folded(_MARK_OF_TABLE.sub("", table))
    plain = name if may_mean_own_table(plain) else plain
    start, mark, last = plain.rpartition("_")
    singulars = {plain.removesuffix("s"), f"{start}{mark}{singular_of(last)}"}
    plurals = {f"{plain}s"} if plain != name else set()
    return {name, plain, *singulars, *plurals, *(pattern.sub("", plain) for pattern in _PLURALS)}


def names_after(table: str, key: str) -> set[str]:
    """Return the folded names that a reference to a key of a table may have."""
    forms = forms_of(table)
    ends = ("_id", "id", f"_{folded(key)}", "_fk", "_ref")
    return {f"{form}{end}" for form in forms for end in ends} | {
        f"{start}{form}" for form in forms for start in ("id_", "fk_")
    }


def names_in(schema: Schema) -> set[str]:
    """Return the folded names that may mean the tables of a database."""
    return {name for table in schema.tables for name in (*names_after(table, "id"), *forms_of(table))}


def names_of_references(parent: TableMapping, known: KnownKeys) -> dict[str, str]:
    """Return the folded names that a reference may have, each with the key that it means."""
    names: dict[str, str] = {}
    for key in changing_keys(parent):
        names |= dict.fromkeys(names_after(parent.table_map.name, key), key)
        is_other = folded(key) in NAMES_OF_ANY_KEY or known.other(parent, key)
        names |= {} if is_other else {folded(key): key}
    return names


def changing_keys(parent: TableMapping) -> list[str]:
    """Return the keys of a table that get new numbers, the primary key first."""
    keys = [key for key, shift in parent.key_shifts.items() if shift.offset or parent.matched_key == key]
    return sorted(keys, key=lambda key: parent.table.primary_key != (key,))


def to_of(keys: Sequence[str]) -> str:
    """Return the ``to`` of a reference to one of some keys, as a sentence states it."""
    return f'to = "{keys[0]}"' if len(keys) == 1 else "the key that it means as `to`"


def column_ends(column: str) -> list[str]:
    """Return the folded name of a column, and its ends that may name an id.

    ``team2_id`` and ``team_id_2`` have the end ``team_id``.
    """
    names = dict.fromkeys((folded(column), _without_number(column)))
    rest = [name[at + 1 :] for name in names for at, sign in enumerate(name) if sign == "_" and name.endswith("id")]
    return [*names, *(end for end in rest if end != "id")]


def _without_number(column: str) -> str:
    return _NUMBER.sub("", folded(column)) or folded(column)


def word_ends(column: str) -> list[str]:
    """Return the folded name of a column, and its ends of whole words, the longest first.

    ``best_team2`` has the end ``team``.
    An amount, a truth value or a place in a sequence (``num_peaks``, ``is_peak``, ``display_order``) has no ends.
    """
    name = _NUMBER.sub("", column) or column
    first, *others = [match.end() for match in _STARTS_OF_WORDS.finditer(name)]
    ends = [folded(column), *(folded(name[start:]) for start in (first, *others))]
    return ends[:1] if starts_like_an_amount(words_of_name(column)) else [*dict.fromkeys(ends)]
