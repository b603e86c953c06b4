"""Read the associations of models of Rails."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.source_files import line_starts
from sqlite_consolidate.engine.code.tables.relations.model_relation import ModelName, ModelRelation
from sqlite_consolidate.text import singular_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLASS = re.compile(r"^[ \t]*class[ \t]+([A-Z][\w:]*)[ \t]*<", re.MULTILINE)
_TABLE = re.compile(r"""^[ \t]*self\.table_name[ \t]*=[ \t]*["':](\w+)""", re.MULTILINE)
_ASSOCIATION = re.compile(
    r"^[ \t]*(?P<kind>belongs_to|has_many|has_one)[ \t(]+:(?P<name>\w+)(?P<options>(?:[^\n#]*,[ \t]*\n)*[^\n#]*)",
    re.MULTILINE,
)
_OPTION = r"""(?:\b{0}:|:{0}[ \t]*=>)[ \t]*["':]+([\w:]+)"""
_FOREIGN_KEY, _CLASS_NAME = (re.compile(_OPTION.format(name)) for name in ("foreign_key", "class_name"))
_OTHERWISE = re.compile(r"\b(?:polymorphic|through|as|primary_key)(?::|[ \t]*=>)")
"""Options by which a number is a key of one of several tables, or no key."""


def rails_relations(text: str) -> Iterator[ModelRelation]:
    """Yield the relations that ``belongs_to``, ``has_many`` and ``has_one`` state.

    The column of ``has_many`` and ``has_one`` counts only if ``foreign_key`` names it.

    Args:
        text: A program in Ruby.
    """
    lines = line_starts(text)
    classes = [*_CLASS.finditer(text)]
    ends = [*(each.start() for each in classes[1:]), len(text)]
    for each, end in zip(classes, ends, strict=False):
        table = _TABLE.search(text, each.end(), end)
        model = ModelName(table[1]) if table else ModelName(each[1], is_class=True)
        for association in _ASSOCIATION.finditer(text, each.end(), end):
            options = association["options"]
            column, name = _FOREIGN_KEY.search(options), _CLASS_NAME.search(options)
            if _OTHERWISE.search(options):
                continue
            line = bisect_right(lines, association.start("kind"))
            other = ModelName(name[1] if name else singular_of(association["name"]), is_class=True)
            if association["kind"] == "belongs_to":
                yield ModelRelation(model, column[1] if column else f"{association['name']}_id", other, "", line)
            elif column:
                yield ModelRelation(other, column[1], model, "", line)
