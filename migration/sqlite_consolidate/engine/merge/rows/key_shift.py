"""Shift the integers of a column whose rows get new keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.sqlite.schema.row_conditions import RowCondition

if TYPE_CHECKING:
    from collections.abc import Mapping

SMALLEST = -(2**63)
"""Smallest integer that SQLite stores."""

SHIFTED = "keys-shifted"
"""Event of the ledger for each table that states its offsets before the first row is copied."""


@dataclass(frozen=True, slots=True)
class KeyShift:
    """Hold how the integers of one column arrive in the target.

    Attributes:
        offset: Number that is added to each value.
        is_key: Whether the column is the renumbered key itself, of which every value is shifted.
        kept: Values at or below 0 that are no key of their source, and therefore stay. None means all such values,
            because the source has no such key.
    """

    offset: int
    is_key: bool = False
    kept: tuple[int, ...] | None = None

    def value(self, expression: str) -> str:
        """Return the SQL of a value as it arrives. NULL stays NULL.

        Args:
            expression: SQL of the value in the source, which is an integer or NULL.
        """
        if not self.offset:
            return expression
        shifted = f"{expression} + {self.offset}"
        if self.is_key or self.kept == ():
            return f"({shifted})"
        stays = f"{expression} <= 0" if self.kept is None else f"{expression} IN ({', '.join(map(str, self.kept))})"
        return f"iif({stays}, {expression}, {shifted})"

    @property
    def least(self) -> int | None:
        """Return the smallest integer that is shifted, or None if a larger one stays."""
        if self.is_key or self.kept == ():
            return SMALLEST
        return 1 if self.kept is None else None

    def as_json(self) -> dict[str, Any]:
        """Return the shift as the ledger keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> KeyShift:
        """Return the shift that the ledger keeps."""
        kept = value["kept"]
        return cls(value["offset"], value["is_key"], None if kept is None else tuple(kept))


@dataclass(frozen=True)
class ConditionalShift:
    """Hold how the integers of a column arrive that refers to one key or another.

    Attributes:
        cases: Conditions on the source row, each with how the value arrives if it holds. Any other value stays.
    """

    cases: tuple[tuple[RowCondition, KeyShift], ...]

    is_key = False

    @property
    def offset(self) -> int:
        """Return the largest number that is added to a value."""
        return max(shift.offset for _, shift in self.cases)

    def value(self, expression: str) -> str:
        """Return the SQL of a value as it arrives.

        Args:
            expression: SQL of the value in the source row ``s``.
        """
        cases = [f"WHEN {condition.over('s')} THEN {shift.value(expression)}" for condition, shift in self.cases]
        return f"CASE {' '.join(cases)} ELSE {expression} END" if self.offset else expression

    def as_json(self) -> dict[str, Any]:
        """Return the shift as the ledger keeps it."""
        return {"cases": [{"when": when.as_json(), **shift.as_json()} for when, shift in self.cases]}


ColumnShift = KeyShift | ConditionalShift


def shifts_as_json(subject: str, columns: Mapping[str, ColumnShift], constants: Mapping[str, str]) -> dict[str, Any]:
    """Return the shifts of the columns of a table as the ledger keeps them.

    Args:
        subject: The table with its file.
        columns: The shifted columns.
        constants: The constants that follow a new key.
    """
    shifts = {"columns": {subject: {column: shift.as_json() for column, shift in columns.items()}}}
    return shifts | ({"constants": {subject: dict(constants)}} if constants else {})


def shift_from_json(value: dict[str, Any]) -> ColumnShift:
    """Return the shift of a column that the ledger keeps."""
    if "cases" not in value:
        return KeyShift.from_json(value)
    cases = [(RowCondition.from_json(case["when"]), KeyShift.from_json(case)) for case in value["cases"]]
    return ConditionalShift(tuple(cases))
