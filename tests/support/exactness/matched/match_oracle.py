"""Predict by plain Python what the target has when the same predicted_rows were matched.

Each row is an object, and a reference leads to the object of its parent. No SQL takes part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.exactness.matched.drawn_matches import TARGET
from tests.support.exactness.predicted_trial import Refused, collated, is_equal

if TYPE_CHECKING:
    from tests.support.exactness.matched.drawn_matches import Contents, Drawn, Row, Shape


@dataclass(eq=False)
class PredictedRow:
    """Hold one row of the target.

    Attributes:
        file: The file that has brought it.
        old: Its key there.
        values: Column to value. A reference is the PredictedRow of its parent, a number that leads to no row, or None.
    """

    file: str
    old: int | None
    values: dict[str, Any] = field(default_factory=dict)


def predict(drawn: Drawn) -> dict[str, list[PredictedRow]]:
    """Return the rows that each table of the target must have.

    Raises:
        Refused: Rows match several rows, or differ although the policy does not allow it.
    """
    state: dict[str, list[PredictedRow]] = {name: [] for name in drawn.shapes}
    for file, contents in drawn.contents.items():
        _add_file(drawn, state, file, contents)
    for name, shape in drawn.shapes.items():
        _require_unique(shape, state[name])
    return state


def _add_file(drawn: Drawn, state: dict[str, list[PredictedRow]], file: str, contents: Contents) -> None:
    existing = {name: list(predicted_rows) for name, predicted_rows in state.items()}
    predicted_rows: dict[tuple[str, int | None], PredictedRow] = {}
    lines: list[tuple[Shape, Row, PredictedRow]] = []
    pending = [(shape, row) for shape in drawn.shapes.values() for row in contents[shape.name]]
    while pending:
        waiting = []
        for shape, row in pending:
            if file != TARGET and any(
                _is_awaited(shape, row, column, contents, predicted_rows) for column in _deciding(shape)
            ):
                waiting.append((shape, row))
                continue
            predicted = None
            if file != TARGET and shape.match:
                predicted = _find(shape, row, predicted_rows, existing[shape.name])
                lines += [(shape, row, predicted)] if predicted else []
            if predicted is None:
                predicted = PredictedRow(file, row.get(shape.key))
                state[shape.name].append(predicted)
                lines.append((shape, row, predicted))
            predicted_rows[shape.name, row.get(shape.key) if shape.key else -len(predicted_rows) - 1] = predicted
        if len(waiting) == len(pending):
            raise Refused("circle")
        pending = waiting
    matched = Counter(
        id(predicted) for shape, _, predicted in lines if predicted.file != file and shape.match != ("*",)
    )
    if matched and max(matched.values()) > 1:
        raise Refused("several rows match one")
    for shape, row, predicted in lines:
        _settle(shape, row, predicted_rows, predicted, is_new=predicted.file == file)


def _deciding(shape: Shape) -> list[str]:
    match = shape.columns if shape.match == ("*",) else shape.match
    return [column for column in match if column in shape.refers]


def _is_awaited(
    shape: Shape, row: Row, column: str, contents: Contents, predicted_rows: dict[tuple[str, int | None], PredictedRow]
) -> bool:
    parent, value = shape.refers[column], row[column]
    return any(each["id"] == value for each in contents[parent]) and (parent, value) not in predicted_rows


def _find(
    shape: Shape, row: Row, predicted_rows: dict[tuple[str, int | None], PredictedRow], existing: list[PredictedRow]
) -> PredictedRow | None:
    columns = shape.columns if shape.match == ("*",) else shape.match
    arriving = {column: _arriving(shape, row, column, predicted_rows) for column in columns}
    matching = [
        predicted
        for predicted in existing
        if all(
            _is_same(arriving[c], predicted.values[c])
            if shape.match == ("*",)
            else _equal(arriving[c], predicted.values[c], shape.collations.get(c, ""))
            for c in columns
        )
    ]
    if len(matching) > 1 and shape.match != ("*",):
        raise Refused("one row matches several")
    return matching[0] if matching else None


def _arriving(shape: Shape, row: Row, column: str, predicted_rows: dict[tuple[str, int | None], PredictedRow]) -> Any:
    return (
        predicted_rows.get((shape.refers[column], row[column]), row[column]) if column in shape.refers else row[column]
    )


def _equal(left: Any, right: Any, collation: str) -> bool:
    """Compare two values or references with IS under a collation."""
    if isinstance(left, PredictedRow) or isinstance(right, PredictedRow):
        return left is right
    return is_equal(left, right, collation)


def _settle(
    shape: Shape,
    row: Row,
    predicted_rows: dict[tuple[str, int | None], PredictedRow],
    predicted: PredictedRow,
    *,
    is_new: bool,
) -> None:
    for column in shape.columns:
        if column == shape.key:
            continue
        value = _arriving(shape, row, column, predicted_rows)
        if is_new:
            predicted.values[column] = value
        elif shape.match != ("*",) and not _is_same(predicted.values[column], value):
            if shape.policy == "skip-identical" or not shape.key:
                raise Refused("rows differ")
            if shape.policy == "prefer-source":
                predicted.values[column] = value


def _is_same(left: Any, right: Any) -> bool:
    """Return whether two values have one storage class and one value."""
    if isinstance(left, PredictedRow) or isinstance(right, PredictedRow):
        return left is right
    return repr(left) == repr(right)


def _require_unique(shape: Shape, predicted_rows: list[PredictedRow]) -> None:
    for columns in [shape.unique] if shape.unique else []:
        values = [
            tuple(_comparable(predicted.values[column], shape.collations.get(column, "")) for column in columns)
            for predicted in predicted_rows
            if None not in [predicted.values[column] for column in columns]
        ]
        if len(set(values)) < len(values):
            raise Refused("a unique key")
    if shape.key and not shape.renumbered:
        keys = [predicted.old for predicted in predicted_rows]
        if len(set(keys)) < len(keys):
            raise Refused("a primary key")


def _comparable(value: Any, collation: str) -> Any:
    return collated(value, collation) if isinstance(value, str) else value


def numbered(drawn: Drawn, state: dict[str, list[PredictedRow]], after: Contents) -> dict[str, list[Row]]:
    """Return the predicted rows with the keys of the target.

    New keys are above all that were taken, so the rows of each file have them in the order of their old keys.
    """
    numbers: dict[int, int | None] = {}
    for name, shape in drawn.shapes.items():
        if not shape.key:
            continue
        kept = [predicted for predicted in state[name] if predicted.file == TARGET or not shape.renumbered]
        numbers |= {id(predicted): predicted.old for predicted in kept}
        taken = {predicted.old for predicted in kept}
        free = sorted(row["id"] for row in after[name] if row["id"] not in taken)
        moved = [
            predicted
            for file in drawn.sources
            for predicted in sorted(
                (predicted for predicted in state[name] if predicted.file == file and predicted not in kept),
                key=lambda each: each.old or 0,
            )
        ]
        numbers |= {id(predicted): number for predicted, number in zip(moved, free, strict=False)}
    rows: dict[str, list[Row]] = {}
    for name, shape in drawn.shapes.items():
        rows[name] = [
            {
                column: numbers.get(id(predicted))
                if column == shape.key
                else _number(predicted.values[column], numbers)
                for column in shape.columns
            }
            for predicted in state[name]
        ]
    return rows


def _number(value: Any, numbers: dict[int, int | None]) -> Any:
    return numbers.get(id(value)) if isinstance(value, PredictedRow) else value
