"""Read the relations between entities of Room."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import line_starts
from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelName, ModelRelation, both_ways

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLASS = re.compile(r"\bclass[ \t]+\w+")
_KOTLIN = r"va[lr][ \t]+\w+[ \t]*:[ \t]*(?:\w+<)?(?P<{0}>\w+)"
_JAVA = r"(?:(?:public|private|final)[ \t]+)*(?:\w+<)?(?P<{0}_java>\w+)>?[ \t]+\w+[ \t]*;"
_EMBEDDED = re.compile(rf"@Embedded(?:\(\))?\s+(?:{_KOTLIN.format('type')}|{_JAVA.format('type')})")
_RELATION = re.compile(rf"@Relation\((?P<options>[^()]*)\)\s+(?:{_KOTLIN.format('type')}|{_JAVA.format('type')})")
_PARENT, _ENTITY = (re.compile(rf'\b{name}[ \t]*=[ \t]*"(\w+)"') for name in ("parentColumn", "entityColumn"))
_CLASS_OF_ENTITY = re.compile(r"\bentity[ \t]*=[ \t]*(\w+)(?:::|\.)class")


def room_relations(text: str) -> Iterator[ModelRelation]:
    """Yield both ways to read each ``@Relation`` beside the only ``@Embedded`` of its class.

    One over a third table (``associateBy``) tells nothing.

    Args:
        text: A program in Kotlin or Java.
    """
    if "@Relation" not in text:
        return
    lines = line_starts(text)
    starts = [*(each.start() for each in _CLASS.finditer(text)), len(text)]
    for start, end in pairwise(starts):
        embedded = [*_EMBEDDED.finditer(text, start, end)]
        for relation in _RELATION.finditer(text, start, end) if len(embedded) == 1 else ():
            options = relation["options"]
            parent, child = _PARENT.search(options), _ENTITY.search(options)
            if parent and child and "associateBy" not in options:
                entity = _CLASS_OF_ENTITY.search(options)
                other = ModelName(entity[1] if entity else _type_of(relation), is_class=True)
                model = ModelName(_type_of(embedded[0]), is_class=True)
                yield from both_ways((model, parent[1]), (other, child[1]), bisect_right(lines, relation.start()))


def _type_of(match: re.Match[str]) -> str:
    return match["type"] or match["type_java"]
