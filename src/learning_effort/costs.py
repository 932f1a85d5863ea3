"""What effort costs (theory.md §3).

A cost is a function of the effort at one instant, as the list of arrays it acts through, and of the control's rest
value. To add one, subclass `Cost` and write `__call__` with jax.numpy.

β may vary in time, by layer or by element: it is then given as an array, or a list of them, as bounds are (controls/base).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PyTree

from .errors import Given, LearningEffortError, Varied, shown, varied
from .files.describe import Described
from .runtime import precision  # noqa: F401
from .runtime.modules import replaced

#: Effort at one instant, as a cost takes it: arrays of any shape, taken together as one vector.
Arrays = Sequence[Float[Array | np.ndarray, "..."]]
#: One number for all arrays; or a list with one for each, a number or an array that broadcasts with it.
ForEach = Float[ArrayLike, "..."] | Sequence[Float[ArrayLike, "..."]]


class Cost(Described):
    """Cost of effort per unit of time, in units of the loss."""

    kind = "costs"

    def __call__(self, effort: Arrays, rest: ForEach) -> Float[Array, ""]:
        """The cost of `effort`; zero at `rest`, which is one number unless the control's rest varies by element: then a list
        with one array for each of effort's."""
        raise NotImplementedError

    def fitted(self, fit: Callable[[Any, bool], Any]) -> Cost:
        """The same cost, its numbers that may vary read by `fit(number, by element)`; none, unless a cost says other."""
        return self


class _OfBeta(Cost):
    """A cost with a β that may vary; by element too, if `by_element`."""

    by_element: ClassVar[bool] = True
    beta: PyTree[Float[Array, "..."]]

    def fitted(self, fit: Callable[[Any, bool], Any]) -> Cost:
        """The same cost, its β read by `fit`."""
        beta = fit(self.beta, self.by_element)
        return self if beta is self.beta else replaced(self, beta=beta)


def _for_each(value: ForEach, effort: Arrays) -> Sequence[Any]:
    """What is said of each array of effort. **Raises:** `LearningEffortError` if it is a list of another length."""
    if not isinstance(value, Sequence):
        return [value] * len(effort)
    if len(value) != len(effort):
        raise LearningEffortError(f"A cost of {len(effort)} arrays of effort has a list of {len(value)} numbers for them.")
    return value


def _squared_distance(effort: Arrays, rest: ForEach) -> Float[Array, ""]:
    """‖g − r‖²."""
    return jnp.asarray(sum(jnp.sum((e - r) ** 2) for e, r in zip(effort, _for_each(rest, effort), strict=True)))


def _weighed(beta: ForEach, effort: Arrays, rest: ForEach) -> Float[Array, ""]:
    """Σ β(g − r)²."""
    if not isinstance(beta, Sequence) and np.ndim(beta) == 0:
        return jnp.asarray(beta) * _squared_distance(effort, rest)
    each = zip(_for_each(beta, effort), effort, _for_each(rest, effort), strict=True)
    return jnp.asarray(sum(jnp.sum(b * (e - r) ** 2) for b, e, r in each))


class Quadratic(_OfBeta):
    """C = β‖g − r‖². **Arguments:** `beta` β ≥ 0; where it varies by element, C = Σ β_i(g_i − r_i)²."""

    def __init__(self, beta: Varied = 1.0):
        self.beta = varied(beta, "beta", "Quadratic", 0.0)

    def __call__(self, effort: Arrays, rest: ForEach) -> Float[Array, ""]:
        """β‖g − r‖²."""
        return _weighed(self.beta, effort, rest)


class Exponential(_OfBeta):
    """C = exp(β‖g − r‖²) − 1. **Arguments:** `beta` β ≥ 0; where it varies by element, C = exp(Σ β_i(g_i − r_i)²) − 1."""

    def __init__(self, beta: Varied = 0.3):
        self.beta = varied(beta, "beta", "Exponential", 0.0)

    def __call__(self, effort: Arrays, rest: ForEach) -> Float[Array, ""]:
        """exp(β‖g − r‖²) − 1."""
        return jnp.expm1(_weighed(self.beta, effort, rest))


class Linear(_OfBeta):
    """C = β Σ(g − r): a price β for every unit of effort; where it varies by element, C = Σ β_i(g_i − r_i). It is
    negative below rest, so let rest be the lower bound. **Arguments:** `beta` β ≥ 0.
    """

    def __init__(self, beta: Varied = 1.0):
        self.beta = varied(beta, "beta", "Linear", 0.0)

    def __call__(self, effort: Arrays, rest: ForEach) -> Float[Array, ""]:
        """β Σ(g − r)."""
        each = zip(_for_each(self.beta, effort), effort, _for_each(rest, effort), strict=True)
        return jnp.asarray(sum(jnp.sum(b * (e - r)) for b, e, r in each))


class NormDeviation(_OfBeta):
    """C = β(‖g‖² − n)²/n, n the size of the effort: effort may move, its total may not. The rest value is ignored.

    **Arguments:** `beta` β ≥ 0, which may vary in time.
    """

    by_element = False

    def __init__(self, beta: Varied = 1.0):
        self.beta = varied(beta, "beta", "NormDeviation", 0.0)

    def __call__(self, effort: Arrays, rest: ForEach) -> Float[Array, ""]:
        """β(‖g‖² − n)²/n; `rest` is ignored."""
        size = sum(e.size for e in effort)
        return self.beta * (_squared_distance(effort, 0.0) - size) ** 2 / size


def from_function(function: Callable[[Float[Array, " n"]], Float[Array, ""]]) -> Cost:
    """A cost of one's own from a plain function of the effort at one instant, all its numbers in one vector (n,), to a number.

    Write it with jax.numpy; it must have finite derivatives, at rest too. Controls take such a function as their `cost`. Files
    cannot describe it: subclass `Cost` for one that they can.

    **Raises:** `LearningEffortError` for what cannot be called.
    """
    if not callable(function):
        raise LearningEffortError(f"The 'function' of from_function must be a function of effort. Got {shown(function)}.")
    return _FromFunction(function)


class _FromFunction(Cost):
    """What `from_function` makes."""

    function: Callable = eqx.field(static=True)
    file_name = None

    def __call__(self, effort: Arrays, rest: ForEach) -> Given[Float[Array, ""]]:
        """f of all numbers of effort; `rest` is the function's own affair."""
        return self.function(jnp.concatenate([jnp.ravel(e) for e in effort]))
