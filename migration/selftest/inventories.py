"""Plant faults of an inventory: no database is there, the plan is none, a database did not stay as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.engine.modes import Mode
from migration.selftest.fault import Fault, not_planted
from migration.selftest.meddling import first, opened

if TYPE_CHECKING:
    from migration.inventory.inventory_run import InventoryRun
    from migration.selftest.fault import WorkspaceCopy

_MAGIC = b"SQLite format 3\0"


def _lose_every_database(copy: WorkspaceCopy) -> None:
    for path in copy.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                is_database = file.read(len(_MAGIC)) == _MAGIC
            if is_database:
                path.unlink()


def _spoil_the_plan(run: InventoryRun) -> None:
    written = run.taking.written
    if written is None:
        raise not_planted("the inventory proposes no plan: there are not two databases to make one of")
    written.write_bytes(b"selftest_fault = 1\n" + written.read_bytes())


def _write_into_a_database(run: InventoryRun) -> None:
    entry = first(run.taking.inventory.live, "no database has rows of its own")
    with opened(run.taking.root / entry.file) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


INVENTORIES = (
    Fault("databases-found", "there is no database", _lose_every_database, Mode.INVENTORY),
    Fault.in_run("plan-proposed", "the proposed plan has a key that nobody knows", _spoil_the_plan, Mode.INVENTORY),
    Fault.in_run("only-looked", "a database was written to", _write_into_a_database, Mode.INVENTORY),
)
