"""One answer: which files of the live workspace a program opens that was started on a copy of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

AUDIT_HOOK_FOLDER = Path(__file__).with_name("audit_hook")


class LiveAccessWatch:
    """Watches one program and its children for as long as it is entered.

    Python programs (3.8 or newer, not started with ``-I``, ``-E`` or ``-S``) report each file themselves, before it is
    opened, and the opening is refused: a rehearsal does not write to the workspace. Of other programs only what is open
    at the moment of a :meth:`look` is seen. What belongs to a virtual environment or to Python is no use of the
    workspace: it is not copied.
    """

    def __init__(self, live: Path, copy: Path) -> None:
        self._live, self._copy = live.resolve(), copy.resolve()
        self._report = NamedTemporaryFile(prefix="consolidate-used-")  # noqa: SIM115 -- closed by __exit__
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._report.close()

    def environment(self) -> dict[str, str]:
        """Return the variables that the program needs, beside :data:`ON_A_COPY` at the head of its PYTHONPATH."""
        return {
            "CONSOLIDATION_LIVE": str(self._live),
            "CONSOLIDATION_COPY": str(self._copy),
            "CONSOLIDATION_REPORT": self._report.name,
        }

    def record_open_files(self, processes: Iterable[psutil.Process]) -> None:
        """Note what these processes have open now."""
        import psutil

        for process in processes:
            with suppress(psutil.Error, OSError):
                self._seen |= {name for file in process.open_files() if (name := self._named(Path(file.path)))}

    def opened_files(self) -> tuple[str, ...]:
        """Return what was opened until now, relative to the workspace, in alphabetical order."""
        reported = Path(self._report.name).read_bytes().split(b"\0")
        return tuple(sorted(self._seen | {os.fsdecode(name) for name in reported if name}))

    def _named(self, path: Path) -> str | None:
        if not path.is_relative_to(self._live) or path.is_relative_to(self._copy):
            return None
        name = path.relative_to(self._live)
        inside = [self._live / parent for parent in name.parents if parent != Path()]
        return None if any((folder / "pyvenv.cfg").exists() for folder in inside) else name.as_posix()
