"""Give an observation for each outcome, and read the numbers of a message."""

from __future__ import annotations

import re
from dataclasses import replace

from sqlite_consolidate.observation import Observation, Outcome, not_examined, not_required

SEEN = Observation("subject", "expected", "observed", holds=True)
OBSERVATIONS = {
    Outcome.PASSED: SEEN,
    Outcome.FAILED: replace(SEEN, holds=False),
    Outcome.NOT_EXAMINED: not_examined("subject", "it is locked"),
    Outcome.NOT_REQUIRED: not_required("subject", "the plan demands none"),
}


def numbers_in(text: str) -> list[int]:
    """Return the whole numbers of a message, which a better sentence keeps."""
    return [int(number) for number in re.findall(r"\d+", text)]
