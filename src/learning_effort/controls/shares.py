"""Shares that may be pure: the proportions of a mixture or a blend, any of them zero."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import costs as cost_functions
from ..errors import Given, Varied
from ..learners.base import Learner
from ..learners.ports import PROPORTIONS
from .base import Control


class Shares(Control):
    """What the learner is given to learn: p = s/Σs, s in [0, 1] (theory.md §3.3). Effort "shares": s (K, parts).

    Unlike softmax it reaches every corner of the simplex. Only the ratios of s matter: p is what is meant, and value is flat
    along s itself.

    **Arguments:** those of `Control`; s starts at the task's own proportions.
    """

    port = PROPORTIONS
    default_name = "shares"

    def __init__(
        self,
        bounds: Given[tuple[Varied, Varied]] = (0, 1),
        rest: Varied = 0.0,
        cost: Given[cost_functions.Cost | None] = None,
        knots: Given[int | None] = None,
        interpolation: Given[str] = "hold",
        start: Any = None,
        name: Given[str | None] = None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)

    def signal(self, parameters: Float[Array, " parts"], learner: Learner) -> Float[Array, " parts"]:
        """p = s/Σs; even, where all are zero."""
        total = parameters.sum()
        even = jnp.full_like(parameters, 1 / parameters.size)
        return jnp.where(total > 0, parameters / jnp.where(total > 0, total, 1.0), even)

    def effort_arrays(self, parameters: Float[Array, " parts"], learner: Learner) -> list[Float[Array, " parts"]]:
        """p: what is given is what costs."""
        return [self.signal(parameters, learner)]
