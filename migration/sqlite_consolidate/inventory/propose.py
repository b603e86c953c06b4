"""Propose a plan from an inventory.

The plan has a target, sources, table mappings, and the files that are left out.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggest import ProposedReference, propose_references
from sqlite_consolidate.engine.merge.movable_tables import find_movable_table
from sqlite_consolidate.engine.sqlite.schema.index_content import content_kind
from sqlite_consolidate.engine.sqlite.schema.objects import Index, Table, keys_of
from sqlite_consolidate.engine.sqlite.schema.statements import same_statement
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.inspection import CountedTable
from sqlite_consolidate.inventory.migration_stamps import is_migration_stamp, stamp_question
from sqlite_consolidate.inventory.proposal import LeftOut, Proposal, ProposedLeave, ProposedMap, ProposedSource
from sqlite_consolidate.inventory.refinement.new_keys import find_obstacle, loose_columns, with_keys
from sqlite_consolidate.inventory.refinement.rebuilds import find_rebuilds, left_index, moved_index, rebuild_over_shared
from sqlite_consolidate.inventory.refinement.relations import keep_related_together, keep_separate, related_tables
from sqlite_consolidate.inventory.selection.source_names import name_sources, slug
from sqlite_consolidate.inventory.selection.target import choose_target
from sqlite_consolidate.inventory.smoke_tests import propose_smoke_tests, propose_test_command
from sqlite_consolidate.plan.model import Leave, Source, TableMap
from sqlite_consolidate.plan.toml_file import MAX_BYTES
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Entry, Inventory
    from sqlite_consolidate.inventory.proposal import ProposedRebuild


_MAX_SOURCE_BYTES, _MAX_TABLE_BYTES = 1_500, 500  # of a plan, at most, where every table is kept apart


_UNREFERENCED = (
    "no code is seen to open this file: how does your application reach it? "
    "Change that code by a [[reference]], or leave this source out if nothing reads it."
)
_CONFLICTED = (
    "{reason}: which rows are right? Set `match` or `on_conflict` for the rows that both have, "
    "or leave this source out."
)
_ONLY_COMPUTED = (
    "only a computed name that can be that of any database, {pattern} ({place}), can open this file: does it? "
    "Change that code by a [[reference]], or leave this source out if nothing reads it."
)


def propose_plan(inventory: Inventory) -> Proposal | None:
    """Return the plan that an inventory suggests.

    None is returned where fewer than two databases have rows, because then there is nothing to consolidate.
    """
    live = [entry.database for entry in inventory.live]
    if len(live) < 2:  # noqa: PLR2004 -- one database needs no consolidation
        return None
    eligible = [entry for entry in inventory.live if entry.role == "live"] or inventory.live
    mentions_of = {entry.file: len(entry.mentions) for entry in eligible}
    target, reason = choose_target([entry.database for entry in eligible], mentions_of, inventory.root.name)
    entries, postponed = _split_by_size([entry for entry in inventory.live if entry.file != target.file])
    names = name_sources([entry.file for entry in entries])
    naming = TableNaming(target)
    possible_rebuilds = find_rebuilds([target, *(entry.database for entry in entries)])
    sources = tuple(_source(entry, names[entry.file], naming, inventory, possible_rebuilds) for entry in entries)
    sources = tuple(rebuild_over_shared(source, possible_rebuilds, target) for source in sources)
    moved_indexes = {folded(each.name) for source in sources for each in source.maps if each.is_index}
    mentions = [mention for entry in entries for mention in entry.mentions]
    smoke = propose_smoke_tests(inventory.root, mentions, target.file)
    tried = {test.file for test in smoke if not test.decide}
    code = dict.fromkeys(mention.file for mention in mentions if mention.kind == "code")
    proposal = Proposal(
        name=slug(inventory.root.name) or "consolidation",
        target=target.file,
        target_reasons=(reason,),
        sources=sources,
        left_out=(
            *(_left_out(entry) for entry in inventory.entries if not entry.is_live),
            *_postponed(postponed),
        ),
        references=_references(inventory, [source.file for source in sources], target.file, mentions),
        smoke=smoke,
        untried=tuple(file for file in code if file not in tried),
        test_command=propose_test_command(inventory.root),
        scan=_trees([mention.file for mention in mentions]),
        rebuilds=tuple(each for each in possible_rebuilds if folded(each.table) in moved_indexes),
        possible_rebuilds=possible_rebuilds,
        target_tables=tuple(table.name for table in target.tables),
    )
    return keep_related_together(proposal)


def _split_by_size(entries: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Return the databases that a plan has room for, at least one, and the others."""
    sizes = accumulate(
        _MAX_SOURCE_BYTES + sum(_MAX_TABLE_BYTES + 8 * len(table.name) for table in entry.database.tables_with_rows)
        for entry in entries
    )
    fitting = max(1, sum(size <= MAX_BYTES for size in sizes))
    return entries[:fitting], entries[fitting:]


