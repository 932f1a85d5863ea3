"""Linear equations of a positive definite operator by preconditioned conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from .vectors import dot

#: A vector.
Vector = Float[np.ndarray, " n"]


class NotSolved(ArithmeticError):
    """There is no answer; the message says why, in words."""


class NotDefinite(NotSolved):
    """The operator has a direction along which it is not positive."""


def conjugate_gradients(
    product: Callable[[Vector], Vector], right: Vector, diagonal: Vector, tolerance: float, most: int
) -> Vector:
    """x with A x = `right`, for a symmetric positive definite A (Hestenes & Stiefel 1952).

    **Arguments:** `product`, A on vectors (n,); `right` (n,); `diagonal` (n,) > 0, the preconditioner M; the residual r of what
    is returned has √(rᵀM⁻¹r) of at most `tolerance` times that of `right`; `most` products at most.

    **Raises:** `NotDefinite` if a direction pᵀAp ≤ 0 is met; `NotSolved` if `most` products did not do, or one was not finite.
    """
    found, residual = np.zeros_like(right), right
    scaled = residual / diagonal
    length = first = dot(residual, scaled)
    direction = scaled
    for _ in range(most):
        if length <= tolerance**2 * first:
            return found
        image = product(direction)
        curvature = dot(direction, image)
        if not np.isfinite(curvature):
            raise NotSolved("a product is not finite")
        if curvature <= 0:
            raise NotDefinite("a direction is not positive")
        step = length / curvature
        found, residual = found + step * direction, residual - step * image
        scaled = residual / diagonal
        length, before = dot(residual, scaled), length
        direction = scaled + length / before * direction
    if length <= tolerance**2 * first:
        return found
    raise NotSolved(f"{most} products of conjugate gradients left {np.sqrt(length / first):.1e} of the equation")
