"""Trees of arrays as one vector of numbers and back, in NumPy: nothing is compiled for it."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float, PyTree, Shaped


def raveled(tree: PyTree) -> Shaped[np.ndarray, " n"]:
    """All numbers of a tree of arrays, in the order of its leaves."""
    return np.concatenate([np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(tree)])


def unraveled(vector: Shaped[np.ndarray, " n"], like: PyTree) -> PyTree:
    """The tree whose numbers are `vector` and whose shapes are those of `like`; its arrays are views of it."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])
    parts = zip(np.split(vector, ends[:-1]), leaves, strict=True)
    return jax.tree.unflatten(structure, [part.reshape(leaf.shape) for part, leaf in parts])


def dot(one: Float[np.ndarray, " n"], other: Float[np.ndarray, " n"]) -> float:
    """Their inner product, by this thread alone: those of a linear algebra library would wait for those that learn."""
    return float(np.einsum("i,i->", one, other))
