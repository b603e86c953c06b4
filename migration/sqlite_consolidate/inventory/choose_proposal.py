"""Choose between a plan that unites rows of files and one that tells the files apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import MIGRATION_STAMPS, is_of_framework
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.propose import propose_plan
from sqlite_consolidate.inventory.refinement.equal_rows import tables_alike
from sqlite_consolidate.inventory.refinement.near_copies import ask_about_near_copies
from sqlite_consolidate.inventory.refinement.refine import refine_proposal
from sqlite_consolidate.inventory.refinement.united_rows import ask_about_united_rows, united_tables
from sqlite_consolidate.inventory.sources.families import find_families
from sqlite_consolidate.inventory.sources.file_column import FileQuestion
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Inventory
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal
    from sqlite_consolidate.inventory.sources.families import Family

_QUESTION = (
    "{tables} {has} rows with equal keys in several of these files. They are moved as different rows, as those of two "
    "tenants are, and the column that `constants` fills tells them apart: change the code that reads them, and state "
    "the column in each INSERT of the code, because it is NOT NULL. If they are the same rows, remove `constants` and "
    "the column from each [[table]], and state by `match` or `on_conflict` which row stays."
)
_UNITED = (
    "{tables} {has} rows with equal keys in several of these files, which are taken for the same rows. If each file "
    "has its own, as each tenant has its users, add a column to their keys that names the file (`create` with "
    '`constants = {{ file = "{{stem}}" }}`).'
)


def choose_proposal(
    inventory: Inventory,
    proposal: Proposal,
    on_progress: Callable[[str], None],
    stated: tuple[Database, str] | None = None,
) -> RefinedProposal:
    """Refine a proposal, or the one that tells files apart where that is better.

    It is better where rows would be united, or tables kept apart for their keys.

    Args:
        inventory: The databases of the workspace.
        proposal: The proposal without a column that names files.
        on_progress: Called with the name of each step before it begins.
        stated: The target that the operator has chosen, and the reason in one clause. None for the best one.

    Raises:
        ProblemError: A database is locked or busy.
    """
    uses = {entry.file: entry.mentions for entry in inventory.entries}
    refined = refine_proposal(inventory.root, proposal, on_progress, uses, inventory.joins)
    kinds = [kind for kind in find_families(inventory.root, inventory.entries, "") if len(kind.files) > 1]
    questions = {
        file: question
        for kind in kinds
        if (question := _file_question(inventory.root, refined, kind))
        for file in kind.files
    }
    other = propose_plan(inventory, stated, questions) if questions else None
    if other is not None and any(source.constants for source in other.sources):
        apart = refine_proposal(inventory.root, other, on_progress, uses, inventory.joins)
        is_better = not apart.objections and not apart.unrehearsed_reason
        told_apart = [source for source in apart.proposal.sources if source.constants]
        if is_better and told_apart and all(_is_whole(source, refined) for source in told_apart):
            return _with_questions(apart, inventory, kinds)
    return _with_questions(refined, inventory, kinds)


def _is_whole(source: ProposedSource, refined: RefinedProposal) -> bool:
    """Return whether a source is a pattern that separates no table without need."""
    names = [each.into for each in source.maps]
    united = [other for other in refined.proposal.sources if other.files and other.file == source.file]
    return bool(source.files) and all([each.into for each in other.maps] == names for other in united)


def _file_question(root: Path, refined: RefinedProposal, kind: Family) -> FileQuestion | None:
    """Return the decision about rows with equal keys in several files, or None."""
    tables = _colliding_tables(refined, kind)
    alike = tables_alike(root, kind) if tables else frozenset()
    return FileQuestion(_question(_QUESTION, tables), alike.difference(map(folded, tables))) if tables else None


def _question(text: str, tables: list[str]) -> str:
    return text.format(tables=join_first_names(tables), has="has" if len(tables) == 1 else "have")


def _with_questions(refined: RefinedProposal, inventory: Inventory, kinds: list[Family]) -> RefinedProposal:
    """Return the proposal with a decision about each source of which rows are united."""
    databases = {entry.file: entry.database for entry in inventory.entries}
    of_patterns = {file: kind.database for kind in kinds for file in kind.files}
    sources = []
    for source in refined.proposal.sources:
        if source.files:
            database = of_patterns.get(source.files[0])
            tables = united_tables(source, database, refined.skipped) if database else []
            tables = _without_frameworks(source, tables) if source.constants else tables
            added: tuple[str, ...] = (_question(_UNITED, tables),) if tables else ()
            files = (*source.files, refined.proposal.target)
            read = [databases[file] for file in files if file in databases]
            added = (*added, *ask_about_near_copies(inventory.root, source, read))
        else:
            added = ask_about_united_rows(source, databases[source.file], refined.skipped)
        sources.append(replace(source, questions=(*source.questions, *added)))
    return replace(refined, proposal=replace(refined.proposal, sources=tuple(sources)))


def _without_frameworks(source: ProposedSource, tables: Iterable[str]) -> list[str]:
    """Return the tables with shared rows, without those that a framework fills."""
    shared = {each.name for each in source.maps if each.on_conflict and not is_of_framework(each.name)}
    return [name for name in tables if name in shared]


def _colliding_tables(refined: RefinedProposal, kind: Family) -> list[str]:
    """Return the tables of which rows have equal keys in several files.

    They are tables whose rows would be united, and tables that are kept apart for that.
    """
    database, names = kind.database, set()
    for source in refined.proposal.sources:
        if not {*source.all_files}.isdisjoint(kind.files):
            names |= {*source.undecided, *united_tables(source, database, refined.skipped)}
            apart = () if source.files else source.maps  # a pattern is kept apart from the target
            names |= {each.name for each in apart if each.into != each.name and not each.follows}
    folded_names = {folded(name) for name in names} - MIGRATION_STAMPS
    return [table.name for table in database.tables if folded(table.name) in folded_names]
