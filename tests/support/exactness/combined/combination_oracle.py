"""Predict by plain Python what the target has after a plan that combines keys.

Each row is an object, and a reference leads to the object of its parent. No SQL takes part.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.exactness.combined.drawn_combinations import TARGET
from tests.support.exactness.predicted_trial import Refused, collated, is_equal

if TYPE_CHECKING:
    from tests.support.exactness.combined.drawn_combinations import Choice, Contents, Drawn, Refers, Row, Shape


@dataclass(eq=False)
class PredictedRow:
    """Hold one row of the target.

    Attributes:
        file: The file that has brought it.
        old: Its renumbered columns there.
        values: Column to value. A reference is the parent with the column of its key, or a value that leads to no row.
    """

    file: str
    old: Row
    values: dict[str, Any] = field(default_factory=dict)


State = dict[str, list[PredictedRow]]
Reference = tuple[PredictedRow, str]


def predict(drawn: Drawn) -> State:
    """Return the rows that each table of the target must have.

    Raises:
        Refused: A rule forbids the plan for these rows.
    """
    state: State = {name: [] for name in drawn.shapes}
    for file, contents in drawn.contents.items():
        moved = _chosen(drawn, file, contents)
        _File(drawn, file, moved, state, contents).add()
    for name, shape in drawn.shapes.items():
        _require_unique(shape, state[name])
    return state


def _chosen(drawn: Drawn, file: str, contents: Contents) -> Contents:
    """Return the rows that ``where`` and ``follows`` choose."""
    if file == TARGET:
        return contents
    chosen = {
        name: [row for row in rows if _holds(drawn.choices[file][name].where, row)] for name, rows in contents.items()
    }
    while True:
        left = [
            (shape.name, row)
            for shape in drawn.shapes.values()
            for row in chosen[shape.name]
            for column in shape.refers
            if (refers := shape.referred(row, column))
            and refers.table in drawn.choices[file][shape.name].follows
            and _find_row(contents, refers, row[column])
            and not _find_row(chosen, refers, row[column])
        ]
        if not left:
            break
        for name, row in left:
            chosen[name] = [each for each in chosen[name] if each is not row]
    return chosen


def _holds(where: str, row: Row) -> bool:
    if where.startswith("kind"):
        return bool(row["kind"] != "s")
    if where.startswith("note"):
        return bool(row["note"] != "n")
    if where:
        return type(row["at"]) is not int or row["at"] > 2
    return True


def _find_row(contents: Contents, refers: Refers, value: Any) -> Row | None:
    if value is None:
        return None
    return next((row for row in contents[refers.table] if row[refers.to] == value), None)


@dataclass
class _File:
    """Add the rows of one file to those that stand."""

    drawn: Drawn
    file: str
    contents: Contents
    state: State
    of_file: Contents
    predicted: dict[int, PredictedRow] = field(default_factory=dict)

    def add(self) -> None:
        """Add the rows.

        Raises:
            Refused: Rows do not meet one to one, differ, or refer in a circle.
        """
        existing = {name: list(predicted_rows) for name, predicted_rows in self.state.items()}
        met: list[tuple[Shape, Row, PredictedRow]] = []
        pending = [(shape, row) for shape in self.drawn.shapes.values() for row in self.contents[shape.name]]
        while pending:
            waiting = []
            for shape, row in pending:
                if any(self._is_awaited(shape, row, column) for column in self._deciding(shape)):
                    waiting.append((shape, row))
                    continue
                predicted = self._meet(shape, row, existing[shape.name])
                met += [(shape, row, predicted)] if predicted else []
                self.predicted[id(row)] = predicted or PredictedRow(
                    self.file, {name: row[name] for name in shape.renumbered}
                )
            if len(waiting) == len(pending):
                raise Refused("circle")
            pending = waiting
        counts = Counter(id(predicted) for shape, _, predicted in met if not shape.is_whole)
        if counts and max(counts.values()) > 1:
            raise Refused("several rows on one")
        matched = {id(row) for _, row, _ in met}
        for shape in self.drawn.shapes.values():
            for row in self.contents[shape.name]:
                if id(row) not in matched:
                    self._insert(shape, row)
        for shape, row, predicted in met:
            self._settle(shape, row, predicted)

    def _deciding(self, shape: Shape) -> list[str]:
        if self.file == TARGET:
            return []
        columns = shape.columns if shape.is_whole else shape.match or (shape.key if self._policy(shape) else ())
        return [column for column in columns if column in shape.refers]

    def _policy(self, shape: Shape) -> str:
        policy = self._choice(shape).policy
        return "" if policy == "refuse" and not shape.match else policy

    def _choice(self, shape: Shape) -> Choice:
        return self.drawn.choices[self.file][shape.name]

    def _is_awaited(self, shape: Shape, row: Row, column: str) -> bool:
        refers = shape.referred(row, column)
        parent = _find_row(self.contents, refers, row[column]) if refers else None
        return parent is not None and id(parent) not in self.predicted

    def _arriving(self, shape: Shape, row: Row, column: str) -> Any:
        refers = shape.referred(row, column)
        parent = _find_row(self.contents, refers, row[column]) if refers else None
        return (self.predicted[id(parent)], refers.to) if parent and refers else row[column]

    def _meet(self, shape: Shape, row: Row, existing: list[PredictedRow]) -> PredictedRow | None:
        """Return the existing row that the plan takes for the same row."""
        if self.file == TARGET or not (shape.match or self._policy(shape)):
            return None
        columns = shape.columns if shape.is_whole else shape.match or shape.key
        arriving = {column: self._arriving(shape, row, column) for column in columns}
        predicted_rows = [
            predicted
            for predicted in existing
            if all(
                _is_same(arriving[c], predicted.values[c])
                if shape.is_whole
                else _equal(arriving[c], predicted.values[c], shape.collations.get(c, ""))
                for c in columns
            )
        ]
        if len(predicted_rows) > 1 and not shape.is_whole:
            raise Refused("one row on several")
        return predicted_rows[0] if predicted_rows else None

    def _insert(self, shape: Shape, row: Row) -> None:
        self._require_parents(shape, row, list(shape.refers))
        predicted = self.predicted[id(row)]
        for column in shape.columns:
            if column not in shape.renumbered:
                predicted.values[column] = self._arriving(shape, row, column)
        if shape.extra:
            predicted.values["extra"] = row.get("extra") if self.file == TARGET else "E"
        self.state[shape.name].append(predicted)

    def _require_parents(self, shape: Shape, row: Row, columns: list[str]) -> None:
        """Require that no parent of a row stays behind.

        Raises:
            Refused: A parent is in the file and does not move.
        """
        for column in columns:
            refers = shape.referred(row, column)
            in_file = refers and _find_row(self.of_file, refers, row[column])
            if refers and in_file and not _find_row(self.contents, refers, row[column]):
                raise Refused("stray")

    def _settle(self, shape: Shape, row: Row, predicted: PredictedRow) -> None:
        """Let the policy decide about the columns that differ.

        Raises:
            Refused: It cannot.
        """
        self._require_parents(shape, row, self._deciding(shape))
        kept = {*shape.renumbered, *shape.key} - {*shape.match}
        values = {column: self._arriving(shape, row, column) for column in shape.columns if column not in kept}
        if shape.is_whole or all(_is_same(predicted.values[column], value) for column, value in values.items()):
            self._require_parents(shape, row, list(shape.refers))
            return
        policy = self._choice(shape).policy
        if policy in ("refuse", "skip-identical"):
            raise Refused("rows differ")
        if policy == "prefer-newer":
            ours, theirs = row["at"], predicted.values["at"]
            if ours is None or theirs is None or isinstance(ours, str) != isinstance(theirs, str) or ours == theirs:
                raise Refused("newer")
            policy = "prefer-source" if ours > theirs else "prefer-target"
        if policy == "prefer-source":
            self._require_parents(shape, row, list(shape.refers))
            predicted.values |= values


def _equal(left: Any, right: Any, collation: str) -> bool:
    """Compare two values or references with IS under a collation."""
    if isinstance(left, tuple) or isinstance(right, tuple):
        return isinstance(left, tuple) and isinstance(right, tuple) and left[0] is right[0]
    return is_equal(left, right, collation)


def _is_same(left: Any, right: Any) -> bool:
    """Return whether two values have one storage class and one value."""
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _equal(left, right, "")
    return repr(left) == repr(right)


def _require_unique(shape: Shape, predicted_rows: list[PredictedRow]) -> None:
    keys = [key for key in (shape.key, (shape.unique,)) if key and key[0] and key[0] not in shape.renumbered]
    for key in keys:
        values = [
            tuple(_comparable(predicted.values[column], shape.collations.get(column, "")) for column in key)
            for predicted in predicted_rows
            if None not in [predicted.values[column] for column in key]
        ]
        if len(set(values)) < len(values):
            raise Refused("a unique key")


def _comparable(value: Any, collation: str) -> Any:
    if isinstance(value, tuple):
        return id(value[0])
    return collated(value, collation) if isinstance(value, str) else value


def numbered(drawn: Drawn, state: State, after: Contents) -> Contents:
    """Return the predicted rows with the keys of the target.

    New keys are above all that were taken, so the rows of each file have them in the order of their old keys.

    Raises:
        AssertionError: The rows of one file have no common offset.
    """
    numbers: dict[tuple[int, str], Any] = {}
    for name, shape in drawn.shapes.items():
        for column in shape.renumbered:
            kept = [predicted for predicted in state[name] if predicted.file == TARGET]
            numbers |= {(id(predicted), column): predicted.old[column] for predicted in kept}
            free = sorted({row[column] for row in after[name]} - {predicted.old[column] for predicted in kept})
            for file in drawn.choices:
                moved = sorted(
                    (predicted for predicted in state[name] if predicted.file == file),
                    key=lambda predicted: predicted.old[column],
                )
                taken, free = free[: len(moved)], free[len(moved) :]
                assert len({new - predicted.old[column] for new, predicted in zip(taken, moved, strict=False)}) <= 1, (
                    file
                )
                numbers |= {(id(predicted), column): new for new, predicted in zip(taken, moved, strict=False)}
    return {
        name: [_row(shape, predicted, numbers) for predicted in state[name]] for name, shape in drawn.shapes.items()
    }


def _row(shape: Shape, predicted: PredictedRow, numbers: dict[tuple[int, str], Any]) -> Row:
    row = {column: numbers.get((id(predicted), column)) for column in shape.renumbered}
    for column, value in predicted.values.items():
        if isinstance(value, tuple):
            parent, to = value
            row[column] = numbers.get((id(parent), to)) if (id(parent), to) in numbers else parent.values.get(to)
        else:
            row[column] = value
    return row
