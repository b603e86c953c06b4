"""State what a passed entry has to say by other facts of its own bundle."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.plan.model import Part
from sqlite_consolidate.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_consolidate.engine.run.run_log import Evidence
    from sqlite_consolidate.report.evidence import DatabaseRecord, Place, TableContent

BYTES_AND_DIGEST = r"\d+ bytes, (?P<digest>[0-9a-f]{64})"
"""What an entry says of a file of the backup set, whose digest stands nowhere else in the evidence."""

_Plan = TypeVar("_Plan", bound=Part)
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Fact:
    """What a passed entry has to say.

    Attributes:
        criterion: Id of the criterion.
        subject: What the entry is about; SQLite's names have no case.
        expected: What it has to have expected.
        observed: What it has to have observed; None where that is the same.
        is_pattern: ``observed``, or ``expected`` where both are the same, is a regular expression.
    """

    criterion: str
    subject: str
    expected: str
    observed: str | None = None
    is_pattern: bool = False

    @property
    def text(self) -> str:
        """Both texts, or the one where they are the same."""
        return self.expected if self.observed is None else f"{self.expected}; {self.observed}"

    def fits(self, entry: Evidence) -> bool:
        """Whether the entry says it."""
        if self.observed is None:
            return entry.observed == entry.expected and self._says(self.expected, entry.observed)
        return entry.expected == self.expected and self._says(self.observed, entry.observed)

    def _says(self, wanted: str, text: str) -> bool:
        return bool(re.fullmatch(wanted, text, re.DOTALL)) if self.is_pattern else wanted == text


def entry_text(entry: Evidence) -> str:
    """Return the texts of an entry as :attr:`Fact.text` has those of a fact."""
    return entry.expected if entry.expected == entry.observed else f"{entry.expected}; {entry.observed}"


def with_printable_texts(part: _Plan) -> _Plan:
    """Return a part of a plan with its texts as evidence has them; it need not be valid any more."""
    return part.model_copy(update={name: _printable_value(getattr(part, name)) for name in type(part).model_fields})


def _printable_value(value: Any) -> Any:
    if isinstance(value, Part):
        return with_printable_texts(value)
    if isinstance(value, dict):
        return {_printable_value(key): _printable_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_printable_value, value))
    return printable(value) if isinstance(value, str) else value


def by_folded_name(values: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return the values by their names without case, as SQLite compares names."""
    return {folded(name): value for name, value in values.items()}


def contents_of(database: DatabaseRecord | None, place: Place) -> dict[str, TableContent]:
    """Return what the tables of a database held at a place, by their names without case."""
    return by_folded_name(database.contents.get(place, {})) if database else {}


def content_text(content: TableContent) -> str:
    """Return rows and digest as entries write them; an empty table has no digest to show."""
    rows = counted(content.rows, "row")
    return f"{rows}, {content.digest}" if content.rows else rows
