"""An optimum to the last digits, and the inverse of its curvature (theory.md §8.8).

The Hessian of −V over the numbers of effort that no bound holds is taken as a whole where they are few, and by products
otherwise. It must be positive definite: effort is not determined along a direction where it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from ..errors import LearningEffortError
from ..numerics.conjugate_gradients import NotDefinite, NotSolved, conjugate_gradients
from ..numerics.vectors import raveled, unraveled
from ..problem.box import at_bounds, held, scaled_residual
from ..problem.effort import Effort
from ..problem.metric import metric
from ..problem.problem import Problem
from ..results.certificate import FLAT
from .curvature import smallest_curvature

#: The Hessian is taken as a whole where so many numbers of effort are free, at most.
DENSE = 1000
#: Conjugate gradients go on to this residual, for so many products at most.
TOLERANCE, PRODUCTS = 1e-11, 1000
#: Newton steps go on to the first scaled residual; an effort that they leave above the second is no optimum.
FINISHED, STATIONARY = 1e-9, 1e-6
#: So many Newton steps at most.
STEPS = 5
#: A multiplier below this share of the largest does not hold a number at its bound in earnest.
WEAK = 1e-8

#: All numbers of an effort as one vector, and which of them.
Numbers = Float[np.ndarray, " n"]
Which = Bool[np.ndarray, " n"]


class Optimum(NamedTuple):
    """An effort at which V is stationary, and a strict local maximum.

    `effort`; its numbers `below` and `above`, which the lower and the upper bound hold; `weak`, those at a bound that hardly
    holds them, which are free; `inverse`, (−∂²V/∂x²)⁻¹ over the free numbers, on vectors (n,) that are zero elsewhere.
    """

    effort: Effort
    below: Which
    above: Which
    weak: Which
    inverse: Callable[[Numbers], Numbers]


def finished(problem: Problem, effort: Effort) -> Optimum:
    """The optimum at which `effort` is, or nearly is, by Newton steps within the box.

    **Raises:** `LearningEffortError` if it is none: the residual does not vanish, or it is a saddle or flat.
    """
    scale = metric(problem)
    units = raveled(scale)
    effort = problem.check_effort(effort)
    lower, upper = (raveled(bound) for bound in problem.bounds())
    residual, gradient = _residual(problem, effort, scale)
    for _ in range(STEPS):
        if residual <= FINISHED:
            break
        below, above = (raveled(which) for which in held(problem, effort, gradient))
        try:
            inverse = inverse_curvature(problem, effort, ~(below | above), units)
        except LearningEffortError:
            if residual <= STATIONARY:
                raise
            break
        moved = np.clip(raveled(effort) + inverse(raveled(gradient) * ~(below | above)), lower, upper)
        tried = problem.check_effort(unraveled(moved, effort))
        after, slope = _residual(problem, tried, scale)
        if not after < residual:
            break
        effort, residual, gradient = tried, after, slope
    if not residual <= STATIONARY:
        raise LearningEffortError(
            f"The solution is not at an optimum: its scaled residual is {residual:.1e}, after Newton steps too, where at most "
            f"{STATIONARY:.0e} will do. Solve it further, as with le.solve(problem, init=solution)."
        )
    below, above = (raveled(which) for which in held(problem, effort, gradient))
    multipliers = np.abs(raveled(gradient)) / units
    largest = multipliers[below | above].max(initial=0.0)
    at = np.logical_or(*(raveled(which) for which in at_bounds(problem, effort)))
    weak = at & (multipliers <= max(WEAK * largest, FINISHED))
    below, above = below & ~weak, above & ~weak
    return Optimum(effort, below, above, weak, inverse_curvature(problem, effort, ~(below | above), units))


def _residual(problem: Problem, effort: Effort, scale: Effort) -> tuple[float, Effort]:
    """The scaled residual of an effort, and ∂V/∂effort."""
    _, gradient = problem.value_and_gradient(effort)
    return float(scaled_residual(problem, effort, gradient, scale)), gradient


def inverse_curvature(problem: Problem, effort: Effort, free: Which, units: Numbers) -> Callable[[Numbers], Numbers]:
    """(−∂²V/∂x²)⁻¹ over the `free` numbers of effort, as a function of vectors (n,): zero for those that are not free.

    **Arguments:** `units` (n,), the metric D.

    **Raises:** `LearningEffortError` if it is not positive definite.
    """
    places = np.flatnonzero(free)
    if not places.size:
        return np.zeros_like
    solved = _whole(problem, effort, places, units) if places.size <= DENSE else _by_products(problem, effort, free, units)

    def inverse(right: Numbers) -> Numbers:
        found = np.zeros_like(right)
        found[places] = solved(right[places])
        return found

    return inverse


def _whole(problem: Problem, effort: Effort, places: Int[np.ndarray, " f"], units: Numbers) -> Callable[..., np.ndarray]:
    """The same on the free numbers alone, which are at `places`, by a Cholesky factor."""
    columns = np.resize(places, min(units.size, DENSE))  # always as many, so that it is compiled once
    hessian = np.asarray(_columns(problem, effort, jnp.asarray(columns)))[: places.size, places]
    root = 1 / np.sqrt(units[places])
    scaled = root[:, None] * (hessian + hessian.T) / 2 * root
    if not np.isfinite(scaled).all():
        raise LearningEffortError("The curvature of V is not finite at this effort, so how it moves is not known.")
    _require_definite(problem, places, float(scipy.linalg.eigvalsh(scaled, subset_by_index=[0, 0])[0]))
    factor = scipy.linalg.cho_factor(scaled)
    return lambda right: root * scipy.linalg.cho_solve(factor, root * right)


def _by_products(problem: Problem, effort: Effort, free: Which, units: Numbers) -> Callable[..., np.ndarray]:
    """The same by conjugate gradients."""
    places = np.flatnonzero(free)
    smallest = smallest_curvature(problem, effort, scale=unraveled(units, effort)).smallest
    _require_definite(problem, places, 0.0 if smallest is None else smallest)

    def product(x: Numbers) -> Numbers:
        along = np.zeros_like(units)
        along[places] = x
        return np.asarray(_product(problem, effort, jnp.asarray(along)))[places]

    def solved(right: Numbers) -> Numbers:
        try:
            return conjugate_gradients(product, right, units[places], TOLERANCE, PRODUCTS)
        except NotDefinite:
            _require_definite(problem, places, -np.inf)
            raise
        except NotSolved as why:
            raise LearningEffortError(f"How the effort moves is not known to enough digits: {why}.") from None

    return solved


def _require_definite(problem: Problem, places: Int[np.ndarray, " f"], smallest: float) -> None:
    """**Raises:** `LearningEffortError` if the `smallest` curvature over the numbers at `places` is not positive."""
    if smallest > FLAT:
        return
    if smallest < -FLAT:
        raise LearningEffortError(
            "The solution is a saddle: there is a direction in which value rises, so it does not move as an optimum does. "
            "Solve from other starts, as with le.solve(problem, starts=5)."
        )
    owners = unraveled(np.isin(np.arange(problem.space.size), places), problem.neutral_effort())
    free = [c for c in problem.controls if any(leaf.any() for leaf in jax.tree.leaves(owners[c.name]))]
    unpaid = " and ".join(repr(c.name) for c in free if c.cost is None or not np.any(getattr(c.cost, "beta", 1.0)))
    why = f" The effort of {unpaid} costs nothing: give it a cost." if unpaid else ""
    raise LearningEffortError(
        f"The solution has flat directions: the smallest curvature of −V is {smallest:.1g}, in units of the cost's own, so "
        f"effort is not determined there.{why}"
    )


@eqx.filter_jit
def _product(problem: Problem, effort: Effort, along: Float[Array, " n"]) -> Float[Array, " n"]:
    """The Hessian of −V times a vector."""
    unravel = ravel_pytree(effort)[1]
    bend = jax.jvp(lambda e: problem.value_and_gradient(e)[1], (effort,), (unravel(along),))[1]
    return -ravel_pytree(bend)[0]


@eqx.filter_jit
def _columns(problem: Problem, effort: Effort, places: Int[Array, " f"]) -> Float[Array, "f n"]:
    """Columns of the Hessian of −V."""
    size = ravel_pytree(effort)[0].size

    def column(place):
        return _product(problem, effort, jnp.zeros(size).at[place].set(1.0))

    return jax.lax.map(column, places, batch_size=64)
