"""What other efforts are worth: the best constant one, never learning, the exact solution (theory.md §8)."""

from __future__ import annotations

from typing import cast

import jax
import jax.numpy as jnp

from ..controls.learning_rate import LearningRate
from ..problem.problem import Problem
from ..problem.variants import constant_in_time
from ..results.solution import Solution
from ..solvers.exact.exact import Exact
from ..solvers.one import solve

#: A value, or why there is none.
Compared = tuple[float | None, str | None]


def best_constant_value(problem: Problem) -> Compared:
    """V of the best effort that is constant in time.

    **Raises:** `KeyboardInterrupt` if Ctrl-C ended the search for it.
    """
    if not problem.space.varying:
        return None, "no control varies in time"
    constant = constant_in_time(problem)
    if constant is None:
        return None, "no constant effort lies inside bounds that vary in time"
    solution = solve(constant, progress=False)
    if solution.interrupted:
        raise KeyboardInterrupt
    return float(solution.value), None


def never_learn_value(problem: Problem) -> Compared:
    """V of not learning at all: the rate at −1 throughout, the other controls at rest."""
    rate = next((c for c in problem.controls if isinstance(c, LearningRate)), None)
    if rate is None:
        return None, "no learning rate is controlled"
    lower, upper = problem.bounds()
    low, high = lower[rate.name], upper[rate.name]
    if not ((low <= -1.0) & (high >= -1.0)).all():
        always = "" if rate.constant else " at all times"
        return None, f"the box of the learning rate, [{float(low.min()):g}, {float(high.max()):g}], has no -1{always}"
    effort, resting = problem.neutral_effort(), jax.tree.map(jnp.clip, problem.space.resting(), lower, upper)
    for control in problem.space.varying:
        effort[control.name] = jnp.full_like(low, -1.0) if control is rate else resting[control.name]
    return float(problem.value(effort)), None


def exact_value(solution: Solution) -> Compared:
    """V under the exact solution of the problem of a `Solution`, which has one.

    **Raises:** `KeyboardInterrupt` if Ctrl-C came meanwhile.
    """
    if any(stage.method.exact for stage in solution.stages[-1:]):
        return None, "the answer is the exact solution"
    exact, problem = Exact(), cast(Problem, solution.problem)
    reason = exact.applies(problem)
    if reason is not None:
        return None, reason
    found = solve(problem, exact, progress=False)
    if found.interrupted:
        raise KeyboardInterrupt
    return float(found.value), None
