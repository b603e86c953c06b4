"""Propose references, smoke tests and trees to scan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
from sqlite_consolidate.engine.code.suggestions.suggest import ProposedReference, propose_references
from sqlite_consolidate.inventory.code.smoke_tests import name_apart, propose_smoke_tests, propose_test_command

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.inventory.code.smoke_tests import ProposedSmoke
    from sqlite_consolidate.inventory.inventory import Entry, Inventory
    from sqlite_consolidate.inventory.proposal import Proposal


def add_code(proposal: Proposal, inventory: Inventory, entries: Sequence[Entry], left: Collection[str]) -> Proposal:
    """Return the proposal with references for the code that uses the sources, and tests.

    Code that uses only the target is tested and scanned as well, because tables of the target get further rows.

    Args:
        proposal: It has the target and the sources.
        inventory: The databases and the code of the workspace.
        entries: The files of the sources.
        left: Folded names of tables and views that stay behind.
    """
    mentions = [mention for entry in entries for mention in entry.mentions]
    of_target = [mention for each in inventory.entries if each.file == proposal.target for mention in each.mentions]
    smoke = propose_smoke_tests(inventory.root, mentions, proposal.target, left)
    tested = {test.file for test in smoke}
    further = [mention for mention in of_target if mention.file not in tested]
    tried = {test.file for test in smoke if not test.decide}
    code = dict.fromkeys(mention.file for mention in mentions if mention.kind == "code")
    return replace(
        proposal,
        references=_references(inventory, [entry.file for entry in entries], proposal.target, mentions),
        smoke=name_apart((*smoke, *_tests_of_target(further, inventory.root, proposal.target, left))),
        untried=tuple(file for file in code if file not in tried),
        test_command=propose_test_command(inventory.root),
        scan=_trees([mention.file for mention in (*mentions, *of_target)]),
    )


def _tests_of_target(
    mentions: Sequence[Mention], root: Path, target: str, left: Collection[str]
) -> Iterator[ProposedSmoke]:
    """Yield each smoke test that can be run for a further module that names the target.

    Args:
        mentions: Places of the target in modules that have neither a test nor a question about one.
        root: The workspace.
        target: File of the target.
        left: Folded names of tables and views that stay behind.
    """
    for test in propose_smoke_tests(root, mentions, target, left):
        if not test.decide:
            yield test


def _references(
    inventory: Inventory, databases: list[str], target: str, mentions: list[Mention]
) -> tuple[ProposedReference, ...]:
    """Propose a reference for every mention of a source, in the order of the sources.

    Files with a mention are scanned again only if folders tell a source and the target apart.
    """
    files = list(dict.fromkeys(mention.file for mention in mentions))
    scope = ScanScope(inventory.root, files, databases, target)
    names = frozenset(scope.names.names)
    if any("/" in name for name in names):
        return propose_references(scope) if files else ()
    order = {file: number for number, file in enumerate(files)}
    known = (mention for mention in inventory.mentions if mention.database in names and mention.file in order)
    return propose_references(scope, sorted(known, key=lambda mention: order[mention.file]))


def _trees(files: Sequence[str]) -> tuple[str, ...]:
    """Return the outermost folders of the files, and the files that are in no folder."""
    return tuple(sorted({file.partition("/")[0] for file in files}))
