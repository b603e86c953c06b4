"""Check that the files of a bundle are all there, as their run left them, and tell the same story.

Digests prove that the files belong together, not who made them: whoever changes a file can compute the digests anew.
Against that there is only a digest that somebody else keeps, such as the one in a summary pasted into a ticket.
"""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import TYPE_CHECKING

from sqlite_consolidate.report.bundle_check.agreement import agreement, unjudged
from sqlite_consolidate.report.bundle_check.pytest_files.reported_tests import contradictions_of_tests
from sqlite_consolidate.report.bundle_check.run_identity import contradictions_of_circumstances
from sqlite_consolidate.report.evidence_json import SCHEMA, UNTIL_SCHEMA_2
from sqlite_consolidate.report.file_names import DIFF, EVIDENCE, JUNIT, MANIFEST, PAGE, PLAN, SQL, SUMMARY
from sqlite_consolidate.report.past_runs import about
from sqlite_consolidate.report.questions import counts
from sqlite_consolidate.report.summary import as_line, criteria_line, evidence_line, first_line, summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Attempt, Record

_ALWAYS = (EVIDENCE, SUMMARY, PLAN, DIFF, SQL)
_FILES = {*_ALWAYS, PAGE, JUNIT, "faults.txt"}


def whole(told: BundleContents) -> list[Observation]:
    """Observe that each file of the manifest has its size and digest, no other is there, and no usual one is absent.

    Nor may the manifest list a file that no run leaves: nothing would say what that is.
    """
    observations = []
    for name, listed in told.manifest.items():
        data = told.bundle.files.get(name)
        expected = f"{listed.get('size')} bytes, {listed.get('sha256')}"
        observed = "missing" if data is None else f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"
        observations.append(agreement(name, expected, observed))
    added = set(told.bundle.files) - set(told.manifest) - {MANIFEST}
    absent = [name for name in _ALWAYS if name not in told.manifest and name not in added]
    unknown = sorted(told.manifest.keys() - _FILES) if told.of_this_release else []
    return [
        *observations,
        *(agreement(name, "listed in the manifest", "not listed") for name in sorted(added)),
        *(agreement(name, "listed in the manifest", "not there") for name in absent),
        *(agreement(name, "a file that a run leaves", "another file") for name in unknown),
    ]


def valid(told: BundleContents) -> list[Observation]:
    """Observe that the evidence is of a schema that this release knows."""
    schema = f"of schema {told.schema}"
    if not told.errors:
        return [agreement(EVIDENCE, schema, schema)]
    return [agreement(place, f"as in schema {told.schema}", error[:500]) for place, error in told.errors]


def agreeing(told: BundleContents) -> list[Observation]:
    """Observe that manifest, summary, JUnit file and plan say what the evidence says."""
    record, attempt = told.record, told.about
    if record is None:
        return [unjudged()]
    if attempt is None:
        return [agreement(MANIFEST, "a run, as evidence.json tells of it", "it cannot be compared")]
    pairs = [
        *_manifest(attempt, record),
        *_summary(told, record),
        *contradictions_of_tests(told, record),
        *contradictions_of_circumstances(told, record),
    ]
    if digest := record.plan["sha256"]:
        pairs.append((f"{PLAN}: sha256", digest, hashlib.sha256(told.bundle.files.get(PLAN, b"")).hexdigest()))
    return [agreement(subject, expected, observed) for subject, expected, observed in pairs]


_Pair = tuple[str, str, str]


def _manifest(attempt: Attempt, record: Record) -> Iterator[_Pair]:
    yield f"{MANIFEST}: mode", record.mode.in_evidence, attempt.mode.in_evidence
    for name, value in about(record).items():
        if name != "mode":
            yield f"{MANIFEST}: {name}", str(value), str(getattr(attempt, name))


def _summary(told: BundleContents, record: Record) -> Iterator[_Pair]:
    """Yield the lines of the summary, beside those that the evidence gives; other releases have other lines."""
    lines = told.bundle.text(SUMMARY).split("\n")
    digest = hashlib.sha256(told.bundle.files.get(EVIDENCE, b"")).hexdigest()
    if told.of_this_release:
        for number, pair in enumerate(zip_longest(summary(record, digest).split("\n"), lines), 1):
            expected, observed = ("no line" if line is None else line for line in pair)
            yield f"{SUMMARY}: line {number}", expected, observed
        return
    known = (first_line(record), record.headline, _criteria_line(told, record), evidence_line(digest))
    for line in map(as_line, known):
        label = line.partition(":")[0]
        like = next((other for other in lines if other.startswith(f"{label}:")), "missing")
        yield f"{SUMMARY}: {label}", line, line if line in lines else like


def _criteria_line(told: BundleContents, record: Record) -> str:
    number = counts(record)
    if told.schema == SCHEMA:
        return criteria_line(number)
    return criteria_line({word: number[outcome] for word, outcome in UNTIL_SCHEMA_2.items()})
