"""A database that was made to do harm: it is moved or refused in words, and nothing of it is ever run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.whole.whole_run import small_workspace

if TYPE_CHECKING:
    from pathlib import Path

_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@dataclass(frozen=True)
class Harm:
    """What is in the source, the table of it that is planned, and how a rehearsal ends.

    Attributes:
        exit: 0: it was moved, without being run; 4: it was refused.
        said: What the run must have printed.
    """

    what: str
    sql: str
    table: str = ""
    exit: int = 0
    said: str = "Rehearsal passed"


HARM = (
    Harm("a view without an end", f"CREATE VIEW forever AS {_ENDLESS}; CREATE VIEW more AS SELECT * FROM forever"),
    Harm(
        "triggers that would never return",
        f"CREATE TRIGGER boom AFTER INSERT ON tasks BEGIN SELECT * FROM ({_ENDLESS}); END;"
        f"CREATE TRIGGER bang AFTER DELETE ON tags BEGIN SELECT * FROM ({_ENDLESS}); END",
    ),
    Harm(
        "a trigger that calls functions",
        "CREATE TRIGGER calls AFTER INSERT ON tasks BEGIN SELECT load_extension('pwned'), writefile('pwned', 'x'); END",
    ),
    Harm(
        "a column that is ten thousand times its row",
        "CREATE TABLE bomb(a, b AS (replace(hex(zeroblob(5000)), '0', a))); INSERT INTO bomb(a) VALUES ('0123456789')",
        table="bomb",
    ),
    Harm(
        "a pattern that never matches",
        f"CREATE TABLE bomb(x CHECK (NOT x GLOB '{'*a' * 25}b')); INSERT INTO bomb VALUES ('{'a' * 200}')",
        table="bomb",
    ),
    Harm(
        "two thousand columns",
        f"CREATE TABLE bomb({', '.join(f'c{number}' for number in range(2000))}); INSERT INTO bomb(c0) VALUES (1)",
        table="bomb",
        exit=4,
        said="too many columns",
    ),
    Harm(
        "a CHECK of ninety brackets",
        f"CREATE TABLE bomb(x CHECK ({'(' * 90}x > 0{')' * 90})); INSERT INTO bomb VALUES (1)",
        table="bomb",
    ),
)


@pytest.mark.parametrize("harm", HARM, ids=lambda harm: harm.what)
def test_a_malicious_database_is_moved_or_refused_and_never_run(tmp_path: Path, harm: Harm) -> None:
    """The rehearsal ends by itself, says how, and leaves the workspace as it was."""
    workspace = small_workspace(tmp_path)
    workspace.execute("old.db", harm.sql)
    if harm.table:
        table = f'\n  [[source.table]]\n  name = "{harm.table}"\n\n[[reference]]'
        workspace.edit("consolidation.toml", "\n[[reference]]", table)
    before = workspace.files()

    ran = workspace.forked("verify")

    assert ran.exit == harm.exit, ran.text
    assert harm.said in ran.text
    assert not ran.shows_source, ran.text
    assert workspace.files() == before
    assert not list(tmp_path.rglob("pwned*"))
