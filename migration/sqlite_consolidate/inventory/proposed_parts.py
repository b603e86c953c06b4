"""Hold the parts of a proposed plan beside the tables that are moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

LINE_OF_DECISION = "\0"
"""Stands in the text of a decision for the end of a line. No name has this character."""


@dataclass(frozen=True)
class ProposedLeave:
    """Hold one ``[[source.leave]]`` for what cannot or need not be copied.

    Attributes:
        table: Name of the table, index, trigger or view, or of a file that the pattern of the source matches.
        kind: ``tables``, ``indexes``, ``triggers``, ``views`` or ``files``.
    """

    table: str
    reason: str
    decide: tuple[str, ...] = ()
    kind: Literal["tables", "indexes", "triggers", "views", "files"] = "tables"


class ProposedRefers(NamedTuple):
    """Hold one ``[[source.table.refers]]``.

    Attributes:
        to: The key that its column refers to, as ``table.key``.
        when: SQL condition on the rows that refer to it. Empty for all rows.
        by: Triggers that write the key into the column, as text. Empty where each value is a key.
        joined: File and line of code that compares the column with the key. Empty if that is not the evidence.
    """

    column: str
    to: str
    when: str = ""
    by: str = ""
    joined: str = ""


@dataclass(frozen=True)
class ProposedTable:
    """Hold one ``[[table]]``, which has the columns of all files.

    Attributes:
        create: Statements that create it with its indexes and triggers, and views that read it.
    """

    name: str
    create: str


@dataclass(frozen=True)
class ProposedRebuild:
    """Hold one ``[[rebuild]]``.

    Attributes:
        query: Query of its rows, as its triggers state it. Empty for an index with external content.
    """

    table: str
    query: str = ""


@dataclass(frozen=True)
class ProposedRefresh:
    """Hold one ``[[refresh]]``."""

    table: str
    column: str
    value: str
    reason: str


@dataclass(frozen=True)
class LeftOut:
    """Hold a file that is no source.

    Attributes:
        decide: True when the operator has to decide, because the file may have rows that could not be read.
    """

    file: str
    reason: str
    decide: bool = False
