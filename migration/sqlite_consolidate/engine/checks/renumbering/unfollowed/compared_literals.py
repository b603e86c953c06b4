"""Find literal numbers that a statement compares with a column, or otherwise uses with it.

The tokens of the statement are read. A number belongs to what stands on the other side of its operator, or to what the
list or the function call is about in which it stands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.schema.derivations import ROWIDS
from sqlite_consolidate.engine.sqlite.schema.statements import words_of
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlite_consolidate.engine.merge.inspected_databases import InspectedDatabases

_NUMBER = re.compile(r"(?!0+$|0x0+$)(0x[0-9a-f]+|\d+)")
_LITERAL = r"'?(?<![\w.])[1-9]\d*'?(?![\w.])"
_OPERATORS = frozenset("= < > ! + - * / % is not between".split())  # noqa: SIM905
_ARITHMETIC = frozenset("+-*/%")
_USES = {
    "compared": "compares a column of {}, which gets new numbers, with a literal that stays.",
    "set": "sets a column of {}, which gets new numbers, to a literal that stays.",
    "computed": "computes a value from a column of {}, which gets new numbers, and a literal that stays.",
}
_OF_NO_ROW = frozenset(("limit", "offset", "then", "else", "raise"))


def find_literals(databases: InspectedDatabases) -> Iterator[Finding]:
    """Yield a finding for each object of the target that uses a literal with new numbers.

    Numbers up to 0 stay what they are.
    """
    schema = databases.target_schema.schema
    objects = [(f"trigger {trigger.name}", trigger.sql) for trigger in schema.triggers]
    objects += [(f"view {view.name}", view.sql) for view in schema.views]
    for table in schema.tables.values():
        objects += [(f"index {index.name}", index.sql) for index in table.indexes if index.partial]
        objects.append((f"table {table.name}", table.sql))
    shifted: dict[str, set[str]] = {}
    for mapping in databases.mappings:
        names = {mapping.renamed[name] for name in mapping.shifted}
        has_rowid = mapping.into.alias in names
        shifted.setdefault(mapping.into.name, set()).update(names, ROWIDS if has_rowid else ())
    for table_name, names in shifted.items():
        for label, sql in objects if names else ():
            uses = uses_of_literals(sql, names) if re.search(_word(table_name), sql, re.IGNORECASE) else ()
            if use := next((use for use in _USES if use in uses), ""):
                text = f"{label} {_USES[use].format(table_name)}"
                yield Finding.of("id-unfollowed", databases.plan.target, text)


def uses_of_literals(sql: str, names: Collection[str]) -> set[str]:
    """Return how a statement uses numbers above 0 with one of several columns.

    It has them ``compared``, ``set`` or ``computed``.

    Args:
        sql: The statement.
        names: Names of the columns.
    """
    words, columns = words_of(sql), set(map(folded, names))
    uses = {_use(words, at, columns) for at, word in enumerate(words) if _NUMBER.fullmatch(word)}
    uses |= {"compared" for name in names if _selects(name, sql)} | {"set" for name in names if _defaults(name, sql)}
    return uses - {""}


def _selects(name: str, sql: str) -> bool:
    """Return whether a CASE compares a column with a number above 0."""
    return bool(re.search(rf"\bcase\s+(?:\w+\.)?{_word(name)}\s+when\s+{_LITERAL}", sql, re.IGNORECASE))


def _defaults(name: str, sql: str) -> bool:
    """Return whether a number above 0 is the DEFAULT of a column."""
    return bool(re.search(rf"{_word(name)}[^,]*\bdefault\s+\(?{_LITERAL}", sql, re.IGNORECASE))


def _word(name: str) -> str:
    """Return the pattern of a name in SQL, quoted or not."""
    return rf"""(?<!\w)["`\[]?{re.escape(name)}(?!\w)["`\]]?"""


def _use(words: list[str], at: int, names: Collection[str]) -> str:
    """Return how a number is used with one of the columns, or an empty text."""
    before = at - 1
    if words[before] in _OF_NO_ROW or "." in words[before : at + 2] or _is_negative(words, at):
        return ""
    while before > 0 and words[before] in _OPERATORS:
        before -= 1
    if before < at - 1 and _names_one(words, before, -1, names):
        return _use_of(words[before + 1 : at], words[:before])
    after = at + 1
    while after < len(words) and words[after] in ("=", "<", ">", "!", "+", "-", "*"):
        after += 1
    if at + 1 < after < len(words) and _names_one(words, after, 1, names):
        return _use_of(words[at + 1 : after], [])
    return _use_in_list(words, at, names)


def _use_of(operators: list[str], before: list[str]) -> str:
    """Return what operators do with a column and a number, after the words before the column."""
    if _ARITHMETIC.issuperset(operators):
        return "computed"
    return "set" if operators == ["="] and "set" in (before or [""])[-1:] else "compared"


def _names_one(words: list[str], at: int, step: int, names: Collection[str]) -> bool:
    """Return whether an operand, which may be in parentheses, has one of the columns."""
    if words[at] in ("(", ")"):
        end = _partner(words, at, step)
        return words[min(at, end) - 1] != "count" and any(word in names for word in words[min(at, end) : max(at, end)])
    if step > 0 and at + 2 < len(words) and words[at + 1] == ".":
        at += 2
    return words[at] in names


def _use_in_list(words: list[str], at: int, names: Collection[str]) -> str:
    """Return how a number is used that stands in a list or a row value, or an empty text."""
    start = _opening(words, at)
    before = start - 1
    if before > 0 and words[before] == "values":
        is_table = words[start - 2] != ")"
        return ("compared" if is_table else "set") if _is_inserted(words, at, start, names) else ""
    if before > 1 and words[before] == "cast":
        before -= 1
    if before < 1 or words[start + 1] == "select" or words[before] not in ("in", "=", "<", ">"):
        return ""
    while before > 0 and words[before] in ("in", "not", "=", "<", ">", "!"):
        before -= 1
    return "compared" if _names_one(words, before, -1, names) else ""


def _is_inserted(words: list[str], at: int, start: int, names: Collection[str]) -> bool:
    """Return whether a number is inserted into a column, or stands in a table of literals."""
    if words[start - 2] != ")":
        return words[start - 2] == "("
    columns = [word for word in words[_partner(words, start - 2, -1) + 1 : start - 2] if word != ","]
    place = words[start:at].count(",")
    return place < len(columns) and columns[place] in names


def _is_negative(words: list[str], at: int) -> bool:
    """Return whether a number has a sign, and no operand before it."""
    return words[at - 1] == "-" and words[at - 2] in _OPERATORS | {"(", ",", "in", "then", "default"}


def _opening(words: list[str], at: int) -> int:
    """Return the place of the parenthesis in which a word stands, or -1."""
    depth = 0
    for place in range(at - 1, -1, -1):
        depth += (words[place] == ")") - (words[place] == "(")
        if depth < 0:
            return place
    return -1


def _partner(words: list[str], at: int, step: int) -> int:
    """Return the place of the parenthesis that belongs to another one."""
    depth, place = 0, at
    while 0 <= place < len(words):
        depth += (words[place] == "(") - (words[place] == ")")
        if depth == 0:
            return place
        place += step
    return at
