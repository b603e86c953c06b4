"""Write the last lines on the terminal, with reasons, verdict, paths and next command."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.text import counted, fold, list_names, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlite_consolidate.findings import Finding
    from sqlite_consolidate.report.evidence import Record
    from sqlite_consolidate.session import Session

_MOST_PROBLEMS = 50
_MOST_TO_REVIEW = 10
_MOST_KINDS = 8  # of notes, which fit on two lines
_PASTED = "references-complete"
"""Criterion whose advice has lines to paste. Every other advice is one line, whatever a name in it contains."""


def summary_lines(
    session: Session, *, brief: bool = False, width: int | None = None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the last lines of a run, each with its markup.

    The rest of the terminal output names no problem. Names of plans and databases are escaped, so that they cannot
    break a line or control the terminal.

    Args:
        session: A run that has ended.
        brief: Whether only problems, the verdict and the path of the report are wanted.
        width: Columns to which a sentence is folded, with a hanging indent. None for no folding, because programs
            search files and pipes line by line.
    """
    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.report.html.inventory import terminal_lines
    from sqlite_consolidate.report.statements.faults_table import faults_table

    record, log = session.record(), session.run.log
    yield "", {}
    yield " sqlite-consolidate ".center(80, "="), {"bold": True}
    for words in terminal_lines(log.extra["inventory"]) if "inventory" in log.extra and not brief else ():
        yield f"  {one_line(words)}", {}
    if log.mode is Mode.SELFTEST:
        yield from ((f"  {words}", {}) for words in faults_table(record).splitlines())
        yield "", {}
    output = log.program_output if log.disclosure.withhold_output else []
    problems = [*([words] for words in log.errors), *_not_held(record), *([words] for words in output)]
    for sentence, *pasted in problems[:_MOST_PROBLEMS]:
        yield from ((line, {}) for line in fold(one_line(sentence), width))
        yield from ((f"  {one_line(words)}", {}) for words in pasted)
    if len(problems) > _MOST_PROBLEMS:
        yield f"  and {len(problems) - _MOST_PROBLEMS} more: see the report", {}
    if problems:
        yield "", {}
    if not brief:
        yield from ((line, {}) for words in _to_review(log.findings) for line in fold(words, width))
    good = record.verdict == "accepted"
    yield one_line(record.headline), {"bold": True, "green": good, "red": not good}
    files = _files_and_commands(session, record)
    yield from (
        (f"  {label + ':':<12}{one_line(words)}", {}) for label, words in files[: 1 if brief else None] if words
    )


def _files_and_commands(session: Session, record: Record) -> list[tuple[str, str]]:
    """Return labels and texts of what a run wrote and what follows it, the report first."""
    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.report.bundle import bundle_of
    from sqlite_consolidate.report.file_names import PAGE

    folder, mode = session.request.folder, session.run.log.mode
    return [
        ("report", str(folder / PAGE)),
        ("bundle", str(bundle_of(record, folder) or "")),
        ("backup set", record.backup_set if mode is not Mode.REHEARSAL else ""),
        ("next", next_step(session, record)),
        ("limits", " ".join(record.limits) if mode is Mode.BUNDLE else ""),
    ]


def _to_review(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the findings that ask for attention, and the number of notes with their ids.

    At least one finding of each id is shown.
    """
    from sqlite_consolidate.findings import list_findings

    review = list_findings(findings, "attention", _MOST_TO_REVIEW)
    for item in review:
        yield f"to review: {one_line(item.sentence)} [{item.finding.id}]"
    if further := sum(finding.level == "attention" for finding in findings) - len(review):
        yield f"and {further} more to review: see the report"
    if kinds := Counter(finding.id for finding in findings if finding.level == "note"):
        ids = [id if number == 1 else f"{id} ({number})" for id, number in kinds.items()]
        yield f"{counted(kinds.total(), 'note')} (see the report): {list_names(ids, _MOST_KINDS)}"


def _not_held(record: Record) -> list[list[str]]:
    """Return the lines for each observation that does not hold.

    Lines to paste into the plan follow the first. The first has the expected state unless the observed state says all.
    Criteria of stages that were not run have none, and neither has what was not examined if another line states the
    reason.
    """
    from sqlite_consolidate.observation import says_all

    problems = []
    for entry in record.criteria:
        if not entry.holds and not entry.repeats:
            subject = f"{entry.subject}: " if entry.subject else ""
            expected = "" if says_all(entry.expected) else f" (expected: {entry.expected})"
            todo, *pasted = entry.todo.splitlines() if entry.criterion == _PASTED else [entry.todo]
            full_stop = "." if expected and (entry.rows_text or todo) else ""
            words = (f"{entry.criterion}: {subject}{entry.observed}{expected}{full_stop}", entry.rows_text, todo)
            problems.append([" ".join(part for part in words if part), *(f"  {line}" for line in pasted)])
    return problems


def next_step(session: Session, record: Record) -> str:
    """Return the command that follows a run and what to do before, or an empty text."""
    return _before_command(session, record) + record.next_command if record.next_command else ""


def _before_command(session: Session, record: Record) -> str:
    """Return what an operator has to do before the command that follows."""
    log = session.run.log
    if record.verdict != "accepted":
        is_incomplete = log.rolled_back is not None and not log.rolled_back.complete
        is_plain = is_incomplete or log.interrupted is not None or session.request.lacks_plan
        return "" if is_plain else "fix the problems above, then run: "
    inventory = log.extra.get("inventory", {})
    decisions = inventory.get("decisions", 0)
    places = "place" if decisions == 1 else f"{decisions} places"
    if decisions:
        return f"decide the {places} in {inventory['plan']}, then run: "
    return "judge the findings to review, then run: " if inventory.get("to_review") else ""
