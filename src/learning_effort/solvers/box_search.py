"""One quasi-Newton ascent in a box, gradient by gradient (theory.md §4), in the coordinates z = √D g.

It is told f = −V and its gradient at the point it asks for, its `trial`, and chooses the next. Bounds by two-metric projection
(Bertsekas 1982): components held at a bound by the gradient are left out of the direction and of the pairs' inner
products, and the search follows the projected path. All of it is NumPy, which has nothing to compile.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool

from ..numerics.lbfgs import Pairs, Vector, two_loops
from ..numerics.vectors import dot
from ..problem.box import free
from ..results.certificate import Status

#: A step is accepted if it raises the value by at least this share of what the slope promises (Armijo 1966).
ARMIJO = 1e-4
#: Where a step is shortened to this share, no step along the direction raises the value.
SHORTEST = 1e-10
#: The inverse curvature assumed where no pair says anything falls no lower.
SOFTEST = 0.02

#: What gives, for a point z and the components that are free there, the function that applies an inverse curvature.
Soften = Callable[[Vector, Bool[np.ndarray, " n"]], Callable[[Vector], Vector]]


class BoxSearch:
    """Where an ascent stands, and what it has learned.

    **Arguments:** `start`, in effort's units, all numbers in one vector; `root`, √D; `low` and `high`, the box in those
    units; `soften`, the inverse curvature assumed where no pair says anything; `pairs`, room for them and what is known;
    `tolerance` of the scaled residual; `limit`, the most evaluations.

    `status`: LIMIT as long as it can go on. `values`, `residuals`, `evaluations_at`: an entry for each point accepted.
    """

    def __init__(
        self,
        start: Vector,
        root: Vector,
        low: Vector,
        high: Vector,
        soften: Soften,
        pairs: Pairs,
        tolerance: float,
        limit: int,
    ):
        self.root, self.low, self.high = root, low * root, high * root
        self._box = low, high
        self._soften, self._tolerance, self._limit = soften, tolerance, limit
        self._pairs = pairs.scaled(root)
        self._fresh = pairs.count == 0  # the direction is the plain gradient's: nothing is left to reset
        self._softness = 1.0  # the inverse curvature assumed where no pair says anything, at most the metric's own
        self._length = 1.0
        self.trial = np.clip(start * root, self.low, self.high)
        self._z, self._f = self.trial, np.inf
        self._gradient = self._direction = np.zeros_like(self.trial)
        self.status = Status.LIMIT
        self.evaluations = 0
        self.values: list[float] = []
        self.residuals: list[float] = []
        self.evaluations_at: list[int] = []

    @property
    def goes_on(self) -> bool:
        """Whether it asks for another evaluation."""
        return self.status is Status.LIMIT and self.evaluations < self._limit

    @property
    def found(self) -> Vector:
        """The best point, in effort's units; rounding can leave the box."""
        return np.clip(self._z / self.root, *self._box)

    @property
    def pairs(self) -> Pairs:
        """What it knows of the curvature, in effort's units."""
        return self._pairs.scaled(1 / self.root)

    def asked(self) -> Vector:
        """Where it wants V and its gradient, in effort's units."""
        return self.trial / self.root

    def told(self, value: float, slope: Vector) -> None:
        """Take V and its gradient (n,), in effort's units, at the trial: accept it, or shorten the step."""
        f, gradient = -value, -slope / self.root
        self.evaluations += 1
        finite = bool(np.isfinite(f) and np.isfinite(gradient).all())
        with np.errstate(all="ignore"):
            if self.evaluations == 1:
                self._accept(f, gradient, finite)
            elif finite and self._lower(f, gradient):
                self._accept(f, gradient)
            else:
                self._shorten(f)
        if self.goes_on:
            self.trial = np.clip(self._z + self._length * self._direction, self.low, self.high)

    def _lower(self, f: float, gradient: Vector) -> bool:
        """Whether the trial is enough of a descent of f. At the limit of rounding values no longer tell: a smaller gradient
        along the step does (Hager & Zhang 2005)."""
        step = self.trial - self._z
        slope = dot(self._gradient, step)
        gentle = f <= self._f + 1e-14 * abs(self._f) and abs(dot(gradient, step)) <= 0.9 * abs(slope)
        return bool(slope < 0 and (f <= self._f + ARMIJO * slope or gentle))

    def _accept(self, f: float, gradient: Vector, finite: bool = True) -> None:
        """Go to the trial, learn the pair of the step, and choose the next direction."""
        step, change = self.trial - self._z, gradient - self._gradient
        bend = dot(step, change)
        curved = bend > 1e-10 * dot(change, change)
        # How curved the step was, for how curved it was taken to be: 1 if the pairs and the softness are right.
        foreseen = -self._length * dot(step, self._gradient)
        misjudged = bend / foreseen if foreseen > 0 and curved else 1.0
        softness = self._softness / np.sqrt(np.clip(misjudged, 0.5, 4.0))
        self._softness = float(np.clip(softness, SOFTEST, 1.0))
        if curved:
            self._pairs = self._pairs.with_one_more(step, change)
        residual = float(np.max(np.abs(np.clip(self.trial - gradient, self.low, self.high) - self.trial) / self.root))
        self._z, self._f, self._gradient, self._length = self.trial, f, gradient, 1.0
        self._fresh = self._pairs.count == 0
        self.values.append(-f)
        self.residuals.append(residual)
        self.evaluations_at.append(self.evaluations)
        if not finite:
            self.status = Status.NOT_FINITE
        elif residual <= self._tolerance:
            self.status = Status.CONVERGED
        if self.goes_on:
            self._direction = self._next_direction()

    def _next_direction(self) -> Vector:
        """−H∇f on the free components, with pairs restricted to them."""
        unheld = self._free()
        bent = self._soften(self._z, unheld)
        restricted = None if unheld.all() else unheld
        return -two_loops(self._gradient * unheld, self._pairs, restricted, lambda v: self._softness * bent(v)) * unheld

    def _shorten(self, f: float) -> None:
        """A shorter step, or the plain gradient's direction, after a trial of value `f` that was not accepted."""
        slope = dot(self._gradient, self.trial - self._z)
        # The minimum of the parabola through what is known of the path, within reason.
        bend = 2 * (f - self._f - slope)
        guess = -slope / bend if np.isfinite(bend) and bend > 0 else 0.1
        self._length *= float(np.clip(guess, 0.1, 0.5))
        if self._length >= SHORTEST and slope < 0:
            return
        if self._fresh:
            self.status = Status.STUCK
            return
        self._length, self._fresh = 1.0, True
        self._direction = -self._gradient * self._free()
        self._pairs = self._pairs._replace(count=0)

    def _free(self) -> Bool[np.ndarray, " n"]:
        """Components that are not held at a bound by the gradient of f = −V."""
        return np.asarray(free(self._z, -self._gradient, self.low, self.high))
