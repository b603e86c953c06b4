"""Check that the plan can be carried out, before anything is changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.checks.disk_space import state_disk_space
from sqlite_consolidate.engine.checks.lacking_objects import intact_text
from sqlite_consolidate.engine.checks.open_files import OTHER_CONTAINERS, describe_unexamined
from sqlite_consolidate.engine.code.remaining import remaining_observations
from sqlite_consolidate.engine.content.digest import database_state
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.sqlite.sql import folded
from sqlite_consolidate.observation import NO_PROBLEM, Observation, equal, not_examined, not_required
from sqlite_consolidate.plan.patterns import stated_rows
from sqlite_consolidate.text import counted, join_names, printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from sqlite_consolidate.engine.content.inspection import InspectedDatabase
    from sqlite_consolidate.engine.run.results import Rehearsal, RunResults
    from sqlite_consolidate.plan.model import Plan, Source
    from sqlite_consolidate.problem import Problem

    class HasPlan(Protocol):
        """Describe a run with a plan, which may have mistakes."""

        @property
        def plan_problems(self) -> Sequence[Problem]:
            """Return why the plan cannot be carried out."""

        @property
        def plan_name(self) -> str:
            """Return the name of the plan file."""


NO_APPROVAL = "without --allowed-signers no signature of the plan is demanded"
"""Why no approval of the plan is demanded."""


def plan_valid(run: HasPlan) -> list[Observation]:
    """Observe that the plan has format 1 and no mistake."""
    mistakes = [as_observation(problem) for problem in run.plan_problems]
    return mistakes or [equal(run.plan_name, "no mistake", "no mistake")]


def sources_readable(run: RunResults) -> list[Observation]:
    """Observe that each database of the plan was read, or is absent and optional."""
    observations = _problems(run, "sources-readable")
    named = {observation.subject for observation in observations}
    read = {facts.file: facts for facts in run.inspected.databases}
    for file in _files(run.plan):
        if file in read:
            listed = read[file].listed
            rows = sum(digest.rows for digest in listed.values())
            observed = f"{counted(len(listed), 'table')}, {counted(rows, 'row')}"
            observations.append(Observation(file, "every table is read", observed, holds=True))
        elif file not in named:
            observations += _unread(run, file) or [_passed(file, "absent, and optional in the plan")]
    return observations


def integrity_before(run: RunResults) -> list[Observation]:
    """Observe that SQLite's full integrity_check of each database returns ok."""
    observations = _problems(run, "integrity-before")
    named = {observation.subject for observation in observations}
    findings = run.inspected.findings
    texts = {each.file: intact_text(each.file, findings, each.intact_by) for each in run.inspected.databases}
    observations += [equal(file, text, text) for file, text in texts.items()]
    for file in run.inspected.unread:
        observations += [] if file in named else _unread(run, file)
    return observations or [not_required("databases", "no database of the plan exists")]


def no_other_process(run: RunResults) -> list[Observation]:
    """Observe that no other process has a database open or locked.

    Processes that could not be examined are counted.
    """
    if problems := _problems(run, "no-other-process"):
        return problems
    files = [file for file in _files(run.plan) if (run.live / file).exists()]
    if not files and any(not source.optional for source in run.plan.sources):
        return [not_examined(run.plan.name, "no database of the plan exists", repeats=True)]
    if not files:
        return [not_required("databases", "no database of the plan exists")]
    observed = f"open files and locks of {counted(len(files), 'database')} examined"
    if unseen := run.preflight.unexamined_processes:
        observed += f"; {describe_unexamined(unseen)}"
    if any(finding.id == "processes-elsewhere" for finding in run.inspected.findings):
        observed += f"; {OTHER_CONTAINERS}"
    return [_passed(run.plan.name, observed, len(files))]


def space(run: RunResults) -> list[Observation]:
    """Observe that backups, dumps and growth fit on the disk, and all folders are writable."""
    copied = run.preflight.copied
    return _problems(run, "space") or [
        _passed(run.plan.backups, state_disk_space(run.plan, run.root, run.live)),
        *([_passed("copy of the workspace", copied)] if copied else []),
        _passed("folders of backups and databases", "each can be written"),
    ]


def nothing_left_behind(run: RunResults) -> list[Observation]:
    """Observe that each table with rows is moved, or left with a reason."""
    observations = _problems(run, "nothing-left-behind")
    forgotten = {observation.subject for observation in observations}
    for source in run.plan.in_order:
        facts = run.inspected.sources.get(source.name)
        if facts is None:
            observations += _unread(run, source.file)
        elif forgotten.isdisjoint(f"{source.file}:{table}" for table in facts.schema.tables):
            tables = len(facts.listed)
            observed = f"{counted(tables, 'table')}: each is moved, is left with a reason, or has no row"
            observations.append(_passed(source.file, observed, max(1, tables)))
    return observations or [not_required("sources", "no source of the plan exists")]


