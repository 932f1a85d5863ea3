"""What several starts reached: which of the answers are the same optimum."""

from __future__ import annotations

import jax
import numpy as np

from ..problem import Effort, Problem
from .trace import Outcome

#: Answers whose values differ by more than this share of the largest are different optima, and so are
VALUE_TOLERANCE = 1e-6
#: answers whose efforts differ by more than this share of the box (of one, where it is infinite), at any moment.
EFFORT_TOLERANCE = 1e-2


def told_apart(problem: Problem, outcomes: list[Outcome]) -> dict[str, np.ndarray]:
    """`starts`, the value each outcome reached, and `optima`, the number of its optimum, 0 the best; in outcomes' order."""
    values = np.array([np.nanmax(outcome.value) for outcome in outcomes])
    optima = np.zeros(len(outcomes), int)
    found: list[int] = []  # the best outcome of each optimum
    for place in np.argsort(-values, kind="stable"):
        for number, other in enumerate(found):
            near = abs(values[place] - values[other]) <= VALUE_TOLERANCE * np.abs(values).max()
            if near and _apart(problem, outcomes[place].effort, outcomes[other].effort) <= EFFORT_TOLERANCE:
                optima[place] = number
                break
        else:
            optima[place] = len(found)
            found.append(int(place))
    return {"starts": values, "optima": optima}


def _apart(problem: Problem, one: Effort, other: Effort) -> float:
    """The largest difference of two efforts, as a share of the box."""

    def apart(a, b, low, high):
        width = np.asarray(high - low)
        return float(np.max(np.abs(np.asarray(a) - np.asarray(b)) / np.where(np.isfinite(width), width, 1.0)))

    return max(jax.tree.leaves(jax.tree.map(apart, one, other, *problem.bounds())))
