"""The semantic hierarchy: items and the properties of their ancestors in a binary tree (mathematics.md §2)."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import count
from .base import Moments, Task, data_moments, draw_rows


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
        return 2 ** (self.levels - 1)

    @property
    def output_size(self) -> int:
        return 2**self.levels - 1

    @property
    def properties(self) -> np.ndarray:
        """The items × properties matrix H, zeros and ones, (2^{h−1}, 2^h − 1)."""
        items = self.input_size
        return np.hstack([np.repeat(np.eye(2**level), items // 2**level, axis=0) for level in range(self.levels)])

    @property
    def level_of_property(self) -> np.ndarray:
        """The level of each property, 0 for the root, (2^h − 1,)."""
        return np.concatenate([np.full(2**level, level) for level in range(self.levels)])

    def moments(self, step=None, proportions=None) -> Moments:
        self.refuse_proportions(proportions)
        return data_moments(jnp.eye(self.input_size), jnp.asarray(self.properties))

    def sample(self, key, batch, step=None, proportions=None):
        self.refuse_proportions(proportions)
        return draw_rows(key, batch, jnp.eye(self.input_size), jnp.asarray(self.properties))