def names_free(run: RunResults) -> list[Observation]:
    """Observe that the planned schema statements cause no conflict of names.

    Each statement was tried on an empty copy of the target's schema.
    """
    statements = len(run.inspected.target_schema.before_rows) + len(run.inspected.target_schema.after_rows)
    observed = f"{counted(statements, 'statement')} tried on an empty copy of the target's schema"
    return _unless_problems(run, "names-free", observed, statements, "the plan creates nothing in the target")


def values_fit(run: RunResults) -> list[Observation]:
    """Observe that each column is mapped, and that the target changes or refuses no value."""
    observed = f"{counted(len(run.inspected.mappings), 'table mapping')} compared by column, and each value tried"
    return _unless_problems(run, "values-fit", observed, len(run.inspected.mappings), "the plan moves no table")


def keys_free(run: RunResults) -> list[Observation]:
    """Observe that no two rows have the same key, or that the plan decides which row stays."""
    tables = {folded(mapping.into.name) for mapping in run.inspected.mappings}
    observed = f"keys of {counted(len(tables), 'table')} looked up in all sources and the target"
    return _unless_problems(run, "keys-free", observed, len(tables), "the plan moves no table")


def derived_declared(run: RunResults) -> list[Observation]:
    """Observe that nothing derived becomes stale, or that the plan accepts it."""
    tables = {folded(mapping.into.name) for mapping in run.inspected.mappings}
    observed = f"triggers and search indexes of {counted(len(tables), 'table')} examined"
    if unchanged := run.inspected.without_added_rows:
        observed += f"; 0 rows are added to {join_names(unchanged)}"
    return _unless_problems(run, "derived-declared", observed, len(tables), "the plan moves no table")


def rows_as_stated(run: RunResults) -> list[Observation]:
    """Observe that each source has the number of rows that the plan states, if any."""
    hints = {
        problem.subject: problem.next for problem in run.inspected.problems if problem.criterion == "rows-as-stated"
    }
    observations = []
    for stated in stated_rows(run.plan):
        rows = [number for file in stated.files if (number := _rows_of(run, file, stated.table_map.name)) is not None]
        unread = next((file for file in stated.files if file.file in run.inspected.unread), None)
        if not rows or unread:
            observations.append(_no_rows(run, unread or stated.files[0], stated.subject))
            continue
        todo = "" if sum(rows) == stated.rows else hints.get(stated.subject, "")
        observations.append(equal(stated.subject, counted(stated.rows, "row"), counted(sum(rows), "row"), todo))
    return observations or [not_required("plan", "the plan states no number of rows")]


def _rows_of(run: RunResults, source: Source, name: str) -> int | None:
    """Return the number of rows of a table of a source, or None if there is no such table."""
    facts = run.inspected.sources.get(source.name)
    table = facts.schema.table(name) if facts else None
    return facts.rows_in(table.name) if facts and table and table.name in facts.digests else None


def _no_rows(run: RunResults, source: Source, subject: str) -> Observation:
    """Return why a table was not read whose number of rows the plan states."""
    if source.name in run.inspected.sources:
        reasons = (problem.what for problem in run.inspected.problems if problem.subject == subject)
        return not_examined(subject, next(reasons, "the source has no table of this name"), repeats=True)
    if source.file in run.inspected.unread:
        return not_examined(subject, run.inspected.unread[source.file], repeats=True)
    if source.optional:
        return not_required(subject, "the source is absent, and optional in the plan")
    return not_examined(subject, "the source does not exist", repeats=True)


def references_found(run: RunResults) -> list[Observation]:
    """Observe that each expression of the plan occurs once in the code.

    An expression that was already rewritten passes as well. The plan alone shows whether it names one, also where a
    database could not be read.
    """
    wanted = [*run.plan.references, *run.plan.inserts]
    references, inserts = counted(len(run.plan.references), "reference"), counted(len(run.plan.inserts), "insertion")
    observed = f"{references} and {inserts}: each place is found"
    return _problems(run, "references-found") or [
        _passed(run.plan.name, observed, len(wanted)) if wanted else not_required("plan", "the plan names no reference")
    ]


def references_complete(run: RunResults) -> list[Observation]:
    """Observe that no mention of an old database remains after the planned rewrites.

    Each mention that remains has the lines that cover it in the plan.
    """
    return remaining_observations(run.scan_scope(), run.preflight.mentions, run.plan.references)


