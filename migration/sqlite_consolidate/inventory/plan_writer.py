"""Write a proposal as a commented plan file, under a name that no file has yet."""

from __future__ import annotations

import re
import textwrap
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_consolidate.atomic_files import replace, write_new
from sqlite_consolidate.engine.run.modes import Mode
from sqlite_consolidate.engine.run.request import PYTEST, call
from sqlite_consolidate.engine.sqlite.application.connection_setup import current_setup
from sqlite_consolidate.inventory.proposed_parts import LINE_OF_DECISION
from sqlite_consolidate.plan.loader import sha256
from sqlite_consolidate.text import join_first_names, literal_pattern, one_line, toml_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Template

    from sqlite_consolidate.inventory.proposal import Proposal

SCHEMA = "consolidation.schema.json"
_PACKAGED_SCHEMA = Path(__file__).parents[1] / "plan" / SCHEMA
_TEMPLATE = "plan.toml.j2"
_WIDTH = 110  # of comments
_CODE = re.compile(r"`[^`]{1,90}`")
_BLANK = "\0"  # stands for a blank at which no line may end; no escaped text has this character


def render_plan(proposal: Proposal, date: str, program: tuple[str, ...] = PYTEST) -> str:
    """Return the text of the plan file.

    It names the function by which this process prepares its connections, if an earlier plan does.

    Args:
        proposal: The proposed plan.
        date: Date of the inventory, for the first line.
        program: Words by which the operator started the inventory.
    """
    calls = {mode.value: call(program, mode.verb) for mode in (Mode.INVENTORY, Mode.REHEARSAL)}
    return _template().render(plan=proposal, date=date, calls=calls, schema=f"./{SCHEMA}", setup=current_setup()) + "\n"


def write_plan(text: str, wanted: Path, proposed: str = "") -> tuple[Path, bool]:
    """Write the text to ``wanted``, and the JSON Schema of plans beside it.

    A file that exists is not overwritten, unless it has every byte of the plan that the last inventory proposed. The
    next free name is used instead.

    Args:
        text: The plan.
        wanted: The file.
        proposed: Digest of the plan that the last inventory proposed, or empty.

    Returns:
        The file, and whether it replaces that plan. The file is ``wanted``, ``consolidation.proposed.toml``,
        ``consolidation.proposed-2.toml``, ...

    Raises:
        OSError: The file cannot be written.
    """
    data = text.encode("utf-8")
    for path in _names(wanted):
        try:
            write_new(path, data)
        except FileExistsError:
            if not _has_digest(path, proposed):
                continue
            replace(path, data, 0o600)
            return path, True
        schema = path.with_name(SCHEMA)
        if not schema.exists():
            write_new(schema, _PACKAGED_SCHEMA.read_bytes())
        return path, False
    raise AssertionError("names do not end")


def wrapped_comment(text: str, mark: str = "", indent: str = "") -> str:
    """Return a text as lines of a TOML comment.

    A key and its value stay together, and so does code in backticks, so that a person can copy them. A decision may
    have lines of its own.

    Args:
        text: The text, whose line ends are escaped.
        mark: Word before the first line.
        indent: Spaces before each line.
    """
    first, further = f"{indent}# {mark}", f"{indent}#     "
    lines = [
        line
        for number, part in enumerate(text.split(LINE_OF_DECISION))
        for line in textwrap.wrap(
            _CODE.sub(lambda code: code[0].replace(" ", _BLANK), one_line(part)).replace(" = ", f"{_BLANK}={_BLANK}"),
            _WIDTH,
            initial_indent=further if number else first,
            subsequent_indent=further,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]
    return "\n".join(lines).replace(_BLANK, " ") or first


def _has_digest(path: Path, digest: str) -> bool:
    return bool(digest) and path.is_file() and not path.is_symlink() and sha256(path) == digest


def _names(wanted: Path) -> Iterator[Path]:
    yield wanted
    for number in count(1):
        suffix = f"-{number}" if number > 1 else ""
        yield wanted.with_name(f"{wanted.stem}.proposed{suffix}{wanted.suffix}")


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # noqa: S701 -- TOML, not HTML: values go through `toml`, comments through `comment`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(toml=toml_string, pattern=literal_pattern, comment=one_line, names=join_first_names)
    environment.filters.update(wrapped=wrapped_comment)
    return environment.get_template(_TEMPLATE)
