"""The Hamiltonian along a path: a check of optimality that needs no solver (theory.md §4).

With the current-value costate μ, H = v + μ·F, F = dw/dt. In the flow limit along an optimum of an autonomous problem
dH/dt = ρμ·F, so H − ∫ρμ·F dt is constant. On the learner's finite steps, and between knots, it is so to first order in
Δt and in the spacing of the knots.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..learners.base import GradientLearner
from ..problem import unrolled
from ..problem.effort import Effort
from ..problem.problem import Problem

#: Controls with fewer knots than this are too coarse for the Hamiltonian to say anything.
FINE = 50


def why_not(problem: Problem) -> str | None:
    """Why the Hamiltonian says nothing about `problem`: it must be autonomous, follow a gradient, and its controls be fine in
    time. None if it does."""
    if not isinstance(problem.learner, GradientLearner):
        return f"{type(problem.learner).__name__} does not follow a gradient step by step"
    if not problem.learner.is_stationary:
        return "what is learned or judged changes during learning"
    if problem.budget:
        return "a budget links all moments"
    finest = min(FINE, problem.horizon.length)
    coarse = [f"'{c.name}' has {problem.knots(c)}" for c in problem.space.varying if problem.knots(c) < finest]
    return f"controls have fewer than {finest} values in time: {', '.join(coarse)}" if coarse else None


def hamiltonian_variation(problem: Problem, effort: Effort) -> float | None:
    """The range of H − ∫ρμ·F dt over the horizon, as a share of the largest |v|; None where it says nothing.

    Where the end is worth something of its own, over the updates, and as a share of the largest |v| or |μ·F|.
    """
    if why_not(problem) is not None:
        return None
    invariant, reward, power = _along(problem, problem.check_effort(effort))
    largest = jnp.abs(reward).max()
    if float(problem.terminal_scale) > 0:  # the last state is worth something, but no power follows it
        invariant, largest = invariant[:-1], jnp.maximum(largest, jnp.abs(power).max())
    return float((invariant.max() - invariant.min()) / largest)


@eqx.filter_jit
def _along(problem: Problem, effort: Effort) -> tuple[Float[Array, " N"], Float[Array, " N"], Float[Array, " N"]]:
    """H − ∫ρμ·F dt, v and μ·F, all (N,)."""
    learned = unrolled.unroll(problem.space, problem.objective, effort)
    step = problem.learner.step_size
    worth = problem.discount ** (jnp.arange(problem.horizon.length) * step)
    costates = unrolled.costates(problem.space, problem.objective, effort)
    # μ·F with the costate after the step, as the step's own controls see it; after the last there is none.
    earned = jax.tree.map(_earned, costates, learned.states)
    power = jnp.append(sum(jax.tree.leaves(earned)), 0.0) / (step * worth)
    reward = problem.objective.reward(learned.losses, learned.costs)
    grown = -jnp.log(problem.discount) * step * (jnp.cumsum(power) - (power + power[0]) / 2)  # by trapezoids
    return reward + power - grown, reward, power


def _earned(costates: Float[Array, "N *W"], states: Float[Array, "N *W"]) -> Float[Array, " N-1"]:
    """p_{k+1}·(w_{k+1} − w_k), at all steps but the last."""
    return jnp.sum((costates[1:] * jnp.diff(states, axis=0)).reshape(len(states) - 1, -1), axis=1)
