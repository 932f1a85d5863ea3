"""The Hamiltonian along a path: a check of optimality that needs no solver (mathematics.md §4).

With the current-value costate μ, H = v + μ·F, F = dw/dt. In the flow limit along an optimum of an autonomous problem
dH/dt = ρμ·F, so H − ∫ρμ·F dt is constant. On the learner's finite steps, and between knots, it is so to first order in
Δt and in the spacing of the knots.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp

from . import dynamics
from .horizon import Steps
from .learners.base import GradientLearner
from .problem import Effort, Problem

#: Controls with fewer knots than this are too coarse for the Hamiltonian to say anything.
FINE = 50


def applies(problem: Problem) -> bool:
    """Whether the problem is autonomous, follows a gradient, step by step, and its controls are fine in time."""
    learner = problem.learner
    judged = [task for task in (getattr(learner, "task", None), getattr(learner, "evaluation", None)) if task is not None]
    return (
        isinstance(problem.horizon, Steps)
        and isinstance(learner, GradientLearner)
        and all(task.is_stationary for task in judged)
        and all(c.static or problem.knots(c) >= min(FINE, problem.horizon.length) for c in problem.controls)
    )


def hamiltonian_variation(problem: Problem, effort: Effort) -> float | None:
    """The range of H − ∫ρμ·F dt over the horizon, as a share of the largest |v|; None where it says nothing."""
    if not applies(problem):
        return None
    invariant, reward = _along(problem, problem.check_effort(effort))
    return float((invariant.max() - invariant.min()) / jnp.abs(reward).max())


@eqx.filter_jit
def _along(problem: Problem, effort):
    """H − ∫ρμ·F dt and v, both (N,)."""
    unrolled = dynamics.unroll(problem, effort)
    step = problem.learner.step_size
    worth = problem.discount ** (jnp.arange(problem.horizon.length) * step)
    # μ·F with the costate after the step, as the step's own controls see it; after the last there is none.
    earned = jax.tree.map(_earned, dynamics.costates(problem, effort), unrolled.states)
    power = jnp.append(sum(jax.tree.leaves(earned)), 0.0) / (step * worth)
    reward = -problem.reward_scale * unrolled.losses - unrolled.costs
    grown = -jnp.log(problem.discount) * step * (jnp.cumsum(power) - (power + power[0]) / 2)  # by trapezoids
    return reward + power - grown, reward


def _earned(costates, states):
    """p_{k+1}·(w_{k+1} − w_k), at all steps but the last."""
    return jnp.sum((costates[1:] * jnp.diff(states, axis=0)).reshape(len(states) - 1, -1), axis=1)
