"""The natural units of effort: the metric D (theory.md §4)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ..controls.base import Control
from ..controls.varying import moments
from ..learners.base import Learner
from .effort import Effort
from .problem import Problem

#: The curvature assumed where a cost has none, as a share of the baseline's mean loss, per unit of effort squared.
FLOOR = 0.1


def metric(problem: Problem) -> Effort:
    """D, in effort's tree: each knot's weight γ^tΔt times the diagonal of the cost's Hessian at rest.

    Where the cost is flat at rest (norm deviation at zero) the Hessian is taken at neutral instead, and it is nowhere
    below `FLOOR` times the baseline's mean loss: the scale of the performance's own curvature.
    """
    loss = problem.thinned_rollout(None, jnp.zeros(1, int)).loss
    weights = problem.weights(jnp.arange(problem.horizon.length))
    at_end = problem.objective.terminal(jnp.arange(problem.horizon.length), jnp.asarray(loss))
    scale = (problem.reward_scale * jnp.sum(weights * loss) + at_end) / jnp.sum(weights)
    floor = FLOOR * jnp.maximum(scale, 1e-6)
    result = problem.space.knot_weights(weights)
    tiny = 1e-12 * weights.sum() / problem.horizon.length
    for control in problem.controls:
        if control.cost_in_time:
            moving, still = moments(control, problem.space.knots(control))
            curvature = jax.lax.map(lambda m, c=still: _curvature(eqx.combine(m, c), problem.learner, floor), moving)
        else:
            curvature = _curvature(control, problem.learner, floor)
        result[control.name] = jax.tree.map(lambda w, h: jnp.maximum(w, tiny) * h, result[control.name], curvature)
    return result


def _curvature(control: Control, learner: Learner, floor: Float[Array, ""]) -> PyTree:
    """The diagonal of the cost's Hessian at one instant, at rest or, where it is flat there, at neutral; at least `floor`."""
    places = control.rest_parameters(learner), control.neutral_parameters(learner)
    at_rest, at_neutral = (_cost_curvature(control, learner, p) for p in places)
    return jax.tree.map(lambda r, n: jnp.maximum(jnp.where(r > 0, r, n), floor), at_rest, at_neutral)


def _cost_curvature(control: Control, learner: Learner, parameters: PyTree) -> PyTree:
    """The diagonal of the cost's Hessian at one instant, by one Hessian-vector product a parameter."""
    if control.cost is None:
        return jax.tree.map(jnp.zeros_like, parameters)
    flat, unflatten = ravel_pytree(parameters)
    slope = jax.grad(lambda x: control.cost_of(unflatten(x), learner))

    def entry(i):
        unit = jnp.zeros_like(flat).at[i].set(1.0)
        return jax.jvp(slope, (flat,), (unit,))[1][i]

    return unflatten(jax.lax.map(entry, jnp.arange(flat.size), batch_size=64))
