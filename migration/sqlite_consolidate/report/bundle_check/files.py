"""Check that all files of a bundle are unchanged and agree with each other.

Digests prove that the files belong together. They do not prove who made them, because who changes a file can compute
the digests again. Only a digest that is kept elsewhere proves that, such as the one in a ticket's summary.
"""

from __future__ import annotations

import hashlib
from itertools import zip_longest
from typing import TYPE_CHECKING

from sqlite_consolidate.plan.parts.masked_plan import mask_plan
from sqlite_consolidate.report.bundle_check.agreement import agreement, not_of_known_schema
from sqlite_consolidate.report.bundle_check.pytest_files.reported_tests import contradictions_of_tests
from sqlite_consolidate.report.bundle_check.run_identity import contradictions_of_identity
from sqlite_consolidate.report.evidence_json import SCHEMA, SCHEMA_1_OUTCOMES
from sqlite_consolidate.report.file_names import (
    APPROVAL,
    DIFF,
    EVIDENCE,
    JUNIT,
    MANIFEST,
    PAGE,
    PLAN,
    SIGNATURE,
    SQL,
    SUMMARY,
)
from sqlite_consolidate.report.past_runs import describe_run
from sqlite_consolidate.report.questions import counts
from sqlite_consolidate.report.summary import (
    criteria_line,
    evidence_line,
    first_line,
    first_lines_of_earlier_releases,
    summary,
    summary_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_consolidate.observation import Observation
    from sqlite_consolidate.report.bundle_check.parse import BundleContents
    from sqlite_consolidate.report.evidence import Attempt, Record

_ALWAYS = (EVIDENCE, SUMMARY, PLAN, DIFF, SQL)
_FILES = {*_ALWAYS, PAGE, JUNIT, APPROVAL, "faults.txt"}


def check_files(contents: BundleContents) -> list[Observation]:
    """Observe that the bundle has exactly the files of its manifest, unchanged.

    No usual file may be absent, and the manifest may not list a file that no run writes.
    """
    observations = []
    for name, listed in contents.manifest.items():
        data = contents.bundle.files.get(name)
        expected = f"{listed.get('size')} bytes, {listed.get('sha256')}"
        observed = "missing" if data is None else f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()}"
        observations.append(agreement(name, expected, observed))
    added = set(contents.bundle.files) - set(contents.manifest) - {MANIFEST, SIGNATURE}
    absent = [name for name in _ALWAYS if name not in contents.manifest and name not in added]
    unknown = sorted(contents.manifest.keys() - _FILES) if contents.of_this_release else []
    return [
        *observations,
        *(agreement(name, "listed in the manifest", "not listed") for name in sorted(added)),
        *(agreement(name, "listed in the manifest", "not there") for name in absent),
        *(agreement(name, "a file that a run leaves", "another file") for name in unknown),
    ]


def check_schema(contents: BundleContents) -> list[Observation]:
    """Observe that the evidence is of a schema that this release knows."""
    schema = f"of schema {contents.schema}"
    if not contents.errors:
        return [agreement(EVIDENCE, schema, schema)]
    return [agreement(place, f"as in schema {contents.schema}", error[:500]) for place, error in contents.errors]


def check_agreement(contents: BundleContents) -> list[Observation]:
    """Observe that manifest, summary, JUnit file and plan agree with the evidence."""
    record, attempt = contents.record, contents.about
    if record is None:
        return [not_of_known_schema()]
    if attempt is None:
        return [agreement(MANIFEST, "the run of evidence.json", "it cannot be read")]
    pairs = [
        *_manifest(attempt, record),
        *_summary(contents, record),
        *contradictions_of_tests(contents, record),
        *contradictions_of_identity(contents, record),
        *_plan(contents.bundle.files.get(PLAN, b""), record),
    ]
    return [agreement(subject, expected, observed) for subject, expected, observed in pairs]


_Pair = tuple[str, str, str]


def _plan(plan: bytes, record: Record) -> Iterator[_Pair]:
    """Yield the digest of the plan beside that of the evidence.

    A masked plan is another file than the plan, and nothing more is to be masked in it.
    """
    name = "shown_sha256" if "shown_sha256" in record.plan else "sha256"
    if digest := record.plan[name]:
        yield f"{PLAN}: {name}", digest, hashlib.sha256(plan).hexdigest()
    if name == "shown_sha256":
        is_masked = mask_plan(plan) == plan and record.plan["shown_sha256"] != record.plan["sha256"]
        yield f"{PLAN}: secrets", "masked", "masked" if is_masked else "not masked"


def _manifest(attempt: Attempt, record: Record) -> Iterator[_Pair]:
    yield f"{MANIFEST}: mode", record.mode.in_evidence, attempt.mode.in_evidence
    for name, value in describe_run(record).items():
        is_unknown = name == "has_failed_criterion" and attempt.has_failed_criterion is None  # an earlier release
        if name != "mode" and not is_unknown:
            yield f"{MANIFEST}: {name}", str(value), str(getattr(attempt, name))


def _summary(contents: BundleContents, record: Record) -> Iterator[_Pair]:
    """Yield the lines of the summary beside those that the evidence gives.

    Summaries of other releases have other lines, so only four of them are compared.
    """
    lines = contents.bundle.text(SUMMARY).split("\n")
    digest = hashlib.sha256(contents.bundle.files.get(EVIDENCE, b"")).hexdigest()
    if contents.of_this_release:
        known_lines = summary(record, digest).split("\n")
        for number, pair in enumerate(zip_longest(known_lines, lines[: len(known_lines) + 1]), 1):
            expected, observed = ("no line" if line is None else line for line in pair)
            yield f"{SUMMARY}: line {number}", expected, observed
        return
    earlier = (line for line in first_lines_of_earlier_releases(record) if summary_line(line) in lines)
    first = next(earlier, first_line(record))
    known = (first, record.headline, _criteria_line(contents, record), evidence_line(digest))
    for line in map(summary_line, known):
        label = line.partition(":")[0]
        like = next((other for other in lines if other.startswith(f"{label}:")), "missing")
        yield f"{SUMMARY}: {label}", line, line if line in lines else like


def _criteria_line(contents: BundleContents, record: Record) -> str:
    number = counts(record)
    if contents.schema == SCHEMA:
        return criteria_line(number)
    return criteria_line({word: number[outcome] for word, outcome in SCHEMA_1_OUTCOMES.items()})
