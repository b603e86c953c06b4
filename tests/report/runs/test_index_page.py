"""List every run below the reports folder in the index."""

from __future__ import annotations

import base64
import hashlib
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.report.bundle import begin_bundle, write_bundle
from sqlite_consolidate.report.html.index import write_index

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_consolidate.report.evidence import Record


class Elements(HTMLParser):
    """Every start tag of a page with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.elements.append((tag, dict(attrs)))


def _left(reports: Path, record: Record, run: str) -> Path:
    folder = reports / run
    write_bundle(folder, replace(record, run=run), plan=b"")
    (folder / "audit.html").write_text("<html>")
    return folder


def _index(reports: Path) -> str:
    write_index(reports)
    return (reports / "index.html").read_text("utf-8")


def test_index_lists_every_run_newest_first(tmp_path: Path, accepted: Record, refused: Record) -> None:
    """Each has verdict, kind, plan, time, duration, and links to report and bundle."""
    _left(tmp_path, accepted, "20261122_120603-migrate")
    _left(tmp_path, refused, "20261123_120603-migrate")

    text = _index(tmp_path)

    rows = re.findall(r"<tr>.*?</tr>", text, re.DOTALL)[1:]
    assert ["Failed and rolled back" in row for row in rows] == [True, False]
    for words in ("Accepted", "migrate", "consolidation.toml", "2026-11-22 12:06:03 UTC", "about 6 s"):
        assert words in rows[1], words
    links = [attrs["href"] for tag, attrs in Elements(text).elements if tag == "a"]
    assert links == [
        "20261123_120603-migrate/audit.html", "20261123_120603-migrate.zip",
        "20261122_120603-migrate/audit.html", "20261122_120603-migrate.zip",
    ]  # fmt: skip
    assert all((tmp_path / str(link)).is_file() for link in links)


def test_index_lists_unfinished_and_damaged_runs(tmp_path: Path, unfinished: Record) -> None:
    """The manifest of a killed run has no end. A damaged manifest does not hide its folder."""
    for run in ("20260101_000000-migrate", "20260101_000001-migrate", "20260101_000002-migrate"):
        (tmp_path / run).mkdir()
    begin_bundle(tmp_path / "20260101_000000-migrate", unfinished)
    (tmp_path / "20260101_000001-migrate" / "manifest.json").write_bytes(b'{"about": {"run": \xff')

    text = _index(tmp_path)

    assert text.count("Unreadable") == 2
    assert text.count("Unfinished") == 1
    assert not [tag for tag, _ in Elements(text).elements if tag == "a"]  # there is nothing to link to


def test_index_lists_only_runs(tmp_path: Path, accepted: Record) -> None:
    """The sample workspace, the latest link, files and links are left out."""
    real = _left(tmp_path / "elsewhere", accepted, "20261122_120603-migrate")
    for name in ("sample-workspace", "20261122_120603", "x"):
        (tmp_path / name).mkdir()
    (tmp_path / "20261122_120604-migrate").write_text("a file")
    (tmp_path / "20261122_120605-migrate").symlink_to(real)

    assert "0 runs" in _index(tmp_path)


def test_hostile_names_stay_text(tmp_path: Path, hostile: Record) -> None:
    """No element, attribute or control character comes from a manifest."""
    shaped = replace(hostile, mode=Mode.MIGRATE, verdict="accepted", started=hostile.host, finished=hostile.host)
    folder = tmp_path / "20261122_120603-migrate"
    write_bundle(folder, shaped, plan=b"")

    text = _index(tmp_path)

    elements = Elements(text).elements
    assert {tag for tag, _ in elements} == {
        "html", "head", "meta", "title", "style", "body", "main", "h1", "p", "div", "table", "caption", "thead",
        "tbody", "tr", "th", "td", "span", "a", "script",
    }  # fmt: skip
    assert not [name for _, attrs in elements for name in attrs if name.startswith("on")]
    assert "alert(1)" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_policy_allows_only_the_style_and_the_search(tmp_path: Path) -> None:
    """The digests in the policy are those of the style and of the one script."""
    text = _index(tmp_path)

    script, style = (
        base64.b64encode(hashlib.sha256(text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].encode()).digest())
        for tag in ("script", "style")
    )
    policy = f"default-src 'none'; script-src 'sha256-{script.decode()}'; style-src 'sha256-{style.decode()}'"
    assert policy in text
    assert text.count("<script") == 1


def test_index_groups_runs_by_workspace(tmp_path: Path, accepted: Record) -> None:
    """The workspace of the newest run is first, and two of one name are apart."""
    for number, identity in enumerate(("aaaa", "bbbb", "aaaa")):
        _left(tmp_path, replace(accepted, workspace_id=identity), f"2026112{number}_120603-migrate")

    groups = re.findall(r"<tbody>.*?</tbody>", _index(tmp_path), re.DOTALL)

    assert [re.findall(r"202611\d\d(?=_120603-migrate</a>)", group) for group in groups] == [
        ["20261122", "20261120"],
        ["20261121"],
    ]


def test_index_shows_times_beside_the_longest(tmp_path: Path, accepted: Record) -> None:
    """The longest run of a kind has the whole bar."""
    times = {
        "20261122_120603-migrate": "2026-11-22T12:06:13+00:00",
        "20261123_120603-migrate": "2026-11-22T12:06:08+00:00",
    }
    for run, finished in times.items():
        _left(tmp_path, replace(accepted, started="2026-11-22T12:06:03+00:00", finished=finished), run)

    bars = [float(attrs["width"] or 0) for tag, attrs in Elements(_index(tmp_path)).elements if tag == "rect"]

    assert bars == [50.0, 100.0]


def test_index_shows_the_trend_of_accepted_runs(tmp_path: Path, accepted: Record, refused: Record) -> None:
    """A refused run takes no time, and one run is no trend."""
    for day, record in enumerate((accepted, refused, accepted, replace(accepted, mode=Mode.CHECK))):
        _left(tmp_path, record, f"2026112{day}_120603-{record.mode}")

    text = _index(tmp_path)

    assert re.findall(r"(\w+): (\d+) accepted", text) == [("migrate", "2")]
    (points,) = [attrs["points"] for tag, attrs in Elements(text).elements if tag == "polyline"]
    assert points == "0.0,1.0 100.0,1.0"


def test_index_is_private_and_replaced(tmp_path: Path, accepted: Record) -> None:
    """It has mode 0600, replaces the old index, and leaves no other file."""
    (tmp_path / "index.html").write_text("old")
    (tmp_path / "index.html").chmod(0o644)
    _left(tmp_path, accepted, "20261122_120603-migrate")

    text = _index(tmp_path)

    assert "1 run," in text
    assert stat.S_IMODE((tmp_path / "index.html").stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.html", "20261122_120603-migrate", "20261122_120603-migrate.zip",
    }  # fmt: skip