def _postponed(entries: list[Entry]) -> list[LeftOut]:
    if not entries:
        return []
    files = join_first_names([entry.file for entry in entries])
    return [LeftOut(files, "a plan has no room for more. Consolidate these in a second run.", decide=True)]


class TableNaming:
    """Give each table its name in the target.

    Tables that are declared alike share a name. A table that is declared differently gets another name.
    """

    def __init__(self, target: Database) -> None:
        self._taken: dict[str, tuple[str, CountedTable]] = {
            folded(table.name): (target.file, table) for table in target.tables
        }
        self._taken |= {folded(view.name): (target.file, _view_as_table(view.name)) for view in target.schema.views}
        self._shared: dict[str, list[str]] = {}

    def name_table(self, source: str, file: str, table: CountedTable) -> ProposedMap | ProposedLeave:
        """Return the mapping of one table of a source.

        A table of migrations is left behind where its rows are there already and have no key.
        """
        table_map = ProposedMap(table.name, table.name, table.rows_text)
        first_file, first_table = self._taken.setdefault(folded(table.name), (file, table))
        if first_file == file:
            return table_map
        if not same_statement(first_table.table.sql, table.table.sql):
            difference = _difference(first_table.table, table.table)
            reason = f"{table.name} is declared differently in {first_file} ({difference})."
            return _separate_stamp(table_map, source, reason) or keep_separate(table_map, source, reason)
        if is_migration_stamp(table.name):
            if first_table.stamp is None or table.stamp is None or not table.stamp <= first_table.stamp:
                reason = f"Its rows are not those of {first_file}."
                return _separate_stamp(table_map, source, reason) or table_map
            if not keys_of(first_table.table):
                return ProposedLeave(table.name, f"all its rows are in {first_file} as well")
            table_map = replace(table_map, on_conflict="skip-identical")
        shared = self._shared.setdefault(folded(table.name), [first_file])
        shared.append(file)
        return replace(table_map, shared=tuple(shared[:-1]))


def _separate_stamp(table_map: ProposedMap, source: str, reason: str) -> ProposedMap | None:
    """Return a table of migrations with a separate name and its decision.

    None is returned for any other table.
    """
    if not is_migration_stamp(table_map.name):
        return None
    separate = keep_separate(table_map, source, reason)
    return replace(separate, is_stamp=True, decide=(stamp_question(table_map.name, separate.into, reason),))


def _view_as_table(name: str) -> CountedTable:
    view = Table(name, "view", "", False, False, (), (), "", "", "")  # noqa: FBT003 -- a view has none of these
    return CountedTable(view, None, has_more=False, needs=frozenset())


def _difference(first: Table, second: Table) -> str:
    """Return the columns that only one of two tables has, or another reason why they differ."""
    first_names, second_names = ({folded(column.name) for column in table.columns} for table in (first, second))
    differences = (
        [f"only in the first: {', '.join(sorted(first_names - second_names))}"] if first_names - second_names else []
    )
    differences += (
        [f"only in this one: {', '.join(sorted(second_names - first_names))}"] if second_names - first_names else []
    )
    return "; ".join(differences) or "types, keys or constraints"


