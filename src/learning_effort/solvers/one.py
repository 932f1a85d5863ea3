"""The front door: check, choose, solve, and say what was found."""

from __future__ import annotations

import dataclasses
import time

import equinox as eqx
import jax
import numpy as np

from ..errors import LearningEffortError, count
from ..problem.box import share_at_bounds
from ..problem.effort import Effort
from ..problem.metric import metric
from ..problem.problem import Problem, kept_steps
from ..results.certificate import Certificate
from ..results.solution import History, Solution
from .coarse_to_fine import CoarseToFine
from .divergence import check_learns
from .outcome import Outcome
from .progress import Progress
from .starts import another_start, distinct


def solve(problem: Problem, method=None, init: Effort | None = None, starts: int = 1, progress=True) -> Solution:
    """The effort that maximises the value of `problem`.

    **Arguments:** `problem`; `method`, a solver (None: `CoarseToFine()`, quasi-Newton on longer steps and then at the
    learner's own, from the exact solution of the flow where there is one); `init`, the effort to start from (None: the
    controls' starts); `starts`, how many starting points to try, the first being `init` and the others drawn around it
    inside the box (the best answer is returned); `progress`, True, False, or a callable of (iteration, value, residual).

    **Returns:** a `Solution`. Ctrl-C ends the search and keeps the best effort so far.

    **Raises:** `LearningEffortError` for an effort that does not fit; `DivergenceError` if the learner itself diverges.
    """
    if not isinstance(problem, Problem):
        raise LearningEffortError(f"'solve' takes a Problem. Got {problem!r} instead.")
    method = CoarseToFine() if method is None else method
    if not hasattr(method, "run"):
        raise LearningEffortError(f"The 'method' of solve must be a solver, such as le.QuasiNewton(). Got {method!r} instead.")
    count(starts, "starts", "solve")
    effort = problem.initial_effort() if init is None else problem.check_effort(init)
    problem.space.require_inside(effort)
    check_learns(problem, effort)
    scale = _metric(problem)
    begun = time.perf_counter()
    report = Progress(progress)
    outcomes: list[Outcome] = []
    for start in range(starts):
        from_here = effort if start == 0 else another_start(problem, effort, start)
        outcomes.append(method.run(problem, from_here, scale, report))
        if np.isnan(outcomes[-1].residual[:1]).any():
            problem.value_and_gradient(from_here)  # says what is wrong with a gradient that is not finite
        if outcomes[-1].interrupted:
            break
    report.close()
    best = max(outcomes, key=lambda o: np.nanmax(o.value))
    gradients = sum(int(o.gradients[-1]) for o in outcomes)
    several = distinct(problem, outcomes) if len(outcomes) > 1 else {}
    return solution_of(problem, best, method.name, gradients, time.perf_counter() - begun, **several)


def solution_of(problem: Problem, outcome: Outcome, name: str, gradients: int, seconds: float, starts=None, optima=None):
    """A `Solution` from what a solver found, with both rollouts, the values compared, and a first certificate.

    **Arguments:** `name` of the solver, in words, where the outcome does not say what it did; `gradients` and `seconds` of the
    whole search; `starts` and `optima` of several starts.
    """
    effort = jax.tree.map(np.asarray, outcome.effort)
    steps = kept_steps(problem)
    rollout, baseline = (jax.tree.map(np.asarray, problem.thinned_rollout(e, steps)) for e in (effort, None))
    weights = np.asarray(problem.weights(np.arange(problem.horizon.length)))
    value, baseline_value = (float(weights @ r.reward) for r in (rollout, baseline))
    return Solution(
        problem=problem,
        effort=effort,
        knots={c.name: None if c.static else problem.space.knots(c) for c in problem.controls},
        value=value,
        baseline_value=baseline_value,
        neutral_value=baseline_value - float(problem.space.neutral_cost()) * float(weights.sum()),
        rollout=rollout,
        baseline=baseline,
        weight_steps=steps,
        history=History(outcome.value, outcome.residual, outcome.gradients, outcome.seconds),
        certificate=Certificate(
            status=outcome.status,
            residual=float(outcome.residual[np.nanargmax(outcome.value)]),
            share_at_bounds=share_at_bounds(problem, effort),
            value=value,
            baseline_value=baseline_value,
            optima=_counted(starts, optima),
        ),
        reason=outcome.reason,
        method=outcome.method or name,
        stages=outcome.stages,
        gradients=gradients,
        seconds=seconds,
        starts=starts,
        optima=optima,
    )


def best_of(problem: Problem, solutions: list[Solution]) -> Solution:
    """The best of several answers to one problem, with what each of the others reached."""
    several = distinct(problem, solutions)
    best = max(solutions, key=lambda s: s.value)
    return dataclasses.replace(best, certificate=dataclasses.replace(best.certificate, optima=_counted(**several)), **several)


def _counted(starts, optima) -> tuple[tuple[float, int], ...]:
    """The value of each distinct optimum and how many starts reached it, the best first."""
    if starts is None:
        return ()
    return tuple((float(starts[optima == i].max()), int((optima == i).sum())) for i in np.unique(optima))


_metric = eqx.filter_jit(metric)
