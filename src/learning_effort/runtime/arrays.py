"""What is done once, outside compiled programs, is done in NumPy: compiling it would take longer than doing it."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ..errors import is_traced


def computing(*values: Any) -> tuple[Any, list[Any]]:
    """The module to compute with, and the values as its arrays: NumPy, or `jax.numpy` if one of them is being traced."""
    if any(map(is_traced, values)):
        return jnp, list(values)
    return np, [np.asarray(value) for value in values]
