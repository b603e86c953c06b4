"""Run over workspaces whose plans combine keys, and compare with the oracle."""

from __future__ import annotations

from functools import partial

from tests.support.exactness.combined.combination_oracle import numbered, predict
from tests.support.exactness.combined.drawn_combinations import draw, planned, read, write
from tests.support.exactness.predicted_trial import DrawnKind, predicted_trial

combination_trial = partial(predicted_trial, DrawnKind(draw, write, planned, predict, numbered, read))
