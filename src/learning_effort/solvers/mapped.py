"""Small problems of equal shape, mapped over one leading axis and solved as one (theory.md §7)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ..problem.metric import metric
from ..problem.problem import Problem, Rollout
from ..problem.variants import on_longer_horizon
from ..results.solution import Solution
from .one import check_found, solution_of
from .outcome import Outcome
from .progress import Progress
from .quasi_newton import QuasiNewton


def state_size(problem: Problem) -> int:
    """How many numbers the learner's state has."""
    state = jax.eval_shape(lambda: problem.learner.init({}))
    return sum(leaf.size for leaf in jax.tree.leaves(state))


def groups(problems: dict[int, Problem]) -> list[dict[int, Problem]]:
    """The problems by their index, on horizons of one length, in groups of equal shape."""
    by_shape: dict[Any, dict[int, Problem]] = defaultdict(dict)
    common = max((p.horizon.length for p in problems.values()), default=0)
    for index, problem in problems.items():
        padded = on_longer_horizon(problem, common)
        shape = jax.tree.map(lambda leaf: leaf.shape, padded)
        key = jax.tree.structure(padded), str(jax.tree.leaves(shape, is_leaf=lambda s: isinstance(s, tuple)))
        by_shape[key][index] = padded
    return list(by_shape.values())


def outcomes(group: list[Problem], method: QuasiNewton, report: Progress) -> list[Outcome]:
    """What `method` finds for each of a `group` of equal shape."""
    efforts, scales = [p.initial_effort() for p in group], [metric(p) for p in group]
    report.stage = f"{len(group)} problems together" if len(group) > 1 else "1 problem"
    try:
        return method.run_many(group, efforts, scales, report)
    finally:
        report.close()


def found(
    problem: Problem, outcome: Outcome, name: str, seconds: float, compiled: float, baseline: Rollout
) -> Solution:
    """The solution of a problem from what solver `name` found on a horizon that may be longer, in so many `seconds`,
    of which so many went into compiling; `baseline`, learning without control."""
    start = problem.initial_effort()
    outcome = outcome._replace(effort=jax.tree.map(_crop, outcome.effort, start))
    check_found(problem, start, outcome)
    return solution_of(problem, outcome, name, int(outcome.gradients[-1]), seconds, compiled, baseline)


def _crop(given: Float[np.ndarray, "..."], wanted: Float[Array, "..."]) -> Float[np.ndarray, "..."]:
    """The beginning of an array, as long as `wanted` is."""
    return given[: wanted.shape[0]] if given.ndim == wanted.ndim and wanted.ndim else given
