"""Change files as a careless or hostile editor would, at random and repeatably."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

_VALUES: list[Any] = [
    *(None, True, -1, 0, 2**70, 1.5, "", ".", "..", "../victim.db", "/etc/passwd", "a\0b", "\x1b[2J", "\udcff"),
    *("a" * 10_000, [], {}, ["../victim.db"], {"a": [[[]]]}, "backups", "workspace.db", "$(touch victim.db)"),
]
_TOML_VALUES = [
    *("true", "-1", "99999999999999999999", "1.5", "nan", "inf", "1979-05-27", '""', '"."', '".."', '"../victim.db"'),
    *('"/etc/passwd"', '"a\\u0000b"', '"\\u001b[2J"', "[]", "{}", "[[[]]]", '["../victim.db"]', '{ a = "b" }', "'("),
    *('"DROP TABLE t"', '"main.db"', '"old.db"', '"*"', "'.*'", '"0s"', '"99999h"'),
]


def mutated_json(data: bytes, random: Random) -> bytes:
    """Return a JSON document with one to three values changed, removed, added or repeated."""
    document = json.loads(data)
    for _ in range(random.randint(1, 3)):
        holder, key = random.choice(list(_places({"": document})))
        change = random.choice([_replace, _replace, _replace, _remove, _add, _repeat])
        if holder is not document or key:
            change(holder, key, random)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def mutated_toml(text: str, random: Random) -> str:
    """Return a TOML document with one to three lines changed, removed, added or repeated."""
    lines = text.split("\n")
    for _ in range(random.randint(1, 3)):
        index = random.randrange(len(lines))
        kind = random.randrange(5)
        if kind <= 1:
            lines[index] = re.sub(r"=.*", lambda _match: f"= {random.choice(_TOML_VALUES)}", lines[index])
        elif kind == 2:
            del lines[index]
        else:
            lines.insert(index, random.choice(lines))
        lines = lines or [""]
    return "\n".join(lines)


def mutated_bytes(data: bytes, random: Random) -> bytes:
    """Return a file with a part replaced, removed or repeated."""
    start = random.randrange(len(data) or 1)
    end = min(len(data), start + random.choice([1, 2, 16, 200]))
    part = random.choice([b"", random.randbytes(end - start), data[start:end] * 2, b"\x00", b"\xff"])
    return data[:start] + part + data[end:]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(node) if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _replace(holder: Any, key: Any, random: Random) -> None:
    holder[key] = copy.deepcopy(random.choice(_VALUES))


def _remove(holder: Any, key: Any, _random: Random) -> None:
    if isinstance(holder, list) or key:
        del holder[key]


def _add(holder: Any, _key: Any, random: Random) -> None:
    if isinstance(holder, dict):
        holder[random.choice(["file", "copy", "unknown", ""])] = copy.deepcopy(random.choice(_VALUES))
    else:
        holder.append(copy.deepcopy(random.choice(_VALUES)))


def _repeat(holder: Any, key: Any, _random: Random) -> None:
    if isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
