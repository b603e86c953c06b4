"""Hold the parts of a proposed plan that belong to no source."""

from __future__ import annotations

from dataclasses import dataclass


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
