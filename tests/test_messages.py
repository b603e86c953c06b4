"""Specify the messages of refusals.

Each has an id, a fact and a hint, and docs/troubleshooting.md explains it.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tests.support.sources import MODULES, ROOT, nodes_of

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "troubleshooting.md"
# What makes a message: the positions of its id, its sentence of fact, and what to do.
MAKERS = {"Problem": (0, 2, 3), "mistake_at": (1, 2, 3), "code_problem": (0, 1, 2)}


@dataclass(frozen=True)
class Message:
    """Describe a call that makes a message, or that passes its parts on.

    Attributes:
        where: Module and line.
        call: The call itself.
        ids: Ids that are written out in it; none when it hands on the id of another.
    """

    where: str
    call: ast.Call
    ids: tuple[str, ...]


def _ids(call: ast.Call) -> tuple[str, ...]:
    maker = MAKERS.get(_name(call))
    stated = call.args[maker[0]] if maker else None
    given = next((word.value for word in call.keywords if word.arg == "id"), stated)
    texts = [node.value for node in ast.walk(given) if isinstance(node, ast.Constant)] if given else []
    return tuple(text for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text))


@cache
def _calls() -> list[Message]:
    """Return every call with a literal id, and every one that raises an error of pytest.

    All modules are parsed for it, and not in a process that only collects these tests.
    """
    return [
        Message(f"{path.relative_to(ROOT)}:{node.lineno}", node, ids)
        for path in MODULES
        for node in nodes_of(path)
        if isinstance(node, ast.Call)
        if (ids := _ids(node)) or _name(node) == "pytest.UsageError"
        if _name(node) != "pytest.param"
    ]


def _name(call: ast.Call) -> str:
    """Return the dotted name that is called.

    The function ``ast.unparse`` takes ten times as long for the most frequent form.
    """
    parts, node = [], call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ast.unparse(call.func)


def test_every_id_is_explained_once_and_nothing_else_is() -> None:
    """A reader who searches the page for an id finds one row.

    No row explains a message that no longer exists.
    """
    rows = Counter(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))

    assert set(rows) == {id for message in _calls() for id in message.ids}
    assert max(rows.values()) == 1


def test_every_row_of_the_page_has_all_cells() -> None:
    """No cell is empty, and the rows are in the order of their ids."""
    for table in re.findall(r"(?:^\| `.*\n)+", PAGE.read_text("utf-8"), re.MULTILINE):
        cells = [[cell.strip() for cell in row.strip("|\n ").split(" | ")] for row in table.splitlines()]

        assert {len(row) for row in cells} == {4}
        assert all(all(row) for row in cells)
        assert [row[0] for row in cells] == sorted(row[0] for row in cells)


def test_every_message_has_a_fact_and_a_hint() -> None:
    """As far as the source shows, the fact ends like a sentence and the hint is not empty."""
    made = [message for message in _calls() if message.ids and _name(message.call) in MAKERS]
    without_fact, without_hint = (
        [message.where for message in made if not _ends(message.call.args[MAKERS[_name(message.call)][part]], ends)]
        for part, ends in ((1, (".", ":", ")")), (2, (".", "?", "DIR", "FILE")))
    )

    assert made
    assert without_fact == []
    assert without_hint == []


def test_every_refusal_of_the_harness_has_an_id() -> None:
    """A bare pytest.UsageError is raised only if each of its lines has an id."""
    bare = Counter(message.where.split(":")[0] for message in _calls() if _name(message.call) == "pytest.UsageError")

    assert bare == {
        "migration/sqlite_consolidate/pytest_plugin/startup.py": 1,
        "migration/sqlite_consolidate/pytest_plugin/commands/fleet.py": 1,
        "migration/sqlite_consolidate/pytest_plugin/gate.py": 1,
        "migration/sqlite_consolidate/pytest_plugin/refusals.py": 1,  # its function adds the id
    }


def test_no_message_states_that_nothing_was_changed() -> None:
    """The headline and the heading of a refusal state it once for all messages."""
    holders = {path.name for path in MODULES for text in _texts(path) if "nothing was changed" in text.lower()}

    assert holders == {"startup.py", "fleet.py", "page.py", "verdict.py", "claims.py"}


def _texts(path: Path) -> list[str]:
    """Return every text of a module that is no docstring."""
    docstrings = {id(node.value) for node in nodes_of(path) if isinstance(node, ast.Expr)}
    constants = [node for node in nodes_of(path) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str)]


def _ends(text: ast.expr, ends: tuple[str, ...]) -> bool:
    """Return whether a literal text ends like that.

    For a text that is composed elsewhere return True.
    """
    if isinstance(text, ast.JoinedStr):
        text = text.values[-1]
    return not isinstance(text, ast.Constant) or (isinstance(text.value, str) and text.value.endswith(ends))
