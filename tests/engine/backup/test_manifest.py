"""The manifest: sealed once, whole or not at all, and read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sqlite_consolidate.engine.backup import manifest
from sqlite_consolidate.engine.backup.manifest import CodeCopy, DatabaseCopy, Manifest
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
    tables={"tasks": [3, "ef"]},
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


def test_what_was_sealed_is_read_back(tmp_path: Path) -> None:
    """Every fact is there, names that are no UTF-8 included."""
    manifest.write(tmp_path, SEALED)

    assert manifest.read(tmp_path) == SEALED


def test_a_database_is_found_by_its_live_file() -> None:
    """A file that was not backed up has no copy."""
    assert SEALED.database("logs/täsks\udcff.db") is DATABASE
    assert SEALED.database("databases/tasks.db") is None


def test_a_set_without_manifest_was_never_sealed(tmp_path: Path) -> None:
    """Looking does not make one."""
    assert manifest.read(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_set_is_sealed_once(tmp_path: Path) -> None:
    """The first manifest stays, byte for byte."""
    manifest.write(tmp_path, SEALED)
    before = (tmp_path / "manifest.json").read_bytes()

    with pytest.raises(FileExistsError):
        manifest.write(tmp_path, replace(SEALED, run="20260101_000000"))

    assert (tmp_path / "manifest.json").read_bytes() == before


def test_a_manifest_is_private(tmp_path: Path) -> None:
    """Names of tables are nobody else's business."""
    manifest.write(tmp_path, SEALED)

    assert (tmp_path / "manifest.json").stat().st_mode & 0o777 == 0o600


def test_killed_while_sealing_leaves_a_sealed_set_or_none(tmp_path: Path) -> None:
    """There is no half of a manifest at any moment: a set either counts or does not."""
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
    ],
    ids=["empty", "cut off", "no text", "a list", "another format", "a key missing", "a key too many"],
)
def test_a_broken_manifest_is_named_in_words(tmp_path: Path, spoil: Callable[[dict[str, Any]], bytes]) -> None:
    """It is never taken for a set that was not sealed: its copies may be the only ones."""
    manifest.write(tmp_path, SEALED)
    path = tmp_path / "manifest.json"
    path.write_bytes(spoil(json.loads(path.read_bytes())))

    with pytest.raises(ProblemError, match=rf"^{tmp_path.name}/manifest.json: .*\[bad-manifest\]$"):
        manifest.read(tmp_path)
