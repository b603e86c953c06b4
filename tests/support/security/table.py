"""The security table: what hostile was tried, what was looked for, and what was found; as the tests have seen it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator


@dataclass(frozen=True)
class Looked:
    """One thing that must not have happened.

    Attributes:
        through: Number of things that were looked through, and what they are: ``"31 files"``.
        found: What of it happened all the same.
    """

    what: str
    through: str
    found: list[str]


@dataclass(frozen=True)
class Ended:
    """How the run on a database that was made to do harm came to its end.

    Attributes:
        how: ``moved``, or ``refused`` and the id of the message.
        seconds: Of the whole rehearsal.
        megabytes: The most memory that any process had had until then.
    """

    what: str
    how: str
    seconds: float
    megabytes: int


@dataclass
class Table:
    """What has been seen so far.

    Attributes:
        names: Kind of attack to the number of names that arrived in the target.
        values: Likewise, of values.
    """

    names: Counter[str] | None = None
    values: Counter[str] | None = None
    looked: list[Looked] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """Yield the table as it is printed; what was not tried has no line."""
        if self.names and self.values:
            yield f"{'hostile':<12}{'names':>8}{'values':>8}   arrived as they were"
            for kind in self.values:
                yield f"  {kind:<10}{self.names[kind]:>8,}{self.values[kind]:>8,}"
            total = self.names.total(), self.values.total()
            yield f"  {'together':<10}{total[0]:>8,}{total[1]:>8,}"
        if self.looked:
            yield ""
            yield f"{'looked for':<36}{'through':<28}found"
            for one in self.looked:
                yield f"  {one.what:<34}{one.through:<28}{'; '.join(map(ascii, one.found)) or 'nothing'}"
        if self.ended:
            yield ""
            yield f"{'databases made to do harm':<60}{'rehearsal':<32}{'seconds':>8}{'peak MB':>9}"
            for end in self.ended:
                yield f"  {end.what:<58}{end.how:<32}{end.seconds:>8.1f}{end.megabytes:>9,}"
