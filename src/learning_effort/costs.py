"""What effort costs (theory.md §3).

A cost is a function of the effort at one instant, as the list of arrays it acts through, and of the control's rest
value. To add one, subclass `Cost` and write `__call__` with jax.numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .errors import Given, Number, number
from .files.describe import Described
from .runtime import precision  # noqa: F401

#: Effort at one instant, as a cost takes it: arrays of any shape, taken together as one vector.
Arrays = Sequence[Float[Array | np.ndarray, "..."]]


class Cost(Described):
    """Cost of effort per unit of time, in units of the loss."""

    kind = "costs"

    def __call__(self, effort: Arrays, rest: Float[ArrayLike, ""]) -> Float[Array, ""]:
        """The cost of `effort`; zero at `rest`."""
        raise NotImplementedError


def _squared_distance(effort: Arrays, rest: Float[ArrayLike, ""]) -> Float[Array, ""]:
    """‖g − r‖², r one number for all."""
    return jnp.asarray(sum(jnp.sum((e - rest) ** 2) for e in effort))


class Quadratic(Cost):
    """C = β‖g − r‖². **Arguments:** `beta` β ≥ 0."""

    beta: Float[Array, ""]

    def __init__(self, beta: Number = 1.0):
        self.beta = number(beta, "beta", "Quadratic", 0.0)

    def __call__(self, effort: Arrays, rest: Float[ArrayLike, ""]) -> Float[Array, ""]:
        """β‖g − r‖²."""
        return self.beta * _squared_distance(effort, rest)


class Exponential(Cost):
    """C = exp(β‖g − r‖²) − 1. **Arguments:** `beta` β ≥ 0."""

    beta: Float[Array, ""]

    def __init__(self, beta: Number = 0.3):
        self.beta = number(beta, "beta", "Exponential", 0.0)

    def __call__(self, effort: Arrays, rest: Float[ArrayLike, ""]) -> Float[Array, ""]:
        """exp(β‖g − r‖²) − 1."""
        return jnp.expm1(self.beta * _squared_distance(effort, rest))


class NormDeviation(Cost):
    """C = β(‖g‖² − n)²/n, n the size of the effort: effort may move, its total may not. The rest value is ignored.

    **Arguments:** `beta` β ≥ 0.
    """

    beta: Float[Array, ""]

    def __init__(self, beta: Number = 1.0):
        self.beta = number(beta, "beta", "NormDeviation", 0.0)

    def __call__(self, effort: Arrays, rest: Float[ArrayLike, ""]) -> Float[Array, ""]:
        """β(‖g‖² − n)²/n; `rest` is ignored."""
        size = sum(e.size for e in effort)
        return self.beta * (_squared_distance(effort, 0.0) - size) ** 2 / size


def from_function(function: Callable[[Float[Array, " n"]], Float[Array, ""]]) -> Cost:
    """A cost of one's own from a plain function of the effort at one instant, all its numbers in one vector (n,), to a number.

    Write it with jax.numpy; it must have finite derivatives, at rest too. Controls take such a function as their `cost`. Files
    cannot describe it: subclass `Cost` for one that they can.
    """
    return _FromFunction(function)


class _FromFunction(Cost):
    """What `from_function` makes."""

    function: Callable = eqx.field(static=True)
    file_name = None

    def __call__(self, effort: Arrays, rest: Float[ArrayLike, ""]) -> Given[Float[Array, ""]]:
        """f of all numbers of effort; `rest` is the function's own affair."""
        return self.function(jnp.concatenate([jnp.ravel(e) for e in effort]))
