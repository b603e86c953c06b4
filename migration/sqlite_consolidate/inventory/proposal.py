"""Proposal: a plan as it is proposed, with what a reader has to know, and to decide, at each of its places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_consolidate.engine.code.suggest import ProposedReference


@dataclass(frozen=True)
class ProposedMap:
    """One ``[[source.table]]``.

    Attributes:
        into: Name in the target; the same as ``name`` unless it has to be another.
        rows: Its rows now, in words.
        notes: Comments above it.
        decide: What a person has to decide about it, each in a sentence.
        shared: Files that bring the same table, if it is to become one with theirs.
    """

    name: str
    into: str
    rows: str
    notes: tuple[str, ...] = ()
    decide: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProposedLeave:
    """One ``[[source.leave]]``: a table with rows that cannot be moved."""

    table: str
    reason: str
    decide: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProposedSource:
    """One ``[[source]]``."""

    name: str
    file: str
    notes: tuple[str, ...]
    maps: tuple[ProposedMap, ...]
    leaves: tuple[ProposedLeave, ...] = ()


@dataclass(frozen=True)
class LeftOut:
    """A file that is no source.

    Attributes:
        decide: True when a person has to look: it may hold rows, and nobody could read them.
    """

    file: str
    reason: str
    decide: bool = False


@dataclass(frozen=True)
class ProposedSmoke:
    """One ``[[smoke]]``: the module can still be imported.

    Attributes:
        decide: Why it is proposed as a comment only; empty when it can be run.
    """

    module: str
    path: str
    interpreter: str = ""
    decide: str = ""


@dataclass(frozen=True)
class Proposal:
    """A whole plan.

    Attributes:
        target_reasons: What speaks for the target.
        decide: What is to be decided about the plan as a whole.
        scan: Trees that are scanned.
    """

    name: str
    target: str
    target_reasons: tuple[str, ...]
    sources: tuple[ProposedSource, ...]
    left_out: tuple[LeftOut, ...] = ()
    references: tuple[ProposedReference, ...] = ()
    smoke: tuple[ProposedSmoke, ...] = ()
    scan: tuple[str, ...] = ()
    decide: tuple[str, ...] = ()

    @property
    def decisions(self) -> int:
        """Number of places that are marked ``# decide:``."""
        marked = len(self.decide) + sum(not reference.understood for reference in self.references)
        for source in self.sources:
            marked += sum(len(table_map.decide) for table_map in source.maps)
            marked += sum(len(leave.decide) for leave in source.leaves)
        return marked + sum(file.decide for file in self.left_out) + sum(bool(test.decide) for test in self.smoke)
