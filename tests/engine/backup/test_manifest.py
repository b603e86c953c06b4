"""Test that a manifest is sealed once, written completely and read unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.manifest import CodeCopy, DatabaseCopy, Manifest
from sqlite_consolidate.engine.content.digest import TableDigest
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import is_killed_at_change

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATABASE = DatabaseCopy(
    role="source",
    name="tasks",
    file="logs/täsks\udcff.db",
    copy="databases/tasks.db",
    size=4096,
    sha256="ab",
    digest="cd",
    tables={"tasks": TableDigest(3, 0xEF)},
    mode=0o640,
    journal_mode="wal",
)
SEALED = Manifest(
    run="20250131_120000",
    plan="small",
    plan_sha256="01",
    target="workspace.db",
    target_existed=False,
    databases=(DATABASE,),
    code=(CodeCopy("app.py", "code/000-app.py", 12, "23", 0o755),),
    archive={"logs/tasks.db": "logs/tasks.db.archived_20250131_120000"},
)


def test_sealed_manifest_is_read_unchanged(tmp_path: Path) -> None:
    """It has a name that is not UTF-8."""
    manifest.write(tmp_path, SEALED)

    assert manifest.read(tmp_path) == SEALED


def test_database_is_found_by_its_live_file() -> None:
    """A file that was not backed up has no entry."""
    assert SEALED.database("logs/täsks\udcff.db") is DATABASE
    assert SEALED.database("databases/tasks.db") is None


def test_set_without_manifest_was_never_sealed(tmp_path: Path) -> None:
    """Reading does not create the file."""
    assert manifest.read(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_set_is_sealed_once(tmp_path: Path) -> None:
    """The first manifest keeps its bytes."""
    manifest.write(tmp_path, SEALED)
    before = (tmp_path / "manifest.json").read_bytes()

    with pytest.raises(FileExistsError):
        manifest.write(tmp_path, replace(SEALED, run="20260101_000000"))

    assert (tmp_path / "manifest.json").read_bytes() == before


def test_manifest_is_private(tmp_path: Path) -> None:
    """It has the names of tables."""
    manifest.write(tmp_path, SEALED)

    assert (tmp_path / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_kill_while_sealing_leaves_no_partial_manifest(tmp_path: Path) -> None:
    """A set is sealed or not sealed at every moment."""
    number, killed = 0, True
    while killed:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()

        killed = is_killed_at_change(partial(manifest.write, folder, SEALED), number)

        assert manifest.read(folder) in ((None, SEALED) if killed else (SEALED,))
    assert number > 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _data: b"",
        lambda data: json.dumps(data).encode()[:-20],
        lambda _data: b"\xff\xfe",
        lambda _data: b"[]",
        lambda data: json.dumps(data | {"format": 2}).encode(),
        lambda data: json.dumps({key: data[key] for key in data if key != "databases"}).encode(),
        lambda data: json.dumps(data | {"unknown": 1}).encode(),
        lambda data: json.dumps(data | {"archive": []}).encode(),
        lambda data: json.dumps(data | {"code": [data["code"][0] | {"mode": "rwx"}]}).encode(),
        lambda data: json.dumps(data | {"code": [data["code"][0] | {"mode": 0o4_755}]}).encode(),
        lambda data: json.dumps(data | {"databases": [data["databases"][0] | {"tables": {"tasks": [1]}}]}).encode(),
        lambda data: json.dumps(data | {"databases": [data["databases"][0] | {"tables": {"t": [1, "x"]}}]}).encode(),
        lambda data: json.dumps(data | {"databases": [data["databases"][0] | {"digest": ""}]}).encode(),
        lambda data: json.dumps(data | {"code": [data["code"][0] | {"sha256": "x"}]}).encode(),
        lambda data: json.dumps(data | {"archive": {"logs/tasks.db": "workspace.db"}}).encode(),
        lambda data: json.dumps(data | {"archive": {"a.db": "b", "c.db": "b"}}).encode(),
        lambda _data: b"[" * 100_000,
    ],
    ids=[
        *("empty", "cut off", "no text", "a list", "another format", "a key missing", "a key too many"),
        *(
            "no pairs",
            "mode is text",
            "mode with more bits",
            "table without digest",
            "no digest",
            "database without digest",
            "code without digest",
            "taken",
            "twice",
            "nested deeply",
        ),
    ],
)
def test_broken_manifest_is_a_problem(tmp_path: Path, spoil: Callable[[dict[str, Any]], bytes]) -> None:
    """It does not count as unsealed, because its copies may be the only ones."""
    manifest.write(tmp_path, SEALED)
    path = tmp_path / "manifest.json"
    path.write_bytes(spoil(json.loads(path.read_bytes())))

    with pytest.raises(ProblemError, match=rf"^{tmp_path.name}/manifest.json: .*\[bad-manifest\]$"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("path", ["../victim.txt", "/etc/victim", "a/../../victim.txt", "a\0b", "..", "\ud800"])
@pytest.mark.parametrize("key", ["file", "copy", "dump", "target", "archive", "archived"])
def test_path_that_leads_outside_is_refused(tmp_path: Path, key: str, path: str) -> None:
    """Each is named, and nothing else of the manifest is used."""
    manifest.write(tmp_path, SEALED)
    data = json.loads((tmp_path / "manifest.json").read_bytes())
    if key == "target":
        data["target"] = path
    elif key in ("archive", "archived"):
        data["archive"] = {path: "a.db"} if key == "archive" else {"a.db": path}
    else:
        data["databases"][0][key] = path
    (tmp_path / "manifest.json").write_text(json.dumps(data))

    with pytest.raises(ProblemError) as caught:
        manifest.read(tmp_path)

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [
        ("manifest-outside", f"{tmp_path.name}/manifest.json")
    ]


@pytest.mark.parametrize("link", ["ws/logs", "ws/app.py", "set/code"])
def test_path_through_a_link_outside_is_refused(tmp_path: Path, link: str) -> None:
    """The link was made after the run."""
    for folder in ("ws", "set", "elsewhere"):
        (tmp_path / folder).mkdir()
    manifest.write(tmp_path / "set", SEALED)
    (tmp_path / link).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ProblemError) as caught:
        manifest.read(tmp_path / "set", tmp_path / "ws")

    assert {problem.id for problem in caught.value.problems} == {"manifest-outside"}


def test_path_through_a_link_inside_is_read(tmp_path: Path) -> None:
    """The folder was moved, and its old name leads to it."""
    (tmp_path / "ws/data").mkdir(parents=True)
    (tmp_path / "set").mkdir()
    manifest.write(tmp_path / "set", SEALED)
    (tmp_path / "ws/logs").symlink_to("data")

    assert manifest.read(tmp_path / "set", tmp_path / "ws") == SEALED
