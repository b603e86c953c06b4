"""One answer: how rewrites look as a diff that `git apply` turns into exactly the same bytes."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.engine.references import Rewrite

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def unified(rewrites: Sequence[Rewrite]) -> str:
    """Return all rewrites as one unified diff with ``a/`` and ``b/`` before the paths; empty for none.

    The text stands for bytes: what is not UTF-8 in a file is a lone surrogate, and line endings are those of the
    files. Write it as ``diff.encode("utf-8", "surrogateescape")``, never in text mode, and `git apply` accepts it
    whatever the encodings and line endings of the files are.
    """
    return "".join(line for rewrite in rewrites for line in _file_diff(rewrite))


def _file_diff(rewrite: Rewrite) -> Iterator[str]:
    names = _quoted(f"a/{rewrite.file}"), _quoted(f"b/{rewrite.file}")
    before, after = _lines(rewrite.before), _lines(rewrite.after)
    for line in difflib.unified_diff(before, after, *names):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    """Return the lines as git counts them: a line feed ends one, nothing else does."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _quoted(name: str) -> str:
    """Return a path as git writes it in a diff: quoted if it would be misread; a tab marks where a spaced one ends."""
    if any(character in _ESCAPES for character in name):
        return f'"{"".join(_ESCAPES.get(character, character) for character in name)}"'
    return f"{name}\t" if " " in name else name
