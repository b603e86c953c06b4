"""Read the joins of builders of queries, such as Knex and that of Laravel."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import line_starts
from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelName, ModelRelation, both_ways

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTE = "[\"'`]"
_JOIN = re.compile(
    rf"(?:\.|->)\w*[jJ]oin\(\s*{_QUOTE}\w+(?:\s+as\s+\w+)?{_QUOTE}\s*,\s*{_QUOTE}(\w+)\.(\w+){_QUOTE}\s*,"
    rf"\s*(?:{_QUOTE}={_QUOTE}\s*,\s*)?{_QUOTE}(\w+)\.(\w+){_QUOTE}\s*\)",
    re.IGNORECASE,
)
_ALIAS = re.compile(rf"{_QUOTE}(\w+)\s+as\s+(\w+){_QUOTE}", re.IGNORECASE)
_PLAIN = re.compile(rf"{_QUOTE}(?=(\w+){_QUOTE})")


def builder_relations(text: str) -> Iterator[ModelRelation]:
    """Yield both ways to read each equality of a join.

    ``.join("contacts", "users.id", "=", "contacts.user_id")`` is one. A name that is the alias of several tables in the
    program tells nothing.

    Args:
        text: A program.
    """
    joins = [*_JOIN.finditer(text)] if "oin(" in text else []
    aliases: dict[str, set[str]] = defaultdict(set)
    for match in _ALIAS.finditer(text) if joins else ():
        aliases[match[2]].add(match[1])
    plain = set(_PLAIN.findall(text)) if aliases else set()
    for alias, tables_of_alias in aliases.items():
        if alias in plain:
            tables_of_alias.add(alias)
    lines = line_starts(text) if joins else []
    for join in joins:
        tables = [sorted(aliases.get(name, {name})) for name in (join[1], join[3])]
        if all(len(names) == 1 for names in tables):
            left, right = (ModelName(names[0]) for names in tables)
            line = bisect_right(lines, join.start())
            yield from both_ways((left, join[2]), (right, join[4]), line)
