"""The natural units of effort: the metric D (theory.md §4)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, PyTree

from ..controls.base import Control
from ..controls.knots import Knots
from ..controls.varying import moments
from ..learners.base import Learner
from .effort import Effort
from .problem import Problem, kept_steps

#: The curvature assumed where a cost has none, as a share of the baseline's mean loss, per unit of effort squared.
FLOOR = 0.1


def metric(problem: Problem, loss: Float[np.ndarray, " N"] | None = None) -> Effort:
    """D, in effort's tree: each knot's weight γ^tΔt times the diagonal of the cost's Hessian at rest.

    Where the cost is flat at rest (norm deviation at zero) the Hessian is taken at neutral instead, and it is nowhere
    below `FLOOR` times the baseline's mean loss: the scale of the performance's own curvature.

    **Arguments:** `loss`, that of the baseline at all N steps, if it is known already.
    """
    if loss is None:
        loss = np.asarray(problem.thinned_rollout(None, kept_steps(problem)).loss)
    ks = np.arange(problem.horizon.length)
    weights = np.asarray(problem.weights(ks))
    at_end = float(problem.objective.terminal(ks, loss))
    scale = (float(problem.reward_scale) * np.sum(weights * loss) + at_end) / np.sum(weights)
    floor = FLOOR * max(scale, 1e-6)
    result = problem.space.knot_weights(weights)
    tiny = 1e-12 * weights.sum() / problem.horizon.length
    for control in problem.controls:
        curvature = jax.tree.map(lambda h: np.maximum(h, floor), _curvature(problem, control))
        result[control.name] = jax.tree.map(lambda w, h: np.maximum(w, tiny) * h, result[control.name], curvature)
    return result


def _curvature(problem: Problem, control: Control) -> PyTree:
    """The diagonal of the cost's Hessian at rest or, where it is flat there, at neutral: at one instant, or at every knot where
    the cost varies in time."""
    if control.cost is None:
        return jax.tree.map(lambda p: np.zeros(p.shape), control.neutral_parameters(problem.learner))
    knots = problem.space.knots(control) if control.cost_in_time else None
    at_rest = jax.tree.map(np.asarray, _diagonal(control, problem.learner, knots, True))
    if all((leaf > 0).all() for leaf in jax.tree.leaves(at_rest)):
        return at_rest
    at_neutral = jax.tree.map(np.asarray, _diagonal(control, problem.learner, knots, False))
    return jax.tree.map(lambda r, n: np.where(r > 0, r, n), at_rest, at_neutral)


@eqx.filter_jit
def _diagonal(control: Control, learner: Learner, knots: Knots | None, resting: bool) -> PyTree:
    """The diagonal of the cost's Hessian at rest or at neutral, by one Hessian-vector product a parameter: at one instant, or
    at all `knots`."""

    def at(control: Control) -> PyTree:
        place = control.rest_parameters(learner) if resting else control.neutral_parameters(learner)
        flat, unflatten = ravel_pytree(place)
        slope = jax.grad(lambda x: control.cost_of(unflatten(x), learner))

        def entry(i):
            unit = jnp.zeros_like(flat).at[i].set(1.0)
            return jax.jvp(slope, (flat,), (unit,))[1][i]

        return unflatten(jax.lax.map(entry, jnp.arange(flat.size), batch_size=64))

    if knots is None:
        return at(control)
    moving, still = moments(control, knots)
    return jax.lax.map(lambda m: at(eqx.combine(m, still)), moving)
