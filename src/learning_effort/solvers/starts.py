"""Several starts: where else to begin, and which of the answers are the same optimum (theory.md §7)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.solution import Solution
from .outcome import Outcome

#: Answers whose values differ by more than this share of the largest are different optima, and so are
VALUE_TOLERANCE = 1e-6
#: answers whose efforts differ by more than this share of the box (of one, where it is infinite), at any moment.
EFFORT_TOLERANCE = 1e-2
#: A start lies no further from the first than this share of the box; its course in time is a sum of so many slow waves.
SPREAD, WAVES = 0.25, 4


def another_start(problem: Problem, effort: Effort, seed: int) -> Effort:
    """A random deviation from `effort` inside the box, at most `SPREAD` of it, drawn with `seed`.

    Every number deviates on its own. What varies in time deviates smoothly: by half waves cos(πmt/T), m < `WAVES`. Where the
    box is infinite its width is taken to be one.
    """
    rng = np.random.default_rng(seed)

    def deviation(e, low, high, static):
        e, low, high = map(np.asarray, (e, low, high))
        width = np.where(np.isfinite(high - low), high - low, 1.0)
        if static:
            amount = rng.uniform(-1, 1, e.shape)
        else:
            waves = np.cos(np.pi * np.outer(np.linspace(0, 1, len(e)), np.arange(WAVES)))
            amount = np.clip(np.tensordot(waves, rng.uniform(-1, 1, (WAVES, *e.shape[1:])), 1) / 2, -1, 1)
        return jnp.asarray(np.clip(e + SPREAD * width * amount, low, high))

    lower, upper = problem.bounds()
    there = {
        c.name: jax.tree.map(partial(deviation, static=c.static), effort[c.name], lower[c.name], upper[c.name])
        for c in problem.controls
    }
    # Where learning diverges, or effort costs more than numbers can say, the start is nearer.
    while not np.isfinite(float(problem.value(there))) and not distance(problem, effort, there) < 1e-6:
        there = jax.tree.map(lambda e, t: (e + t) / 2, effort, there)
    return there


def distinct(problem: Problem, outcomes: Sequence[Outcome] | Sequence[Solution]) -> dict[str, np.ndarray]:
    """Which outcomes, or solutions, are the same optimum, in their order: `starts`, the value each reached, and `optima`, the
    number of its optimum, 0 the best."""
    values = np.array([np.nanmax(outcome.value) for outcome in outcomes])
    optima = np.zeros(len(outcomes), int)
    found: list[int] = []  # the best outcome of each optimum
    for place in np.argsort(-values, kind="stable"):
        for number, other in enumerate(found):
            near = abs(values[place] - values[other]) <= VALUE_TOLERANCE * np.abs(values).max()
            if near and distance(problem, outcomes[place].effort, outcomes[other].effort) <= EFFORT_TOLERANCE:
                optima[place] = number
                break
        else:
            optima[place] = len(found)
            found.append(int(place))
    return {"starts": values, "optima": optima}


def distance(problem: Problem, one: Effort, other: Effort) -> float:
    """The largest difference of two efforts, as a share of the box."""

    def apart(a, b, low, high):
        width = np.asarray(high - low)
        return float(np.max(np.abs(np.asarray(a) - np.asarray(b)) / np.where(np.isfinite(width) & (width > 0), width, 1.0)))

    return max(jax.tree.leaves(jax.tree.map(apart, one, other, *problem.bounds())))
