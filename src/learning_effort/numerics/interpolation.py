"""Cubic interpolation between two points of an even grid."""

from __future__ import annotations

from jaxtyping import Array, Float


def hermite(
    x: Float[Array, "*S"], low: Float[Array, "*S"], high: Float[Array, "*S"], rise: Float[Array, "*S"], fall: Float[Array, "*S"]
) -> Float[Array, "*S"]:
    """The cubic at x in [0, 1] with the values `low` and `high` at its ends and the slopes `rise` and `fall` there."""
    return low + x * (rise + x * (3 * (high - low) - 2 * rise - fall + x * (rise + fall - 2 * (high - low))))
