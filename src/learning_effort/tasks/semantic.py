"""The semantic hierarchy: items and the properties of their ancestors in a binary tree (theory.md §2)."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import count
from .base import Task


class SemanticHierarchy(Task):
    """2^{h−1} items, one-hot inputs, each with the properties of its ancestors and itself: O = 2^h − 1.

    Properties are ordered root, level 2 left to right, …, leaves; items are equally likely.

    **Arguments:** `levels` h ≥ 1, the depth of the tree.
    """

    levels: int = eqx.field(static=True)

    def __init__(self, levels: int = 4):
        self.levels = count(levels, "levels", "SemanticHierarchy")

    @property
    def input_size(self) -> int:
        """I = 2^{h−1}, the number of items."""
        return 2 ** (self.levels - 1)

    @property
    def output_size(self) -> int:
        """O = 2^h − 1, the number of properties."""
        return 2**self.levels - 1

    @property
    def properties(self) -> Float[np.ndarray, "I O"]:
        """The items × properties matrix H, zeros and ones, (2^{h−1}, 2^h − 1)."""
        items = self.input_size
        return np.hstack([np.repeat(np.eye(2**level), items // 2**level, axis=0) for level in range(self.levels)])

    @property
    def level_of_property(self) -> Int[np.ndarray, " O"]:
        """The level of each property, 0 for the root, (2^h − 1,)."""
        return np.concatenate([np.full(2**level, level) for level in range(self.levels)])

    def dataset(self) -> tuple[Float[Array, "I I"], Float[Array, "I O"]]:
        """The items, one-hot (I, I), and their properties (I, O)."""
        return jnp.eye(self.input_size), jnp.asarray(self.properties)
