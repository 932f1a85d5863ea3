"""Limited-memory BFGS: an inverse curvature from pairs of steps and changes of the gradient (Liu & Nocedal 1989)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

#: A vector of n numbers.
Vector = Float[Array, " n"]


def two_loops(
    vector: Vector,
    steps: Float[Array, "m n"],
    changes: Float[Array, "m n"],
    count: Int[Array, ""],
    free: Vector,
    begin: Callable[[Vector], Vector] = lambda vector: vector,
) -> Vector:
    """H times `vector` (n,), H the inverse curvature by the two-loop recursion over the last `count` modulo m pairs (m, n),
    restricted to the components where `free` (n,) is one; without pairs H is what `begin` applies, the identity."""
    memory = steps.shape[0]
    kept = jnp.minimum(count, memory)
    newest_first = (count - 1 - jnp.arange(memory)) % memory

    def curvature(j):
        step, change = steps[j] * free, changes[j]
        product = jnp.dot(step, change)
        good = product > 1e-10 * jnp.dot(change * free, change)
        return jnp.where(good, 1.0 / jnp.where(good, product, 1.0), 0.0)

    def first(i, carry):
        q, weights = carry
        j = newest_first[i]
        weight = curvature(j) * jnp.dot(steps[j], q)
        return q - weight * changes[j] * free, weights.at[i].set(weight)

    def second(i, r):
        i = kept - 1 - i
        j = newest_first[i]
        weight = curvature(j) * jnp.dot(changes[j], r)
        return r + (steps[j] * free) * (weights[i] - weight)

    q, weights = jax.lax.fori_loop(0, kept, first, (vector, jnp.zeros(memory)))
    return jax.lax.fori_loop(0, kept, second, begin(q))


class Pairs(NamedTuple):
    """What quasi-Newton steps learned of −V's curvature: the last `count` modulo m of m `steps` (m, n) in effort's units,
    and the `changes` (m, n) of the gradient of −V along them."""

    steps: Float[Array, "m n"]
    changes: Float[Array, "m n"]
    count: Int[Array, ""]  # type: ignore[assignment]  # tuples have a method of this name
