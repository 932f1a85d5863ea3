"""Where learning starts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..costs import Cost
from ..errors import Given, Varied
from ..learners.ports import INITIAL_WEIGHTS
from .base import Control


class InitialWeights(Control):
    """Where learning starts: one value, not a signal in time (paper §4, MAML). Effort "initial_weights": the weights.

    **Arguments:** `cost`, constant in time (½β‖w₀‖² is `Quadratic(β/2)`); `bounds`, `rest`, `start`, `name` as for `Control`.
    """

    port = INITIAL_WEIGHTS
    default_name = "initial_weights"
    static = True

    def __init__(
        self,
        cost: Given[Cost | None] = None,
        bounds: Given[tuple[Varied, Varied]] = (-np.inf, np.inf),
        rest: Varied = 0.0,
        start: Any = None,
        name: Given[str | None] = None,
    ):
        self._keep(bounds, rest, cost, start=start, name=name)
