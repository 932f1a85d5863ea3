"""Whether the learner itself learns, before anything is searched for: a rate that is too large is found and explained."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from ..errors import DivergenceError, LearningEffortError
from ..learners import ports
from ..problem import unrolled
from ..problem.effort import Effort
from ..problem.problem import Problem, Rollout, kept_steps, unpaid


def check_learns(problem: Problem, effort: Effort) -> Rollout:
    """Learning without control, as solutions keep it.

    **Raises:** `DivergenceError` if the loss at `effort` or at baseline is not finite or runs away, with an estimate
    of the largest stable learning rate; `LearningEffortError` if the cost of `effort` is not finite, or the loss at step 0, or
    its slope at a step where it is finite itself."""
    paid = _rollout(problem, problem.neutral_effort())
    baseline = unpaid(problem, paid)
    there = paid if is_neutral(problem, effort) else _rollout(problem, effort)
    for name, rollout in (("without control", baseline), ("at the starting effort", there)):
        given = None if rollout is baseline else effort
        loss, cost = np.asarray(rollout.loss), np.asarray(rollout.cost)
        sound = np.isfinite(loss) & (loss < 1e6 * max(abs(loss[0]), 1e-12) + 1e6)
        if sound.all():
            if np.isfinite(cost).all():
                continue
            raise LearningEffortError(_of_cost(cost, name))
        at = int(np.argmin(sound))
        if not np.isfinite(loss[0]):
            raise LearningEffortError(
                f"The loss {name} is not finite at step 0, where nothing is learned yet (it is {loss[0]}). Look at the data, "
                "at the weights to begin with, and at the loss: a logarithm or a square root of what is not above zero, say."
            )
        if np.isnan(loss[at]) and not _step_is_finite(problem, given, at - 1):
            raise LearningEffortError(
                f"The loss {name} is finite at step {at - 1}, and its slope with respect to the weights is not, at any "
                "learning rate: something in the loss or in the network has no derivative there, as a square root or a norm at "
                "zero. Write it so that it has one, for instance jnp.sqrt(x + 1e-12)."
            )
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
    return baseline


def is_neutral(problem: Problem, effort: Effort) -> bool:
    """Whether an effort leaves the learner alone."""
    neutral = {c.name: c.neutral_parameters(problem.learner) for c in problem.controls}
    same = jax.tree.map(lambda e, n: bool((np.asarray(e) == np.asarray(n)).all()), effort, neutral)
    return all(jax.tree.leaves(same))


def _of_cost(cost: Float[np.ndarray, " N"], name: str) -> str:
    """What is wrong with a cost that is not finite."""
    at = int(np.argmin(np.isfinite(cost)))
    if np.isnan(cost[at]):
        return (
            f"The cost {name} is not a number at step {at}: a logarithm or a square root of what is not above zero, say. Write "
            "it so that it is finite throughout the bounds."
        )
    return (
        f"The cost {name} is not finite at step {at}: there is too much effort for this cost. Start nearer to where it rests, "
        "or take a smaller beta or a cost that grows less, such as le.costs.Quadratic."
    )


def _step_is_finite(problem: Problem, effort: Effort | None, k: int) -> bool:
    """Whether step `k`, made with no length at all, leaves the state finite: 0 times a slope that is not finite is NaN."""
    if ports.RATE not in problem.learner.ports:
        return True
    steps = jnp.array([k])
    state = unrolled.unroll(problem.space, problem.objective, effort, steps).states
    signals = {} if effort is None else problem.signals_at(effort, steps)
    here, signals = jax.tree.map(lambda leaf: leaf[0], (state, signals))
    if not _finite(here):
        return True
    return _finite(problem.learner.prepared().step(here, steps[0], {**signals, ports.RATE: jnp.array(-1.0)}))


def _finite(tree: PyTree) -> bool:
    """Whether all its numbers are."""
    return all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(tree))


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
    return jax.tree.map(np.asarray, problem.thinned_rollout(effort, kept_steps(problem)))
