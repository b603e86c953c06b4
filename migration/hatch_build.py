"""Compile the page reader when a wheel is built or the project is installed for editing."""

from __future__ import annotations

import runpy
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_MODULE = "migration/sqlite_consolidate/page_reader/compilation.py"
_INSTALLED = "sqlite_consolidate/page_reader/page_reader.bin"


class PageReaderHook(BuildHookInterface):
    """Add the page reader to a wheel, and make the wheel one for this platform.

    Without a compiler the wheel is one for all platforms, and SQLite and Python read every database.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the program, for an editable installation where its sources are."""
        if self.target_name != "wheel":
            return
        compilation = runpy.run_path(str(Path(self.root) / _MODULE))
        program = compilation["PROGRAM"]
        if version != "editable":
            self._folder = tempfile.TemporaryDirectory(prefix="page-reader-")
            program = Path(self._folder.name) / "page_reader"
        if reason := compilation["compile_program"](program):
            self.app.display_warning(f"pure wheel: the page reader was not compiled ({reason.splitlines()[0]})")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if version != "editable":
            build_data["force_include"][str(program)] = _INSTALLED

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder of the compiled program."""
        del version, build_data, artifact_path
        if hasattr(self, "_folder"):
            self._folder.cleanup()
