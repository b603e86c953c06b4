"""Read the list of mutants that no test kills, with the reason of each.

None of them changes what the project promises.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

LIST = Path(__file__).parents[2] / "mutation" / "survivors.toml"


@dataclass(frozen=True)
class Change:
    """Describe a mutant in a way that is valid when lines move.

    Attributes:
        function: Dotted name, with module and class.
        line: The source that is changed; several lines are joined by a space.
        becomes: The new source; empty where the line is removed.
    """

    function: str
    line: str
    becomes: str


def explained() -> dict[Change, str]:
    """Return the reason of each survivor on the list."""
    return {
        Change(change["function"], change["line"], becomes): because["reason"]
        for because in tomllib.loads(LIST.read_text("utf-8"))["because"]
        for change in because["change"]
        for becomes in change["becomes"]
    }
