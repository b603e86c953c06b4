"""Name the code that reads tables and views which a proposed plan keeps apart."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.old_names import Mention
from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.tables.opened_databases import databases_by_code
from sqlite_consolidate.engine.code.tables.renamed_tables import find_old_table_names
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.code.smoke_tests import name_apart, propose_smoke_tests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_consolidate.engine.code.tables.renamed_tables import OldTableName
    from sqlite_consolidate.inventory.code.smoke_tests import ProposedSmoke
    from sqlite_consolidate.inventory.inventory import Inventory
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.refinement.refine import RefinedProposal


def note_old_names(inventory: Inventory, refined: RefinedProposal, excluded: Sequence[str]) -> RefinedProposal:
    """Return the proposal with the places of code that name separate tables as before.

    Args:
        inventory: The databases and the code of the workspace.
        refined: The proposal after its rehearsal.
        excluded: Files and folders that belong to consolidations, such as plans.
    """
    proposal = refined.proposal
    renamed = {file: _renamed(source) for source in proposal.sources for file in source.all_files}
    used = [entry for entry in inventory.entries if entry.file in renamed or entry.file == proposal.target]
    opened = databases_by_code((entry.file, entry.mentions) for entry in used)
    never_open = frozenset(candidate.identity for candidate in inventory.discovery.candidates)
    scope = ScanScope(inventory.root, ["."], [*renamed], proposal.target, never_open, frozenset(excluded))
    places = find_old_table_names(scope, opened, renamed)
    smoke = _smoke_tests(inventory, proposal, places)
    tried = {test.file for test in smoke if not test.decide}
    untried = dict.fromkeys([*proposal.untried, *(place.file for place in places)])
    sources = tuple(_with_places(inventory, source, places) for source in proposal.sources)
    untried_files = tuple(file for file in untried if file not in tried)
    return replace(refined, proposal=replace(proposal, sources=sources, smoke=smoke, untried=untried_files))


def _smoke_tests(inventory: Inventory, proposal: Proposal, places: Sequence[OldTableName]) -> tuple[ProposedSmoke, ...]:
    """Return the smoke tests, which call functions of code with old names.

    Such a test fails until the code is changed. A statement of the code would read another table of the target.

    Args:
        inventory: The databases and the code of the workspace.
        proposal: The proposal.
        places: Where the code names tables by their old names.
    """
    mentions = [Mention(place.file, place.line, "", next(iter(place.into)), "code") for place in places]
    calling = {test.file: test for test in propose_smoke_tests(inventory.root, mentions, left=proposal.left_names)}
    known = [calling.pop(test.file, test) for test in proposal.smoke]
    return name_apart((*known, *(test for test in calling.values() if test.python and not test.decide)))


def _with_places(inventory: Inventory, source: ProposedSource, places: Sequence[OldTableName]) -> ProposedSource:
    """Return a source with the places that use what is kept apart.

    A tool for migrations opens the database that the configuration names, and no statement of the code names its table.
    """
    of_source = [place for place in places if not place.into.keys().isdisjoint(source.all_files)]
    source = replace(source, old_names=tuple((place.table, f"{place.file}:{place.line}") for place in of_source))
    mentions = [each for entry in inventory.entries if entry.file in source.all_files for each in entry.mentions]
    settings = [mention for mention in mentions if mention.kind == "config"]
    if not settings and not source.places_of([each for each in source.maps if each.is_stamp]):
        settings = mentions
    return replace(source, led_by=tuple(dict.fromkeys(f"{mention.file}:{mention.line}" for mention in settings)))


def _renamed(source: ProposedSource) -> dict[str, str]:
    """Return each table and view with another name in the target, to that name."""
    tables = {folded(each.name): each.into for each in source.maps if folded(each.into) != folded(each.name)}
    return {**tables, **source.views}
