"""The curvature of costs at the present effort, moment by moment.

The metric has the cost's curvature at rest. Elsewhere it may be another: an exponential cost bends more the larger effort
is, and a norm deviation holds the norm of effort and leaves its direction free, with one large eigenvalue of the Hessian and
many near zero at every moment. Quasi-Newton pairs would have to learn that moment by moment, so it is where they start.

At each moment the cost's Hessian is taken to be c along the cost's gradient u and a across it, which is exact for the
costs of this package on effort itself, and two Hessian-vector products tell a and c. (No dense Hessian is factorised:
LAPACK called from several threads at once can wait for itself in XLA's pool.)
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ..controls.varying import moments
from ..problem.problem import Problem

#: A vector of n numbers.
Vector = Float[Array, " n"]
#: Curvature is taken to be at least this share of the metric's, which stands for the performance's own.
FLOOR = 0.3


def inverse_cost_curvature(
    problem: Problem, z: Vector, root: Vector, free: Float[Array | np.ndarray, " n"]
) -> Callable[[Vector], Vector]:
    """The function that applies it to a vector (n,), on the components where `free` (n,) is one, in z = √D g.

    Static controls, and those that cost nothing, keep the metric's diagonal: the identity.
    """
    unravel = ravel_pytree(problem.initial_effort())[1]
    effort, roots, frees = unravel(z / root), unravel(root), unravel(jnp.asarray(free))
    weights = problem.space.knot_weights(problem.weights(jnp.arange(problem.horizon.length)))
    curved = {}
    for control in problem.controls:
        if control.static or control.cost is None:
            continue
        name = control.name
        weight = jax.tree.leaves(weights[name])[0]
        weight = weight.reshape(len(weight), -1)[:, 0]
        moving, still = moments(control, problem.space.knots(control))

        def moment(m, g, w, r, f, c=still):
            return _curvature(lambda p: eqx.combine(m, c).cost_of(p, problem.learner), g, w, r, f)

        curved[name] = jax.vmap(moment)(moving, effort[name], weight, roots[name], frees[name])

    def apply(vector):
        parts = unravel(vector)
        for name, known in curved.items():
            parts[name] = jax.vmap(_applied)(parts[name], *known)
        return ravel_pytree(parts)[0]

    return apply


def _curvature(
    cost: Callable[[PyTree], Float[Array, ""]], effort: PyTree, weight: Float[Array, ""], root: PyTree, free: PyTree
) -> tuple[Vector, Float[Array, ""], Float[Array, ""]]:
    """(u on the free components, in z and of length one or zero; 1/a; 1/c) at one moment."""
    point, unravel = ravel_pytree(effort)
    root, free = ravel_pytree(root)[0], ravel_pytree(free)[0]

    def slope(p):
        return jax.grad(lambda q: cost(unravel(q)))(p)

    def bent(direction):
        return weight * jnp.vdot(direction, jax.jvp(slope, (point,), (direction,))[1])

    along, length = _unit(slope(point))
    other = jnp.where(jnp.arange(point.size) % 2 == 0, 1.0, -1.0)
    across = other - jnp.vdot(other, along) * along
    most = jnp.where(point.size > 1, bent(across) / jnp.maximum(jnp.vdot(across * root, across * root), 1e-300), 0.0)
    steep = bent(along) / jnp.maximum(jnp.vdot(along * root, along * root), 1e-300)
    steep = jnp.where(length > 0, steep, most)
    most = most if point.size > 1 else steep
    masked = along * root * free
    share = jnp.vdot(masked, masked) / jnp.maximum(jnp.vdot(along * root, along * root), 1e-300)
    steep = most + (steep - most) * share
    return _unit(masked)[0], 1 / jnp.maximum(most, FLOOR), 1 / jnp.maximum(steep, FLOOR)


def _applied(part: PyTree, unit: Vector, across: Float[Array, ""], along: Float[Array, ""]) -> PyTree:
    """One moment's numbers, times 1/c along u and 1/a across it."""
    vector, unravel = ravel_pytree(part)
    inside = jnp.vdot(unit, vector) * unit
    return unravel((vector - inside) * across + inside * along)


def _unit(vector: Vector) -> tuple[Vector, Float[Array, ""]]:
    """`vector` at length one, or zero where it has none; and its length."""
    length = jnp.sqrt(jnp.vdot(vector, vector))
    return jnp.where(length > 0, vector / jnp.where(length > 0, length, 1.0), 0.0), length
