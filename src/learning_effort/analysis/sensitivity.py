"""What an optimum is worth if the problem's numbers change a little: the envelope theorem (theory.md §8.6).

At an optimum a small change of effort changes nothing, so the derivative of the best value with respect to a number
of the problem is the partial derivative of V with effort held fixed. For a bound it is the multiplier: the gradient
of V summed over the numbers held there.
"""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import Given, LearningEffortError, instance
from ..problem.box import held
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.solution import Solution
from ..solvers.budgets import priced
from .numbers import named_numbers


def sensitivities(solution: Given[Solution]) -> dict[str, float | Float[np.ndarray, "..."]]:
    """dV/d(number) at the optimum, for every number of the problem.

    **Arguments:** `solution`, converged: the further from an optimum, the less the derivatives are those of the best
    value (they remain the partial derivatives with effort held fixed).

    **Returns:** a dict from names in words, such as "discount", "reward_scale", "learner.weight_decay",
    "learner.initial_weights.0", "learner.task.mean", "controls.gain.cost.beta" or "controls.gain.upper", to a float, or
    an array of the number's own shape. The learning rate Δt is also the length of a step: its derivative is at a fixed
    number of steps. A control's start has none.

    **Raises:** `LearningEffortError` if the solution has no problem (bind one with `le.load(path, problem=…)`).
    """
    problem = instance(solution, Solution, "solution", "sensitivities").problem
    if problem is None:
        raise LearningEffortError("This solution has no problem to differentiate. Bind it with le.load(path, problem=…).")
    problem = priced(problem, solution.certificate.budgets)
    effort = problem.check_effort(solution.effort)
    slopes = eqx.apply_updates(_slopes(problem, effort), _bounds(problem, effort))
    found = named_numbers(slopes, problem)
    return {name: float(slope) if slope.ndim == 0 else np.asarray(slope) for name, slope in found.items()}


def _bounds(problem: Problem, effort: Effort) -> Problem:
    """dV/d(bound) of each control, in the problem's tree: the gradient of V, summed over the numbers that a bound holds."""
    _, gradient = problem.value_and_gradient(effort)
    _, to_bounds = eqx.filter_vjp(lambda p: p.bounds(), problem)
    pulled = (jax.tree.map(jnp.multiply, gradient, at) for at in held(problem, effort, gradient))
    return to_bounds(tuple(pulled))[0]


@eqx.filter_jit
def _slopes(problem: Problem, effort: Effort) -> Problem:
    """dV/d(number) for every number of the problem, in its tree."""
    return eqx.filter_grad(_value)(problem, effort)


def _value(problem: Problem, effort: Effort) -> Float[Array, ""]:
    """V, learned in about √N segments that are learned again on the way back: memory grows as √N."""
    space, objective, learner = problem.space, problem.objective, problem.learner.prepared()
    number = math.isqrt(problem.horizon.length)
    length = -(-problem.horizon.length // number)

    @jax.checkpoint
    def segment(state, start):
        ks = start + jnp.arange(length)
        parameters = space.parameters_at(effort, ks)
        signals, costs = space.applied(parameters, ks)
        spent = jnp.sum(objective.budget_weights(ks) * space.counted(parameters, ks), axis=1)

        def body(state, inputs):
            return learner.advance(state, *inputs)

        after, losses = jax.lax.scan(body, state, (ks, signals))
        return after, (objective.value(ks, losses, costs), spent)

    state = learner.init(space.static_signals(effort))
    values, spent = jax.lax.scan(segment, state, jnp.arange(number) * length)[1]
    return values.sum() - objective.penalty(spent.sum(0))
