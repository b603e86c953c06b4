"""Read the arguments of an FTS5 table."""

from __future__ import annotations

from typing import NamedTuple

from sqlite_consolidate.engine.sqlite.schema.statements import TOKEN
from sqlite_consolidate.engine.sqlite.sql import folded

_DEFAULTS = {"tokenize": "unicode61", "detail": "full", "columnsize": "1"}


class ModuleArguments(NamedTuple):
    """Hold the arguments of an FTS5 table.

    Attributes:
        unindexed: Folded names of the columns that no search finds.
        options: Folded name of each option to its value in lower case, without quotes around it.
    """

    unindexed: frozenset[str]
    options: dict[str, str]

    def option(self, name: str) -> str:
        """Return the value of an option, or that which FTS5 takes without it."""
        value = self.options.get(name, _DEFAULTS.get(name, "none"))
        return "porter unicode61" if (name, value) == ("tokenize", "porter") else value


def module_arguments(sql: str) -> ModuleArguments:
    """Return the arguments of a CREATE VIRTUAL TABLE statement with FTS5."""
    arguments = _arguments(sql)
    options = {words[0]: " ".join(" ".join(words[2:]).split()) for words in arguments if words[1:2] == ["="]}
    return ModuleArguments(frozenset(words[0] for words in arguments if "unindexed" in words[1:]), options)


def _arguments(sql: str) -> list[list[str]]:
    """Return the folded words of each argument, without quotes around them."""
    arguments: list[list[str]] = [[]]
    depth = 0
    for token in TOKEN.finditer(sql):
        text = token[0]
        if token["gap"]:
            continue
        depth += (text == "(") - (text == ")")
        if depth == 1 and text == ",":
            arguments.append([])
        elif depth > 0 and (depth, text) != (1, "("):
            arguments[-1].append(folded(token["word"] or text[1:-1]))
    return [words for words in arguments if words]
