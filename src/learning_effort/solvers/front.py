"""The front door: check, choose, solve, and say what was found."""

from __future__ import annotations

import time
from collections import defaultdict

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._modules import replaced
from ..certificate import basic_certificate
from ..errors import DivergenceError, LearningEffortError, count
from ..horizon import Steps
from ..metric import metric
from ..problem import Effort, Problem
from ..solution import History, Solution, build
from .quasi_newton import QuasiNewton
from .trace import Outcome, Progress


def solve(problem: Problem, method=None, init: Effort | None = None, starts: int = 1, progress=True) -> Solution:
    """The effort that maximises the value of `problem`.

    **Arguments:** `problem`; `method`, a solver (None: `QuasiNewton()`); `init`, the effort to start from (None: the
    controls' starts); `starts`, how many starting points to try, the first being `init` and the others drawn around it
    inside the box (the best answer is returned); `progress`, True, False, or a callable of (iteration, value, residual).

    **Returns:** a `Solution`. Ctrl-C ends the search and keeps the best effort so far.

    **Raises:** `LearningEffortError` for an effort that does not fit; `DivergenceError` if the learner itself diverges.
    """
    if not isinstance(problem, Problem):
        raise LearningEffortError(f"'solve' takes a Problem. Got {problem!r} instead.")
    method = QuasiNewton() if method is None else method
    if not hasattr(method, "run"):
        raise LearningEffortError(f"The 'method' of solve must be a solver, such as le.QuasiNewton(). Got {method!r} instead.")
    count(starts, "starts", "solve")
    effort = problem.initial_effort() if init is None else problem.check_effort(init)
    check_learns(problem, effort)
    scale = _metric(problem)
    begun = time.perf_counter()
    report = Progress(progress)
    outcomes: list[Outcome] = []
    for start in range(starts):
        from_here = effort if start == 0 else _another_start(problem, effort, start)
        outcomes.append(method.run(problem, from_here, scale, report))
        if "Interrupted" in outcomes[-1].reason:
            break
    report.close()
    best = max(outcomes, key=lambda o: np.nanmax(o.value))
    gradients = sum(int(o.gradients[-1]) for o in outcomes)
    return _solution(problem, best, method.name, gradients, time.perf_counter() - begun, scale)


def solve_many(problems: list[Problem], method: QuasiNewton | None = None, progress=True) -> list[Solution]:
    """Solve many problems, those of equal shape together: mapped over one leading axis, each stopping on its own.

    Problems that differ only in numbers and in the length of their horizon count as equal, if every control has one
    value a step.

    **Arguments:** `problems`; `method`, a `QuasiNewton` (None: its defaults); `progress` as for `solve`.

    **Returns:** one `Solution` a problem, in order. `seconds` is an equal share of its group's time.
    """
    method = QuasiNewton() if method is None else method
    groups = defaultdict(list)
    common = _common_length(problems)
    for index, problem in enumerate(problems):
        check_learns(problem, problem.initial_effort())
        padded = _padded(problem, common)
        shape = jax.tree.map(lambda leaf: leaf.shape, padded)
        groups[jax.tree.structure(padded), str(jax.tree.leaves(shape, is_leaf=lambda s: isinstance(s, tuple)))].append(
            (index, padded)
        )
    solutions: list[Solution | None] = [None] * len(problems)
    for group in groups.values():
        indices, members = zip(*group, strict=True)
        begun = time.perf_counter()
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
        efforts = eqx.filter_jit(jax.vmap(lambda p: p.initial_effort()))(stacked)
        scales = eqx.filter_jit(jax.vmap(metric))(stacked)
        report = Progress(progress)
        outcomes = method.run_many(stacked, efforts, scales, report, batch=len(members))
        report.close()
        seconds = (time.perf_counter() - begun) / len(members)
        for i, (index, outcome) in enumerate(zip(indices, outcomes, strict=True)):
            problem = problems[index]
            effort = jax.tree.map(_crop(problem), outcome.effort, problem.initial_effort())
            scale = jax.tree.map(lambda leaf, i=i: leaf[i], scales)
            scale = jax.tree.map(_crop(problem), scale, problem.initial_effort())
            solutions[index] = _solution(
                problem,
                outcome._replace(effort=effort),
                method.name,
                int(outcome.gradients[-1]),
                seconds,
                scale,
            )
    return solutions


def check_learns(problem: Problem, effort: Effort) -> None:
    """**Raises:** `DivergenceError` if the loss at `effort` or at baseline is not finite or runs away, with an estimate
    of the largest stable learning rate."""
    for name, given in (("without control", None), ("at the starting effort", effort)):
        loss = np.asarray(_losses(problem, given))
        sound = np.isfinite(loss) & (loss < 1e6 * max(abs(loss[0]), 1e-12) + 1e6)
        if sound.all():
            continue
        at = int(np.argmin(sound))
        rate = float(problem.learner.step_size)
        largest = _largest_stable(problem, given, rate)
        hint = (
            f"The largest that stays finite over this horizon is about {largest:.3g}; try {largest / 2:.2g}."
            if largest
            else "Not even a ten-thousandth of it stays finite; check the scale of the inputs."
        )
        raise DivergenceError(
            f"Learning diverges {name}: with learning_rate={rate:g} the loss is no longer finite or has grown a "
            f"million-fold at step {at} of {problem.horizon.length}. {hint}"
        )


def _largest_stable(problem: Problem, effort, rate: float) -> float | None:
    """By bisection in the logarithm, the largest learning rate whose loss stays near where it started."""

    def stable(rate):
        slower = eqx.tree_at(lambda p: p.learner.learning_rate, problem, jnp.asarray(rate))
        loss = np.asarray(_losses(slower, effort))
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


def _solution(problem, outcome: Outcome, name, gradients, seconds, scale) -> Solution:
    history = History(outcome.value, outcome.residual, outcome.gradients, outcome.seconds)
    certificate = basic_certificate(problem, outcome.effort, outcome.converged, scale)
    return build(problem, outcome.effort, history, outcome.reason, name, gradients, seconds, certificate)


def _another_start(problem: Problem, effort: Effort, seed: int) -> Effort:
    """A smooth random deviation from `effort`, a quarter of the box wide, inside it."""
    rng = np.random.default_rng(seed)
    lower, upper = problem.bounds()

    def around(e, low, high):
        width = jnp.where(jnp.isfinite(high - low), high - low, 1.0)
        return jnp.clip(e + 0.25 * width[:1] * rng.uniform(-1, 1, (1, *e.shape[1:])), low, high)

    return jax.tree.map(around, effort, lower, upper)


def _common_length(problems) -> int:
    return max(p.horizon.length for p in problems)


def _padded(problem: Problem, length: int) -> Problem:
    """The same problem on a longer horizon of which only the first part counts; as it is if its controls have knots."""
    if problem.horizon.knots is not None or any(c.knots is not None for c in problem.controls):
        return problem
    return replaced(problem, horizon=Steps(length, used=problem.horizon.length))


def _crop(problem: Problem):
    return lambda given, wanted: given[: wanted.shape[0]] if given.ndim == wanted.ndim and wanted.ndim else given


_metric = eqx.filter_jit(metric)


@eqx.filter_jit
def _losses(problem, effort):
    return (problem.baseline() if effort is None else problem.rollout(effort)).loss
