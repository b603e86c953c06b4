"""Read the relations of a schema of Prisma, which can do without foreign keys."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.code.source_files import line_starts
from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelName, ModelRelation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*')
_MODEL = re.compile(r'^[ \t]*model[ \t]+(\w+)[ \t]*\{((?:"(?:\\.|[^"\\\n])*"|[^{}"])*)\}', re.MULTILINE)
_FIELD = re.compile(r"^[ \t]*(?P<name>\w+)[ \t]+(?P<type>\w+)(?P<list>\[\])?\??(?P<rest>[^\n]*)$", re.MULTILINE)
_TABLE = re.compile(r'@@map\([ \t]*(?:name:[ \t]*)?"(\w+)"')
_COLUMN = re.compile(r'(?<!@)@map\([ \t]*(?:name:[ \t]*)?"(\w+)"')
_IS_KEY = re.compile(r"(?<!@)@id\b")
_RELATION = re.compile(r"(?<!@)@relation\(([^)]*)\)")
_RELATION_NAME = re.compile(r'(?:^|name:)[ \t]*"(\w+)"')
_FIELDS, _REFERENCES = (re.compile(rf"\b{name}:[ \t]*\[[ \t]*(\w+)[ \t]*\]") for name in ("fields", "references"))
_ENDS = 2


class _End(NamedTuple):
    """Hold one end of a relation, which is a field of a model.

    Attributes:
        model: The model.
        to: The other model.
        line: Line of the field, from 1.
    """

    model: str
    to: str
    line: int


@dataclass
class _Model:
    """Hold a model.

    Attributes:
        table: Its table.
        columns: Its fields, each to the column.
        keys: Fields that are its key.
    """

    table: str
    columns: dict[str, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)


def prisma_relations(text: str) -> Iterator[ModelRelation]:
    """Yield the relations of one column, and those of the tables between two lists.

    Args:
        text: A file ``schema.prisma``.
    """
    text = _COMMENT.sub(lambda match: match[1] or "", text)
    lines = line_starts(text)
    bodies = {match[1]: match for match in _MODEL.finditer(text)}
    models = {name: _read_model(name, match[2]) for name, match in bodies.items()}
    lists: dict[str, list[_End]] = defaultdict(list)
    for name, body in bodies.items():
        for each in _FIELD.finditer(text, body.start(2), body.end(2)):
            other, options = models.get(each["type"]), _RELATION.search(each["rest"])
            stated = options[1].strip() if options else ""
            line = bisect_right(lines, each.start("name"))
            if other is None:
                continue
            if each["list"]:
                named = _RELATION_NAME.search(stated)
                table = named[1] if named else "To".join(sorted((name, each["type"])))
                lists[f"_{table}"].append(_End(name, each["type"], line))
            elif (child := _FIELDS.search(stated)) and (parent := _REFERENCES.search(stated)):
                column, key = models[name].columns.get(child[1]), other.columns.get(parent[1])
                if column and key:
                    yield ModelRelation(ModelName(models[name].table), column, ModelName(other.table), key, line)
    for table, ends in lists.items():
        yield from _between_lists(table, ends, models)


def _read_model(name: str, body: str) -> _Model:
    mapped = _TABLE.search(body)
    model = _Model(mapped[1] if mapped else name)
    for each in _FIELD.finditer(body):
        column = _COLUMN.search(each["rest"])
        model.columns[each["name"]] = column[1] if column else each["name"]
        if _IS_KEY.search(each["rest"]):
            model.keys.append(each["name"])
    return model


def _between_lists(table: str, ends: list[_End], models: Mapping[str, _Model]) -> Iterator[ModelRelation]:
    """Yield the relations of the table that Prisma makes for two lists.

    Its column ``A`` has keys of the model whose name is first in the alphabet, and ``B`` those of the other.
    """
    if len(ends) == _ENDS and ends[0].model == ends[1].to and ends[1].model == ends[0].to:
        for column, end in zip("AB", sorted(ends), strict=True):
            model = models[end.model]
            if len(model.keys) == 1:
                key = model.columns[model.keys[0]]
                yield ModelRelation(ModelName(table), column, ModelName(model.table), key, end.line)
