"""Make a workspace that is copied, and look at its copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.connections import open_existing
from sqlite_consolidate.plan.model import Plan, Source
from sqlite_consolidate.plan.parts.programs import Insert, Logs, Reference, Scan, Smoke
from tests.support.database_files import make_database

if TYPE_CHECKING:
    from pathlib import Path


def make_workspace(root: Path) -> Path:
    """Make and return a workspace with a target, two sources, code and logs."""
    for folder in ("src/package", "tests", "logs", "other"):
        (root / folder).mkdir(parents=True)
    for name in ("target.db", "a.db", "logs/b.db"):
        make_database(root / name)
    (root / "src/package/code.py").write_text("CODE\n")
    (root / "src/run.sh").write_text("#!/bin/sh\n")
    (root / "src/run.sh").chmod(0o750)
    (root / "settings.ini").write_text("[x]\n")
    (root / "module.py").write_text("MODULE\n")
    (root / "logs/app.log").write_text("line\n")
    (root / "consolidation.toml").write_text("format = 1\n")
    (root / "other/unrelated.txt").write_text("private\n")
    return root


def plan(*files: str, target: str = "target.db") -> Plan:
    """Return a plan with an entry of every kind."""
    return Plan(
        format=1,
        name="p",
        target=target,
        sources=[Source(name=f"s{at}", file=file) for at, file in enumerate(files or ("a.db", "logs/b.db"))],
        references=[Reference(file="settings.ini", find="x", replace="y")],
        inserts=[Insert(file="module.py", code="def f(): ...")],
        scan=Scan(paths=["src"]),
        smoke=[Smoke(name="s", python="1", path=["tests"])],
        logs=Logs(files=["logs/*.log"]),
    )


def names(root: Path) -> list[str]:
    """Return every path below a folder."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def rows(path: Path) -> int:
    """Return the number of rows of a copied database."""
    con = open_existing(path)
    count = con.execute("SELECT count(*) FROM t").fetchone()[0]
    con.close()
    return int(count)
