"""The front door: check, choose, solve, and say what was found."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float, Int

from ..errors import Given, LearningEffortError, choice, count, number, shown
from ..problem.box import share_at_bounds
from ..problem.effort import Effort
from ..problem.metric import metric
from ..problem.problem import Problem, Rollout, kept_steps
from ..results.certificate import Certificate, Spending, Status
from ..results.solution import History, Solution
from ..runtime.compiling import compiled_seconds
from ..runtime.interruption import Stop, Stopped, signals_request
from ..runtime.precision import nans_allowed, require_settings
from .budgets import spendings, within_budgets
from .coarse_to_fine import CoarseToFine
from .divergence import check_learns
from .outcome import Outcome
from .progress import OWN_STEPS, Progress, Show
from .starts import another_start, distinct
from .warm_start import effort_to_start_from


@runtime_checkable
class Solver(Protocol):
    """What `le.solve` takes as its method."""

    @property
    def name(self) -> str:
        """What it is, in words."""

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress, /) -> Outcome:
        """Search from `effort`, reporting to `progress` after every gradient; `scale` is the metric D, in effort's tree.

        `progress` raises `Stopped`, a `KeyboardInterrupt`, when it is time to hand back the best effort met so far.
        """


def solve(
    problem: Given[Problem],
    method: Given[Solver | None] = None,
    init: Given[Solution | Effort | float | Callable[[float], Any] | None] = None,
    starts: Given[int] = 1,
    search: Given[str | int] = "default",
    progress: Show = True,
    max_seconds: Given[float | None] = None,
) -> Solution:
    """The effort that maximises the value of `problem`.

    **Arguments:** `problem`; `method`, a solver (None: `CoarseToFine()`, quasi-Newton on longer steps and then at the
    learner's own, from the exact solution of the flow where there is one); `init`, the effort to start from: None, the
    controls' starts; a `Solution`, whose horizon, steps and knots may be others; an effort, on these or on other knots; a
    number or a function of time, for all of it or for each control; `starts`, how many starting points to try, the first being
    `init` and the others drawn around it inside the box (the best answer is returned); `search`, how far to look for a better
    optimum than the nearest where gradients are cheap, in long steps if the learner has them (without a `method` only): "none",
    "default" (for half of what one start takes), "thorough" (for four times that, and three optima are followed to the
    learner's own steps), or the number of starts; `progress`, True, False, or a callable
    of (iteration, value, residual), which ends the search as Ctrl-C does if it raises `StopIteration`; `max_seconds` for all
    stages and starts together, compiling included. Whether they are over is asked between gradients, of which at least one is
    made.

    **Returns:** a `Solution`. Ctrl-C, or SIGTERM, ends the search at the next gradient and keeps the best effort so far, with
    the status INTERRUPTED; a second one ends at once. `gradients` and `seconds` are those of all starts, and `history` is that
    of the best.

    **Raises:** `LearningEffortError` for an effort that does not fit; `DivergenceError` if the learner itself diverges;
    `KeyboardInterrupt` if Ctrl-C comes before there is a value.
    """
    require_settings("solve")
    if not isinstance(problem, Problem):
        raise LearningEffortError(f"'solve' takes a Problem. Got {shown(problem)} instead.")
    method = check_method(method, "solve")
    starts = count(starts, "starts", "solve")
    if max_seconds is not None:
        max_seconds = float(number(max_seconds, "max_seconds", "solve", 0.0, open_low=True))
    search = check_search(search, method)
    stop = Stop(max_seconds)
    with signals_request(stop):
        effort = effort_to_start_from(problem, init)
        problem.space.require_inside(effort)
        solution = searched(problem, method or CoarseToFine(search=search), effort, starts, Progress(progress, stop))
    if stop.requested and not solution.interrupted:
        finished = solution.certificate.converged
        certificate = dataclasses.replace(solution.certificate, status=Status.INTERRUPTED, finished=finished)
        reason = f"Interrupted when the search was done. {solution.reason}"
        return dataclasses.replace(solution, certificate=certificate, reason=reason)
    return solution


def check_method(method: object, owner: str) -> Any:
    """`method`, if it is a solver or None. **Raises:** `LearningEffortError` otherwise."""
    if isinstance(method, type) and hasattr(method, "run"):
        raise LearningEffortError(
            f"The 'method' of {owner} must be a solver. Got the class {method.__name__}: make one, as with {method.__name__}()."
        )
    if method is not None and not hasattr(method, "run"):
        raise LearningEffortError(
            f"The 'method' of {owner} must be a solver, such as le.QuasiNewton(). Got {shown(method)} instead."
        )
    return method


def check_search(search: object, method: object) -> str | int:
    """`search`, if it says how far to look. **Raises:** `LearningEffortError` otherwise, or where a `method` does not look."""
    if isinstance(search, str):
        choice(search, "search", "solve", ("none", "default", "thorough"))
        kept: str | int = search
    else:
        kept = count(search, "search", "solve", 1)
    if method is not None and kept not in ("none", "default"):
        raise LearningEffortError(
            f"The 'search' of solve is for its own way of solving, without a method. Got search={search!r} with "
            f"{shown(method)}: leave one of them out, or give starts=…."
        )
    return kept


@nans_allowed()
def searched(problem: Problem, method: Solver, effort: Effort, starts: int, report: Progress) -> Solution:
    """What `solve` finds from `effort`, which fits, and `starts` − 1 others; `report` says when to stop.

    **Raises:** `LearningEffortError` if learning diverges, or a value or a gradient at a start is not finite.
    """
    outcomes: list[Outcome] = []
    try:
        report.stage = "learning without control"
        report.begin()
        baseline = check_learns(problem, effort)
        scale, report.stage = metric(problem, np.asarray(baseline.loss)), OWN_STEPS
        begun, compiled = time.perf_counter(), compiled_seconds()
        for start in range(starts):
            report.start = f"start {start + 1} of {starts}, " if starts > 1 else ""
            from_here = effort if start == 0 else another_start(problem, effort, start)
            if isinstance(method, CoarseToFine) and (start > 0 or problem.budget):
                method = dataclasses.replace(method, search="none")  # once is enough; prices are found from where one is
            if problem.budget:
                outcomes.append(within_budgets(method, problem, from_here, scale, report))
            else:
                outcomes.append(method.run(problem, from_here, scale, report))
            check_found(problem, from_here, outcomes[-1])
            if outcomes[-1].stopped or report.stop.due:
                break
    except Stopped as stopped:
        if not stopped.out_of_time:
            raise
        raise LearningEffortError(f"The solver {method.name!r} does not keep what it has when max_seconds are over.") from None
    finally:
        report.close()
    best = max(outcomes, key=lambda o: np.nanmax(o.value))
    budgets = spendings(problem, best, method, scale, Progress(False, report.stop)) if problem.budget else ()
    if starts > 1 and (outcomes[-1].stopped or len(outcomes) < starts):
        best = _in_time(best, len(outcomes), starts, report.stop.requested)
    gradients = sum(int(o.gradients[-1]) + o.elsewhere for o in outcomes)
    best = best._replace(explored=outcomes[0].explored)
    several = distinct(problem, outcomes) if len(outcomes) > 1 else {}
    seconds, compiled = time.perf_counter() - begun, compiled_seconds() - compiled
    return solution_of(problem, best, method.name, gradients, seconds, compiled, baseline, budgets=budgets, **several)


def check_found(problem: Problem, effort: Effort, outcome: Outcome) -> None:
    """**Raises:** `LearningEffortError` if there is no value that is finite, or no gradient at the start, `effort`."""
    if np.isnan(outcome.residual[:1]).any():
        problem.value_and_gradient(effort)  # says what is wrong with a gradient that is not finite
    if not np.isfinite(outcome.value).any():
        raise LearningEffortError(outcome.reason)


def _in_time(best: Outcome, made: int, starts: int, interrupted: bool) -> Outcome:
    """The `best` of so many starts `made` before Ctrl-C, which marks it, or the time allowed, which leaves its status."""
    if interrupted:
        reason = f"Interrupted in start {made} of {starts}. The best: {best.reason}"
        return best._replace(status=Status.INTERRUPTED, reason=reason)
    return best._replace(reason=f"{best.reason} The time allowed was over in start {made} of {starts}.")


def solution_of(
    problem: Problem,
    outcome: Outcome,
    name: str,
    gradients: int,
    seconds: float,
    compiled: float,
    baseline: Rollout,
    starts: Float[np.ndarray, " starts"] | None = None,
    optima: Int[np.ndarray, " starts"] | None = None,
    budgets: tuple[Spending, ...] = (),
) -> Solution:
    """A `Solution` from what a solver found, with both rollouts, the values compared, and a first certificate.

    **Arguments:** `name` of the solver, in words, where the outcome does not say what it did; `gradients`, `seconds` and
    those of them that it `compiled`, of the whole search; `baseline`, learning without control, with weights at the steps
    kept; `starts` and `optima` of several starts; `budgets`, what is known of each.
    """
    effort = jax.tree.map(np.asarray, outcome.effort)
    steps = kept_steps(problem)
    rollout = jax.tree.map(np.asarray, problem.thinned_rollout(effort, steps))
    weights = np.asarray(problem.weights(np.arange(problem.horizon.length)))
    value, baseline_value = problem.worth(rollout), problem.worth(baseline)
    return Solution(
        problem=problem,
        effort=effort,
        knots={c.name: None if c.static else problem.space.knots(c) for c in problem.controls},
        value=value,
        baseline_value=baseline_value,
        neutral_value=baseline_value - float(problem.space.neutral_cost(weights)),
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
            budgets=budgets,
            optima=_counted(starts, optima),
            explored=outcome.explored,
            flow_value=outcome.flow_value,
        ),
        reason=outcome.reason,
        method=outcome.method or name,
        stages=outcome.stages,
        gradients=gradients,
        seconds=seconds,
        starts=starts,
        optima=optima,
        compile_seconds=min(compiled, seconds),
        notes=problem.learner.notes(frozenset(c.port for c in problem.controls)),
    )


def best_of(problem: Problem, solutions: list[Solution]) -> Solution:
    """The best of several answers to one problem, with what each of the others reached."""
    several = distinct(problem, solutions)
    best = max(solutions, key=lambda s: s.value)
    certificate = dataclasses.replace(best.certificate, optima=_counted(**several))
    return dataclasses.replace(best, certificate=certificate, starts=several["starts"], optima=several["optima"])


def _counted(
    starts: Float[np.ndarray, " starts"] | None, optima: Int[np.ndarray, " starts"] | None
) -> tuple[tuple[float, int], ...]:
    """The value of each distinct optimum and how many starts reached it, the best first."""
    if starts is None or optima is None:
        return ()
    return tuple((float(starts[optima == i].max()), int((optima == i).sum())) for i in np.unique(optima))
