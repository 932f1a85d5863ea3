"""Random keys: a seed gives the same numbers on every machine, whatever generator is JAX's default there."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from . import precision  # noqa: F401

#: What numbers are drawn with; files record it.
GENERATOR = "threefry2x32, partitionable"


def key(seed: Int[Array | np.ndarray, ""] | int) -> PRNGKeyArray:
    """The key of a seed, of JAX's Threefry generator."""
    return jax.random.key(seed, impl=GENERATOR.split(",")[0])


@partial(jax.jit, static_argnums=1)
def normal_arrays(seed: Int[Array | np.ndarray, ""], shapes: tuple[tuple[int, ...], ...]) -> list[Float[Array, "..."]]:
    """An array of standard normal numbers of each of the `shapes`, each from its own split of the seed's key."""
    keys = jax.random.split(key(seed), len(shapes))
    return [jax.random.normal(own, shape) for own, shape in zip(keys, shapes, strict=True)]
