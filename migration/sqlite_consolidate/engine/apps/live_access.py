"""Find the files of the live workspace that a program on a copy opens."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sqlite_consolidate.engine.backup.copied_files import NODE_MODULES, is_environment
from sqlite_consolidate.engine.sqlite.scratch_folders import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

AUDIT_HOOK_FOLDER = Path(__file__).with_name("audit_hook")


class LiveAccessWatch:
    """Watch the files that one program and its children open.

    Python programs (3.8 or newer, not started with ``-I``, ``-E`` or ``-S``) report each file before they open it. The
    opening is refused, because a rehearsal does not write to the workspace. For other programs only the files are
    found that are open during a :meth:`record_open_files`. Files of a virtual environment, of ``node_modules`` or of
    Python itself do not count, because these are not copied.
    """

    def __init__(self, live: Path, copy: Path) -> None:
        self._live, self._copy = live.resolve(), copy.resolve()
        self._resources = ExitStack()
        self._report = self._resources.enter_context(scratch_folder("used")) / "files"
        self._report.touch(mode=0o600)
        self._seen: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()

    def environment(self) -> dict[str, str]:
        """Return the variables that the program needs.

        :data:`AUDIT_HOOK_FOLDER` must also be first in its PYTHONPATH.
        """
        return {
            "CONSOLIDATION_LIVE": str(self._live),
            "CONSOLIDATION_COPY": str(self._copy),
            "CONSOLIDATION_REPORT": str(self._report),
        }

    def record_open_files(self, processes: Iterable[psutil.Process]) -> None:
        """Record the files that these processes have open now."""
        import psutil

        for process in processes:
            with suppress(psutil.Error, OSError):
                self._seen |= {name for file in process.open_files() if (name := self._named(Path(file.path)))}

    def opened_files(self) -> tuple[str, ...]:
        """Return the opened files relative to the workspace, sorted."""
        reported = self._report.read_bytes().split(b"\0")
        return tuple(sorted(self._seen | {os.fsdecode(name) for name in reported if name}))

    def _named(self, path: Path) -> str | None:
        if not path.is_relative_to(self._live) or path.is_relative_to(self._copy):
            return None
        name = path.relative_to(self._live)
        inside = [self._live / parent for parent in name.parents if parent != Path()]
        is_library = NODE_MODULES in name.parts or any(is_environment(folder) for folder in inside)
        return None if is_library else name.as_posix()
