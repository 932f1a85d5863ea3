"""The curvature of costs that bend in one direction and not in others, at each moment of time.

A norm deviation holds the norm of effort and leaves its direction free: its Hessian has one large eigenvalue and many near
zero, at every moment, and no diagonal metric describes it. Quasi-Newton pairs would have to learn it moment by moment.
So where a control has few numbers, its cost's Hessian at the present effort is what they start from.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

#: Controls of up to so many numbers at a moment have their cost's whole Hessian inverted.
FEW = 24
#: Curvature is taken to be at least this share of the metric's, which stands for the performance's own.
FLOOR = 0.3


def inverse_cost_curvature(problem, z, root, free):
    """The function that applies it to a vector (n,), on the components where `free` (n,) is one, in z = √D g.

    A control with more than `FEW` numbers at a moment, or a static one, keeps the metric's diagonal: the identity.
    """
    unravel = ravel_pytree(problem.initial_effort())[1]
    effort, roots, frees = unravel(z / root), unravel(root), unravel(free)
    weights = problem.knot_weights()
    inverses = {}
    for control in problem.controls:
        given = effort[control.name]
        if control.static or control.cost is None or isinstance(given, list) or given.ndim != 2:
            continue
        if not 1 < given.shape[1] <= FEW:
            continue

        def bent(g, w, r, f, control=control):
            hessian = jax.hessian(lambda p: control.cost_of(p, problem.learner))(g) * w[0] / jnp.outer(r, r)
            hessian = hessian * jnp.outer(f, f) + jnp.diag(1 - f)
            values, vectors = jnp.linalg.eigh(hessian)
            return vectors / jnp.maximum(values, FLOOR) @ vectors.T

        name = control.name
        inverses[name] = jax.vmap(bent)(given, weights[name], roots[name], frees[name])

    def apply(vector):
        if not inverses:
            return vector
        parts = unravel(vector)
        bent = {name: jnp.einsum("kij,kj->ki", inverse, parts[name]) for name, inverse in inverses.items()}
        return ravel_pytree(parts | bent)[0]

    return apply
