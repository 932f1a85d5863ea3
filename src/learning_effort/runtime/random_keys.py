"""Random keys: a seed gives the same numbers on every machine, whatever generator is JAX's default there."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from . import precision  # noqa: F401

#: What numbers are drawn with; files record it.
GENERATOR = "threefry2x32, partitionable"


def key(seed: Int[Array | np.ndarray, ""] | int) -> PRNGKeyArray:
    """The key of a seed, of JAX's Threefry generator."""
    return jax.random.key(seed, impl=GENERATOR.split(",")[0])
