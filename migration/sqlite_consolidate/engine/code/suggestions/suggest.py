"""Propose the references of a plan that replace every mention of an old database."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.code.rewrite import plan_rewrites
from sqlite_consolidate.engine.code.scanning.scan import find_mentions
from sqlite_consolidate.engine.code.source_files import CodeFile, is_python, read_code_file
from sqlite_consolidate.engine.code.suggestions.computed_names import computed_changes
from sqlite_consolidate.engine.code.suggestions.suggest_python import python_changes, text_changes
from sqlite_consolidate.plan.parts.programs import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.scanning.scanned_files import ScanScope
    from sqlite_consolidate.engine.code.suggestions.suggest_python import MentionChange
    from sqlite_consolidate.problem import Problem


_ATTACH = re.compile(r"""\battach\s+(?:database\s+)?['"`?:$@%{]""", re.IGNORECASE)
_COMPUTED = (
    "If the code opens only old databases by this name, remove the comment signs of its [[reference]] in the plan. "
    "Change its queries as well, because each one then reads the rows of all these databases. "
    "If the code opens other files too, change the code, or exempt the place."
)
_ATTACHED = (
    "If the two come together here, remove ATTACH, and the name of the attached database in front of its tables. "
    "Otherwise, remove the comment signs of its [[reference]] in the plan."
)
_NOT_PYTHON = "a constant of another module makes it, or it cannot be read as Python."


@dataclass(frozen=True)
class ProposedReference:
    """Hold a mention of an old database and the reference that replaces it.

    Attributes:
        file: Path relative to the workspace.
        line: From 1.
        find: As in a ``[[reference]]``. If there is none to replace, the text of the line.
        replace: As in a ``[[reference]]``. It is a suggestion if the mention is not understood, and empty without one.
        import_: As ``import`` in a ``[[reference]]``; empty if it needs none.
        understood: Whether a plan with this reference passes its own check.
        reason: Why the replacement is correct. Without a replacement, why there is none and what the operator can do.
        database: Name of the database that is mentioned.
        places: As in a ``[[reference]]``.
        also: Further lines with the same expression, which this reference replaces as well.
    """

    file: str
    line: int
    find: str
    replace: str
    import_: str
    understood: bool
    reason: str
    database: str = ""
    places: int = 1
    also: tuple[int, ...] = ()

    @property
    def lines(self) -> list[tuple[str, int]]:
        """Return the file with each line that the reference is about."""
        return [(self.file, line) for line in (self.line, *self.also)]


def propose_references(scope: ScanScope, mentions: Iterable[Mention] | None = None) -> tuple[ProposedReference, ...]:
    """Return a proposal for each mention in code and configuration, by file and line.

    A replacement keeps the expression for the folder of the old database, and continues from that folder to the target.
    It is therefore correct only if the code found the old database before. Documentation and exempt places are left
    out. A place that is left to the operator is proposed once, even if it can name several databases. No file is
    written.

    Args:
        scope: The workspace and the databases.
        mentions: Every mention of these databases, in the order of files and lines. None scans for them.
    """
    by_file: dict[str, list[Mention]] = {}
    for mention in find_mentions(scope).mentions if mentions is None else mentions:
        if mention.kind in ("code", "config"):
            by_file.setdefault(mention.file, []).append(mention)
    proposals = [proposal for file, of_file in by_file.items() for proposal in propose_in_file(scope, file, of_file)]
    proposals = _without_followers(scope, proposals)
    return tuple({_key_of(proposal): proposal for proposal in reversed(proposals)}.values())[::-1]


def _without_followers(scope: ScanScope, proposals: list[ProposedReference]) -> list[ProposedReference]:
    """Return the proposals without the places that another replacement changes as well.

    A use of a variable names no old database once the value of the variable is replaced.
    """
    understood = [proposal for proposal in proposals if proposal.understood]
    if {proposal.file for proposal in understood}.isdisjoint(
        proposal.file for proposal in proposals if not proposal.understood
    ):
        return proposals
    rewrites, _ = plan_rewrites(scope.root, [_reference(proposal) for proposal in understood], [])
    mentions = find_mentions(scope, {rewrite.file: rewrite.after for rewrite in rewrites}).mentions
    remaining = {(mention.file, mention.line) for mention in mentions}
    return [each for each in proposals if each.understood or not remaining.isdisjoint(each.lines)]


def _key_of(proposal: ProposedReference) -> object:
    """Return what tells a proposal apart.

    For an operator a place and its reason do, whatever database it can name.
    """
    return proposal if proposal.understood else (proposal.file, proposal.line, proposal.find, proposal.reason)


def propose_in_file(
    scope: ScanScope, file: str, mentions: Sequence[Mention], references: Sequence[Reference] = ()
) -> list[ProposedReference]:
    """Return the proposals for mentions of one file.

    Args:
        scope: The workspace and the databases.
        file: Path relative to the workspace.
        mentions: Mentions in the file, in its order.
        references: References that the plan has for this file already, which are not proposed again.
    """
    code = read_code_file(scope.root, file)
    if not isinstance(code, CodeFile):
        return [_by_hand(mention, code.what) for mention in mentions]
    changes = (python_changes if is_python(file) else text_changes)(code, scope.names, posixpath.normpath(scope.target))
    computed = computed_changes(code, scope.names, posixpath.normpath(scope.target)) if is_python(file) else []
    attaches = _attaches(code, mentions, scope.target)
    proposals = []
    for mention in mentions:
        if mention.pattern:
            alike = [each for each in computed if (each.line, each.name) == (mention.line, mention.pattern)]
            proposals.append(_suggested(mention, alike))
            continue
        line_changes = [change for change in changes if (change.line, change.name) == (mention.line, mention.database)]
        proposals += [_proposed(mention, change, scope.target, attaches=attaches) for change in line_changes] or [
            _by_hand(mention, _NOT_PYTHON if is_python(file) else "variables of the file make it.")
        ]
    planned = {(reference.find, reference.replace) for reference in references}
    further = [proposal for proposal in proposals if (proposal.find, proposal.replace) not in planned]
    return _mark_conflicts(scope.root, further, references)


def _attaches(code: CodeFile, mentions: Sequence[Mention], target: str) -> bool:
    """Return whether a file names several databases, and attaches one."""
    names = {mention.database for mention in mentions if not mention.pattern}
    names_target = re.search(rf"(?<!\w){re.escape(posixpath.basename(target))}(?!\w)", code.text)
    return len(names) + bool(names_target) > 1 and bool(_ATTACH.search(code.text))


def _proposed(mention: Mention, change: MentionChange, target: str, *, attaches: bool) -> ProposedReference:
    if not change.find:
        return _by_hand(mention, change.reason)
    if change.names_several:
        return _as_suggestion(mention, change, "it can be several old databases, each from its own folder.", _COMPUTED)
    if attaches:
        fact = f"the file attaches a database. {target} must not be attached to a connection that opens {target}."
        return _as_suggestion(mention, change, fact, _ATTACHED)
    return ProposedReference(
        mention.file,
        mention.line,
        change.find,
        change.replace,
        "",
        understood=True,
        reason=change.reason,
        database=mention.database,
        places=change.places,
    )


def _suggested(mention: Mention, changes: Sequence[MentionChange]) -> ProposedReference:
    """Return a place that computes a name, with the change that only a person can approve."""
    fact = f"it computes the file name {mention.pattern}, which can be that of an old database."
    if len(changes) != 1:
        return _by_hand(mention, fact)
    return _as_suggestion(mention, changes[0], fact, _COMPUTED)


def _as_suggestion(mention: Mention, change: MentionChange, fact: str, hint: str) -> ProposedReference:
    by_hand = _by_hand(mention, fact)
    return replace(by_hand, find=change.find, replace=change.replace, places=change.places, reason=f"{fact} {hint}")


def _by_hand(mention: Mention, reason: str) -> ProposedReference:
    hint = "Write the reference by hand, change the code, or exempt the place."
    return ProposedReference(
        mention.file,
        mention.line,
        mention.text,
        "",
        "",
        understood=False,
        reason=f"{reason} {hint}",
        database=mention.database,
    )


def _mark_conflicts(
    root: Path, proposals: list[ProposedReference], references: Sequence[Reference]
) -> list[ProposedReference]:
    """Return the proposals of one file and mark those that a plan would refuse.

    They are marked as not understood.
    """
    by_change: dict[object, ProposedReference] = {}
    for proposal in proposals:  # one replacement is enough for an expression that names two databases
        key = (proposal.find, proposal.replace, "" if proposal.understood else proposal.reason)
        first = by_change.setdefault(key, proposal)
        if proposal.line not in (first.line, *first.also):
            by_change[key] = replace(first, also=(*first.also, proposal.line))
    proposals = list(by_change.values())
    if not _problems(root, proposals, references):
        return proposals
    kept: list[ProposedReference] = []
    result = []
    for proposal in proposals:
        problems = _problems(root, [*kept, proposal], references)
        if problems:
            reason = f"{problems[0].what} Write the reference by hand."
            result.append(replace(proposal, replace="", understood=False, reason=reason))
        else:
            kept.append(proposal)
            result.append(proposal)
    return result


def _problems(root: Path, proposals: list[ProposedReference], references: Sequence[Reference]) -> tuple[Problem, ...]:
    """Return the problems of making these replacements together with the references of a plan.

    Problems that the references have without them are left out.
    """
    known = plan_rewrites(root, references, [])[1] if references else ()
    made = [_reference(proposal) for proposal in proposals if proposal.understood]
    problems = plan_rewrites(root, [*references, *made], [])[1] if made else ()
    return tuple(problem for problem in problems if problem not in known)


def _reference(proposal: ProposedReference) -> Reference:
    return Reference(
        file=proposal.file,
        find=proposal.find,
        replace=proposal.replace,
        import_=proposal.import_,
        places=proposal.places,
    )
