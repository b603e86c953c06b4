"""Tell whether two files with equal tables belong to two programs."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.sources.kinds import are_of_one_kind
from sqlite_consolidate.text import counted, join_first_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Entry, Inventory
    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal

_QUESTION = (
    "{facts}. The plan unites their rows, although {reason}. Keep {them} united if both files belong to one program. "
    "Otherwise give {them} another name by a [[source.table]] with `into`, and change the code that reads {them}."
)


class SharedTable(NamedTuple):
    """Hold how many columns two tables with one name have.

    Attributes:
        common: Columns of both.
        missing: Columns that only the table of the other file has.
        further: Columns that only this table has.
    """

    name: str
    common: int
    missing: int
    further: int


def ask_about_programs(inventory: Inventory, refined: RefinedProposal) -> RefinedProposal:
    """Return the proposal with a decision about each file that may be of another program.

    Files of one pattern are of one kind. A conflicted copy has a decision already, and so has a table of which the
    rehearsal asks how its files are told apart.

    Args:
        inventory: The databases and the code of the workspace.
        refined: The proposal after its rehearsal.
    """
    entries = {entry.file: entry for entry in inventory.entries}
    entries |= {source.file: entries[source.files[0]] for source in refined.proposal.sources if source.files}
    asked = refined.asked_to_tell_apart
    sources = tuple(source if source.version else _asked(source, entries, asked) for source in refined.proposal.sources)
    return replace(refined, proposal=replace(refined.proposal, sources=sources))


def _asked(source: ProposedSource, entries: Mapping[str, Entry], asked: frozenset[str]) -> ProposedSource:
    """Return a source with the decision about tables that it shares with another program.

    Args:
        source: The source.
        entries: Each database of the workspace, by its file.
        asked: Tables of the target, folded, about which there is a decision already.
    """
    united: dict[str, list[SharedTable]] = {}
    databases = [entries[file].database for file in source.all_files if file in entries]
    for each in source.maps:
        others = [file for file in each.shared if file not in source.files]
        is_open = not is_migration_stamp(each.name) and folded(each.into) not in asked
        if others and others[0] in entries and folded(each.into) == folded(each.name) and is_open:
            shared = shared_table(each.name, databases, entries[others[0]].database)
            united.setdefault(others[0], []).append(shared)
    questions = []
    for other, tables in united.items():
        if reason := reason_of_programs(entries[other], entries[source.file]):
            questions.append(_question(tables, other, reason))
    return replace(source, questions=(*source.questions, *questions))


def _question(tables: Sequence[SharedTable], other: str, reason: str) -> str:
    """Return the decision about tables that another file has as well."""
    by_columns: dict[tuple[int, ...], list[str]] = {}
    for each in tables:
        columns = (each.common, each.missing, each.further) if each.missing or each.further else ()
        by_columns.setdefault(columns, []).append(each.name)
    facts = [_fact(names, other, *columns) for columns, names in by_columns.items()]
    return _QUESTION.format(facts=join_first_names(facts), them="it" if len(tables) == 1 else "them", reason=reason)


def _fact(names: Sequence[str], other: str, common: int = 0, missing: int = 0, further: int = 0) -> str:
    """Return what tables have in common with those of another file."""
    verb, tables = ("has", "a table") if len(names) == 1 else ("have", "tables")
    columns = f"{common} of the {counted(common + missing, 'column')}" if missing else "the columns"
    more = f" (and {counted(further, 'further column')})" if further else ""
    return f"{join_first_names(names)} {verb} the name and {columns} of {tables} of {other}{more}"


def shared_table(name: str, databases: Sequence[Database], other: Database) -> SharedTable:
    """Return how many columns a table has in common with that of another file.

    Args:
        name: Its name in both.
        databases: Its files.
        other: The other file.
    """
    columns, others = (
        {folded(column.name) for each in files if (known := each.table(name)) for column in known.table.columns}
        for files in (databases, [other])
    )
    return SharedTable(name, len(columns & others), len(others - columns), len(columns - others))


def reason_of_programs(first: Entry, second: Entry) -> str:
    """Return why two files may belong to two programs, in half a sentence, or an empty text.

    Files that one file of code names belong to one program, and so do years, shards and tenants, whose paths are alike.
    """
    code = [{mention.file for mention in (*entry.mentions, *entry.computed)} for entry in (first, second)]
    if not code[0].isdisjoint(code[1]):
        return ""
    if all(code) and _are_apart(code[0], code[1]):
        return f"different code names them ({min(code[0])} and {min(code[1])})"
    if _are_apart([first.file], [second.file]) and _shape(first.file) != _shape(second.file):
        return "their folders and names differ, and no code names both"
    tables = [{folded(table.name) for table in each.database.tables_with_rows} for each in (first, second)]
    if tables[0] - tables[1] and tables[1] - tables[0] and not are_of_one_kind(first.database, second.database):
        return "each of them has further tables, and no code names both"
    return ""


def _are_apart(first: Iterable[str], second: Iterable[str]) -> bool:
    """Return whether no file is in a folder, or below a folder, of the others."""
    folders = [{PurePosixPath(file).parent for file in files} for files in (first, second)]
    return not any(left.is_relative_to(right) or right.is_relative_to(left) for left, right in product(*folders))


def _shape(file: str) -> str:
    """Return the name of a file without its numbers and the name of its folder."""
    path = PurePosixPath(file)
    stem = path.stem.replace(path.parent.name, "*") if path.parent.name else path.stem
    return re.sub(r"[\d._-]+", "", folded(stem)) + path.suffix
