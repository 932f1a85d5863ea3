"""The ends of a symmetric operator's spectrum by Lanczos steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

#: The error that stops the Lanczos steps, relative to the smallest eigenvalue, or to a hundredth where that is less.
TOLERANCE = 1e-2


#: A vector.
Vector = Float[np.ndarray, " n"]


def lanczos(
    product: Callable[[Vector], Vector], start: Vector, most: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"], int]:
    """Ritz values in rising order, the error of each, and how many products were used (Lanczos 1950).

    **Arguments:** `product`, a symmetric operator on vectors (n,); `start` (n,); `most` products at most, at least one. All
    vectors are kept and made orthogonal twice.
    """
    basis = [start / np.linalg.norm(start)]
    diagonal: list[float] = []
    beside: list[float] = []
    for done in range(1, most + 1):
        vector = product(basis[-1])
        diagonal.append(float(vector @ basis[-1]))
        if not np.isfinite(vector).all():
            return np.array([np.nan]), np.array([np.nan]), done
        kept = np.stack(basis)
        for _ in range(2):
            vector = vector - kept.T @ (kept @ vector)
        length = float(np.linalg.norm(vector))
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1))
        errors = np.abs(length * vectors[-1])
        exhausted = length <= 1e-12 * max(np.abs(values).max(), 1e-300)
        if exhausted or (done >= 4 and errors[0] <= TOLERANCE * max(abs(values[0]), 1e-2)):
            break
        beside.append(length)
        basis.append(vector / length)
    return values, errors, done
