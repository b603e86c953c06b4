"""Last words: the record of a run and the way back, as they are left in the backup set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.audit.evidence_file import to_json
from migration.engine.files import size_with_sidecars
from migration.engine.guard import looking
from migration.engine.schema import read
from migration.harness.closing import command
from migration.harness.facts import contents

if TYPE_CHECKING:
    from migration.audit.evidence import DatabaseRecord
    from migration.engine.run import Run
    from migration.harness.state import RunState

RECORD = "record.json"
"""In the backup set: the record of the run, the same as ``evidence.json`` of its report."""

_ROLLBACK = """\
# The way back

Run {run} moved {sources} into {target}. To undo it, in the folder of sqlite-consolidate:

    {command}

It restores the target from `databases/target.db` (through SQLite, in one transaction), gives the archives their old
names back, restores the code files from `code/`, and compares all of it with `manifest.json`. It refuses when the
target has been changed since, unless it is told `--discard-changes`; the target as it then is stays in this folder.

By hand, should that not be possible: stop everything that uses the databases; for each line below copy the file, and
remove what lies beside the restored one under the same name with -wal, -shm or -journal.

{by_hand}

Nothing in this folder is ever deleted by a run. It may be deleted by hand once the consolidation has proved itself:
with it go the rollback and, with the archives, the originals.
"""


def after(state: RunState, run: Run) -> DatabaseRecord:
    """Return the target's record with what it is after the run."""
    from migration.audit.evidence import DatabaseRecord

    path = run.root / run.plan.target
    before = state.target or DatabaseRecord(name="target", file=run.plan.target)
    with looking(path, run.limits) as con:
        header = read(con).header
    found = run.reader.content(path)
    return replace(
        before,
        size_after=size_with_sidecars(path),
        digest_after=found.digest,
        rows_after={name: one.rows for name, one in found.tables.items()},
        versions=before.versions or dict(header),
        contents={**before.contents, "after": contents(found.tables)},
    )


def record(state: RunState) -> bytes:
    """Return the record of the run as it stands, as JSON."""
    return to_json(state.record()).encode("utf-8")


def instructions(state: RunState) -> tuple[str, str]:
    """Return the exact rollback command, and the page that explains it."""
    said = command(state, "rollback")
    names = [one.file for one in state.sources]
    target = state.target.file if state.target else ""
    by_hand = "\n".join(f"    {new}  ->  {old}" for old, new in state.archive.items())
    by_hand += f"\n    databases/target.db  ->  {target}"
    return said, _ROLLBACK.format(
        run=state.stamp, sources=", ".join(names) or "nothing", target=target, command=said, by_hand=by_hand
    )
