"""What effort costs (theory.md §3).

A cost is a function of the effort at one instant, as the list of arrays it acts through, and of the control's rest
value. To add one, subclass `Cost` and write `__call__` with jax.numpy.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from .errors import number
from .files.describe import Described
from .runtime import precision  # noqa: F401


class Cost(Described):
    """Cost of effort per unit of time, in units of the loss."""

    kind = "costs"

    def __call__(self, effort: list[Float[Array, "..."]], rest: Float[Array, ""]) -> Float[Array, ""]:
        """The cost of `effort` (arrays of any shape, taken together as one vector); zero at `rest`."""
        raise NotImplementedError


def _squared_distance(effort, rest):
    return sum(jnp.sum((e - rest) ** 2) for e in effort)


class Quadratic(Cost):
    """C = β‖g − r‖². **Arguments:** `beta` β ≥ 0."""

    beta: Float[Array, ""]

    def __init__(self, beta=1.0):
        self.beta = number(beta, "beta", "Quadratic", 0.0)

    def __call__(self, effort, rest):
        return self.beta * _squared_distance(effort, rest)


class Exponential(Cost):
    """C = exp(β‖g − r‖²) − 1. **Arguments:** `beta` β ≥ 0."""

    beta: Float[Array, ""]

    def __init__(self, beta=0.3):
        self.beta = number(beta, "beta", "Exponential", 0.0)

    def __call__(self, effort, rest):
        return jnp.expm1(self.beta * _squared_distance(effort, rest))


class NormDeviation(Cost):
    """C = β(‖g‖² − n)²/n, n the size of the effort: effort may move, its total may not. The rest value is ignored.

    **Arguments:** `beta` β ≥ 0.
    """

    beta: Float[Array, ""]

    def __init__(self, beta=1.0):
        self.beta = number(beta, "beta", "NormDeviation", 0.0)

    def __call__(self, effort, rest):
        size = sum(e.size for e in effort)
        return self.beta * (_squared_distance(effort, 0.0) - size) ** 2 / size