def parents_follow(run: RunResults) -> list[Observation]:
    """Observe that no moved row would refer to another row than in its source."""
    observed = f"the foreign keys of {counted(len(run.inspected.mappings), 'table mapping')} followed to their rows"
    return _unless_problems(run, "parents-follow", observed, len(run.inspected.mappings), "the plan moves no table")


def rehearsed(run: RunResults) -> list[Observation]:
    """Observe that a rehearsal of this plan on these databases passed recently enough.

    The databases have been read before, so their content digests are compared with those of the rehearsal.
    """
    subject, limit, known = run.request.settings.plan.name, run.plan.require_rehearsal, run.rehearsal.passed
    if run.is_rehearsal:
        return [not_required(subject, "this run is the rehearsal")]
    refusal = run.rehearsal.refusal
    if limit is None and known is None:
        reason = f"no report of one can be used: {refusal}" if refusal else "there is no report of one"
        return [not_required(subject, f"the plan demands no rehearsal, and {reason}")]
    expected = "none demanded by the plan" if limit is None else f"one that is at most {limit / 3600:g} h old"
    hint = f"Rehearse, then migrate: {run.request.command(Mode.REHEARSAL.verb)}"
    if known is None:
        observed = "no report of a passed rehearsal of exactly this plan" + (f": {refusal}" if refusal else "")
        return [Observation(subject, expected, observed, holds=False, todo=hint)]
    changed = _changed_since(run, known)
    same = f"; changed since then: {', '.join(changed)}" if changed else " on exactly these databases"
    observed = f"{known.run} passed at {known.finished.isoformat(timespec='seconds')}{same}"
    if limit is None:
        return [not_required(subject, f"the plan demands no rehearsal; {observed}")]
    observed += "; its report is consistent, which does not prove who made it"
    in_time = run.request.started - known.finished <= timedelta(seconds=limit)
    return [Observation(subject, expected, observed, holds=in_time and not changed, todo=hint)]


def approved(run: RunResults) -> list[Observation]:
    """Observe that an allowed signer approved the plan, if an approval is demanded."""
    subject = run.request.settings.plan.name
    if run.is_rehearsal:
        return [not_required(subject, "a rehearsal needs no approval")]
    if run.request.approval is None:
        return [not_required(subject, NO_APPROVAL)]
    return [run.request.approval.observation]


def _changed_since(run: RunResults, known: Rehearsal) -> list[str]:
    """Return the databases whose content digest or tables differ from the rehearsal."""
    now = {printable(facts.file): _state(facts) for facts in run.inspected.databases}
    return sorted(file for file in now.keys() | known.states.keys() if now.get(file) != known.states.get(file))


def _state(facts: InspectedDatabase) -> bytes:
    tables = {printable(name): (table.rows, table.sha256) for name, table in facts.listed.items()}
    return database_state(facts.digest, tables)


def as_observation(problem: Problem) -> Observation:
    """Return a problem as an observation that does not hold."""
    return Observation(problem.subject, NO_PROBLEM, problem.what, holds=False, todo=problem.next, values=problem.values)


def _problems(run: RunResults, criterion: str) -> list[Observation]:
    return [as_observation(problem) for problem in run.inspected.problems if problem.criterion == criterion]


def _unless_problems(run: RunResults, criterion: str, observed: str, examined: int, nothing: str) -> list[Observation]:
    """Return the problems of a criterion, or an observation that it passed.

    If nothing was examined, the observation is that the plan demands nothing.
    """
    if problems := _problems(run, criterion):
        return problems
    if examined:
        return [_passed(run.plan.name, observed, examined)]
    return [] if run.inspected.unread else [not_required("plan", nothing)]


def _unread(run: RunResults, file: str) -> list[Observation]:
    return [not_examined(file, run.inspected.unread[file], repeats=True)] if file in run.inspected.unread else []


def _passed(subject: str, observed: str, examined: int = 1) -> Observation:
    return Observation(subject, NO_PROBLEM, observed, holds=True, examined=examined)


def _files(plan: Plan) -> list[str]:
    return list(dict.fromkeys([plan.target, *(source.file for source in plan.sources)]))


CHECKS = {
    "plan-valid": plan_valid,
    "sources-readable": sources_readable,
    "integrity-before": integrity_before,
    "no-other-process": no_other_process,
    "space": space,
    "nothing-left-behind": nothing_left_behind,
    "names-free": names_free,
    "values-fit": values_fit,
    "keys-free": keys_free,
    "derived-declared": derived_declared,
    "rows-as-stated": rows_as_stated,
    "references-found": references_found,
    "references-complete": references_complete,
    "parents-follow": parents_follow,
    "rehearsed": rehearsed,
    "approved": approved,
}
"""Check of each criterion, by criterion id."""
