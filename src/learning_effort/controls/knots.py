"""Values at knots: where they lie in time, and how they are held or joined by straight lines between (theory.md §3)."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import LearningEffortError, count
from ..runtime.arrays import computing


@dataclasses.dataclass(frozen=True)
class Knots:
    """`number` K of values over `steps` N, 1 ≤ K ≤ N.

    `interpolation`: "hold", step k uses knot ⌊kK/N⌋; or "linear", the knots lie evenly from step 0 to step N − 1 and are
    joined by straight lines. A single knot is held. `updates`: knots are held over the N − 1 updates instead, step k using knot
    ⌊kK/(N − 1)⌋ and the last step, which no update follows, the last knot.
    """

    number: int
    steps: int
    interpolation: str = "hold"
    updates: bool = False

    @property
    def held_over(self) -> int:
        """How many steps, or updates, held knots share."""
        return self.steps - self.updates

    @property
    def held(self) -> bool:
        """Whether values stay what they are until the next knot."""
        return self.interpolation == "hold" or self.number == 1

    @property
    def one_a_step(self) -> bool:
        """Whether every step has a value of its own."""
        return self.interpolation == "hold" and self.number == self.steps

    @property
    def positions(self) -> Float[np.ndarray, " K"]:
        """Where each knot lies, in steps: the first step that uses it, or where straight lines meet."""
        if self.held:
            return np.minimum(np.ceil(np.arange(self.number) * self.held_over / self.number), self.steps - 1)
        return np.linspace(0, self.steps - 1, self.number)

    def places(
        self, ks: Int[Array | np.ndarray, "*S"]
    ) -> tuple[Int[Array | np.ndarray, "*S"], Float[Array | np.ndarray, "*S"] | None]:
        """The knots at or before steps `ks`, and how far each step is towards the next, in [0, 1] (None: held)."""
        last = self.steps - 1
        xp, (ks,) = computing(ks)
        ks = xp.minimum(ks, last)
        if self.held:
            if self.number == self.steps:
                return ks, None
            place = ks * self.number // self.held_over
            return (jnp.minimum(place, self.number - 1) if self.updates else place), None
        position = ks * (self.number - 1) / last
        place = xp.minimum(position.astype(int), self.number - 2)
        return place, position - place

    def at(
        self, values: Float[Array | np.ndarray, "K *E"], ks: Int[Array | np.ndarray, " S"]
    ) -> Float[Array | np.ndarray, "S *E"]:
        """The values at steps `ks`."""
        place, fraction = self.places(ks)
        if fraction is None:
            return values if self.number == self.steps == ks.shape[0] else values[place]
        fraction = fraction.reshape(-1, *[1] * (values.ndim - 1))
        return values[place] * (1 - fraction) + values[place + 1] * fraction

    def gathered(
        self, weights: Float[Array | np.ndarray, " S"], ks: Int[Array | np.ndarray, " S"]
    ) -> Float[Array | np.ndarray, " K"]:
        """The transpose of `at`: each step's weight given to the knots around it."""
        xp, (weights, ks) = computing(weights, ks)
        place, fraction = self.places(ks)
        if xp is np:
            if fraction is None:
                return np.bincount(place, weights, self.number)
            after = np.bincount(place + 1, weights * fraction, self.number)
            return np.bincount(place, weights * (1 - fraction), self.number) + after
        nothing = jnp.zeros(self.number)
        if fraction is None:
            return nothing.at[place].add(weights)
        return nothing.at[place].add(weights * (1 - fraction)).at[place + 1].add(weights * fraction)

    def fitted(self, values: Float[Array | np.ndarray, " N"]) -> Float[np.ndarray, " K"]:
        """Knots for a course with a value at every step: its values where lines meet, its means where they are held."""
        values = np.asarray(values)
        if not self.held:
            return np.interp(self.positions, np.arange(self.steps), values)
        if self.number == self.steps:
            return values
        place = np.minimum(np.arange(self.steps) * self.number // self.held_over, self.number - 1)
        return np.bincount(place, values, self.number) / np.bincount(place, minlength=self.number)

    # Blocks of steps see a few knots, their window ------------------------------------------------------------------

    def window(self, length: int) -> int:
        """How many knots a block of `length` steps can touch."""
        if self.one_a_step:
            return length
        if self.held:
            return min(-(-(length - 1) * self.number // self.held_over) + 1, self.number)
        return min(-(-(length - 1) * (self.number - 1) // (self.steps - 1)) + 2, self.number)

    def first(self, start: Int[Array, ""], length: int) -> Int[Array, ""]:
        """The first knot of the window of the block of `length` steps that begins at step `start`."""
        if self.one_a_step:
            return start
        return jnp.minimum(self.places(start)[0], self.number - self.window(length))

    def matrix(self, ks: Int[Array | np.ndarray, " S"], first: Int[Array, ""], window: int) -> Float[Array, "S {window}"]:
        """What takes the `window` knots from `first` on to the values at steps `ks`, which touch no others.

        Held, each row has a one at its knot; linear, 1 − x there and x at the next, where x is how far the step is towards it.
        """
        place, fraction = self.places(ks)
        knot = first + jnp.arange(window)
        before = (place[:, None] == knot).astype(float)
        if fraction is None:
            return before
        after = place[:, None] + 1 == knot
        return before * (1 - fraction[:, None]) + after * fraction[:, None]


def resampled(values: Float[Array | np.ndarray, "K *E"], number: int) -> Float[Array | np.ndarray, "{number} *E"]:
    """Values at evenly spaced places, at `number` of them: straight lines between."""
    have = len(values)
    if have == number:
        return values
    at = np.linspace(0, have - 1, number)
    place = np.minimum(at.astype(int), max(have - 2, 0))
    fraction = (at - place).reshape(-1, *[1] * (values.ndim - 1))
    _, (values,) = computing(values)
    return jnp.asarray(values[place] * (1 - fraction) + values[np.minimum(place + 1, have - 1)] * fraction)


def check_knots(knots: Any, n: int | None, owner: str) -> int | None:
    """`knots`, if None or a whole number from 1 to the number of steps `n` (None: not yet known).

    **Raises:** `LearningEffortError` otherwise; `owner` is whose knots they are, for the message.
    """
    if knots is None:
        return None
    knots = count(knots, "knots", owner)
    if n is not None and knots > n:
        raise LearningEffortError(f"The 'knots' of {owner} must be at most the number of steps, {n}. Got {knots}.")
    return knots
