"""Where else to begin a search: starts with a structure, and random ones (theory.md §7.7).

Each is a course of effort that somebody could mean: much or little throughout, early or late, on one layer or control, on what
is being learned at one time, where effort is cheap, or one who looks further ahead or less far. None of them costs more than a
share of what is at stake, so that a search from it is a matter of few gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..problem.effort import Effort
from ..problem.problem import Problem
from ..runtime.modules import replaced

#: What a start costs is about this share of the value's size, by the metric.
COST = 0.1
#: Effort early in learning lasts about this share of the horizon, and a burst so long.
EARLY, BURST = 0.1, 0.05
#: Effort is so many times as cheap, and the short sight's discount is e⁻¹ in this share of the horizon.
CHEAPER, SHORT_SIGHT = 4.0, 0.1
#: What is being learned is looked at where the gradient has passed these shares of its length.
PASSED = (0.3, 0.7, 0.1, 0.9, 0.5)


class Start(NamedTuple):
    """A place to begin: its `name`, in words, and the `effort`; or, with a `variant` of the problem, where a few gradients from
    `effort` in that lead."""

    name: str
    effort: Effort
    variant: Problem | None = None


def structured_starts(problem: Problem, effort: Effort, gradient: Effort, scale: Effort, value: float) -> Iterator[Start]:
    """Starts without end, in the order in which they are worth trying.

    **Arguments:** `effort`, where a search began; the `gradient` and the `value` there; `scale`, the metric D.
    """
    rng = np.random.default_rng(0)
    shapes = _Shapes(problem, effort, scale, value)
    ascent = jax.tree.map(lambda g, d: np.asarray(g) / np.asarray(d), gradient, scale)

    def throughout() -> Start:
        return shapes.start("random, throughout", lambda e: rng.uniform(-1, 1, e.shape))

    def fading() -> Start:
        return shapes.start("random, fading", lambda e: rng.uniform(-1, 1, e.shape), early=10 ** rng.uniform(-2, 0.5))

    yield throughout()
    yield Start("where effort is cheap", effort, replaced(problem, reward_scale=problem.reward_scale * CHEAPER))
    if float(problem.discount) < 1:
        yield Start("without discount", effort, replaced(problem, discount=jnp.ones(())))
    yield shapes.start("much throughout", np.ones_like)
    yield fading()
    length = problem.horizon.length * float(problem.learner.step_size)
    yield Start("with short sight", effort, replaced(problem, discount=jnp.asarray(np.exp(-1 / (SHORT_SIGHT * length)))))
    yield shapes.start("little throughout", lambda e: -np.ones_like(e))
    moments = _moments(problem, ascent)
    passed = [] if moments is None else [(share, moments(share)) for share in PASSED]
    for share, moment in passed[:2]:
        yield shapes.along(f"on what is learned at {share:.0%} of the gradient", ascent, moment)
    parts = len(jax.tree.leaves(effort))
    for part in range(parts) if parts > 1 else ():
        yield shapes.start(f"on part {part + 1} of {parts} alone", np.ones_like, only=part)
    yield shapes.start("early", np.ones_like, early=EARLY)
    yield shapes.start("late", np.ones_like, early=-EARLY)
    for share, moment in passed:
        yield shapes.along(f"a burst at {share:.0%} of the gradient", ascent, moment, burst=BURST)
    while True:
        yield throughout()
        yield fading()


def _moments(problem: Problem, ascent: Effort) -> Callable[[float], float] | None:
    """The time, as a share of the horizon, at which the gradient has passed a share of its length; None if none varies."""
    varying = [leaf for c in problem.controls if not c.static for leaf in jax.tree.leaves(ascent[c.name])]
    if not varying or all(len(leaf) < 3 for leaf in varying):
        return None
    leaf = max(varying, key=len)
    passed = np.cumsum(np.abs(leaf).reshape(len(leaf), -1).sum(1))
    if not np.isfinite(passed[-1]) or passed[-1] == 0:
        return None
    return lambda share: float(np.searchsorted(passed, share * passed[-1])) / (len(leaf) - 1)


class _Shapes:
    """Deviations from `effort` inside the box, no dearer than `COST` allows."""

    def __init__(self, problem: Problem, effort: Effort, scale: Effort, value: float):
        self._problem, self._allowed = problem, COST * max(abs(value), 1e-300)
        self._effort, self._scale = (jax.tree.map(np.asarray, tree) for tree in (effort, scale))
        self._low, self._high = (jax.tree.map(np.asarray, bound) for bound in problem.bounds())

    def start(
        self, name: str, pattern: Callable[[np.ndarray], np.ndarray], early: float | None = None, only: int | None = None
    ) -> Start:
        """The start whose deviation at one instant is a `pattern`, held throughout; or fading with time constant `early`, as a
        share of the horizon, or, if that is negative, rising towards the end; `only` one of the arrays of effort deviates."""
        number = iter(range(len(jax.tree.leaves(self._effort))))

        def deviation(static):
            def one(e):
                mine = next(number)
                instant = pattern(e if static else e[0])
                if only is not None and mine != only:
                    instant = np.zeros_like(instant)
                return instant if static else self._over_time(instant, len(e), early)

            return one

        return self._begun(name, self._each(deviation))

    def along(self, name: str, ascent: Effort, moment: float, burst: float | None = None) -> Start:
        """The start that deviates along what the gradient is at one `moment`, throughout, or in a `burst` around it."""

        def deviation(static):
            def one(leaf):
                if static:
                    return leaf
                pattern = leaf[min(int(moment * (len(leaf) - 1) + 0.5), len(leaf) - 1)]
                times = np.linspace(0, 1, len(leaf))
                course = np.ones(len(leaf)) if burst is None else np.exp(-np.abs(times - moment) / burst)
                return np.multiply.outer(course, pattern)

            return one

        return self._begun(name, self._each(deviation, ascent))

    def _each(self, deviation: Callable, given: Effort | None = None) -> Effort:
        """`deviation(static)` of every array of effort, or of `given`, by control."""
        given = self._effort if given is None else given
        return {c.name: jax.tree.map(deviation(c.static), given[c.name]) for c in self._problem.controls}

    def _over_time(self, instant: np.ndarray, number: int, early: float | None) -> np.ndarray:
        """What a deviation of one instant is at all `number` of knots."""
        times = np.linspace(0, 1, number)
        if early is None:
            course = np.ones(number)
        else:
            course = np.exp(-(times if early > 0 else 1 - times) / abs(early))
        return np.multiply.outer(course, instant)

    def _begun(self, name: str, deviation: Effort) -> Start:
        """The start that deviates so, by at most half the box at its largest, and less where that is too dear."""
        largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(deviation)) or 1.0

        def half(low, high):
            return np.where(np.isfinite(high - low), (high - low) / 2, 1.0)

        full = jax.tree.map(lambda d, low, high: d / largest * half(low, high), deviation, self._low, self._high)
        dear = sum(jax.tree.leaves(jax.tree.map(lambda d, m: float((m * d * d).sum()), full, self._scale))) / 2
        share = min(1.0, float(np.sqrt(self._allowed / dear))) if dear > 0 else 1.0
        return Start(
            name,
            jax.tree.map(
                lambda e, d, low, high: np.clip(e + share * d, low, high), self._effort, full, self._low, self._high
            ),
        )
