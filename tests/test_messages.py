"""Every message of refusal has an id, says what to do, and is explained in docs/troubleshooting.md."""

from __future__ import annotations

import ast
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "troubleshooting.md"
MODULES = [
    path
    for path in (ROOT / "migration" / "sqlite_consolidate").rglob("*.py")
    if "tree" not in path.relative_to(ROOT).parts
]
# What makes a message: the positions of its id, its sentence of fact, and what to do.
MAKERS = {"Problem": (0, 2, 3), "mistake_at": (1, 2, 3), "code_problem": (0, 1, 2)}


@dataclass(frozen=True)
class Message:
    """A call that makes a message, or hands the parts of one on.

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


def _messages() -> list[Message]:
    """Every call with an id that is written out, and every one that raises an error of pytest's own."""
    return [
        Message(f"{path.relative_to(ROOT)}:{node.lineno}", node, ids)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        if (ids := _ids(node)) or _name(node) == "pytest.UsageError"
        if _name(node) != "pytest.param"
    ]


def _name(call: ast.Call) -> str:
    """The name that is called, dotted; ``ast.unparse`` takes ten times as long for these frequent forms."""
    parts, node = [], call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ast.unparse(call.func)


CALLS = _messages()
MESSAGES = [message for message in CALLS if message.ids]
MADE = [message for message in MESSAGES if _name(message.call) in MAKERS]


def test_every_id_is_explained_once_and_nothing_else_is() -> None:
    """Whoever searches the page for what stands in brackets finds one row; no row is about a message of long ago."""
    rows = Counter(re.findall(r"^\| `([^`]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE))

    assert set(rows) == {one for message in MESSAGES for one in message.ids}
    assert max(rows.values()) == 1


def test_every_row_says_what_is_seen_what_it_means_and_what_to_do() -> None:
    """No cell is empty, and rows are in the order of their ids, so that one is found by eye as well."""
    for table in re.findall(r"(?:^\| `.*\n)+", PAGE.read_text("utf-8"), re.MULTILINE):
        cells = [[cell.strip() for cell in row.strip("|\n ").split(" | ")] for row in table.splitlines()]

        assert {len(row) for row in cells} == {4}
        assert all(all(row) for row in cells)
        assert [row[0] for row in cells] == sorted(row[0] for row in cells)


@pytest.mark.parametrize("message", MADE, ids=lambda message: message.where)
def test_every_message_is_a_sentence_of_fact_and_says_what_to_do(message: Message) -> None:
    """As far as the source shows: the fact ends as a sentence does, and what to do is not left empty."""
    _, fact, hint = MAKERS[_name(message.call)]

    assert _ends(message.call.args[fact], (".", ":", ")"))
    assert _ends(message.call.args[hint], (".", "?", "DIR", "FILE"))


def test_every_refusal_of_the_harness_has_an_id() -> None:
    """pytest.UsageError is raised bare only where each line of it has an id already."""
    bare = Counter(message.where.split(":")[0] for message in CALLS if _name(message.call) == "pytest.UsageError")

    assert bare == {
        "migration/sqlite_consolidate/pytest_plugin/startup.py": 1,
        "migration/sqlite_consolidate/pytest_plugin/commands/fleet.py": 1,
        "migration/sqlite_consolidate/pytest_plugin/gate.py": 1,
        "migration/sqlite_consolidate/pytest_plugin/refusals.py": 1,  # its function adds the id
    }


def test_no_message_states_that_nothing_was_changed() -> None:
    """Headline and refusal state it, once for all messages; within one it stood between the fact and the hint."""
    holders = {
        path.name
        for path in MODULES
        for text in _texts(ast.parse(path.read_text("utf-8")))
        if "nothing was changed" in text.lower()
    }

    assert holders == {"startup.py", "fleet.py", "page.py", "verdict.py"}


def _texts(tree: ast.Module) -> list[str]:
    """Return every text of a module that is no docstring."""
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str)]


def _ends(text: ast.expr, ends: tuple[str, ...]) -> bool:
    """Whether a text that is written out ends so; of one that is put together elsewhere that cannot be seen here."""
    if isinstance(text, ast.JoinedStr):
        text = text.values[-1]
    return not isinstance(text, ast.Constant) or (isinstance(text.value, str) and text.value.endswith(ends))
