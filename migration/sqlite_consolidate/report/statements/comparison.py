"""Compare a run with the last one of its kind on the same workspace."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.stages import stages_of
from sqlite_consolidate.regular_files import read_regular
from sqlite_consolidate.report.evidence import Change, Comparison
from sqlite_consolidate.report.evidence_json import SCHEMA, record_from_json
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST
from sqlite_consolidate.report.formatting import count_of, stage_of
from sqlite_consolidate.report.questions import outcomes
from sqlite_consolidate.text import counted, join_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlite_consolidate.engine.run.modes import Mode
    from sqlite_consolidate.report.evidence import Attempt, Record

_MOST_BYTES = 50_000_000  # evidence of 10,000 files is smaller
_MOST_CHANGES = 100  # of each kind
_MOST_SECONDS = 1e9  # as in the schema of the evidence
_Findings = tuple[tuple[str, str, str], ...]
_DAMAGED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class ComparedFacts:
    """Hold what is compared of a run.

    Attributes:
        mode: Its mode; None if an ``obstacle`` prevents every comparison.
        criteria: Criterion id to its outcome.
        findings: Id, subject and sentence of each finding.
        values: Kind to subject to text: the rows that arrive in each table of the target, and each database and the
            numbers of the plan that an inventory states.
        seconds: Stage that ran to its time.
    """

    mode: Mode | None = None
    obstacle: str = ""
    criteria: Mapping[str, str] = field(default_factory=dict)
    findings: _Findings = ()
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


def compare_with_last_run(record: Record, reports: Path, shown: Callable[[str], str] = str) -> Comparison | None:
    """Return how a finished run differs from the last one of its kind on the workspace.

    None is returned if there is no such run. A run without an end, or that had nothing to do, does not count.

    Args:
        record: The record of the run, with the earlier runs on its workspace.
        reports: The folder with the reports of these runs.
        shown: Returns a text as reports may show it.
    """
    alike = (attempt for attempt in reversed(record.attempts) if _is_alike(attempt, record.mode))
    last = next(alike, None)
    if last is None or record.already or not record.finished:
        return None
    before = _read_facts(reports, last.report, record.workspace_id)
    if before.mode is None:
        return Comparison(last.run, before.obstacle)
    changes = list(_changes(before, facts_of(record), record.mode, shown))
    numbers = Counter(change.kind for change in changes)
    kept = [[change for change in changes if change.kind == kind][:_MOST_CHANGES] for kind in numbers]
    return Comparison(last.run, "", tuple(chain.from_iterable(kept)), dict(numbers), dict(before.seconds))


def changes_in_words(comparison: Comparison) -> str:
    """Return the number of changes of each kind, such as ``"2 findings and 1 table"``."""
    plurals = {"criterion": "criteria"}
    return join_names([counted(number, kind, plurals.get(kind, "")) for kind, number in comparison.numbers.items()])


def _is_alike(attempt: Attempt, mode: Mode) -> bool:
    """Return whether an earlier run can be compared with a run of a mode."""
    is_of_kind = attempt.mode is mode or (attempt.mode.is_consolidation and mode.is_consolidation)
    return is_of_kind and bool(attempt.finished) and not attempt.already


@lru_cache(maxsize=1)  # page, terminal and bundle of a run are drawn one after the other
def _read_facts(reports: Path, run: str, workspace: str) -> ComparedFacts:
    """Return the facts of a run by its evidence, or why it cannot be compared."""
    if not run:
        return ComparedFacts(obstacle="only its backup set is known here, and no report")
    try:
        evidence = reports / run / EVIDENCE
        if evidence.stat().st_size > _MOST_BYTES:
            return ComparedFacts(obstacle=f"its {EVIDENCE} has more than {_MOST_BYTES / 1e6:.0f} MB")
        data, manifest = read_regular(evidence), read_regular(reports / run / MANIFEST)
    except OSError as error:
        return ComparedFacts(obstacle=f"its evidence cannot be read: {error.strerror}")
    try:
        return _parse_facts(data, json.loads(manifest)["files"][EVIDENCE]["sha256"], run, workspace)
    except _DAMAGED:
        return ComparedFacts(obstacle="its evidence is damaged or of another program")


def _parse_facts(data: bytes, digest: object, run: str, workspace: str) -> ComparedFacts:
    """Return the facts in the bytes of the evidence, or why they are not those of the run.

    Raises:
        Exception: The evidence lacks a key or has a value of another type.
    """
    if sha256(data).hexdigest() != digest:
        return ComparedFacts(obstacle=f"its {EVIDENCE} is not the file that its manifest lists")
    document = json.loads(data, object_hook=_sums)
    if document["schema"] != SCHEMA:
        return ComparedFacts(obstacle=f"its {EVIDENCE} has another format, of an earlier or later release")
    if (document["run"], document["workspace"]["id"]) != (run, workspace):
        return ComparedFacts(obstacle=f"its {EVIDENCE} is of another run or workspace")
    return facts_of(record_from_json(document | {"sources": [], "target": None}))


def _sums(item: dict[str, Any]) -> dict[str, Any]:
    """Return an object of evidence without what it has of each file and table.

    Very many files would take more memory than the run itself.
    """
    return {} if "contents" in item else {key: value for key, value in item.items() if key != "each"}


def facts_of(record: Record) -> ComparedFacts:
    """Return the facts of a record.

    Raises:
        ValueError: The time of a stage is no number that is possible.
    """
    tables = Counter[str]()
    for move in record.flow:
        tables[move.into] += move.arriving
    seconds = {stage.id: float(stage.seconds) for stage in record.stages if stage.outcome != "not run"}
    if not all(0 <= time <= _MOST_SECONDS for time in seconds.values()):
        raise ValueError("a stage has an impossible time")
    findings = tuple((finding.id, finding.subject, finding.sentence) for finding in record.findings)
    criteria = {id: outcome.value for id, outcome in outcomes(record).items()}
    values = {"table": {name: count_of(rows) for name, rows in tables.items()}, **_values_of_inventory(record)}
    return ComparedFacts(record.mode, "", criteria, findings, values, seconds)


def _values_of_inventory(record: Record) -> dict[str, dict[str, str]]:
    """Return what an inventory states of each database and of its plan.

    Other runs state nothing.
    """
    inventory = record.extra.get("inventory")
    if inventory is None:
        return {}
    numbers = {"decisions of the plan": inventory["decisions"], "problems of the plan": len(inventory["objections"])}
    return {
        "database": {database["file"]: _database_in_words(database) for database in inventory["databases"]},
        "number": {name: f"{number:,}" for name, number in numbers.items()} if inventory["plan"] else {},
    }


def _database_in_words(database: Mapping[str, Any]) -> str:
    """Return the part, the tables and the rows of a database of an inventory."""
    tables = database["tables"]
    counts = [int(rows) for rows in tables.values() if rows.isdigit()]
    words = [database["part"] or database["role"], count_of(len(tables), "table"), count_of(sum(counts))]
    return ", ".join(words if len(counts) == len(tables) else words[:2])


def _changes(before: ComparedFacts, after: ComparedFacts, mode: Mode, shown: Callable[[str], str]) -> Iterator[Change]:
    """Yield the criteria that differ, then the findings, then the values of each kind."""
    common = {stage.id for stage in stages_of(mode)} & {stage.id for stage in stages_of(before.mode)}
    for id in dict.fromkeys((*before.criteria, *after.criteria)):
        then, now = before.criteria.get(id, ""), after.criteria.get(id, "")
        if then != now and stage_of(id, mode) in common:
            yield Change("criterion", shown(id), then, now)
    earlier = tuple((id, shown(subject), shown(sentence)) for id, subject, sentence in before.findings)
    yield from _changed_findings(earlier, after.findings)
    for kind in dict.fromkeys((*before.values, *after.values)):
        texts, later = before.values.get(kind, {}), after.values.get(kind, {})
        for subject in dict.fromkeys((*texts, *later)):
            then, now = texts.get(subject, ""), later.get(subject, "")
            if then != now:
                yield Change(kind, shown(subject), then, now)


def _changed_findings(before: _Findings, after: _Findings) -> Iterator[Change]:
    """Yield each finding that only one of the runs has.

    Findings of one kind about one subject are one change, if each run has one in other words.
    """
    sentences: defaultdict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for place, (findings, others) in enumerate(((before, set(after)), (after, set(before)))):
        for id, subject, sentence in dict.fromkeys(findings):
            if (id, subject, sentence) not in others:
                sentences[id, subject][place].append(sentence)
    for (id, _), (then, now) in sentences.items():
        yield from (Change("finding", id, *pair) for pair in zip_longest(then, now, fillvalue=""))
