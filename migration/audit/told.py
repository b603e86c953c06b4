"""What a bundle tells of its run: the evidence, the manifest and the plan, parsed without trust in any of them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.audit.past_runs import MANIFEST, told_by
from migration.plan.printable import printable

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

    from migration.audit.bundle_reader import Bundle
    from migration.audit.evidence import Attempt

EVIDENCE = "evidence.json"
SCHEMA_FILE = Path(__file__).with_name("evidence.schema.json")
_MOST_ERRORS = 20


@dataclass(frozen=True)
class Told:
    """One bundle, parsed.

    Attributes:
        bundle: Its files.
        manifest: ``files`` of the manifest: name to ``sha256`` and ``size``, as far as it has that shape.
        about: What the manifest says of the run, or None when that is not there or has another shape.
        evidence: The evidence; empty when ``errors`` says why it is not of schema 1.
        errors: Place in the evidence, and what is wrong there.
        smoke: Ids of the criteria that the plan's smoke tests ask for.
        writes: The plan lets a smoke test change databases.
    """

    bundle: Bundle
    manifest: dict[str, dict[str, Any]]
    about: Attempt | None
    evidence: dict[str, Any]
    errors: list[tuple[str, str]] = field(default_factory=list)
    smoke: tuple[str, ...] = ()
    writes: bool = False


def tell(bundle: Bundle) -> Told:
    """Parse a bundle; what is wrong with it is kept, not raised."""
    document, errors = _evidence(bundle.text(EVIDENCE))
    tests = _smoke_tests(bundle.text("plan.toml"))
    return Told(
        bundle=bundle,
        manifest=_files(bundle.text(MANIFEST)),
        about=told_by(bundle.files[MANIFEST], ""),
        evidence={} if errors else document,
        errors=errors,
        smoke=tuple(f"smoke:{printable(str(test.get('name', '')))}" for test in tests),
        writes=any(test.get("writes") is True for test in tests),
    )


def schema_errors(document: Any) -> list[tuple[str, str]]:
    """Return the place and the text of each error, at most 20, that keeps a document from being of schema 1."""
    found = []
    for error in _validator().iter_errors(document):
        place = "/".join(map(str, error.absolute_path))
        found.append((f"{EVIDENCE}: {place}" if place else EVIDENCE, error.message))
        if len(found) == _MOST_ERRORS:
            break
    return found


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA_FILE.read_bytes()))


def _evidence(text: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    try:
        document = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return {}, [(EVIDENCE, f"no JSON: {error}" if text else "missing or empty")]
    return document, schema_errors(document)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is there twice: two readers could each believe another one."""
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
    if not isinstance(files, dict) or not all(isinstance(one, dict) for one in files.values()):
        return {}
    return files


def _smoke_tests(plan: str) -> list[dict[str, Any]]:
    try:
        tests = tomllib.loads(plan).get("smoke", [])
    except (ValueError, RecursionError):  # a plan with mistakes: its run was refused, and ran no application
        return []
    return [one for one in tests if isinstance(one, dict)] if isinstance(tests, list) else []
