"""Whether an Optax optimiser works from gradients alone, and in 64-bit numbers; tried out on shapes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from ..errors import LearningEffortError, first_line


def require_exact(optimizer: Any, parameters: PyTree, owner: str) -> None:
    """**Raises:** `LearningEffortError` if `optimizer`, which has `init` and `update`, cannot work on `parameters` from their
    gradients alone, or keeps or makes numbers of another precision."""
    try:
        state = jax.eval_shape(optimizer.init, parameters)
        answer = jax.eval_shape(optimizer.update, parameters, state, parameters)
        shapes = [jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (answer, (parameters, state))]
    except Exception as error:
        raise LearningEffortError(
            f"The 'optimizer' of {owner} cannot work from gradients alone: {type(error).__name__}: {first_line(error)}. "
            "Use one that can, such as optax.sgd(5e-3) or optax.adam(1e-3, eps_root=1e-8)."
        ) from None
    if shapes[0] != shapes[1]:
        raise LearningEffortError(
            f"The 'optimizer' of {owner} gives updates, or a state, of other shapes than it takes. Use one that keeps them."
        )
    kinds = [leaf.dtype for leaf in jax.tree.leaves((state, answer))]
    others = {str(kind) for kind in kinds if jnp.issubdtype(kind, jnp.inexact) and kind != jnp.float64}
    if others:
        raise LearningEffortError(
            f"The 'optimizer' of {owner} keeps {', '.join(sorted(others))} numbers, which lose half the digits of gradients. "
            "Make it keep float64, as with accumulator_dtype=jnp.float64 (optax.MultiSteps, optax.sgd) or mu_dtype=None "
            "(optax.adam)."
        )
