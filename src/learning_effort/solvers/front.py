"""The front door: check, choose, solve, and say what was found."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._modules import replaced
from ..errors import DivergenceError, LearningEffortError, count
from ..horizon import Steps
from ..metric import metric
from ..problem import Effort, Problem
from ..side_by_side import side_by_side
from ..solution import History, Solution, build, kept_steps
from .levels import CoarseToFine
from .quasi_newton import QuasiNewton
from .starts import told_apart
from .trace import Counted, Outcome, Progress

#: Networks with no more weights than this are mapped together: what a step costs is then overhead, shared by all.
MAPPED_STATE = 8


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
    check_learns(problem, effort)
    scale = _metric(problem)
    begun = time.perf_counter()
    report = Progress(progress)
    outcomes: list[Outcome] = []
    for start in range(starts):
        from_here = effort if start == 0 else _another_start(problem, effort, start)
        outcomes.append(method.run(problem, from_here, scale, report))
        if np.isnan(outcomes[-1].residual[:1]).any():
            problem.value_and_gradient(from_here)  # says what is wrong with a gradient that is not finite
        if "Interrupted" in outcomes[-1].reason:
            break
    report.close()
    best = max(outcomes, key=lambda o: np.nanmax(o.value))
    gradients = sum(int(o.gradients[-1]) for o in outcomes)
    solution = _solution(problem, best, best.method or method.name, gradients, time.perf_counter() - begun)
    if len(outcomes) == 1:
        return solution
    return dataclasses.replace(solution, **told_apart(problem, outcomes))


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
    small = [i for i, p in enumerate(problems) if mapped and _state_size(p) <= MAPPED_STATE]
    for i, solution in _solve_mapped([(i, problems[i]) for i in small], method or QuasiNewton(), progress):
        solutions[i] = solution
    large = [i for i in range(len(problems)) if i not in set(small)]
    done = Counted(progress, len(large))

    def one(problem: Problem) -> Solution:
        solution = solve(problem, method, progress=False)
        done(solution)
        return solution

    for i, solution in zip(large, side_by_side(one, [problems[i] for i in large]), strict=True):
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
        padded = _padded(problem, common)
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
            yield index, _solution(problem, outcome, method.name, int(outcome.gradients[-1]), seconds)


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


def _solution(problem, outcome: Outcome, name, gradients, seconds) -> Solution:
    history = History(outcome.value, outcome.residual, outcome.gradients, outcome.seconds)
    residual = float(outcome.residual[np.nanargmax(outcome.value)])
    return build(
        problem, outcome.effort, history, outcome.reason, name, gradients, seconds, outcome.converged, residual
    )


def _another_start(problem: Problem, effort: Effort, seed: int) -> Effort:
    """A smooth random deviation from `effort`, a quarter of the box wide, inside it."""
    rng = np.random.default_rng(seed)
    lower, upper = problem.bounds()

    def around(e, low, high):
        width = jnp.where(jnp.isfinite(high - low), high - low, 1.0)
        return jnp.clip(e + 0.25 * width[:1] * rng.uniform(-1, 1, (1, *e.shape[1:])), low, high)

    return jax.tree.map(around, effort, lower, upper)


def _padded(problem: Problem, length: int) -> Problem:
    """The same problem on a longer horizon of which only the first part counts; as it is if its controls have knots."""
    if problem.horizon.knots is not None or any(c.knots is not None for c in problem.controls):
        return problem
    return replaced(problem, horizon=Steps(length, used=problem.horizon.length))


def _crop(given, wanted):
    return given[: wanted.shape[0]] if given.ndim == wanted.ndim and wanted.ndim else given


_metric = eqx.filter_jit(metric)


def _losses(problem, effort):
    # The rollout that solutions are built from, so that it is compiled once.
    return problem.thinned_rollout(effort, kept_steps(problem)).loss
