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
from jaxtyping import Bool, Float, PyTree, Shaped

from ..controls.base import Control
from ..controls.knots import Knots
from ..learners.base import Learner
from ..numerics.lbfgs import Vector
from ..numerics.vectors import unraveled
from ..problem.problem import Problem

#: Numbers of effort at K moments, p at each.
Moments = Float[np.ndarray, "K p"]
#: Curvature is taken to be at least this share of the metric's, which stands for the performance's own.
FLOOR = 0.3


class CostCurvature:
    """The curvature of a problem's costs, in z = √D g.

    **Arguments:** `problem`; `root` (n,), √D. Static controls, and those that cost nothing, keep the metric's diagonal: the
    identity.
    """

    def __init__(self, problem: Problem, root: Vector):
        self._problem, self._root = problem, root
        self._like = jax.eval_shape(problem.initial_effort)
        self._curved = [control for control in problem.controls if not control.static and control.cost is not None]
        weights = problem.space.knot_weights(problem.weights(np.arange(problem.horizon.length)))
        self._weights = {c.name: _at_moments(weights[c.name])[:, 0] for c in self._curved}

    def inverse(self, z: Vector, free: Bool[np.ndarray, " n"]) -> Callable[[Vector], Vector]:
        """The function that applies the inverse to a vector (n,), on the components that are `free`, at the point `z`."""
        effort, roots, frees = (unraveled(v, self._like) for v in (z / self._root, self._root, free))
        curved = {c.name: self._at(c, effort[c.name], roots[c.name], frees[c.name]) for c in self._curved}

        def apply(vector: Vector) -> Vector:
            result = vector.copy()
            parts = unraveled(result, self._like)
            for name, (unit, across, along) in curved.items():
                own = _at_moments(parts[name])
                inside = _inner(unit, own)[:, None] * unit
                _write(parts[name], (own - inside) * across[:, None] + inside * along[:, None])
            return result

        return apply

    def _at(
        self, control: Control, effort: PyTree, root: PyTree, free: PyTree
    ) -> tuple[Moments, Float[np.ndarray, " K"], Float[np.ndarray, " K"]]:
        """(u on the free components, in z and of length one or zero; 1/a; 1/c) at each moment."""
        weights, root, free = self._weights[control.name], _at_moments(root), _at_moments(free)
        knots = self._problem.space.knots(control)
        other = np.broadcast_to(np.where(np.arange(root.shape[1]) % 2 == 0, 1.0, -1.0), root.shape)

        def bent(direction: Moments) -> tuple[Moments, Moments]:
            given = jax.tree.map(np.empty_like, effort)
            _write(given, direction)
            slope, product = _bent(control, self._problem.learner, knots, effort, given)
            return _at_moments(slope), weights[:, None] * _at_moments(product)

        slope, other_bent = bent(other)
        along, length = _units(slope)
        along_bent = bent(along)[1] if length.any() else np.zeros_like(along)
        across = other - _inner(other, along)[:, None] * along
        across_bent = other_bent - _inner(other, along)[:, None] * along_bent
        steep = _inner(along, along_bent) / np.maximum(_inner(along * root, along * root), 1e-300)
        if root.shape[1] > 1:
            most = _inner(across, across_bent) / np.maximum(_inner(across * root, across * root), 1e-300)
            steep = np.where(length > 0, steep, most)
        else:
            most = steep = np.where(length > 0, steep, 0.0)
        masked = along * root * free
        share = _inner(masked, masked) / np.maximum(_inner(along * root, along * root), 1e-300)
        steep = most + (steep - most) * share
        return _units(masked)[0], 1 / np.maximum(most, FLOOR), 1 / np.maximum(steep, FLOOR)


@eqx.filter_jit
def _bent(
    control: Control, learner: Learner, knots: Knots, efforts: PyTree, directions: PyTree
) -> tuple[PyTree, PyTree]:
    """The gradient of the cost at each of the `knots`, and its Hessian there times a direction."""

    def slope(efforts):
        return jax.grad(lambda own: jnp.sum(control.costs(own, learner, knots)))(efforts)

    return jax.jvp(slope, (efforts,), (directions,))


def _at_moments(tree: PyTree) -> Shaped[np.ndarray, "K p"]:
    """All numbers at each moment side by side, from arrays (K, …)."""
    parts = [np.reshape(np.asarray(leaf), (leaf.shape[0], -1)) for leaf in jax.tree.leaves(tree)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _write(tree: PyTree, moments: Moments) -> None:
    """Write into arrays (K, …) what `_at_moments` would give of them."""
    begun = 0
    for leaf in jax.tree.leaves(tree):
        size = leaf[0].size
        leaf[...] = moments[:, begun : begun + size].reshape(leaf.shape)
        begun += size


def _inner(a: Moments, b: Moments) -> Float[np.ndarray, " K"]:
    """The inner product at each moment."""
    return np.einsum("kp,kp->k", a, b)


def _units(vectors: Moments) -> tuple[Moments, Float[np.ndarray, " K"]]:
    """Each moment's vector at length one, or zero where it has none; and its length."""
    length = np.sqrt(_inner(vectors, vectors))
    return np.where(length > 0, 1.0, 0.0)[:, None] * vectors / np.where(length > 0, length, 1.0)[:, None], length
