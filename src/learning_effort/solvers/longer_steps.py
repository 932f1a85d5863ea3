"""The same problem in the longest steps that serve it (theory.md §5)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ..problem.effort import Effort
from ..problem.problem import Problem, kept_steps
from ..problem.variants import in_longer_steps, resampled, with_learner
from .divergence import is_neutral

#: Steps may be made this many times as long, the largest that serves being taken.
FACTORS = (64, 48, 40, 32, 24, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2)
#: Fewer steps than this are left as they are: compiling longer ones would take longer than solving.
SHORT = 5000
#: At least so many long steps; where they are fewer than a control has knots, it has a value a long step.
FEWEST_STEPS = 250
#: What an effort is worth in long steps and in the learner's own may differ by this share; and the loss may rise, all rises
#: together, by no more than this share of its range above what it does in its own: longer steps oscillate.
ACCURACY = 0.02
#: Where no steps are as accurate, those serve whose value differs by no more than this share: they lead near an optimum, too.
ROUGHLY = 0.1


def longer_steps(problem: Problem, effort: Effort | None = None, factors: tuple[int, ...] = FACTORS) -> Problem | None:
    """`problem` in the longest steps that serve, of those of `factors`, without control and under `effort`; where none is
    accurate and has room for the knots, in the longest that are nearly so; None where there are none, or the horizon is short.
    """
    steps = problem.horizon.length
    if problem.horizon.used is not None or steps < SHORT:
        return None
    efforts = [None] if effort is None or is_neutral(problem, effort) else [None, effort]
    own: list[_Curve] = []
    nearly: Problem | None = None
    given = (c.knots or problem.horizon.knots or steps for c in problem.controls if not c.static)
    knots = max((number for number in given if number < steps), default=0)
    for factor in factors:
        if steps < factor * FEWEST_STEPS:
            continue
        coarse = in_longer_steps(problem, factor)
        if coarse is None:
            continue
        own = own or [_curve(problem, e) for e in efforts]
        there = (e if e is None else resampled(problem, coarse, e) for e in efforts)
        off = max(_apart(_curve(coarse, e, problem), exact) for e, exact in zip(there, own, strict=True))
        if off <= ACCURACY and coarse.horizon.length >= 2 * knots:
            return coarse
        if off <= ROUGHLY and nearly is None:
            nearly = coarse
    return nearly


def baseline_loss(problem: Problem, variant: Problem) -> Float[np.ndarray, " n"]:
    """The loss of the learner of a `variant` of no more steps, left alone, from the compiled rollout of `problem`: going on
    beyond the variant's end takes less time than compiling another."""
    whole = with_learner(problem, variant.learner).thinned_rollout(None, kept_steps(problem))
    return np.asarray(whole.loss)[: variant.horizon.length]


def baseline_value(problem: Problem, variant: Problem) -> float:
    """V of a `variant` of `problem` in no more steps, its learner left alone."""
    return _curve(variant, None, problem).value


class _Curve(NamedTuple):
    """How learning goes: its value, all rises of its loss together, and the range of its loss."""

    value: float
    rises: float
    spread: float


def _curve(problem: Problem, effort: Effort | None, longer: Problem | None = None) -> _Curve:
    """How learning goes under an effort; without one, by the compiled rollout of the same problem in more steps, `longer`."""
    if effort is None:
        loss = baseline_loss(problem if longer is None else longer, problem)
        reward = -float(problem.reward_scale) * loss
    else:
        rollout = problem.thinned_rollout(effort, kept_steps(problem))
        loss, reward = np.asarray(rollout.loss), np.asarray(rollout.reward)
    ks = np.arange(problem.horizon.length)
    with np.errstate(all="ignore"):  # longer steps may diverge
        value = float(problem.weights(ks) @ reward) - float(problem.objective.terminal(ks, loss))
        return _Curve(value, float(np.maximum(np.diff(loss), 0).sum()), float(np.ptp(loss)))


def _apart(coarse: _Curve, exact: _Curve) -> float:
    """By what share the values of long steps and of the learner's own differ; infinite if the long ones oscillate."""
    oscillate = not coarse.rises <= exact.rises + ACCURACY * exact.spread
    return np.inf if oscillate else abs(coarse.value - exact.value) / abs(exact.value)
