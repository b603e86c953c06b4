"""Test that noted events are on disk and incomplete lines do not count."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from sqlite_consolidate.engine.backup.ledger import Ledger
from sqlite_consolidate.problem import ProblemError
from tests.support.processes import die, run_in_child

if TYPE_CHECKING:
    from pathlib import Path

NOTE = """
import pathlib, sys
from sqlite_consolidate.engine.backup.ledger import Ledger
Ledger(pathlib.Path(sys.argv[1])).note("renaming")
print("the step", flush=True)
"""


def names(ledger: Ledger) -> list[str]:
    """Return the names of the events, oldest first."""
    return [event["event"] for event in ledger.events()]


def test_events_are_read_in_order_with_their_facts(tmp_path: Path) -> None:
    """The facts may contain any character."""
    ledger = Ledger(tmp_path)

    ledger.note("started", plan="né\n\x1c\u2028\udcff")
    ledger.note("rewriting", file="a.py", after="00")
    ledger.note("rewriting", file="b.py", after="00")

    assert names(ledger) == ["started", "rewriting", "rewriting"]
    assert ledger.events()[0]["plan"] == "né\n\x1c\u2028\udcff"
    assert [event["file"] for event in ledger.all("rewriting")] == ["a.py", "b.py"]
    assert ledger.has("finished", "started")
    assert not ledger.has("finished")


def test_event_is_one_line_with_utc_time(tmp_path: Path) -> None:
    """A tool for JSON lines finds no empty line."""
    ledger = Ledger(tmp_path)
    before = datetime.now(UTC).replace(microsecond=0)

    for event in ("started", "sealed", "finished"):
        ledger.note(event)

    assert len(ledger.path.read_bytes().splitlines()) == 3
    moments = [datetime.fromisoformat(event["at"]) for event in ledger.events()]
    assert all(before <= moment <= datetime.now(UTC) and moment.utcoffset() == timedelta(0) for moment in moments)


def test_missing_ledger_has_no_events(tmp_path: Path) -> None:
    """Reading does not create the file."""
    assert Ledger(tmp_path).events() == []
    assert list(tmp_path.iterdir()) == []


def test_event_survives_a_kill_right_after(tmp_path: Path) -> None:
    """No part of the event is in a buffer of the process."""

    def note_and_die() -> None:
        Ledger(tmp_path).note("archiving", file="tasks.db")
        die()

    ended = run_in_child(note_and_die)

    assert ended == -signal.SIGKILL
    assert names(Ledger(tmp_path)) == ["archiving"]


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace to see the system calls")
def test_event_is_synced_before_the_next_step(tmp_path: Path) -> None:
    """The line and its folder are synced before note() returns."""
    traced = ["strace", "-y", "-o", str(tmp_path / "trace"), "-e", "trace=write,fsync"]

    subprocess.run([*traced, sys.executable, "-c", NOTE, str(tmp_path)], check=True, stdout=subprocess.DEVNULL)

    calls = (tmp_path / "trace").read_text()
    order = r"write\(\d+<[^>]*ledger.jsonl>.*fsync\(\d+<[^>]*ledger.jsonl>\).*fsync\(\d+<[^>]*>\).*the step"
    assert re.search(order, calls, re.DOTALL), calls
    Ledger(tmp_path).note("renamed")
    assert names(Ledger(tmp_path)) == ["renaming", "renamed"]


def test_incomplete_line_does_not_count(tmp_path: Path) -> None:
    """The file ends at every possible byte, and the events before it count."""
    ledger = Ledger(tmp_path)
    ledger.note("sealed")
    before = ledger.path.read_bytes()
    ledger.note("archived", file="tä\U0001f5c4.db", size=10, kept=None, objects={"view v": "0"})
    whole = ledger.path.read_bytes()

    for length in range(len(before), len(whole)):
        ledger.path.write_bytes(whole[:length])
        assert names(ledger) == ["sealed"]

    for length in range(len(before), len(whole) - 1):
        ledger.path.write_bytes(whole[:length] + b"\n" + before)
        assert names(ledger) == ["sealed", "sealed"]


def test_event_after_incomplete_line_begins_a_new_line(tmp_path: Path) -> None:
    """The incomplete line stays in the file."""
    ledger = Ledger(tmp_path)
    ledger.note("sealed")
    with ledger.path.open("ab") as file:
        file.write(b'{"event": "archi')

    ledger.note("putting-back")
    ledger.note("put-back")

    assert names(ledger) == ["sealed", "putting-back", "put-back"]
    assert b'{"event": "archi\n' in ledger.path.read_bytes()


def test_very_many_events_keep_their_order(tmp_path: Path) -> None:
    """They are written some at a time, after the incomplete line of a crash."""
    ledger = Ledger(tmp_path)
    ledger.path.write_bytes(b'{"event": "archi')

    ledger.note_all("archived", ({"file": str(number)} for number in range(401)))

    assert [event["file"] for event in ledger.events()] == [str(number) for number in range(401)]


def test_zero_bytes_of_a_power_failure_do_not_count(tmp_path: Path) -> None:
    """A file system may grow a file before it writes the bytes."""
    ledger = Ledger(tmp_path)
    ledger.note("sealed")
    with ledger.path.open("ab") as file:
        file.write(b"\0" * 40 + b'"}\n')

    ledger.note("putting-back")

    assert names(ledger) == ["sealed", "putting-back"]


def test_full_disk_is_an_error_without_event(tmp_path: Path) -> None:
    """Only a part of the line fits. The next event counts after space is free again."""
    ledger = Ledger(tmp_path)
    ledger.note("sealed")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ledger.path.stat().st_size + 10, limits[1]))

    try:
        with pytest.raises(OSError, match="File too large"):
            ledger.note("archiving")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    ledger.note("putting-back")

    assert names(ledger) == ["sealed", "putting-back"]


def test_ledger_is_private_and_follows_no_link(tmp_path: Path) -> None:
    """Other users cannot read file names in it or redirect it to another file."""
    before = os.umask(0)
    Ledger(tmp_path).note("started")
    os.umask(before)
    trap = tmp_path / "set"
    trap.mkdir()
    (trap / "ledger.jsonl").symlink_to("victim")

    with pytest.raises(OSError, match="symbolic links"):
        Ledger(trap).note("started")

    assert (tmp_path / "ledger.jsonl").stat().st_mode & 0o777 == 0o600
    assert not (trap / "victim").exists()


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "7",
        '{"at": "2025-01-31"}',
        '{"event": 3, "at": "2025-01-31"}',
        '{"event": "sealed"}',
        '{"event": "sealed", "at": 5}',
        '{"event": "started", "at": "2025-01-31", "run": 7}',
        '{"event": "rewriting", "at": "2025-01-31", "file": "a.py"}',
        '{"event": "rewriting", "at": "2025-01-31", "file": "../a.py", "after": "0"}',
        '{"event": "rewriting", "at": "2025-01-31", "file": "/a.py", "after": "0"}',
        '{"event": "archived", "at": "2025-01-31", "file": "a.db", "archive": "../b.db"}',
        '{"event": "archived", "at": "2025-01-31", "file": "a\\u0000b"}',
        '{"event": "committing", "at": "2025-01-31", "objects": ["view v"]}',
        '{"event": "committing", "at": "2025-01-31", "objects": {"view v": 1}}',
        '{"event": "rewriting", "at": 2025-01-31", "file": "a.py", "after": "0"}',
        '{"event": "rewriting", "at" "2025-01-31", "file": "a.py", "after": "0"}',
        '{"event": "sealed", "at": broken',
        '{"event": "rewriting", "at": "\udcff", "file": "a.py", "after": "0"}',
    ],
)
def test_line_that_no_run_has_written_is_a_problem(tmp_path: Path, line: str) -> None:
    """The ledger says which steps were taken, so a run cannot go on without it."""
    ledger = Ledger(tmp_path)
    ledger.note("sealed")
    with ledger.path.open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")

    with pytest.raises(ProblemError) as caught:
        ledger.events()

    assert [(problem.id, problem.subject) for problem in caught.value.problems] == [
        ("bad-ledger", f"{tmp_path.name}/ledger.jsonl")
    ]


def test_events_of_many_files_are_noted_at_once(tmp_path: Path) -> None:
    """No event is lost if there is none, one or several of them."""
    ledger = Ledger(tmp_path)

    ledger.note_all("archiving", [])
    ledger.note_all("archiving", [{"file": "a"}])
    ledger.note_all("archived", [{"file": "a"}, {"file": "b"}])

    assert [(event["event"], event["file"]) for event in ledger.events()] == [
        ("archiving", "a"), ("archived", "a"), ("archived", "b"),
    ]  # fmt: skip
