"""Consolidate by hand as people do it, without a proof and without a rollback.

The commands are cp, sqlite3 and COUNT(*).
"""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from tests.support.benchmark.workloads import statements

if TYPE_CHECKING:
    from sqlite_consolidate.plan.model import Plan
    from tests.support.benchmark.workloads import Workload

SHELL = shutil.which("sqlite3")
SQLDIFF = shutil.which("sqldiff")

_MODULE = """\
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
if sys.argv[2] == ".dump":
    sys.stdout.writelines(line + "\\n" for line in con.iterdump())
else:
    for statement in sys.argv[2].split(";"):
        print(con.execute(statement).fetchall())
"""


def how() -> str:
    """Return what replaces a person's hands."""
    return "the sqlite3 shell" if SHELL else "the same SQL through Python's sqlite3, for there is no sqlite3 shell"


def shell() -> str:
    """Return the command that runs SQL in a database."""
    return f"{SHELL} -bail" if SHELL else f"{sys.executable} -c '{_MODULE}'"


def command(work: Workload, *, dump: bool, is_careful: bool = False) -> list[str]:
    """Return the command that consolidates a workload by hand, in its folder.

    Args:
        work: The workload.
        dump: Whether SQL dumps are written.
        is_careful: Whether integrity_check reads each file before and after, and sqldiff compares the table both ways.
    """
    run = shell()
    sql = [
        *statements(work),
        "ATTACH 'source.db' AS source",
        "BEGIN",
        f"INSERT INTO main.{work.table} SELECT * FROM source.{work.table}",
        "COMMIT",
        f"SELECT count(*) FROM main.{work.table}",
        f"SELECT count(*) FROM source.{work.table}",
    ]
    lines = ["set -e"]
    for name in ("source", "target"):
        lines.append(f"cp {name}.db {name}.backup")
        if dump:
            lines.append(f"{run} {name}.db .dump > {name}.sql")
    check = [f"{run} {name}.db 'PRAGMA integrity_check'" for name in ("source", "target")] if is_careful else []
    ways = ("source.db target.db", "target.db source.db") if is_careful else ()
    lines += [*check, f'{run} target.db "{";".join(sql)}"', *check]
    lines += [f"{SQLDIFF} --summary --table {work.table} {way}" for way in ways]
    return ["bash", "-c", "\n".join(lines)]


def sample_command(plan: Plan) -> list[str]:
    """Return the command that consolidates the sample by hand, in its folder.

    It uses cp, sqlite3, sed and mv.
    """
    lines = ["set -e", f"cp {plan.target} {plan.target}.backup"]
    sql = []
    for source in plan.sources:
        if not source.optional:
            lines += [f"cp {source.file} {source.file}.backup", f"cp {source.file}-wal {source.file}-wal.backup"]
            sql.append(f"ATTACH '{source.file}' AS {source.name}")
            sql += [f"{table.create.strip().rstrip(';')}" for table in source.tables if table.create]
            sql += [
                f"INSERT INTO main.{table.name} SELECT * FROM {source.name}.{table.name}" for table in source.tables
            ]
            sql += [f"SELECT count(*) FROM main.{table.name}" for table in source.tables]
    script = ";\n".join(sql).replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS")
    lines.append(f"{SHELL} -bail {plan.target} <<'SQL'\n{script};\nSQL")
    lines += [f"sed -i.bak 's|{reference.find}|{reference.replace}|' {reference.file}" for reference in plan.references]
    lines += [f"mv {source.file} {source.file}.archived" for source in plan.sources if not source.optional]
    return ["bash", "-c", "\n".join(lines)]
