"""Limited-memory BFGS: an inverse curvature from pairs of steps and changes of the gradient (Liu & Nocedal 1989).

In NumPy: a few products of vectors for every gradient take less time than compiling them would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .vectors import dot

#: A vector of n numbers.
Vector = Float[np.ndarray, " n"]


class Pairs(NamedTuple):
    """What quasi-Newton steps learned of −V's curvature: the last `count` modulo m of m `steps` (m, n) in effort's units,
    and the `changes` (m, n) of the gradient of −V along them."""

    steps: Float[np.ndarray, "m n"]
    changes: Float[np.ndarray, "m n"]
    count: int  # type: ignore[assignment]  # tuples have a method of this name

    def with_one_more(self, step: Vector, change: Vector) -> Pairs:
        """These and one more, in the place of the oldest: the arrays are written to."""
        place = self.count % len(self.steps)
        self.steps[place], self.changes[place] = step, change
        return self._replace(count=self.count + 1)

    def scaled(self, units: Vector) -> Pairs:
        """The same with steps in other units, `units` (n,) times as small; the arrays are new."""
        known = min(self.count, len(self.steps))
        steps, changes = np.zeros(self.steps.shape), np.zeros(self.steps.shape)
        np.multiply(self.steps[:known], units, out=steps[:known])
        np.divide(self.changes[:known], units, out=changes[:known])
        return Pairs(steps, changes, self.count)


def two_loops(
    vector: Vector,
    pairs: Pairs,
    free: Bool[np.ndarray, " n"] | None = None,
    begin: Callable[[Vector], Vector] = lambda vector: vector,
) -> Vector:
    """H times `vector` (n,), H the inverse curvature by the two-loop recursion over `pairs`, restricted to the components that
    are `free` (None: all), where alone `vector` is not zero; without pairs H is what `begin` applies, the identity."""
    memory = len(pairs.steps)
    mask = None if free is None else free.astype(float)
    known = []
    q, room = vector.copy(), np.empty_like(vector)

    def product_of(one: Vector, other: Vector) -> float:
        """Their inner product over the components that are free."""
        return dot(one, other) if mask is None else float(np.einsum("i,i,i->", one, other, mask))

    def add(to: Vector, times: float, what: Vector) -> None:
        """Add `times` `what` to a vector, where it is free."""
        np.multiply(what, times, out=room)
        if mask is not None:
            np.multiply(room, mask, out=room)
        np.add(to, room, out=to)

    for j in ((pairs.count - 1 - i) % memory for i in range(min(pairs.count, memory))):  # the newest first
        step, change = pairs.steps[j], pairs.changes[j]
        product = product_of(step, change)
        if product > 1e-10 * product_of(change, change):
            weight = product_of(step, q) / product
            add(q, -weight, change)
            known.append((step, change, product, weight))
    r = np.array(begin(q))
    for step, change, product, weight in reversed(known):
        add(r, weight - product_of(change, r) / product, step)
    return r
