"""Make hostile names and values.

Each is executed by a program that does not quote, escape or confine it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlite_consolidate.engine.sqlite.sql import identifier_list, quoted
from tests.support.workspaces.whole_run import Workspace, execute

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
else:
    from sqlite_utils.utils import sqlite3

CANARY = "pwned"  # a file, a tag or an attribute of this name exists only if something was executed
CODE = "app/code\x1b[2J\u202e\x9b31m.py"
# Each is a kind of attack. {n} makes it unique, because SQLite ignores the case of names.
PAYLOADS = {
    "SQL": (
        """x'); DROP TABLE "t{n}"; --""",
        """x"; ATTACH 'pwned{n}.db' AS pwned; CREATE TABLE pwned.a(b); --""",
        """'||(SELECT writefile('pwned{n}', 'x'))||'""",
        """{n}" UNION SELECT load_extension('pwned') --""",
        "[{n}] ; VACUUM INTO 'pwned{n}.db'; --",
        "`{n}` -- \n; .shell touch pwned",
        "t{n} /* ? :a @b $c ?1 */",
    ),
    "HTML": (
        "<pwned>{n}</pwned>",
        '"><pwned onerror=pwned({n})>',
        "'><script>pwned({n})</script>",
        "</script><svg/onload=pwned({n})>",
        "&lt;pwned&gt;{n}&#60;pwned&#62;",
        "javascript:pwned({n})",
        "]]><pwned>{n}</pwned><![CDATA[",
        "{{{{ pwned({n}) }}}}{{% pwned %}}",
        "<!-- {n} --><pwned/>",
    ),
    "terminal": (
        "\x1b]0;pwned{n}\x07",
        "\x1b[2J\x1b[31m{n}",
        "\x9b31m{n}\x9c",
        "{n}\rAccepted: everything holds",
        "{n}\x08\x08\x08\x7f",
        "\u202e{n}\u2066gpj.exe\u2069",
        "{n}\n================= 1 passed =================",
        "\u2028{n}\u2029\x85\x0b\x0c",
        "\ufeff{n}\u200b\u00ad",
    ),
    "CSV": ("=cmd|' /C calc'!A{n}", "+pwned({n})", "-2+3+{n}", '@SUM({n}),"pwned"', "\t={n}", "{n};|,"),
    "path": (
        "../../../../../../tmp/pwned{n}",
        "/tmp/pwned{n}",
        "..\\..\\pwned{n}",
        "file:pwned{n}?mode=rwc",
        "$(touch pwned{n})",
        "`touch pwned{n}`",
        "; touch pwned{n} #",
        "%00/../pwned{n}",
        "~/pwned{n}",
        "-pwned{n}",
    ),
    "long": ("{n}" + "x" * 3000, "{n}" + "\U0001f4a3" * 500, "e\u0301{n}" + "\u0300" * 200),
}
_ONLY_VALUES = ("nul\x00pwned{n}", "{n}" + "y" * 100_000, "\x00{n}")


def names(count: int) -> dict[str, str]:
    """Return hostile names that all differ for SQLite, with the kind of each."""
    return _numbered([(kind, payload) for kind, some in PAYLOADS.items() for payload in some], count)


def values(count: int) -> dict[str, str]:
    """Return different hostile values, with the kind of each."""
    some = [(kind, payload) for kind, payloads in PAYLOADS.items() for payload in payloads]
    return _numbered([*some, *(("NUL, long", payload) for payload in _ONLY_VALUES)], count)


def _numbered(payloads: list[tuple[str, str]], count: int) -> dict[str, str]:
    chosen = ((n, *payloads[n % len(payloads)]) for n in range(count))
    return {payload.format(n=n): kind for n, kind, payload in chosen}


def hostile_workspace(tmp_path: Path, *, tables: int, columns: int, rows: int) -> Workspace:
    """Build a workspace in which every table name, column name and value is hostile."""
    root = tmp_path / "workspace"
    (root / "app").mkdir(parents=True)
    (root / CODE).write_text(f'# {CODE}\nPATH = "old.db"  # \x9b31m \u202e \x1b]0;pwned\x07\n', "utf-8")
    execute(
        root / "main.db", "CREATE TABLE people(id INTEGER PRIMARY KEY, name TEXT); INSERT INTO people VALUES (1, NULL)"
    )
    named, valued = iter(names(tables * (columns + 1))), iter(values(tables * columns * rows))
    moved = []
    with sqlite3.connect(root / "old.db", isolation_level=None) as con:
        for _ in range(tables):
            moved.append(next(named))
            of_table = [next(named) for _ in range(columns)]
            con.execute(f"CREATE TABLE {quoted(moved[-1])} ({identifier_list(of_table)})")
            marks = ", ".join("?" * columns)
            con.executemany(
                f"INSERT INTO {quoted(moved[-1])} VALUES ({marks})",
                [[next(valued) for _ in range(columns)] for _ in range(rows)],
            )
    con.close()
    (root / "consolidation.toml").write_text(_plan(moved))
    return Workspace(root, tmp_path / "reports")


def _plan(tables: list[str]) -> str:
    """Return the plan.

    A JSON string is a TOML string if every character beyond ASCII is escaped by code point.
    """
    head = 'format = 1\nname = "hostile"\ntarget = "main.db"\n\n[[source]]\nname = "old"\nfile = "old.db"\n'
    return (
        head
        + "".join(f"\n  [[source.table]]\n  name = {_toml(table)}\n" for table in tables)
        + f"\n[[reference]]\nfile = {_toml(CODE)}\nfind = '\"old.db\"'\nreplace = '\"main.db\"'\n"
        + '\n[scan]\npaths = ["app"]\n'
    )


def _toml(text: str) -> str:
    escaped = (
        f"\\U{ord(char):08x}" if ord(char) > 0x7E or ord(char) < 0x20 else char
        for char in json.dumps(text, ensure_ascii=False)[1:-1]
    )
    return '"' + "".join(escaped) + '"'
