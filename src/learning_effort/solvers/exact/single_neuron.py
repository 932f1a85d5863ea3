"""The single neuron: the exact optimum by dynamic programming at the learner's own steps (theory.md §4).

The state is one weight, so the best value from every weight on follows backwards (Bellman 1957):

    U_N = 0,   U_k(w) = max over g of  Δt·v(w, g) + γ^Δt · U_{k+1}(w + (Δt/τ) f(w, g))

U is a cubic spline on an even grid of weights that holds everything effort can reach. The maximum is first sought on a
grid over the whole box, so it is global, and then sharpened by Newton's method between its neighbours.

Weakness: where the best gain jumps from one branch to another, U has a kink that the spline rounds off within a few
grid points. Dynamic programming for two or more weights is out of reach: the grid grows as a power of their number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...controls.gain import Gain
from ...errors import LearningEffortError
from ...learners.linear import LinearNetwork
from ...numerics.interpolation import hermite
from ...problem.problem import Problem
from .policy import Policy

#: Steps of Newton's method at each weight and step.
NEWTON = 6


def why_not(problem: Problem) -> str | None:
    """Why dynamic programming is not for a problem whose control is a gain; None if it is."""
    learner, control = problem.learner, problem.controls[0]
    if not isinstance(learner, LinearNetwork) or [w.shape for w in learner.initial_weights] != [(1, 1)]:
        return (
            "under gain it is for a single neuron only: a LinearNetwork with hidden=(), one input and one output, "
            "so that the state is one number"
        )
    if not learner.is_stationary:
        return "its task changes during learning"
    if learner.is_set:
        return "it learns a set of tasks; the exact solution is for a single one"
    if not control.constant:
        return "its bounds, its rest or its cost vary in time or by element; the exact solution is for constant ones"
    if cast(Gain, control).basis is not None:
        return "its gain has a basis of its own; a single weight needs none (basis=None)"
    if problem.knots(control) != problem.horizon.length or control.interpolation != "hold":
        return "its gain has knots, or is interpolated; dynamic programming chooses one value a step (knots=None)"
    if not np.isfinite([float(control.lower), float(control.upper)]).all():
        return "its gain is not bounded; the search for the best gain needs a finite box"
    return None


def policy(problem: Problem, weights: int, gains: int, starts: tuple[float, float] | None = None) -> Policy:
    """The best gain at every step and weight.

    **Arguments:** `problem`; the numbers of grid `weights` and of `gains` in the global search; `starts`, the initial
    weights that the policy is to hold for (None: a neighbourhood of what effort can reach from the problem's own).
    """
    start = float(cast(LinearNetwork, problem.learner).initial_weights[0].squeeze())
    if starts is None:
        low, high = reach(problem, start, start, gains)
        around = max((high - low) / 2, 0.1)
        starts = (low - around, high + around)
    low, high = reach(problem, *starts, gains)
    margin = 0.02 * (high - low)
    grid = np.linspace(low - margin, high + margin, weights)
    if not np.isfinite(grid).all():
        raise LearningEffortError(
            f"The weights that effort can reach from {starts} are not finite: learning diverges at some gains of the box. "
            "Try a smaller learning_rate, or a smaller box."
        )
    value, gain = _programme(problem, jnp.asarray(grid), gains)
    times = np.arange(problem.horizon.length) * float(problem.learner.step_size)
    return Policy(grid, times, np.asarray(gain), np.asarray(value), (float(starts[0]), float(starts[1])), problem)


def reach(problem: Problem, low: float, high: float, gains: int) -> tuple[float, float]:
    """The interval of weights that some effort reaches within the horizon from initial weights in [low, high]."""
    lowest, highest = _reach(problem, jnp.asarray(float(low)), jnp.asarray(float(high)), gains)
    return float(lowest), float(highest)


def _neuron(problem: Problem) -> tuple[Callable[[Any, Any, Any], Any], Callable[[Any, Any, Any], Any]]:
    """Next weight and instant reward of a single neuron: functions of the numbers (k, w, g)."""
    learner, control = problem.learner.prepared(), problem.controls[0]

    def signals(g):
        return {control.port: (jnp.full((1, 1), g),)}

    def following(k, w, g):
        return learner.step([jnp.full((1, 1), w)], k, signals(g))[0].squeeze()

    def reward(k, w, g):
        loss = learner.loss([jnp.full((1, 1), w)], k, signals(g))
        parameters = jax.tree.map(lambda p: jnp.full(p.shape, g), control.start_parameters(learner))
        return problem.objective.reward(loss, control.cost_of(parameters, learner))

    return following, reward


@eqx.filter_jit
def _reach(
    problem: Problem, low: Float[Array, ""], high: Float[Array, ""], gains: int
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The lowest and the highest weight that is reached, with so many `gains` of the box tried at every step."""
    following, _ = _neuron(problem)
    control = problem.controls[0]
    tried = jnp.linspace(control.lower, control.upper, gains)

    def body(interval, k):
        lowest, highest = interval
        after = jax.vmap(lambda w: jax.vmap(lambda g: following(k, w, g))(tried))(jnp.linspace(lowest, highest, 9))
        return (jnp.minimum(lowest, after.min()), jnp.maximum(highest, after.max())), None

    return jax.lax.scan(body, (low, high), jnp.arange(problem.horizon.length))[0]


@eqx.filter_jit
def _programme(
    problem: Problem, grid: Float[Array, " W"], gains: int
) -> tuple[Float[Array, " W"], Float[Array, "N W"]]:
    """U_0 (W,) and the best gains (N, W)."""
    following, reward = _neuron(problem)
    control, step = problem.controls[0], problem.learner.step_size
    tried = jnp.linspace(control.lower, control.upper, gains)
    worth = problem.discount**step
    slopes = _spline_slopes(grid.size)

    def back(value, k):
        rise = slopes @ value

        def worth_of(w, g):
            return step * reward(k, w, g) + worth * _spline(grid, value, rise, following(k, w, g))

        def best(w):
            first = jnp.argmax(jax.vmap(lambda g: worth_of(w, g))(tried))
            low, high = tried[jnp.maximum(first - 1, 0)], tried[jnp.minimum(first + 1, gains - 1)]
            slope = jax.grad(worth_of, argnums=1)

            def sharpen(_, g):
                bend = jax.grad(slope, argnums=1)(w, g)
                return jnp.clip(jnp.where(bend < 0, g - slope(w, g) / bend, g), low, high)

            sharp = jax.lax.fori_loop(0, NEWTON, sharpen, tried[first])
            options = jnp.stack([tried[first], sharp])
            values = jax.vmap(lambda g: worth_of(w, g))(options)
            # To rounding they are often equal; the one that Newton's method found is then the sharper.
            better = jnp.where(values[1] >= values[0] - 1e-15 * jnp.abs(values[0]), 1, 0)
            return values[better], options[better]

        return jax.vmap(best)(grid)

    def body(value, k):
        value, gain = back(value, k)
        return value, gain

    return jax.lax.scan(body, jnp.zeros_like(grid), jnp.arange(problem.horizon.length), reverse=True)


def _spline_slopes(size: int) -> Float[Array, "{size} {size}"]:
    """The matrix from values on an even grid to the slopes there (times the spacing) of the not-a-knot cubic spline."""
    from scipy.interpolate import CubicSpline

    return jnp.asarray(CubicSpline(np.arange(size), np.eye(size))(np.arange(size), 1))


def _spline(
    grid: Float[Array, " W"], value: Float[Array, " W"], rise: Float[Array, " W"], w: Float[Array, ""]
) -> Float[Array, ""]:
    """The spline at one weight; beyond the grid, its end pieces continue."""
    position = (w - grid[0]) / (grid[1] - grid[0])
    place = jnp.clip(jax.lax.stop_gradient(position).astype(int), 0, grid.size - 2)
    x = position - place
    low, high, first, last = value[place], value[place + 1], rise[place], rise[place + 1]
    return hermite(x, low, high, first, last)
