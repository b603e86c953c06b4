"""What the foretold schema of a small target says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.engine.merge.target_schema import Future


def made(future: Future) -> list[tuple[str, str]]:
    """Return kind and name of all that will be made, in order; there must be no problem."""
    assert future.problems == []
    return [(statement.kind, statement.name) for statement in (*future.early, *future.late)]


def refusal(future: Future) -> str:
    """Return the one problem in the way, as words; it must say what to do."""
    assert len(future.problems) == 1
    assert future.problems[0].hint
    return str(future.problems[0])


def sql_of(future: Future, name: str) -> str:
    """Return the statement that makes one object."""
    return next(one.sql for one in (*future.early, *future.late) if one.name == name)
