"""What runs amount to: a standing each, one exit code, ``fleet.json`` as its schema says, and a page that is safe."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

import sqlite_consolidate
from sqlite_consolidate.fleet.bundle import Bundle
from sqlite_consolidate.fleet.file import FleetFile
from sqlite_consolidate.fleet.members import Member
from sqlite_consolidate.fleet.model import Fleet
from sqlite_consolidate.fleet.page import page
from sqlite_consolidate.fleet.rollup import RollUp, Row, exit_code, not_run, roll_up, row_of, to_json, unsettled
from sqlite_consolidate.fleet.worker import Ran

SCHEMA = Path(sqlite_consolidate.__file__).parent / "fleet" / "fleet.schema.json"
MEMBER = Member("shops/bonn", "bonn-1", "/srv/shops/bonn")
GOOD = Bundle("/r", "ab" * 32, "migrate", "accepted", "Accepted: consolidated, every criterion passed.", rows=6)
BAD = replace(GOOD, verdict="refused", headline="Refused. Everything was put back.")


def rolled_up(*rows: Row) -> RollUp:
    """Return the roll-up of a migration."""
    file = FleetFile(Path("/srv/fleet.toml"), "format = 1", Fleet(format=1))
    return roll_up("20261122_120000-fleet-migrate", "migrate", file, rows, datetime.now(UTC), None)


@pytest.mark.parametrize(
    ("ran", "standing"),
    [
        (Ran("h", 0, 1.0, GOOD), "accepted"),
        (Ran("h", 0, 1.0, None, "no report"), "unsettled"),
        (Ran("h", 0, 1.0, BAD), "unsettled"),
        (Ran("h", 1, 1.0, BAD), "failed"),
        (Ran("h", 4, 1.0, None, "refused; nothing was changed"), "refused"),
        (Ran("h", 4, 1.0, None, "shop: nothing to roll back: there is none. [nothing-to-undo]"), "refused"),
        (Ran("h", 2, 1.0, BAD), "interrupted"),
        (Ran("h", 143, 1.0, BAD), "interrupted"),
        (Ran("h", -15, 1.0), "interrupted"),
        (Ran("h", 3, 1.0, BAD), "unsettled"),
        (Ran("h", -9, 1.0), "unsettled"),
        (Ran("h", 5, 1.0), "unsettled"),
        (Ran("h", problem="Permission denied: /r"), "refused"),
        (Ran("h"), "not run"),
    ],
    ids=str,
)
def test_only_an_acceptance_that_left_its_evidence_is_one(ran: Ran, standing: str) -> None:
    """Everything else has another name, and words that say why."""
    row = row_of(MEMBER, "migrate", ran)

    assert row.standing == standing
    assert row.headline


def test_a_rollback_where_nothing_stands_has_nothing_to_do() -> None:
    """A fleet that was stopped half-way is put back by one command."""
    row = row_of(
        MEMBER, "rollback", Ran("h", 4, 1.0, None, "shop: nothing to roll back: there is none. [nothing-to-undo]")
    )

    assert (row.standing, row.already) == ("accepted", True)


@pytest.mark.parametrize(
    ("standings", "interrupted", "code"),
    [
        ("accepted accepted", None, 0),
        ("accepted refused", None, 4),
        ("accepted not-run", None, 4),
        ("accepted refused failed not-run", None, 1),
        ("accepted interrupted", None, 1),
        ("interrupted not-run", 143, 143),
        ("failed interrupted", 2, 2),
        ("failed unsettled", None, 3),
        ("unsettled interrupted", 143, 3),
    ],
)
def test_the_exit_code_is_the_worst_that_happened_anywhere(standings: str, interrupted: int | None, code: int) -> None:
    """Unsettled before interrupted before failed before refused or not run."""
    row = not_run(MEMBER, "")
    rows = tuple(row.model_copy(update={"standing": one.replace("-", " ")}) for one in standings.split())

    assert exit_code(rows, interrupted) == code


def test_fleet_json_is_what_the_shipped_schema_says() -> None:
    """Who reads it can check it; a change of the record without the schema is noticed here."""
    assert json.loads(SCHEMA.read_bytes()) == RollUp.model_json_schema(by_alias=True)


def test_fleet_json_can_be_read_back() -> None:
    """Nothing is lost on the way, and names that steer a terminal are printable in it."""
    odd = replace(MEMBER, name="b\x1b[31monn", path="/srv/b\udcffonn")
    whole = rolled_up(row_of(odd, "migrate", Ran("h", 0, 1.5, GOOD)), unsettled(MEMBER, "the worker was lost."))

    text = to_json(whole)

    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_bytes()))
    assert RollUp.model_validate_json(text) == whole
    assert text.isascii()
    assert "\\u001b" not in text
    assert whole.totals["accepted"] == whole.totals["unsettled"] == 1
    assert (whole.rows, whole.exit_code) == (6, 3)


def test_the_page_runs_nothing_loads_nothing_and_escapes_every_text(tmp_path: Path) -> None:
    """A name of a folder is a text of strangers, and so is what a run has said."""
    evil = replace(MEMBER, name="<script>alert(1)</script>")
    ran = Ran("h", 4, 1.0, None, '<img src=x onerror="alert(2)">')

    text = page(rolled_up(row_of(evil, "migrate", ran)), tmp_path)

    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy.group(1).startswith("default-src 'none'; style-src 'sha256-") or "&#39;none&#39;" in policy.group(1)
    assert "unsafe" not in policy.group(1)
    assert "://" not in re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL)


def test_a_report_on_this_host_is_linked_and_one_elsewhere_is_not(tmp_path: Path) -> None:
    """A link that leads nowhere would be worse than none."""
    reports = tmp_path / "workspaces" / "bonn-1" / "a run#1"
    reports.mkdir(parents=True)
    (reports / "audit.html").touch()
    here = row_of(MEMBER, "migrate", Ran("", 0, 1.0, replace(GOOD, folder=str(reports))))
    whole = rolled_up(here)
    folder = tmp_path / "20261122_120000-fleet-migrate"

    near = page(whole.model_copy(update={"host": ""}), folder)
    far = page(whole, folder)

    assert 'href="../workspaces/bonn-1/a%20run%231/audit.html"' in near
    assert "href=" not in far
