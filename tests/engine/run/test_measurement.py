"""Measure the bytes that a stage reads and writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sqlite_consolidate.engine.run import measurement
from sqlite_consolidate.engine.run.measurement import Measurement

SIZE = 1_000_000
_READ = "import sys; from pathlib import Path; Path(sys.argv[1]).read_bytes()"


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count bytes")
def test_bytes_of_a_process_and_its_children_count(tmp_path: Path) -> None:
    """A child process counts once it has ended."""
    begin = Measurement.now()

    (tmp_path / "file").write_bytes(b"x" * SIZE)
    subprocess.run([sys.executable, "-c", _READ, str(tmp_path / "file")], check=True)

    difference = Measurement.now().since(begin)
    assert (difference.written or 0) >= SIZE
    assert (difference.read or 0) >= SIZE


@pytest.mark.parametrize("counters", ["missing", "rchar: 1\n", "rchar: many\nwchar: 1\n", "rchar"])
def test_bytes_are_unknown_without_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counters: str) -> None:
    """Nothing is stated that was not counted."""
    begin = Measurement.now()
    if counters != "missing":
        (tmp_path / "io").write_text(counters)
    monkeypatch.setattr(measurement, "_COUNTERS", tmp_path / "io")

    difference = Measurement.now().since(begin)

    assert (difference.read, difference.written) == (None, None)
    assert difference.seconds >= 0
