"""Find comparisons of a column with a literal number in a statement.

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
_OPERATORS = frozenset("= < > ! + - * / % is not between".split())  # noqa: SIM905
_OF_NO_ROW = frozenset(("limit", "offset", "then", "else", "raise"))


def find_literals(databases: InspectedDatabases) -> Iterator[Finding]:
    """Yield a finding for each object of the target that compares new numbers with a literal.

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
            if re.search(_word(table_name), sql, re.IGNORECASE) and (
                any(_compares(name, sql) for name in names) or compares_with_number(sql, set(map(folded, names)))
            ):
                text = f"{label} compares a column of {table_name}, which gets new numbers, with a literal that stays."
                yield Finding.of("id-unfollowed", databases.plan.target, text)


def _compares(name: str, sql: str) -> bool:
    """Return whether a statement compares a column with a number above 0.

    A default is a comparison as well.
    """
    column, number = _word(name), r"'?(?<![\w.])[1-9]\d*'?(?![\w.])"
    operator = r"(?:==?|<>|!=|<=?|>=?|\bis(?:\s+not)?\b|\b(?:not\s+)?between\b)"
    after = rf"{column}\s*(?:{operator}\s*{number}|\b(?:not\s+)?in\s*\([^()]*{number})"
    before = rf"{number}\s*(?:==?|<>|!=|<=?|>=?)\s*(?:\w+\.)?{column}"
    case = rf"\bcase\s+(?:\w+\.)?{column}\s+when\s+{number}"
    default = rf"{column}[^,]*\bdefault\s+\(?{number}"
    return bool(re.search(f"{after}|{before}|{case}|{default}", sql, re.IGNORECASE))


def _word(name: str) -> str:
    """Return the pattern of a name in SQL, quoted or not."""
    return rf"""(?<!\w)["`\[]?{re.escape(name)}(?!\w)["`\]]?"""


def compares_with_number(sql: str, names: Collection[str]) -> bool:
    """Return whether a statement compares one of several columns with a number above 0.

    Args:
        sql: The statement.
        names: Folded names of the columns.
    """
    words = words_of(sql)
    return any(_NUMBER.fullmatch(word) and _belongs_to(words, at, names) for at, word in enumerate(words))


def _belongs_to(words: list[str], at: int, names: Collection[str]) -> bool:
    """Return whether a number belongs to one of the columns."""
    before = at - 1
    if words[before] in _OF_NO_ROW or "." in words[before : at + 2] or _is_negative(words, at):
        return False
    while before > 0 and words[before] in _OPERATORS:
        before -= 1
    if before < at - 1 and _names_one(words, before, -1, names):
        return True
    after = at + 1
    while after < len(words) and words[after] in ("=", "<", ">", "!", "+", "-", "*"):
        after += 1
    if at + 1 < after < len(words) and _names_one(words, after, 1, names):
        return True
    return _is_listed(words, at, names)


def _names_one(words: list[str], at: int, step: int, names: Collection[str]) -> bool:
    """Return whether an operand, which may be in parentheses, has one of the columns."""
    if words[at] in ("(", ")"):
        end = _partner(words, at, step)
        return words[min(at, end) - 1] != "count" and any(word in names for word in words[min(at, end) : max(at, end)])
    if step > 0 and at + 2 < len(words) and words[at + 1] == ".":
        at += 2
    return words[at] in names


def _is_listed(words: list[str], at: int, names: Collection[str]) -> bool:
    """Return whether a number stands in a list or a row value that belongs to a column."""
    start = _opening(words, at)
    before = start - 1
    if before > 0 and words[before] == "values":
        return _is_inserted(words, at, start, names)
    if before > 1 and words[before] == "cast":
        before -= 1
    if before < 1 or words[start + 1] == "select" or words[before] not in ("in", "=", "<", ">"):
        return False
    while before > 0 and words[before] in ("in", "not", "=", "<", ">", "!"):
        before -= 1
    return _names_one(words, before, -1, names)


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
