"""Plan and prepare a run over random databases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import RunRequest, Settings
from sqlite_consolidate.engine.verbs.consolidate import Run
from sqlite_consolidate.plan.model import Plan, Source, TableMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STAMP = "20250131_120000"


def run_over(root: Path, tables: Mapping[str, Sequence[str]], *, policy: str = "", shared: str = "shared") -> Run:
    """Return a run that has not begun.

    Args:
        root: The workspace; the target is ``target.db``.
        tables: Source file to the tables that are moved from it.
        policy: ``on_conflict`` of the shared table, if it is not the default.
        shared: The name of that table.
    """
    sources = []
    for file, names in tables.items():
        policies = {name: {"on_conflict": policy} for name in names if policy and name == shared}
        maps = [TableMap.model_validate({"name": name, **policies.get(name, {})}) for name in names]
        sources.append(Source(name=file.removesuffix(".db"), file=file, tables=maps))
    return run_of(root, sources)


def run_of(root: Path, sources: list[Source], **keys: Any) -> Run:
    """Return a run of planned sources that has not begun, with further keys of the plan.

    The target is ``target.db``.
    """
    plan = Plan(format=1, name="random", target="target.db", sources=sources, **keys)
    plan_file = root.with_name("plan.toml")  # beside the workspace, which is compared byte by byte
    plan_file.write_text("# kept in the backup set\n")
    settings = Settings(root, plan_file, root.with_name("reports"))
    started = datetime.strptime(STAMP, "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
    text = plan_file.read_bytes()
    return Run(RunRequest(Mode.MIGRATE, settings, plan, plan_sha256="0" * 64, plan_text=text, started=started))
