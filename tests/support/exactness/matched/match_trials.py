"""Run over workspaces whose rows match, and compare with the oracle."""

from __future__ import annotations

from functools import partial

from tests.support.exactness.matched.drawn_matches import draw, planned, read, write
from tests.support.exactness.matched.match_oracle import numbered, predict
from tests.support.exactness.predicted_trial import DrawnKind, predicted_trial

match_trial = partial(predicted_trial, DrawnKind(draw, write, planned, predict, numbered, read))