def _source(
    entry: Entry, name: str, naming: TableNaming, inventory: Inventory, rebuilds: Sequence[ProposedRebuild]
) -> ProposedSource:
    """Return the tables of a source, and those that it leaves."""
    database = entry.database
    maps, leaves, related = [], [], related_tables(database)
    for table in _needed_tables(database):
        indexes = [] if table.table.lacks else [_left_index(index) for index in table.table.indexes if index.lacks]
        leave = [Leave(indexes=(each.table,), reason=each.reason) for each in indexes]
        source = Source(name=name, file=database.file, leave=leave)
        problem = find_movable_table(source, TableMap(name=table.name), database.schema)
        leaves += indexes
        if isinstance(problem, Table):
            named = naming.name_table(name, database.file, table)
            if isinstance(named, ProposedLeave):
                leaves.append(named)
            else:
                known = related.get(folded(table.name), frozenset())
                maps.append(with_keys(replace(named, related=known), table.table, database))
        elif table.table.lacks and (table.rows != 0 or content_kind(table.table)):
            question = f"{table.name} {problem.what} It is left out. {_DEFINE}"
            leaves.append(ProposedLeave(table.name, f"{table.name} {problem.what}", (question,)))
        elif table.rows != 0 or content_kind(table.table):
            can_rebuild = any(folded(each.table) == folded(table.name) for each in rebuilds)
            index = moved_index(table, naming.name_table(name, database.file, table)) if can_rebuild else None
            if index:
                maps.append(replace(index, related=related.get(folded(table.name), frozenset())))
            else:
                leaves.append(left_index(table.name, problem.what))
    questions = [_CONFLICTED.format(reason=entry.role_reason)] if entry.role == "conflict" else []
    questions += [] if entry.mentions or questions or not inventory.has_code else [_ask_who_opens(entry)]
    proposed = {folded(each.name) for each in maps} | {folded(each.table) for each in leaves}
    empty = tuple(
        table.name for table in database.tables if table.table.kind == "table" and folded(table.name) not in proposed
    )
    return ProposedSource(
        name,
        database.file,
        _notes(entry),
        tuple(maps),
        tuple(leaves),
        tuple(questions),
        empty,
        obstacle=find_obstacle(database),
        loose=loose_columns(database),
    )


_DEFINE = "Define what it needs by setup of [connection], or confirm the reason."


def _left_index(index: Index) -> ProposedLeave:
    reason = f"{index.name} needs {index.lacks}, which only its application defines"
    question = f"{reason}. It is left out. {_DEFINE}"
    return ProposedLeave(index.name, reason, (question,), "indexes")


def _ask_who_opens(entry: Entry) -> str:
    """Return the question about a database that no code is seen to open for certain."""
    if not entry.computed:
        return _UNREFERENCED
    first = entry.computed[0]
    return _ONLY_COMPUTED.format(pattern=first.pattern, place=f"{first.file}:{first.line}")


def _needed_tables(database: Database) -> list[CountedTable]:
    """Return the tables that have to be copied, in the order of the schema.

    These are the tables with rows, and the empty tables that they refer to.
    """
    wanted: set[str] = set()
    pending = [folded(table.name) for table in database.tables_with_rows]
    while pending:
        name = pending.pop()
        table = database.table(name)
        if table and name not in wanted:
            wanted.add(name)
            pending += table.needs
    return [table for table in database.tables if folded(table.name) in wanted]


def _notes(entry: Entry) -> tuple[str, ...]:
    database = entry.database
    facts = [f"tables with rows: {len(database.tables_with_rows)} of {len(database.tables)}", *database.features]
    notes = [f"{', '.join(facts)}; last changed {database.changed[:10]}; mentions in the code: {len(entry.mentions)}"]
    notes += [
        f"open in process {holder.pid} now ({holder.program}): end that process before the migration"
        for holder in entry.open_in
    ]
    return tuple(notes)


def _references(
    inventory: Inventory, databases: list[str], target: str, mentions: list[Mention]
) -> tuple[ProposedReference, ...]:
    """Propose a reference for every mention of a source.

    Only files with a mention are read again.
    """
    files = list(dict.fromkeys(mention.file for mention in mentions))
    return propose_references(ScanScope(inventory.root, files, databases, target)) if files else ()


def _left_out(entry: Entry) -> LeftOut:
    kind = entry.database.kind
    reason = (
        entry.role_reason
        if entry.role in ("not read", "no rows", "copy")
        else f"looks like a {entry.role}: {entry.role_reason}"
    )
    return LeftOut(entry.file, reason, decide=kind in ("encrypted", "unreadable"))


def _trees(files: Sequence[str]) -> tuple[str, ...]:
    """Return the outermost folders of the files, and the files that are in no folder."""
    return tuple(sorted({file.partition("/")[0] for file in files}))
