"""The curvature of −V at an effort, in the metric of theory.md §4: is a stationary effort a maximum?

In coordinates where the cost's own curvature at rest is one, performance adds a smooth operator, so the smallest
eigenvalue of the Hessian of −V stands apart and a few Lanczos steps find it. Components that the gradient holds at a
bound are left out. A Hessian-vector product is the forward derivative of the adjoint gradient, at the cost of about
three gradients. Between linear knots the metric is taken in full (it couples neighbours), so that eigenvalues do not
depend on how finely time is divided. Where effort has very many numbers the Hessian is restricted to directions held
over stretches of time. Weakness: the smallest Ritz value is never below the smallest eigenvalue; a negative one is
proof of a saddle, a positive one is evidence of a maximum, as good as its error is small.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from ..controls.base import Control
from ..errors import Given
from ..numerics.lanczos import lanczos
from ..problem.box import held
from ..problem.effort import Effort
from ..problem.metric import metric
from ..problem.problem import Problem
from ..results.certificate import FLAT, Curvature
from ..runtime.devices import tuning

#: Large efforts are examined along directions held over this many stretches of time.
STRETCHES = 100


class Root(NamedTuple):
    """A factor of the metric of one array of effort: upper bidiagonal in time, inverse diagonal and what is beside it."""

    inverse: Float[Array, "*shape"]
    beside: Float[Array, "*shape"] | None


def smallest_curvature(
    problem: Problem, effort: Given[Effort], most: int = 40, large: int | None = None, scale: Effort | None = None
) -> Curvature:
    """The smallest curvature of −V at `effort` over directions that no bound forbids.

    **Arguments:** `most`, the largest number of Hessian-vector products; `large`, the number of numbers of effort
    beyond which directions are held over stretches of time (None: as the device bears); `scale`, the metric D, if known.
    """
    effort = problem.check_effort(effort)
    scale = metric(problem) if scale is None else scale
    _, gradient = problem.value_and_gradient(effort)
    free = jax.tree.map(lambda low, high: jnp.asarray((~(low | high)).astype(float)), *held(problem, effort, gradient))
    restricted = problem.space.size > (tuning().examined_effort if large is None else large)
    roots = {
        c.name: jax.tree.map(lambda d, f, c=c: _root(problem, c, d, f, restricted), scale[c.name], free[c.name])
        for c in problem.controls
    }
    inverse = jax.tree.map(lambda r: r.inverse, roots, is_leaf=lambda r: isinstance(r, Root))
    stretches = STRETCHES if jax.tree.map(jnp.shape, inverse) != jax.tree.map(jnp.shape, effort) else None
    allowed = np.asarray(ravel_pytree(inverse)[0]) > 0
    if not allowed.any():
        return Curvature(None, None, 0, stretches, 0)
    start = np.asarray(ravel_pytree(_smooth(inverse))[0]) * allowed
    values, errors, products = lanczos(
        lambda y: np.asarray(_product(problem, effort, free, roots, jnp.asarray(y))), start, min(most, int(allowed.sum()))
    )
    flat = int(np.sum((np.abs(values) <= FLAT) & (errors <= FLAT)))
    return Curvature(float(values[0]), float(errors[0]), flat, stretches, products)


@eqx.filter_jit
def _product(
    problem: Problem, effort: Effort, free: Effort, roots: dict[str, Any], y: Float[Array, " n"]
) -> Float[Array, " n"]:
    """The Hessian of −V, restricted and in the metric, times y."""
    inverse = jax.tree.map(lambda r: r.inverse, roots, is_leaf=lambda r: isinstance(r, Root))

    def direction(y):
        scaled = jax.tree.map(_divide, ravel_pytree(inverse)[1](y), roots)
        return jax.tree.map(lambda c, e, f: f * _stretch(c, e.shape), scaled, effort, free)

    along, pull = jax.vjp(direction, y)
    _, bend = jax.jvp(lambda e: problem.value_and_gradient(e)[1], (effort,), (along,))
    return -pull(bend)[0]


def _divide(y: Float[Array, "*shape"], root: Root) -> Float[Array, "*shape"]:
    """R⁻¹y: from coordinates in which the metric is one to effort."""
    if root.beside is None:
        return root.inverse * y

    def body(after, inputs):
        own, inverse, beside = inputs
        found = inverse * (own - beside * after)
        return found, found

    return jax.lax.scan(body, jnp.zeros(y.shape[1:]), (y, root.inverse, root.beside), reverse=True)[1]


@eqx.filter_jit
def _root(
    problem: Problem, control: Control, scale: Float[Array, "*shape"], free: Float[Array, "*shape"], restricted: bool
) -> Root:
    """R with RᵀR the metric of one array of effort on the directions examined; zero where a bound forbids them."""
    if control.static:
        return Root(_inverse_root(scale * free), None)
    diagonal, beside = scale * free, None
    if not problem.space.knots(control).held:
        diagonal, beside = _coupled(problem, control, scale, free)
    if restricted and scale.shape[0] > STRETCHES:
        diagonal, beside = _on_stretches(diagonal, beside)
    if beside is None:
        return Root(_inverse_root(diagonal), None)

    def body(before, inputs):
        own, link = inputs
        inverse = _inverse_root(own - before**2)
        return inverse * link, (inverse, inverse * link)

    _, (inverse, beside) = jax.lax.scan(body, jnp.zeros(scale.shape[1:]), (diagonal, beside))
    return Root(inverse, beside)


def _coupled(
    problem: Problem, control: Control, scale: Float[Array, "K *E"], free: Float[Array, "K *E"]
) -> tuple[Float[Array, "K *E"], Float[Array, "K *E"]]:
    """The metric between linear knots, tridiagonal: its diagonal, and what couples each knot to the next (last: zero)."""
    ks = jnp.arange(problem.horizon.length)
    weights = problem.weights(ks)
    place, fraction = problem.space.knots(control).places(ks)
    assert fraction is not None  # the knots are linear
    lumped = jnp.zeros(scale.shape[0])
    own = lumped.at[place].add(weights * (1 - fraction) ** 2).at[place + 1].add(weights * fraction**2)
    next_ = lumped.at[place].add(weights * fraction * (1 - fraction))
    sums = lumped.at[place].add(weights * (1 - fraction)).at[place + 1].add(weights * fraction)
    in_time = (-1, *[1] * (scale.ndim - 1))
    curvature = scale / sums.reshape(in_time)
    linked = free * jnp.concatenate([free[1:], jnp.zeros_like(free[:1])])
    return own.reshape(in_time) * curvature * free, next_.reshape(in_time) * curvature * linked


def _on_stretches(
    diagonal: Float[Array, "K *E"], beside: Float[Array, "K *E"] | None
) -> tuple[Float[Array, "S *E"], Float[Array, "S *E"] | None]:
    """The metric of directions held over S stretches of time."""
    which = _stretches(diagonal.shape[0])
    sums = jnp.zeros((STRETCHES, *diagonal.shape[1:]))
    held_ = sums.at[which].add(diagonal)
    if beside is None:
        return held_, None
    inside = (which == jnp.append(which[1:], -1)).reshape(-1, *[1] * (diagonal.ndim - 1))
    return held_.at[which].add(2 * beside * inside), sums.at[which].add(beside * ~inside)


def _stretches(length: int) -> Int[Array, "{length}"]:
    """The stretch in which each of so many knots lies."""
    return jnp.arange(length) * STRETCHES // length


def _stretch(held_: Float[Array, "..."], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Values of stretches at every knot of an array of this shape; values of knots as they are."""
    return held_ if held_.shape == shape else held_[_stretches(shape[0])]


def _inverse_root(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1/√x, zero where x is not positive."""
    return jnp.where(x > 0, 1 / jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0)


def _smooth(shapes: Effort) -> Effort:
    """A direction that varies slowly in time, as the lowest ones do, with a little of everything."""
    rng = np.random.default_rng(0)

    def draw(leaf):
        if leaf.ndim == 0:
            return jnp.ones(())
        waves = np.cos(np.pi * np.outer(np.linspace(0, 1, leaf.shape[0]), np.arange(6))) / (1 + np.arange(6))
        return jnp.asarray(np.tensordot(waves, rng.normal(size=(6, *leaf.shape[1:])), 1) + 0.1 * rng.normal(size=leaf.shape))

    return jax.tree.map(draw, shapes)
