"""Collect and print the security table of attacks, checks and results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator


@dataclass(frozen=True)
class AttackCheck:
    """Hold the result of one check for an attack.

    Attributes:
        effect: The effect that must not have happened.
        searched: Number and kind of the searched things, such as ``"31 files"``.
        hits: The effects that did happen.
    """

    effect: str
    searched: str
    hits: list[str]


@dataclass(frozen=True)
class Ended:
    """Hold how the run on a harmful database ended.

    Attributes:
        name: Name of the attack.
        how: ``moved``, or ``refused`` and the id of the message.
        seconds: Duration of the whole rehearsal.
        megabytes: Largest memory of any process until then.
    """

    name: str
    how: str
    seconds: float
    megabytes: int


@dataclass
class Table:
    """Hold the results so far.

    Attributes:
        names: Kind of attack to the number of names that arrived in the target.
        values: The same for values.
    """

    names: Counter[str] | None = None
    values: Counter[str] | None = None
    checks: list[AttackCheck] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the printed table. An attack that was not tried has no line."""
        if self.names and self.values:
            yield f"{'hostile':<12}{'names':>8}{'values':>8}   arrived as they were"
            for kind in self.values:
                yield f"  {kind:<10}{self.names[kind]:>8,}{self.values[kind]:>8,}"
            total = self.names.total(), self.values.total()
            yield f"  {'total':<10}{total[0]:>8,}{total[1]:>8,}"
        if self.checks:
            yield ""
            yield f"{'checked for':<36}{'searched':<28}found"
            for check in self.checks:
                yield f"  {check.effect:<34}{check.searched:<28}{'; '.join(map(ascii, check.hits)) or 'nothing'}"
        if self.ended:
            yield ""
            yield f"{'databases made to do harm':<60}{'rehearsal':<32}{'seconds':>8}{'peak MB':>9}"
            for end in self.ended:
                yield f"  {end.name:<58}{end.how:<32}{end.seconds:>8.1f}{end.megabytes:>9,}"
