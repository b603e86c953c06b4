"""Test the roll-up, its exit code, ``fleet.json`` and the page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

import sqlite_consolidate
from sqlite_consolidate.fleet.bundle_summary import BundleSummary
from sqlite_consolidate.fleet.earlier_runs import earlier_roll_ups
from sqlite_consolidate.fleet.fleet_file import FleetFile
from sqlite_consolidate.fleet.members import Member
from sqlite_consolidate.fleet.model import Fleet
from sqlite_consolidate.fleet.page import render_page
from sqlite_consolidate.fleet.rollup import (
    RollUp,
    Row,
    exit_code,
    not_run_row,
    roll_up,
    row_from_run,
    to_json,
    unsettled_row,
)
from sqlite_consolidate.fleet.worker import WorkspaceRun

SCHEMA = Path(sqlite_consolidate.__file__).parent / "fleet" / "fleet.schema.json"
MEMBER = Member("shops/bonn", "bonn-1", "/srv/shops/bonn")
GOOD = BundleSummary(
    "/r", "ab" * 32, "migrate", "accepted", "Accepted: consolidated, every required criterion passed.", rows=6
)
BAD = replace(GOOD, verdict="refused", headline="Refused. Everything was rolled back.")


def rolled_up(*rows: Row) -> RollUp:
    """Return the roll-up of a migration."""
    file = FleetFile(Path("/srv/fleet.toml"), "format = 1", Fleet(format=1))
    return roll_up("20261122_120000-fleet-migrate", "migrate", file, rows, datetime.now(UTC), None)


@pytest.mark.parametrize(
    ("run", "standing"),
    [
        (WorkspaceRun("h", 0, 1.0, GOOD), "accepted"),
        (WorkspaceRun("h", 0, 1.0, None, "no report"), "unsettled"),
        (WorkspaceRun("h", 0, 1.0, BAD), "unsettled"),
        (WorkspaceRun("h", 1, 1.0, BAD), "failed"),
        (WorkspaceRun("h", 4, 1.0, None, "refused; nothing was changed"), "refused"),
        (WorkspaceRun("h", 4, 1.0, None, "shop: nothing to roll back: there is none. [nothing-to-undo]"), "refused"),
        (WorkspaceRun("h", 2, 1.0, BAD), "interrupted"),
        (WorkspaceRun("h", 143, 1.0, BAD), "interrupted"),
        (WorkspaceRun("h", -15, 1.0), "interrupted"),
        (WorkspaceRun("h", 3, 1.0, BAD), "unsettled"),
        (WorkspaceRun("h", -9, 1.0), "unsettled"),
        (WorkspaceRun("h", 5, 1.0), "unsettled"),
        (WorkspaceRun("h", start_error="Permission denied: /r"), "refused"),
        (WorkspaceRun("h"), "not run"),
    ],
    ids=str,
)
def test_accepted_run_needs_its_evidence(run: WorkspaceRun, standing: str) -> None:
    """Every other result has another standing and a headline."""
    row = row_from_run(MEMBER, "migrate", run)

    assert row.standing == standing
    assert row.headline


def test_rollback_without_a_consolidation_is_accepted() -> None:
    """One command rolls back a fleet that was stopped half-way."""
    row = row_from_run(
        MEMBER, "rollback", WorkspaceRun("h", 4, 1.0, None, "shop: there is nothing to roll back. [nothing-to-undo]")
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
def test_exit_code_is_the_worst_result(standings: str, interrupted: int | None, code: int) -> None:
    """The order is unsettled, interrupted, failed, then refused or not run."""
    row = not_run_row(MEMBER, "")
    rows = tuple(row.model_copy(update={"standing": standing.replace("-", " ")}) for standing in standings.split())

    assert exit_code(rows, interrupted) == code


def test_fleet_json_follows_the_shipped_schema() -> None:
    """A change of the record without a change of the schema fails here."""
    assert json.loads(SCHEMA.read_bytes()) == RollUp.model_json_schema(by_alias=True)


def test_fleet_json_can_be_read_back() -> None:
    """Nothing is lost, and control characters in names are escaped."""
    odd = replace(MEMBER, name="b\x1b[31monn", path="/srv/b\udcffonn")
    accepted = row_from_run(odd, "migrate", WorkspaceRun("h", 0, 1.5, GOOD))
    whole = rolled_up(accepted, unsettled_row(MEMBER, "the worker was lost."))

    text = to_json(whole)

    jsonschema.validate(json.loads(text), json.loads(SCHEMA.read_bytes()))
    assert RollUp.model_validate_json(text) == whole
    assert text.isascii()
    assert "\\u001b" not in text
    assert whole.totals["accepted"] == whole.totals["unsettled"] == 1
    assert (whole.rows, whole.exit_code) == (6, 3)


def test_page_loads_nothing_and_escapes_every_text(tmp_path: Path) -> None:
    """Folder names and output of runs come from other people."""
    member = replace(MEMBER, name="<script>alert(1)</script>")
    run = WorkspaceRun("h", 4, 1.0, None, '<img src=x onerror="alert(2)">')

    text = render_page(rolled_up(row_from_run(member, "migrate", run)), tmp_path)

    assert text.count("<script") == 1
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert policy.group(1).startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.group(1)
    assert "alert(1)</script>" not in text
    assert "://" not in re.sub(r"<style>.*</style>", "", text, flags=re.DOTALL)


def test_only_a_report_on_this_host_is_linked(tmp_path: Path) -> None:
    """A link to another host would lead nowhere."""
    reports = tmp_path / "workspaces" / "bonn-1" / "a run#1"
    reports.mkdir(parents=True)
    (reports / "audit.html").touch()
    row = row_from_run(MEMBER, "migrate", WorkspaceRun("", 0, 1.0, replace(GOOD, folder=str(reports))))
    whole = rolled_up(row)
    folder = tmp_path / "20261122_120000-fleet-migrate"

    near = render_page(whole.model_copy(update={"host": ""}), folder)
    far = render_page(whole, folder)

    assert 'href="../workspaces/bonn-1/a%20run%231/audit.html"' in near
    assert re.findall(r"<a [^>]*href=", far) == []


def test_page_groups_workspaces_by_standing(tmp_path: Path) -> None:
    """Those that need a person are first."""
    rows = [row_from_run(replace(MEMBER, name=name), "migrate", WorkspaceRun("h", code, 1.0, bundle))
            for name, code, bundle in (("bonn", 0, GOOD), ("kiel", 1, BAD), ("trier", 0, GOOD))]  # fmt: skip

    groups = re.findall(r"<tbody>.*?</tbody>", render_page(rolled_up(*rows), tmp_path), re.DOTALL)

    assert [re.findall(r'<th scope="row">(\w+)', group) for group in groups] == [["kiel"], ["bonn", "trier"]]


def test_page_shows_earlier_runs_of_the_fleet(tmp_path: Path) -> None:
    """Each workspace has its standing of the last run of the same verb beside it."""
    last = rolled_up(row_from_run(MEMBER, "migrate", WorkspaceRun("h", 1, 2.5, BAD)))
    last = last.model_copy(update={"run": "20261121_120000-fleet-migrate"})
    for name, text in (
        ("20261121_120000-fleet-migrate", to_json(last)),
        ("20261120_120000-fleet-migrate", "{"),
        ("20261119_120000-fleet-migrate", to_json(last.model_copy(update={"started": "x"}))),
        ("20261118_120000-fleet-migrate", to_json(last.model_copy(update={"fleet": "other.toml"}))),
        ("20261123_120000-fleet-migrate", to_json(last)),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fleet.json").write_text(text)
    (tmp_path / "20261117_120000-fleet-migrate").mkdir()
    rollup = rolled_up(row_from_run(MEMBER, "migrate", WorkspaceRun("h", 0, 1.0, GOOD)))

    earlier = earlier_roll_ups(tmp_path, rollup.fleet, rollup.run)

    assert earlier == [last]
    page = render_page(rollup, tmp_path / rollup.run, earlier)
    assert "failed, 2.50 s" in page
    assert page.count("-fleet-migrate</th>") == 2


def test_page_of_a_first_run_has_no_trend(tmp_path: Path) -> None:
    """There is nothing to compare with."""
    page = render_page(rolled_up(row_from_run(MEMBER, "migrate", WorkspaceRun("h", 0, 1.0, GOOD))), tmp_path)

    assert 'id="trend"' not in page
    assert "Last time" not in page
