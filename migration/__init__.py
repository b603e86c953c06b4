"""Stand in for the package, which lies one folder deeper, until its imports have the new name."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent / "sqlite_consolidate"
__path__ = [str(_PACKAGE)]
exec(compile((_PACKAGE / "__init__.py").read_text("utf-8"), str(_PACKAGE / "__init__.py"), "exec"))  # noqa: S102 -- its own
