"""Effort and its box: what is at a bound, what the gradient holds there, and how far effort is from stationary.

theory.md §4.
"""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from ..runtime.arrays import computing
from .effort import Effort
from .problem import Problem

#: Numbers of effort.
Numbers = Float[Array | np.ndarray, "..."]
#: How near to a bound, as a share of the box (of one, where it is infinite), an effort counts as being at it.
NEAR = 1e-9


def free(x: Numbers, slope: Numbers, lower: Numbers, upper: Numbers) -> Bool[Array | np.ndarray, "..."]:
    """Which numbers no bound holds, `slope` being what they rise along: inside the box, or at a bound and moving off it."""
    return ~(((x <= lower) & (slope < 0)) | ((x >= upper) & (slope > 0)))


def at_bounds(problem: Problem, effort: Effort) -> tuple[Effort, Effort]:
    """Which numbers of effort are at the lower and at the upper bound, to `NEAR`, in effort's tree."""
    effort, lower, upper = jax.tree.map(np.asarray, (effort, *problem.bounds()))

    def reached(distance, low, high):
        return np.isfinite(distance) & (distance <= NEAR * np.where(np.isfinite(high - low), high - low, 1.0))

    at_lower = jax.tree.map(lambda e, low, high: reached(e - low, low, high), effort, lower, upper)
    at_upper = jax.tree.map(lambda e, low, high: reached(high - e, low, high), effort, lower, upper)
    return at_lower, at_upper


def held(problem: Problem, effort: Effort, gradient: Effort) -> tuple[Effort, Effort]:
    """Which numbers of effort the gradient of V holds at the lower and at the upper bound, in effort's tree."""
    at_lower, at_upper = at_bounds(problem, effort)
    gradient = jax.tree.map(np.asarray, gradient)
    held_below = jax.tree.map(lambda at, d: at & (d < 0), at_lower, gradient)
    return held_below, jax.tree.map(lambda at, d: at & (d > 0), at_upper, gradient)


def share_at_bounds(problem: Problem, effort: Effort) -> float:
    """The share of effort's numbers that are at a bound."""
    at = jax.tree.leaves(jax.tree.map(np.logical_or, *at_bounds(problem, problem.check_effort(effort))))
    return float(sum(a.sum() for a in at) / sum(a.size for a in at))


def scaled_residual(problem: Problem, effort: Effort, gradient: Effort, scale: Effort) -> Float[Array | np.ndarray, ""]:
    """max |P[g + D⁻¹∂V/∂g] − g|, P the projection on the box; `scale` is D. In units of effort."""

    def residual(*leaves):
        xp, (g, d, m, low, high) = computing(*leaves)
        return xp.abs(xp.clip(g + d / m, low, high) - g).max()

    largest = jax.tree.leaves(jax.tree.map(residual, effort, gradient, scale, *problem.bounds()))
    xp, largest = computing(*largest)
    return xp.asarray(xp.stack(largest).max())
