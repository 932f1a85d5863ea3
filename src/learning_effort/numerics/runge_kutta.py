"""The classical Runge-Kutta method of fourth order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import ArrayLike, Float, PyTree


def step(velocity: Callable[[PyTree], PyTree], state: PyTree, first: PyTree, length: Float[ArrayLike, ""]) -> PyTree:
    """The state a time `length` later, which may be negative, where the state moves at `velocity`.

    **Arguments:** `first`, the velocity at `state`, which callers often have already.
    """

    def moved(by: PyTree, length: Any) -> PyTree:
        return jax.tree.map(lambda s, v: s + length * v, state, by)

    second = velocity(moved(first, length / 2))
    third = velocity(moved(second, length / 2))
    fourth = velocity(moved(third, length))
    return jax.tree.map(
        lambda s, a, b, c, d: s + length / 6 * (a + 2 * b + 2 * c + d), state, first, second, third, fourth
    )
