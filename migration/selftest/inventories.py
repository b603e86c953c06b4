"""Faults of an inventory: no database is there, the plan is none, a database did not stay as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.selftest.fault import Fault, NotPlantedError
from migration.selftest.meddling import opened

if TYPE_CHECKING:
    from migration.selftest.fault import Look, Place

_MAGIC = b"SQLite format 3\0"


def _lose_every_database(place: Place) -> None:
    for path in place.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                is_database = file.read(len(_MAGIC)) == _MAGIC
            if is_database:
                path.unlink()


def _spoil_the_plan(look: Look) -> None:
    written = look.taking.written
    if written is None:
        raise NotPlantedError("the inventory proposes no plan: there are not two databases to make one of")
    written.write_bytes(b"selftest_fault = 1\n" + written.read_bytes())


def _write_into_a_database(look: Look) -> None:
    taking = look.taking
    with opened(taking.root / taking.inventory.live[0].file) as con:
        con.execute("CREATE TABLE selftest_fault(x)")


INVENTORIES = (
    Fault("databases-found", "there is no database", _lose_every_database, "inventory"),
    Fault(
        "plan-proposed",
        "the proposed plan has a key that nobody knows",
        _spoil_the_plan,
        "inventory",
        at="test_the_plan_passes_its_own_check",
    ),
    Fault(
        "only-looked",
        "a database was written to",
        _write_into_a_database,
        "inventory",
        at="test_the_databases_were_only_looked_at",
    ),
)
