"""Write the rewritten code files of a run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from migration.engine.durable import replace
from migration.plan.problem import Problem, ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from migration.engine.ledger import Ledger
    from migration.engine.references import Rewrite


def write_rewrites(root: Path, rewrites: Iterable[Rewrite], ledger: Ledger) -> None:
    """Replace each code file by what becomes of it; the ledger names it and its digest before.

    Raises:
        ProblemError: A file has changed since it was read; it was not rewritten.
        OSError: It cannot be written.
    """
    for rewrite in rewrites:
        path = root / rewrite.file
        if path.read_bytes() != rewrite.before:
            raise ProblemError(
                Problem(
                    "code-changed",
                    rewrite.file,
                    "has changed while the run went on. It was not rewritten.",
                    "Find out who edits it, and run again.",
                )
            )
        ledger.note("rewriting", file=rewrite.file, after=hashlib.sha256(rewrite.after).hexdigest())
        replace(path, rewrite.after, path.stat().st_mode & 0o777)
