"""Hold what a passed entry must state by the other facts of its bundle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import is_
from typing import TYPE_CHECKING, Any, TypeVar

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.plan.values import Part
from sqlite_consolidate.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.report.evidence import DatabaseRecord, Place, TableContent

BYTES_AND_DIGEST = r"\d+ bytes, (?P<digest>[0-9a-f]{64})"
"""Pattern of an entry about a file of the backup set, whose digest is nowhere else in the evidence."""

_Plan = TypeVar("_Plan", bound=Part)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Fact:
    """Hold what a passed entry must state.

    Attributes:
        criterion: Id of the criterion.
        subject: Subject of the entry; SQLite's names have no case.
        expected: Text that it must have expected.
        observed: Text that it must have observed; None if it is the same.
        is_pattern: Whether ``observed`` is a regular expression, or ``expected`` if both are the same.
    """

    criterion: str
    subject: str
    expected: str
    observed: str | None = None
    is_pattern: bool = False

    @property
    def text(self) -> str:
        """Return both texts, or only one if they are the same."""
        return self.expected if self.observed is None else f"{self.expected}; {self.observed}"

    def fits(self, entry: Evidence) -> bool:
        """Return whether an entry states this fact."""
        if self.observed is None:
            return entry.observed == entry.expected and self._says(self.expected, entry.observed)
        return entry.expected == self.expected and self._says(self.observed, entry.observed)

    def _says(self, wanted: str, text: str) -> bool:
        return bool(re.fullmatch(wanted, text, re.DOTALL)) if self.is_pattern else wanted == text


def entry_text(entry: Evidence) -> str:
    """Return the texts of an entry in the form of ``Fact.text``."""
    return entry.expected if entry.expected == entry.observed else f"{entry.expected}; {entry.observed}"


def with_printable_texts(part: _Plan) -> _Plan:
    """Return a part of a plan with printable texts, as evidence has them.

    It need not be valid any more. A part whose texts are printable is returned itself, because a plan can have
    thousands of them.
    """
    values = {name: getattr(part, name) for name in type(part).model_fields}
    printed = {name: _printable_value(value) for name, value in values.items()}
    return part if all(map(is_, printed.values(), values.values())) else part.model_copy(update=printed)


def _printable_value(value: Any) -> Any:
    if isinstance(value, Part):
        return with_printable_texts(value)
    if isinstance(value, dict):
        pairs = {_printable_value(key): _printable_value(item) for key, item in value.items()}
        return value if pairs == value else pairs
    if isinstance(value, (list, tuple)):
        items = type(value)(map(_printable_value, value))
        return value if items == value else items
    return printable(value) if isinstance(value, str) else value


def by_folded_name(values: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the values by their names without case, as SQLite compares names."""
    return {folded(name): value for name, value in values.items()}


def contents_of(database: DatabaseRecord | None, place: Place) -> dict[str, TableContent]:
    """Return the tables of a database at a place, by their names without case."""
    return by_folded_name(database.contents.get(place, {})) if database else {}


def content_text(content: TableContent) -> str:
    """Return rows and digest in the form of an entry.

    An empty table has no digest.
    """
    rows = counted(content.rows, "row")
    return f"{rows}, {content.digest}" if content.rows else rows
