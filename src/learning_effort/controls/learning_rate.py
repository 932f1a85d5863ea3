"""How fast to learn."""

from __future__ import annotations

from .. import costs as cost_functions
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
        bounds=(-1, 1),
        rest=0.0,
        cost=cost_functions.Quadratic(1.0),
        knots=None,
        interpolation="hold",
        start=None,
        name=None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)
