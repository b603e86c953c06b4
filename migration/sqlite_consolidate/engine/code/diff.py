"""Write rewrites as a unified diff, whole or as reports may show it."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import write_new
from sqlite_consolidate.engine.backup.manifest import DIFF
from sqlite_consolidate.engine.code.source_files import has_only_literals, is_program_source
from sqlite_consolidate.secret_masking import MASK, mask_secrets, removed_values, replaceable_values
from sqlite_consolidate.text import join_names, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlite_consolidate.engine.code.rewrite import Rewrite

# Characters that a terminal obeys, those of files that are not UTF-8 included. Tabs and line ends stay.
_OBEYED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udc9f]|\r(?!\n)"
)
_SECRETS = f"secrets are masked as {MASK}"
_CONTROLS = "control characters are escaped"
_LENGTH_OF_A_SECRET = 8  # characters. A shorter value of code may be a name, such as that of a test.
_CONTEXT = 3  # lines before and after a change
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def unified_diff(rewrites: Sequence[Rewrite]) -> str:
    """Return all rewrites as one unified diff with ``a/`` and ``b/`` before the paths.

    The text stands for bytes: what is not UTF-8 in a file is a lone surrogate, and line endings are those of the
    files. Write it as ``diff.encode("utf-8", "surrogateescape")``, never in text mode, and `git apply` accepts it
    whatever the encodings and line endings of the files are.
    """
    return "".join(line for rewrite in rewrites for line in _file_diff(rewrite, *_both(rewrite), context=_CONTEXT))


def write_whole_diff(folder: Path, rewrites: Sequence[Rewrite]) -> None:
    """Write the diff into a backup set, unless no file is rewritten."""
    if rewrites:
        write_new(folder / DIFF, unified_diff(rewrites).encode("utf-8", "surrogateescape"))


def diff_for_reports(rewrites: Sequence[Rewrite], backup_set: str) -> str:
    """Return the diff without secrets and control characters.

    Of a file that is no program source only the changed lines are shown. Comments before the diff say what it lacks.

    Args:
        rewrites: The rewrites.
        backup_set: Path of the backup set that has the whole diff, or an empty text if it is going to be removed.
    """
    lines: list[str] = []
    obstacles: dict[str, None] = {}
    has_context = True
    for rewrite in rewrites:
        before, after = _both(rewrite)
        context = _CONTEXT if is_program_source(rewrite.file) else 0
        exact = list(_file_diff(rewrite, before, after, context=context))
        masked = list(_file_diff(rewrite, _masked(before, rewrite.file), _masked(after, rewrite.file), context=context))
        shown = [_OBEYED.sub(lambda match: printable(match[0]), line) for line in masked]
        obstacles |= dict.fromkeys([_SECRETS] if masked != exact else [])
        obstacles |= dict.fromkeys([_CONTROLS] if shown != masked else [])
        has_context = has_context and context > 0
        lines += shown
    remark = "" if has_context else "# Some files have no context lines: apply it with git apply --unidiff-zero.\n"
    if obstacles:
        remark = f"# This diff cannot be applied, because {join_names(sorted(obstacles, reverse=True))}.\n"
    whole = f"{backup_set}/{DIFF}" if backup_set else f"{DIFF} in the backup set of the consolidation"
    return "".join([remark, f"# The whole diff is {one_line(whole)}.\n" if remark else "", *lines])


def secrets_of(rewrites: Sequence[Rewrite]) -> tuple[str, ...]:
    """Return the secrets in rewritten files, which a program may print as well.

    They include those of lines that no diff shows.
    """
    values: set[str] = set()
    for rewrite in rewrites:
        lines = _lines(rewrite.before)
        for line, masked in zip(lines, _masked(lines, rewrite.file), strict=True):
            if line != masked:
                values.update(value for value in removed_values(line, masked) if len(value) >= _LENGTH_OF_A_SECRET)
    return replaceable_values(values)


def _both(rewrite: Rewrite) -> tuple[list[str], list[str]]:
    return _lines(rewrite.before), _lines(rewrite.after)


def _file_diff(rewrite: Rewrite, before: Sequence[str], after: Sequence[str], *, context: int) -> Iterator[str]:
    """Yield the lines of the diff of one file.

    Args:
        rewrite: The rewrite, whose lines are compared.
        before: The lines that are written in place of those before the rewrite.
        after: The lines that are written in place of those after the rewrite.
        context: Number of unchanged lines before and after each change.
    """
    yield f"--- {_quoted(f'a/{rewrite.file}')}\n"
    yield f"+++ {_quoted(f'b/{rewrite.file}')}\n"
    for group in SequenceMatcher(None, *_both(rewrite)).get_grouped_opcodes(context):
        (_, start, _, new_start, _), (_, _, end, _, new_end) = group[0], group[-1]
        yield f"@@ -{_range(start, end)} +{_range(new_start, new_end)} @@\n"
        for tag, first, last, new_first, new_last in group:
            signs = {"equal": ((" ", before[first:last]),)}
            changed = (("-", before[first:last]), ("+", after[new_first:new_last]))
            for sign, lines in signs.get(tag, changed):
                for line in lines:
                    yield f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"


def _range(start: int, end: int) -> str:
    """Return a range of lines as a unified diff has it.

    An empty range begins at the line before.
    """
    length = end - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"


def _masked(lines: Sequence[str], file: str) -> list[str]:
    """Return the same number of lines, with secrets masked."""
    return _lines_of(mask_secrets("".join(lines), in_code=has_only_literals(file)))


def _lines(data: bytes) -> list[str]:
    """Return the lines as git counts them, ended only by a line feed."""
    return _lines_of(data.decode("utf-8", "surrogateescape"))


def _lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _quoted(name: str) -> str:
    """Return a path as git writes it in a diff.

    A path with special characters is quoted. A tab marks the end of a path with spaces.
    """
    if any(character in _ESCAPES for character in name):
        return f'"{"".join(_ESCAPES.get(character, character) for character in name)}"'
    return f"{name}\t" if " " in name else name
