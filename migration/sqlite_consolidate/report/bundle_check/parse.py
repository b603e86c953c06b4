"""Parse evidence, manifest and plan of a bundle without trusting any of them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlite_consolidate
from sqlite_consolidate.plan.model import Plan
from sqlite_consolidate.plan.patterns import expand_by_names
from sqlite_consolidate.problem import ProblemError
from sqlite_consolidate.report.evidence_json import SCHEMA, record_from_json
from sqlite_consolidate.report.file_names import EVIDENCE, MANIFEST, PLAN
from sqlite_consolidate.report.past_runs import parse_manifest
from sqlite_consolidate.text import fits_name, printable

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

    from sqlite_consolidate.report.bundle_check.reader import Bundle
    from sqlite_consolidate.report.evidence import Attempt, Record

SCHEMA_FILES = {
    1: Path(__file__).parents[1] / "evidence.schema-1.json",
    SCHEMA: Path(__file__).parents[1] / "evidence.schema.json",
}
"""JSON Schema, draft 2020-12, of each schema of ``evidence.json`` that this release reads."""

_MOST_ERRORS = 20


@dataclass(frozen=True)
class BundleContents:
    """Hold one parsed bundle.

    Attributes:
        bundle: Its files.
        manifest: ``files`` of the manifest, which is name to ``sha256`` and ``size``; empty if it has another shape.
        about: The run by the manifest, or None if that is missing or has another shape.
        record: The run by the evidence, or None if ``errors`` gives reasons.
        schema: Schema of the evidence.
        not_shown: Criteria that the evidence lists as not examined.
        errors: Place in the evidence and the error there.
        applications: Names of the smoke tests of the plan.
        writes: Whether the plan lets a smoke test change databases.
        plan: The plan, or None if it is missing or has a mistake.
    """

    bundle: Bundle
    manifest: dict[str, dict[str, Any]]
    about: Attempt | None
    record: Record | None
    schema: int = SCHEMA
    not_shown: tuple[str, ...] = ()
    errors: list[tuple[str, str]] = field(default_factory=list)
    applications: tuple[str, ...] = ()
    writes: bool = False
    plan: Plan | None = None

    @property
    def of_this_release(self) -> bool:
        """Return whether this release made the bundle, so that its criteria are known."""
        release = self.record.versions.get("sqlite-consolidate") if self.record else None
        return self.schema == SCHEMA and release == sqlite_consolidate.__version__


def parse_bundle(bundle: Bundle) -> BundleContents:
    """Return a parsed bundle, with its errors kept in it."""
    document, record, errors = _evidence(bundle)
    tests = _smoke_tests(bundle.text(PLAN))
    return BundleContents(
        bundle=bundle,
        manifest=_files(bundle.text(MANIFEST)),
        about=parse_manifest(bundle.files[MANIFEST], ""),
        record=record,
        schema=schema_of(document),
        not_shown=() if errors else tuple(document["not_shown"]),
        errors=errors,
        applications=tuple(printable(str(test.get("name", ""))) for test in tests),
        writes=any(test.get("writes") is True for test in tests),
        plan=_plan(bundle.text(PLAN), record),
    )


def schema_of(document: Any) -> int:
    """Return the schema that a document states, or the newest if that is unknown."""
    schema = document.get("schema") if isinstance(document, dict) else None
    return schema if isinstance(schema, int) and schema in SCHEMA_FILES else SCHEMA


def schema_errors(document: Any) -> list[tuple[str, str]]:
    """Return place and text of at most 20 errors against a document's schema."""
    errors = []
    for error in _validator(schema_of(document)).iter_errors(document):
        place = "/".join(map(str, error.absolute_path))
        errors.append((f"{EVIDENCE}: {place}" if place else EVIDENCE, error.message))
        if len(errors) == _MOST_ERRORS:
            break
    return errors


@cache
def _validator(schema: int) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_FILES[schema].read_bytes()))


def _evidence(bundle: Bundle) -> tuple[dict[str, Any], Record | None, list[tuple[str, str]]]:
    """Return the document of the evidence with its record, or with its errors."""
    try:
        document = json.loads(bundle.text(EVIDENCE), object_pairs_hook=_each_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return {}, None, [(EVIDENCE, f"no JSON: {error}" if bundle.files.get(EVIDENCE) else "missing or empty")]
    if errors := schema_errors(document):
        return document, None, errors
    try:
        return document, record_from_json(document), []
    except ValueError as error:
        return {}, None, [(EVIDENCE, f"{error}")]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs as a dict, and refuse a key that occurs twice.

    Two readers could each take another of its values.
    """
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is there twice")
    return document


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")


def _files(text: str) -> dict[str, dict[str, Any]]:
    try:
        files = json.loads(text, object_pairs_hook=_each_once)["files"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        return {}
    return files


def _plan(text: str, record: Record | None) -> Plan | None:
    """Return the plan with the files that the run has had."""
    try:
        plan = Plan.model_validate(tomllib.loads(text), by_alias=True, by_name=False)
        return _with_sources(plan, record) if record else plan
    except (ValueError, RecursionError, ProblemError):
        return None


def _with_sources(plan: Plan, record: Record) -> Plan:
    """Return a plan with the files and tables of a record, whose names are printable."""
    files = {source.name: source.file for source in record.sources}
    left = {
        source.name: [printable(pattern) for entry in source.leave for pattern in entry.tables]
        for source in plan.sources
    }
    tables = {
        source.name: [
            name
            for name in source.rows
            if not any(fits_name(pattern, name) for pattern in left.get(source.name.partition(":")[0], ()))
        ]
        for source in record.sources
    }
    return expand_by_names(plan, files, tables)


def _smoke_tests(plan: str) -> list[dict[str, Any]]:
    try:
        tests = tomllib.loads(plan).get("smoke", [])
    except (ValueError, RecursionError):  # the run of a plan with mistakes was refused, and ran no application
        return []
    return [test for test in tests if isinstance(test, dict)] if isinstance(tests, list) else []
