"""Propose a plan from an inventory.

The plan has a target, sources, table mappings, and the files that are left out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import accumulate
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.merged_files.migration_stamps import is_migration_stamp
from sqlite_consolidate.engine.code.scanning.old_names import KINDS_IN_USE, distinguishing_name
from sqlite_consolidate.engine.code.scanning.scan import find_mentions
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.shared_names import find_shared_names, shared_name_findings
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.code.proposed_code import add_code
from sqlite_consolidate.inventory.proposal import Proposal
from sqlite_consolidate.inventory.proposed_parts import LeftOut, ProposedLeave
from sqlite_consolidate.inventory.references.shared_keys import find_shared_keys
from sqlite_consolidate.inventory.refinement.counters import find_counters
from sqlite_consolidate.inventory.refinement.rebuilds import find_rebuilds, rebuild_over_shared
from sqlite_consolidate.inventory.refinement.relations import keep_related_together, keep_separate
from sqlite_consolidate.inventory.selection.source_names import name_sources, slug
from sqlite_consolidate.inventory.selection.target import choose_target
from sqlite_consolidate.inventory.sources.changed_users import ask_about_changed_users, leave_changed_users
from sqlite_consolidate.inventory.sources.families import Family, find_families, richest_first
from sqlite_consolidate.inventory.sources.file_column import add_file_column
from sqlite_consolidate.inventory.sources.kinds import are_of_one_kind
from sqlite_consolidate.inventory.sources.named_files import find_unnamed_tables
from sqlite_consolidate.inventory.sources.propose_source import SourceProposal
from sqlite_consolidate.inventory.sources.separate_tables import declare_separate_tables
from sqlite_consolidate.inventory.sources.table_naming import TableNaming
from sqlite_consolidate.inventory.sources.wider_target import find_wider_target
from sqlite_consolidate.plan.toml_file import MAX_BYTES
from sqlite_consolidate.text import join_first_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.suggestions.shared_names import SharedName
    from sqlite_consolidate.inventory.inspection import Database
    from sqlite_consolidate.inventory.inventory import Entry, Inventory
    from sqlite_consolidate.inventory.proposal import ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedRebuild
    from sqlite_consolidate.inventory.references.shared_keys import PlacedColumns
    from sqlite_consolidate.inventory.sources.file_column import FileQuestion

_MAX_SOURCE_BYTES, _MAX_TABLE_BYTES = 1_500, 500  # of a plan, at most, where every table is kept apart
_UNREAD = ("encrypted", "unreadable")
_MOST_HOLDERS = 3  # processes that a plan names for one source
_UNREFERENCED = (
    "no code is seen to open this file: how does your application reach it? "
    "Change that code by a [[reference]], or leave this source out if nothing reads it."
)
_NAMESAKE = (
    "each place in the code that has the name of this file may open {target} instead: how does your application reach "
    "this file? Change that code by a [[reference]], or leave this source out if nothing reads it."
)
_CONFLICTED = (
    "{reason}: which rows are right? Set `match` or `on_conflict` for the rows that both have, "
    "or leave this source out."
)
_DOUBTFUL = ". If its rows are not those of another database, add a [[source]]."
_ASKED = "{file} looks like a {role}: {reason}. Leave this source out if its rows are those of another database."
_ONLY_COMPUTED = (
    "only a computed name that can be that of any database, {pattern} ({place}), can open this file: does it? "
    "Change that code by a [[reference]], or leave this source out if nothing reads it."
)


def propose_plan(
    inventory: Inventory,
    stated: tuple[Database, str] | None = None,
    questions: Mapping[str, FileQuestion] | None = None,
) -> Proposal | None:
    """Return the plan that an inventory suggests.

    None is returned where fewer than two databases have rows, because then there is nothing to consolidate.

    Args:
        inventory: The databases of the workspace.
        stated: The target that the operator has chosen, and the reason in one clause. None for the best one.
        questions: Each file whose rows need a column that names their file, to the decision about it.
    """
    if inventory.is_one_at_most:
        return None
    target, reason = stated or _best_target(inventory, questions or {})
    families, postponed = _split_by_size(richest_first(find_families(inventory.root, inventory.entries, target.file)))
    entries = [entry for family in families for entry in family.entries]
    databases = [target, *(family.database for family in families)]
    possible_rebuilds = find_rebuilds(databases)
    naming = TableNaming(target, databases)
    groups = [[target], *([entry.database for entry in family.entries] for family in families)]
    shared_keys = find_shared_keys(inventory.root, groups)
    shared_names = _ask_about_shared_names(inventory, entries, target.file)
    sources = tuple(
        rebuild_over_shared(_with_question(source, inventory, target, shared_names), possible_rebuilds, target)
        for source in _sources(families, naming, possible_rebuilds, shared_keys)
    )
    moved_indexes = {folded(each.name) for source in sources for each in source.maps if each.is_index}
    proposal = Proposal(
        name=slug(inventory.root.name) or "consolidation",
        target=target.file,
        target_reasons=(reason,),
        sources=sources,
        tables=naming.new_tables,
        left_out=(*_all_left_out(inventory, families, target.file), *_postponed(postponed)),
        rebuilds=tuple(each for each in possible_rebuilds if folded(each.table) in moved_indexes),
        possible_rebuilds=possible_rebuilds,
        refreshes=find_counters(
            target, {folded(each.into) for source in sources for each in source.maps if each.shared}
        ),
        target_tables=tuple(table.name for table in target.tables),
    )
    if stated and (wider := find_wider_target(inventory, target)):
        patterns = (replace(source, wider=wider[0].file if source.files else "") for source in proposal.sources)
        proposal = replace(proposal, sources=tuple(patterns))
    proposal = _with_related_tables(proposal, families, target, questions or {})
    known = {*map(folded, target.schema.tables), *(folded(view.name) for view in target.schema.views)}
    return add_code(proposal, inventory, entries, proposal.left_names - known)


def _with_related_tables(
    proposal: Proposal, families: Sequence[Family], target: Database, questions: Mapping[str, FileQuestion]
) -> Proposal:
    """Return the proposal after all of its tables are known.

    Related tables stay together, and tables that are kept apart are declared. A changed trigger or view is a decision.
    """
    proposal = keep_related_together(proposal)
    separate = (
        table
        for source, family in zip(proposal.sources, families, strict=True)
        for table in declare_separate_tables(source, family)
    )
    proposal = replace(proposal, tables=(*proposal.tables, *separate))
    proposal = _with_file_columns(proposal, families, target, questions)
    asked = (
        replace(source, changed=ask_about_changed_users(family, source.leaves, proposal.tables))
        for source, family in zip(proposal.sources, families, strict=True)
    )
    return replace(proposal, sources=tuple(asked))


def _best_target(inventory: Inventory, questions: Mapping[str, FileQuestion]) -> tuple[Database, str]:
    """Return the target with the most points, or a wider one, and the reason."""
    eligible = [entry for entry in inventory.live if entry.role == "live"] or inventory.live
    databases = [entry.database for entry in eligible]
    if len(databases) == 1:
        return databases[0], "no word in the path of this file says that it is a copy"
    target, reason = choose_target(databases, _places_of_each(eligible), inventory.root.name, _kinds(inventory))
    return find_wider_target(inventory, target, questions) or (target, reason)


def _places_of_each(entries: Sequence[Entry]) -> dict[str, int]:
    """Return the number of places that name each database.

    A place that can mean several counts for those that are nearest to the root folder.
    """
    depths: dict[Mention, int] = {}
    for entry in entries:
        depth = entry.file.count("/")
        depths |= {mention: min(depth, depths.get(mention, depth)) for mention in entry.mentions}
    return {
        entry.file: sum(depths[mention] == entry.file.count("/") for mention in entry.mentions) for entry in entries
    }


def _kinds(inventory: Inventory) -> list[Database]:
    """Return the united schema of each kind of which there are many files."""
    kinds = find_families(inventory.root, inventory.entries, "")
    return [kind.database for kind in kinds if len(kind.files) > 1]


def _with_file_columns(
    proposal: Proposal, families: Sequence[Family], target: Database, questions: Mapping[str, FileQuestion]
) -> Proposal:
    """Return the proposal with a column that names the file of each row.

    Only sources with a decision about it have the column.
    """
    sources, tables = list(proposal.sources), proposal.tables
    names = {folded(table.name) for table in target.tables}
    for number, (source, family) in enumerate(zip(proposal.sources, families, strict=True)):
        question = next((questions[file] for file in source.files if file in questions), None)
        if question is None:
            continue
        taken = {folded(each.into) for other in proposal.sources if other is not source for each in other.maps}
        is_of_kind = are_of_one_kind(target, family.widest_first[0])
        is_merged = is_of_kind and all(each.into == each.name for each in source.maps)
        separate = source if is_merged else _apart_from(source, target, names)
        if added := add_file_column(separate, family, taken | names, question.alike):
            sources[number] = replace(added[0], questions=(*source.questions, question.text))
            wide = {folded(table.name) for table in added[1]}
            tables = (*(table for table in tables if folded(table.name) not in wide), *added[1])
    return replace(proposal, sources=tuple(sources), tables=tables)


def _apart_from(source: ProposedSource, target: Database, names: Collection[str]) -> ProposedSource:
    """Return a source of which no rows come into tables of the target, bookkeeping aside."""
    reason = f"{{}} of {target.file} has no column that names the file of a row."
    maps = (
        keep_separate(each, source.name, reason.format(each.name), source.files)
        if folded(each.into) in names and not is_migration_stamp(each.name)
        else each
        for each in source.maps
    )
    return replace(source, maps=tuple(maps))


def _sources(
    families: list[Family],
    naming: TableNaming,
    rebuilds: Sequence[ProposedRebuild],
    shared_keys: Mapping[PlacedColumns, str],
) -> list[SourceProposal]:
    """Return what each source moves.

    Tables with rows get their names before all tables without rows.
    """
    names = name_sources([family.name_path for family in families])
    proposals = [
        SourceProposal(name, family, naming, rebuilds, shared_keys)
        for name, family in zip(names, families, strict=True)
    ]
    for proposal in proposals:
        proposal.add_tables_with_rows()
    for proposal in proposals:
        proposal.add_tables_without_rows()
    return proposals


def _with_question(
    proposal: SourceProposal, inventory: Inventory, target: Database, shared_names: Mapping[str, str]
) -> ProposedSource:
    """Return a source with the decision about its files.

    The rows of a conflicted copy get no new keys, because they are versions of other rows.

    Args:
        proposal: What the source moves.
        inventory: The databases and the code of the workspace.
        target: The target.
        shared_names: Each file to the decision about the places that can mean it or the target.
    """
    left = leave_changed_users(proposal.family, target)
    shared = tuple(shared_names[file] for file in proposal.family.files if file in shared_names)
    questions = shared or _questions(inventory, proposal.family, target.file)
    source = proposal.source(_notes(proposal.family), questions)
    source = replace(source, leaves=(*source.leaves, *left, *map(_left_of_pattern, proposal.family.exceptions)))
    if source.files:
        databases = [entry.database for entry in proposal.family.entries]
        source = replace(source, unnamed=find_unnamed_tables(inventory.root, databases))
    if reason := _reason_of_copy(proposal.family):
        return replace(source, obstacle=f"{reason}.", version=_CONFLICTED.format(reason=reason))
    return source


def _questions(inventory: Inventory, family: Family, target: str) -> tuple[str, ...]:
    first = family.entries[0]
    if first.is_asked:
        return (_ASKED.format(file=family.file, role=first.role, reason=first.role_reason),)
    if _reason_of_copy(family) or not inventory.has_code or _is_named(inventory, family, target):
        return ()
    if any(entry.mentions for entry in family.entries):
        return (_NAMESAKE.format(target=target),)
    return (_ask_who_opens(family.entries),)


def _ask_about_shared_names(inventory: Inventory, entries: Sequence[Entry], target: str) -> dict[str, str]:
    """Return each file to the decision about the places that can mean it or the target.

    A place that can mean several files belongs to the first of them.
    """
    code = list(dict.fromkeys(mention.file for entry in entries for mention in entry.mentions))
    scope = ScanScope(inventory.root, code, [entry.file for entry in entries], target)
    by_file: dict[str, list[SharedName]] = defaultdict(list)
    for shared in find_shared_names(scope) if code else ():
        by_file[shared.files[0]].append(shared)
    questions = {}
    for file, (first, *others) in by_file.items():
        [finding] = shared_name_findings(inventory.root, target, [first])
        also = f" Decide the same about {join_first_names([each.place for each in others])}." if others else ""
        questions[file] = f"{finding.sentence}{also} [{finding.id}]"
    return questions


def _is_named(inventory: Inventory, family: Family, target: str) -> bool:
    """Return whether code names a file of a family.

    A mention of a file that is named like the target counts only if it has a folder that the target is not in.
    """
    files = dict.fromkeys(mention.file for entry in family.entries for mention in entry.mentions)
    if not files or not any("/" in distinguishing_name(file, target) for file in family.files):
        return bool(files)
    scanned = find_mentions(ScanScope(inventory.root, [*files], family.files, target))
    return any(mention.kind in KINDS_IN_USE for mention in scanned.mentions)


def _reason_of_copy(family: Family) -> str:
    """Return why a file is a conflicted copy of another one, or an empty text."""
    return family.entries[0].role_reason if family.entries[0].role == "conflict" else ""


def _split_by_size(families: list[Family]) -> tuple[list[Family], list[Family]]:
    """Return the sources that a plan has room for, at least one, and the others."""
    sizes = accumulate(
        _MAX_SOURCE_BYTES + sum(_MAX_TABLE_BYTES + 8 * len(table.name) for table in family.database.tables_with_rows)
        for family in families
    )
    fitting = max(1, sum(size <= MAX_BYTES for size in sizes))
    return families[:fitting], families[fitting:]


def _postponed(families: list[Family]) -> list[LeftOut]:
    if not families:
        return []
    files = join_first_names([family.file for family in families])
    return [LeftOut(files, "a plan has no room for more. Consolidate these in a second run.", decide=True)]


def _ask_who_opens(entries: Sequence[Entry]) -> str:
    """Return the question about files that no code is seen to open for certain."""
    first = next((mention for entry in entries for mention in entry.computed), None)
    if first is None:
        return _UNREFERENCED
    return _ONLY_COMPUTED.format(pattern=first.pattern, place=f"{first.file}:{first.line}")


def _notes(family: Family) -> tuple[str, ...]:
    database, entries = family.database, family.entries
    facts = [f"tables with rows: {len(database.tables_with_rows)} of {len(database.tables)}", *database.features]
    changed = max(entry.database.changed for entry in entries)
    # A computed name that can be that of several files is one place.
    mentions = len({(each.file, each.line, each.subject) for entry in entries for each in entry.mentions})
    notes = [f"{', '.join(facts)}; last changed {changed[:10]}; mentions in the code: {mentions}"]
    holders = [holder for entry in entries for holder in entry.open_in]
    notes += [
        f"open in process {holder.pid} now ({holder.program}): end that process before the migration"
        for holder in holders[:_MOST_HOLDERS]
    ]
    return tuple(notes)


def _all_left_out(inventory: Inventory, families: Sequence[Family], target: str) -> list[LeftOut]:
    """Return the files that are neither the target nor named by a source."""
    named = {target, *(entry.file for family in families for entry in (*family.entries, *family.exceptions))}
    groups: dict[object, list[Entry]] = {}
    for entry in inventory.entries:
        if not entry.is_live and entry.file not in named:
            folder = entry.file.rpartition("/")[0]
            groups.setdefault((folder, entry.role) if entry.doubt else entry.file, []).append(entry)
    return [_left_out(group) for group in groups.values()]


def _left_out(entries: Sequence[Entry]) -> LeftOut:
    """Return what the plan says of files that are no sources."""
    first, files = entries[0], join_first_names([entry.file for entry in entries])
    hint = _DOUBTFUL if first.doubt else ""
    is_open = bool(first.doubt) or first.database.kind in _UNREAD
    return LeftOut(files, f"{_reason_to_leave(first)}{hint}", decide=is_open)


def _left_of_pattern(entry: Entry) -> ProposedLeave:
    reason = _reason_to_leave(entry)
    question = f"{entry.file} is left out: {reason}. Confirm the reason, or {'move' if entry.doubt else 'make'} "
    question += "its rows." if entry.doubt else "the file readable."
    is_open = bool(entry.doubt) or entry.database.kind in _UNREAD
    return ProposedLeave(entry.file, reason, (question,) if is_open else (), "files")


def _reason_to_leave(entry: Entry) -> str:
    """Return why a file is no source, or no source of the pattern that matches it."""
    if entry.role == "conflict":
        return f"{entry.role_reason}, and a source of its own"
    if entry.role == "live":
        return "declares a table in another way than the other files, and is a source of its own"
    is_plain = entry.role in ("not read", "no rows", "copy")
    return entry.role_reason if is_plain else f"looks like a {entry.role}: {entry.role_reason}"
