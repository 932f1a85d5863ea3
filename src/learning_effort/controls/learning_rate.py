"""How fast to learn."""

from __future__ import annotations

from typing import Any

from .. import costs as cost_functions
from ..errors import Given, Varied
from ..learners.ports import RATE
from .base import Control


class LearningRate(Control):
    """The speed of learning: f is multiplied by 1 + u (paper §4). Effort "learning_rate": (K,).

    **Arguments:** those of `Control`; u starts at 0 wherever it rests.
    """

    port = RATE
    default_name = "learning_rate"

    def __init__(
        self,
        bounds: Given[tuple[Varied, Varied]] = (-1, 1),
        rest: Varied = 0.0,
        cost: Given[cost_functions.Cost | None] = cost_functions.Quadratic(1.0),
        knots: Given[int | None] = None,
        interpolation: Given[str] = "hold",
        start: Any = None,
        name: Given[str | None] = None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)
