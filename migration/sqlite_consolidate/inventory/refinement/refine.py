"""Check and rehearse a proposal on copies, and correct it.

A correction skips rows that are identical, gives a table another name, or leaves a source out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.files import size_with_sidecars
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.inventory.code.smoke_tests import without_statements
from sqlite_consolidate.inventory.proposed_parts import LeftOut, ProposedLeave
from sqlite_consolidate.inventory.refinement.asked_findings import ask_about_findings
from sqlite_consolidate.inventory.refinement.new_keys import (
    follow_rowids,
    following_rowids,
    give_new_keys,
    is_state,
    renew_unfollowed,
    withdraw_new_keys,
)
from sqlite_consolidate.inventory.refinement.rebuilds import (
    forget_rebuilds,
    leave_unmovable_indexes,
    rebuild_stale_indexes,
)
from sqlite_consolidate.inventory.refinement.rehearsal import RehearsalResult, rehearsal_of
from sqlite_consolidate.inventory.refinement.relations import keep_related_together, keep_separate
from sqlite_consolidate.inventory.refinement.separate_files import separate_files
from sqlite_consolidate.inventory.refinement.shared_rows import SharedRows
from sqlite_consolidate.inventory.sources.families import SMALLEST
from sqlite_consolidate.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.scanning.old_names import Mention
    from sqlite_consolidate.engine.code.tables.joined_keys import CodeJoins
    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.inventory.proposal import Proposal, ProposedSource
    from sqlite_consolidate.inventory.proposed_parts import ProposedMap
    from sqlite_consolidate.inventory.refinement.rehearsal import CheckedProposal
    from sqlite_consolidate.problem import Problem

MAX_TRIED_BYTES = 300_000_000
"""Bytes of target and sources up to which a proposal is rehearsed. A larger one is left to the operator."""

MAX_TRIED_FILES = 1_000
"""Files up to which a proposal is rehearsed."""

_MAX_ROUNDS = 12
_MOST_SEPARATE_FILES = 20  # files of one pattern that a plan lists one by one at most
_FIXED_BY_RENAMING = ("keys-free", "values-fit", "names-free")
_FIXED_BY_KEEPING_APART = ("parents-follow", "derived-declared")


@dataclass(frozen=True)
class RefinedProposal:
    """Hold a proposal with the problems that its preflight and its rehearsal still report.

    Attributes:
        problems: Problems of the preflight that no correction avoids. Each is a decision in the plan as well.
        rounds: How often the proposal was checked.
        failures: What failed in the rehearsal up to COMMIT. Each is a decision in the plan as well.
        unrehearsed_reason: Why it was not rehearsed, although its preflight has no problem; else empty.
        skipped: Subject of each table to the number of its rows that were there already.
        seconds: Time of its rehearsal up to COMMIT; None if there was none, or it failed.
        findings: What a person has to judge about it, as far as it was rehearsed, each for one subject.
    """

    proposal: Proposal
    problems: tuple[Problem, ...] = ()
    rounds: int = 0
    failures: tuple[str, ...] = ()
    unrehearsed_reason: str = ""
    skipped: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def asked_to_tell_apart(self) -> frozenset[str]:
        """Return the tables, folded, about which the plan asks how files are told apart."""
        subjects = {finding.subject for finding in self.findings if finding.id == "files-told-apart"}
        maps = ((source, each) for source in self.proposal.sources for each in source.maps)
        return frozenset(folded(each.into) for source, each in maps if source.subjects(each.name) & subjects)

    @property
    def objections(self) -> tuple[str, ...]:
        """Return a line for each reason why a migration by this plan would be refused."""
        return (*(one_line(str(problem)) for problem in self.problems), *self.failures)


def refine_proposal(
    root: Path,
    proposal: Proposal,
    on_progress: Callable[[str], None],
    uses: Mapping[str, Sequence[Mention]] = MappingProxyType({}),
    joins: CodeJoins | None = None,
) -> RefinedProposal:
    """Check and rehearse the proposal, and correct it as far as possible.

    Args:
        root: The workspace.
        proposal: The proposal.
        on_progress: Called with the name of each step before it begins.
        uses: Each database to the places in code and settings that name it.
        joins: The columns that code compares. None if no code was read.

    Raises:
        ProblemError: The plan itself has a mistake, which would be a defect of this program.
        ProblemError: A database is locked or busy.
    """
    if reason := _reason_against_rehearsal(root, proposal):
        return RefinedProposal(replace(proposal, decide=(*proposal.decide, reason)), unrehearsed_reason=reason)
    for round_number in range(1, _MAX_ROUNDS + 1):
        on_progress(f"rehearsing the proposal on copies, round {round_number}")
        result = RehearsalResult()
        with rehearsal_of(root, proposal, on_progress, uses, joins) as rehearsal:
            checked = rehearsal.check()
            corrected = _corrected(proposal, checked)
            if corrected == proposal:
                corrected = renew_unfollowed(proposal, rehearsal.findings)
            if corrected == proposal and not checked.problems:
                result = rehearsal.perform()
                corrected = _without_orphans(proposal, result.orphaned_tables)
            findings = rehearsal.findings
        if corrected == proposal:
            break
        proposal = corrected
    problems, failures = checked.problems, result.failures
    marked = ask_about_findings(_marked(_with_views(proposal, checked.renamed_views), problems), findings)
    decide = tuple(f"The rehearsal on copies fails: {failure}" for failure in failures)
    smoke = without_statements(marked.smoke, result.unfit_statements)
    refined = replace(marked, smoke=smoke, decide=(*marked.decide, *decide))
    return RefinedProposal(
        refined,
        tuple(problems),
        round_number,
        failures,
        skipped=result.skipped,
        seconds=result.seconds,
        findings=findings,
    )


def _reason_against_rehearsal(root: Path, proposal: Proposal) -> str:
    """Return why an inventory does not rehearse a proposal, or an empty text."""
    files = [proposal.target, *(file for source in proposal.sources for file in source.all_files)]
    size = sum(size_with_sidecars(root / file) for file in files)
    if size <= MAX_TRIED_BYTES and len(files) <= MAX_TRIED_FILES:
        return ""
    amount = f"{size / 1e6:.0f} MB" if size > MAX_TRIED_BYTES else f"{len(files)} files"
    return f"not rehearsed, because the databases have {amount}. Rehearse it."


def _corrected(proposal: Proposal, checked: CheckedProposal) -> Proposal:
    """Return the proposal without the sources that cannot be copied.

    Rows with equal keys are skipped if they are identical. Tables get another name where that avoids a problem.
    """
    proposal, problems = rebuild_stale_indexes(proposal, checked.problems)
    checked = replace(checked, problems=problems)
    for correct in (follow_rowids, withdraw_new_keys):
        corrected = correct(proposal, problems)
        if corrected != proposal:
            return corrected
    unfit = {problem.subject: problem for problem in reversed(problems)}
    patterns = proposal.sources
    proposal = _without_broken_patterns(proposal, unfit)
    fit = (source for source in proposal.sources if source.file not in unfit)
    sources: list[ProposedSource] = []
    for source in fit:
        sources += _corrected_sources(source, checked, [each.name for each in (*proposal.sources, *sources)])
    if not sources:
        return proposal
    left_out = [
        LeftOut(source.file, f"{unfit[source.file].what} {unfit[source.file].hint}", decide=True)
        for source in proposal.sources
        if source.file in unfit
    ]
    left_out += _released(patterns, sources)
    corrected = replace(proposal, sources=tuple(sources), left_out=(*proposal.left_out, *left_out))
    return forget_rebuilds(proposal, leave_unmovable_indexes(keep_related_together(corrected), problems))


def _without_broken_patterns(proposal: Proposal, unfit: Mapping[str, Problem]) -> Proposal:
    """Return the proposal in which no pattern matches an unfit file.

    The unfit file is an exception of the pattern, or each file is a source where too few are left.
    """
    sources: list[ProposedSource] = []
    for source in proposal.sources:
        left = [_left_file(unfit[file]) for file in source.files if file in unfit]
        if left and len(source.files) - len(left) >= SMALLEST:
            sources.append(source.without_files(left))
        else:
            names = [each.name for each in (*proposal.sources, *sources)]
            sources += separate_files(source, names) if left else (source,)
    return replace(proposal, sources=tuple(sources))


def _released(before: Sequence[ProposedSource], after: Sequence[ProposedSource]) -> list[LeftOut]:
    """Return the files that patterns left, and that no pattern and no source has any more."""
    known = {file for source in after for file in source.all_files}
    known |= {leave.table for source in after for leave in source.leaves if leave.kind == "files"}
    return [
        LeftOut(leave.table, leave.reason, decide=bool(leave.decide))
        for source in before
        for leave in source.leaves
        if leave.kind == "files" and leave.table not in known
    ]


def _left_file(problem: Problem) -> ProposedLeave:
    question = f"{problem.subject} {problem.what} {problem.hint}"
    return ProposedLeave(problem.subject, problem.what, (question,), "files")


def _without_orphans(proposal: Proposal, tables: frozenset[str]) -> Proposal:
    """Keep each merged table apart whose rows would lose their parents."""
    reason = "{} would have rows without parents."
    sources = tuple(
        replace(
            source,
            maps=tuple(
                keep_separate(table_map, source.name, reason.format(table_map.name), source.files)
                if table_map.shared and table_map.into == table_map.name and folded(table_map.into) in tables
                else table_map
                for table_map in source.maps
            ),
        )
        for source in proposal.sources
    )
    return leave_unmovable_indexes(keep_related_together(replace(proposal, sources=sources)), ())


def _corrected_sources(
    source: ProposedSource, checked: CheckedProposal, names: Sequence[str]
) -> tuple[ProposedSource, ...]:
    """Return the corrected source, or one for each file if these cannot share a table.

    Args:
        source: The source.
        checked: The result of its preflight.
        names: Names of sources.
    """
    corrected = _corrected_source(source, checked)
    vain = _renamed_in_vain(source, corrected, checked.problems)
    if len(source.files) > _MOST_SEPARATE_FILES:
        return (_undecided_source(source, corrected, vain, checked.problems),)
    return separate_files(source, names) if vain else (corrected,)


def _renamed_in_vain(source: ProposedSource, corrected: ProposedSource, problems: list[Problem]) -> list[str]:
    """Return the tables of a pattern to which another name does not help.

    Only its own files have them, and neither a policy nor new keys avoid the collision.
    """
    is_renewed = corrected.keys != source.keys
    return [
        before.name
        for before, after in zip(source.maps, corrected.maps, strict=True)
        if source.files and after.into != after.name and set(before.shared) <= set(source.files)
        if before.into == before.name
        or (before.on_conflict and not after.on_conflict and not is_renewed)
        or ((before.match or _is_open(before, source)) and _problem_of(before, source, problems))
    ]


def _is_open(table_map: ProposedMap, source: ProposedSource) -> bool:
    """Return whether the keys of a table may refer to rows with new keys.

    No policy is proposed for it then.
    """
    return bool(source.keys and table_map.open_key)


def _undecided_source(
    source: ProposedSource, corrected: ProposedSource, vain: Sequence[str], problems: list[Problem]
) -> ProposedSource:
    """Return a source of many files with one decision about the rows that collide."""
    colliding = {problem.subject for problem in problems if problem.criterion == "keys-free"}
    names = [name for name in vain if not colliding.isdisjoint(source.subjects(name))]
    undecided = tuple(dict.fromkeys((*source.undecided, *names)))
    kept = {each.name: each for each in source.maps if each.name in undecided}
    maps = tuple(kept.get(each.name, each) for each in corrected.maps)
    return replace(corrected, maps=maps, undecided=undecided)


def _corrected_source(source: ProposedSource, checked: CheckedProposal) -> ProposedSource:
    """Return the source with the policies, new keys or other names that avoid its problems."""
    refused = {each.name: problem for each in source.maps if (problem := _problem_of(each, source, checked.problems))}
    collisions = {name: problem for name, problem in refused.items() if problem.criterion == "keys-free"}
    if renewed := give_new_keys(source, collisions):
        return renewed
    maps = tuple(
        _corrected_map(each, source, refused[each.name], checked.shared) if each.name in refused else each
        for each in source.maps
    )
    return replace(source, maps=maps)


def _problem_of(table_map: ProposedMap, source: ProposedSource, problems: list[Problem]) -> Problem | None:
    """Return the first problem of a mapping that a correction avoids.

    A mapping that has another name already stays as it is, unless the files of a pattern share it.
    """
    subjects = source.subjects(table_map.name)
    fixable = _FIXED_BY_RENAMING + (_FIXED_BY_KEEPING_APART if table_map.shared else ())
    is_open = (table_map.into == table_map.name or table_map.shared) and table_map.name not in source.undecided
    for problem in problems if is_open else ():
        # Of the tables with the same key, only the last is the subject of the problem.
        # That holds for rowids as well, which have to change in all of the tables or in none.
        is_alike = table_map.shared or (problem.id == "rowid-collision" and not table_map.rowid_of)
        is_subject = problem.subject in subjects or (is_alike and not subjects.isdisjoint(problem.others))
        is_renamed = table_map.into != table_map.name
        if is_subject and problem.criterion in (("keys-free",) if is_renamed else fixable):
            return problem
    return None


def _corrected_map(
    table_map: ProposedMap, source: ProposedSource, problem: Problem, shared: Mapping[str, SharedRows]
) -> ProposedMap:
    """Return the mapping that avoids a problem by a policy or by another name."""
    has_policy = table_map.on_conflict or table_map.match or table_map.new_keys(source.keys)
    if problem.id == "key-collision" and table_map.setting and table_map.match and not table_map.new_keys(source.keys):
        return replace(table_map, keys="renumber") if table_map.has_integer_key else table_map
    if problem.id == "key-collision" and table_map.shared and not has_policy and not _is_open(table_map, source):
        rows = shared.get(problem.subject, SharedRows())
        policy = replace(table_map, on_conflict="skip-identical", collision=problem.what)
        return replace(policy, common=rows.common, identical=rows.identical)
    if problem.id == "rowid-collision" and not (table_map.on_conflict or table_map.rowids):
        if not (table_map.rowid_of or table_map.has_open_rowids):
            return replace(table_map, rowids="renumber")
        if table_map.rowid_of and table_map.shared and not table_map.refers:
            return following_rowids(table_map)
    reason = f"{problem.subject}: {problem.what}"
    if table_map.collision and problem.criterion not in _FIXED_BY_KEEPING_APART:
        reason = f"{table_map.collision} Not all of these rows are identical."
        if is_state(table_map):
            reason = f"{table_map.name} has one row in each file, under a key that the program states. They differ."
    separate = keep_separate(table_map, source.name, source.obstacle or reason, source.files)
    return replace(separate, differs_by=table_map.match if problem.id == "rows-differ" else ())


def _with_views(proposal: Proposal, renamed: Mapping[str, Mapping[str, str]]) -> Proposal:
    """Return the proposal whose decisions name the views with other names."""
    sources = (replace(each, views=renamed.get(each.name, {})) for each in proposal.sources)
    return replace(proposal, sources=tuple(sources))


def _marked(proposal: Proposal, problems: list[Problem]) -> Proposal:
    """Return the proposal with a decision for each problem that remains.

    The decision stands at the table of the problem, or else at the top of the plan.
    """
    maps = {
        subject: (source.file, table_map.name)
        for source in proposal.sources
        for table_map in source.maps
        for subject in source.subjects(table_map.name)
    }
    undecided = {
        subject for source in proposal.sources for name in source.undecided for subject in source.subjects(name)
    }
    by_map: dict[tuple[str, str], list[str]] = {}
    above = []
    for problem in problems:
        text = f"{problem.subject}: {problem.what} {problem.hint}"
        if problem.subject in undecided and problem.criterion == "keys-free":
            continue  # the plan has one decision for all of them
        if problem.subject in maps:
            by_map.setdefault(maps[problem.subject], []).append(text)
        else:
            above.append(text)
    sources = [
        replace(
            source,
            maps=tuple(
                replace(table_map, decide=(*table_map.decide, *by_map.get((source.file, table_map.name), ())))
                for table_map in source.maps
            ),
        )
        for source in proposal.sources
    ]
    return replace(proposal, sources=tuple(sources), decide=(*proposal.decide, *above))
