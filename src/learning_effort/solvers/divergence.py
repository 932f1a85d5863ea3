"""Whether the learner itself learns, before anything is searched for: a rate that is too large is found and explained."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import DivergenceError, LearningEffortError
from ..problem.effort import Effort
from ..problem.problem import Problem, Rollout, kept_steps


def check_learns(problem: Problem, effort: Effort) -> None:
    """**Raises:** `DivergenceError` if the loss at `effort` or at baseline is not finite or runs away, with an estimate
    of the largest stable learning rate; `LearningEffortError` if the cost of `effort` is not finite."""
    for name, given in (("without control", None), ("at the starting effort", effort)):
        rollout = _rollout(problem, given)
        loss, cost = np.asarray(rollout.loss), np.asarray(rollout.cost)
        sound = np.isfinite(loss) & (loss < 1e6 * max(abs(loss[0]), 1e-12) + 1e6)
        if sound.all():
            if np.isfinite(cost).all():
                continue
            raise LearningEffortError(
                f"The cost {name} is not finite at step {int(np.argmin(np.isfinite(cost)))}: there is too much effort for this "
                "cost. Start nearer to where it rests, or take a smaller beta or a cost that grows less, such as "
                "le.costs.Quadratic."
            )
        at = int(np.argmin(sound))
        rate = float(problem.learner.step_size)
        largest = _largest_stable(problem, given, rate)
        known = hasattr(problem.learner, "learning_rate")
        setting = f"with learning_rate={rate:g} " if known else ""
        hint = (
            f"The largest that stays finite over this horizon is about {largest:.3g}; try {largest / 2:.2g}."
            if largest
            else "Not even a ten-thousandth of it stays finite; check the scale of the inputs."
            if known
            else "Lower the learning rate of its optimiser, or check the scale of the inputs."
        )
        raise DivergenceError(
            f"Learning diverges {name}: {setting}the loss is no longer finite or has grown a "
            f"million-fold at step {at} of {problem.horizon.length}. {hint}"
        )


def _largest_stable(problem: Problem, effort: Effort | None, rate: float) -> float | None:
    """By bisection in the logarithm, the largest learning rate whose loss stays near where it started."""

    def stable(rate):
        slower = eqx.tree_at(lambda p: p.learner.learning_rate, problem, jnp.asarray(rate))
        loss = np.asarray(_rollout(slower, effort).loss)
        return bool(np.isfinite(loss).all() and loss.max() < 10 * abs(loss[0]) + 1e-9)

    if not hasattr(problem.learner, "learning_rate"):
        return None
    low, high = rate, rate
    while not stable(low):
        low, high = low / 2, low
        if low < 1e-4 * rate:
            return None
    for _ in range(6):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def _rollout(problem: Problem, effort: Effort | None) -> Rollout:
    """Learning as solutions keep it, so that the program is compiled once."""
    return problem.thinned_rollout(effort, kept_steps(problem))
