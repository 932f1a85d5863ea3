"""Many problems at once: tiny ones of equal shape mapped together, larger ones side by side."""

from __future__ import annotations

import time
from collections import defaultdict

import equinox as eqx
import jax
import jax.numpy as jnp

from ..problem.metric import metric
from ..problem.problem import Problem
from ..problem.variants import on_longer_horizon
from ..results.solution import Solution
from ..runtime.devices import tuning
from ..runtime.threads import in_threads
from .divergence import check_learns
from .one import solution_of, solve
from .progress import Counted, Progress
from .quasi_newton import QuasiNewton


def solve_many(problems: list[Problem], method=None, progress=True) -> list[Solution]:
    """Solve many problems. Small ones of equal shape are mapped together, each stopping on its own; large ones run side by
    side, as many as there are processors.

    Problems that differ only in numbers and in the length of their horizon count as equal, if every control has one
    value a step.

    **Arguments:** `problems`; `method`, a solver (None: as for `solve`; a `QuasiNewton` where problems are mapped);
    `progress` as for `solve`.

    **Returns:** one `Solution` a problem, in order. `seconds` of mapped problems is an equal share of their group's time.
    """
    solutions: list[Solution | None] = [None] * len(problems)
    mapped = method is None or isinstance(method, QuasiNewton)
    small = [i for i, p in enumerate(problems) if mapped and _state_size(p) <= tuning().mapped_state]
    for i, solution in _solve_mapped([(i, problems[i]) for i in small], method or QuasiNewton(), progress):
        solutions[i] = solution
    large = [i for i in range(len(problems)) if i not in set(small)]
    done = Counted(progress, len(large))

    def one(problem: Problem) -> Solution:
        solution = solve(problem, method, progress=False)
        done(solution)
        return solution

    for i, solution in zip(large, in_threads(one, [problems[i] for i in large]), strict=True):
        solutions[i] = solution
    return solutions


def _state_size(problem: Problem) -> int:
    state = jax.eval_shape(lambda: problem.learner.init({}))
    return sum(leaf.size for leaf in jax.tree.leaves(state))


def _solve_mapped(numbered: list[tuple[int, Problem]], method: QuasiNewton, progress):
    """(index, solution) of each problem, those of equal shape mapped over one leading axis."""
    groups = defaultdict(list)
    common = max((p.horizon.length for _, p in numbered), default=0)
    for index, problem in numbered:
        check_learns(problem, problem.initial_effort())
        padded = on_longer_horizon(problem, common)
        shape = jax.tree.map(lambda leaf: leaf.shape, padded)
        key = jax.tree.structure(padded), str(jax.tree.leaves(shape, is_leaf=lambda s: isinstance(s, tuple)))
        groups[key].append((index, problem, padded))
    for group in groups.values():
        indices, originals, members = zip(*group, strict=True)
        begun = time.perf_counter()
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
        efforts = eqx.filter_jit(jax.vmap(lambda p: p.initial_effort()))(stacked)
        scales = eqx.filter_jit(jax.vmap(metric))(stacked)
        report = Progress(progress)
        outcomes = method.run_many(stacked, efforts, scales, report, batch=len(members))
        report.close()
        seconds = (time.perf_counter() - begun) / len(members)
        for index, problem, outcome in zip(indices, originals, outcomes, strict=True):
            effort = jax.tree.map(_crop, outcome.effort, problem.initial_effort())
            outcome = outcome._replace(effort=effort)
            yield index, solution_of(problem, outcome, method.name, int(outcome.gradients[-1]), seconds)


def _crop(given, wanted):
    return given[: wanted.shape[0]] if given.ndim == wanted.ndim and wanted.ndim else given
