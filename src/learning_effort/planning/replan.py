"""Planning again and again: an agent that looks some steps ahead, acts, and plans anew from where it is (theory.md §7.11)."""

from __future__ import annotations

import dataclasses
import time

import jax
import numpy as np
from jaxtyping import Float, Int

from ..errors import Given, LearningEffortError, choice, count, instance
from ..problem.effort import Effort
from ..problem.horizon import Steps
from ..problem.metric import metric
from ..problem.problem import Problem, Rollout, kept_steps
from ..runtime.precision import nans_allowed, require_settings
from ..solvers.divergence import check_learns
from ..solvers.one import Solver, check_found, check_method
from ..solvers.progress import Progress, Show
from ..solvers.quasi_newton import QuasiNewton
from .windows import NEUTRAL, NOTHING, begun, reached, shifted, states, steps_of, window

#: Windows are solved to this scaled residual unless a method is given.
TOLERANCE = 1e-8


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """What was planned once: from step `start` on, for `length` states; the `effort` planned, one value a step; its `value`,
    counted from the window's start; the scaled `residual`, whether it is `converged`, and how many `gradients` it took."""

    start: int
    length: int
    effort: Effort
    value: float
    residual: float
    converged: bool
    gradients: int


@dataclasses.dataclass(frozen=True, eq=False)
class Replanned:
    """What an agent does that plans again every so many steps.

    `effort`, one value a step; its `value` over the whole `problem`; `baseline_value`, that of the uncontrolled learner; the
    `rollout`, with weights at the steps `weight_steps`; `windows`, what was planned, in order; `seconds`, compiling included.
    """

    problem: Problem
    look_ahead: int
    every: int
    tail: str
    effort: Effort
    value: float
    baseline_value: float
    rollout: Rollout
    weight_steps: Int[np.ndarray, " T"]
    windows: tuple[Window, ...]
    seconds: float

    def __repr__(self) -> str:
        """What it is, in a line."""
        return (
            f"Replanned(look_ahead={self.look_ahead}, every={self.every}, value={self.value:.9g}, "
            f"baseline_value={self.baseline_value:.9g}, solves={self.solves}, gradients={self.gradients})"
        )

    @property
    def solves(self) -> int:
        """How many windows were solved."""
        return len(self.windows)

    @property
    def gradients(self) -> int:
        """How many gradients that took, of windows."""
        return sum(own.gradients for own in self.windows)

    @property
    def converged(self) -> bool:
        """Whether every window met its solver's tolerance."""
        return all(own.converged for own in self.windows)

    @property
    def spent(self) -> float:
        """What the effort costs over the whole problem, Σ γ^{t_k} C_k Δt."""
        return float(np.asarray(self.problem.weights(np.arange(self.problem.horizon.length))) @ self.rollout.cost)


@nans_allowed()
def replan(
    problem: Given[Problem],
    look_ahead: Given[int],
    every: Given[int] = 1,
    tail: Given[str] = NOTHING,
    method: Given[Solver | None] = None,
    progress: Show = True,
) -> Replanned:
    """Plan `look_ahead` states, keep the first `every` values, and plan again from the state reached, until the horizon ends
    (theory.md §7.11).

    Near the end a window has as many states as are left. Each starts from what the one before had planned. The last value of a
    window acts on its own state's loss and cost only, unless there is a tail.

    **Arguments:** `problem`, whose controls have one value a step; `look_ahead` h, 1 … N states; `every` m, 1 … h steps;
    `tail`, what a plan takes to come after it: "nothing", or "neutral", the rest of the horizon with effort held neutral;
    `method`, the solver of each window (None: `QuasiNewton` to 1e-8; it takes the nearest optimum, from the controls' starts at
    first); `progress`, True, False, or a callable of (windows solved, value of the window, residual). Where `terminal_scale` is
    above zero, the end counts in those windows that reach it.

    **Returns:** a `Replanned`.

    **Raises:** `LearningEffortError` for a control that does not vary in time or has knots, a budget, a horizon that is not
    `Steps`, numbers out of range, or a window whose value is not finite; `DivergenceError` if the learner diverges;
    `KeyboardInterrupt` for Ctrl-C: nothing is kept of a plan that is not carried out to the end.
    """
    require_settings("replan")
    instance(problem, Problem, "problem", "replan")
    look_ahead, every = count(look_ahead, "look_ahead", "replan"), count(every, "every", "replan")
    choice(tail, "tail", "replan", (NOTHING, NEUTRAL))
    solver = check_method(method, "replan") or QuasiNewton(tolerance=TOLERANCE)
    check_plannable(problem)
    steps = problem.horizon.length
    if look_ahead > steps or every > look_ahead:
        raise LearningEffortError(
            f"'replan' looks ahead 1 to {steps} states, the horizon, and keeps at least 1 and at most all of them. Got "
            f"look_ahead={look_ahead} and every={every}."
        )
    begin = time.perf_counter()
    report = Progress(progress)
    report.stage = "planning again"
    try:
        report.begin()
        baseline = check_learns(problem, problem.initial_effort())
        windows = _windows(problem, look_ahead, every, tail, solver, np.asarray(baseline.loss), report)
    finally:
        report.close()
    parts = [jax.tree.map(lambda e: e[:every], own.effort) for own in windows]
    effort = jax.tree.map(lambda *own: np.concatenate(own), *parts)
    at = kept_steps(problem)
    rollout = jax.tree.map(np.asarray, problem.thinned_rollout(effort, at))
    worth, alone = problem.worth(rollout), problem.worth(baseline)
    said = (problem, look_ahead, every, tail, effort, worth, alone, rollout, at)
    return Replanned(*said, windows, time.perf_counter() - begin)


def _windows(
    problem: Problem,
    look_ahead: int,
    every: int,
    tail: str,
    solver: Solver,
    loss: Float[np.ndarray, " N"],
    report: Progress,
) -> tuple[Window, ...]:
    """Everything that is planned, in order; `loss`, that of the baseline, sets the scale of each."""
    steps = problem.horizon.length
    ready, state = begun(problem.learner)
    windows: list[Window] = []
    planned: Effort | None = None
    for first in range(0, steps, every):
        own = window(problem, ready, state, first, look_ahead, tail)
        start = own.initial_effort() if planned is None else shifted(planned, every, own)
        scale = metric(own, loss[steps_of(problem, first, states(problem, look_ahead, tail))])
        outcome = solver.run(own, start, scale, Progress(False, report.stop))
        if outcome.stopped:
            raise KeyboardInterrupt
        check_found(own, start, outcome)
        planned = jax.tree.map(np.asarray, outcome.effort)
        length = min(look_ahead, steps - first)
        best = int(np.nanargmax(outcome.value))
        value, residual = float(outcome.value[best]), float(outcome.residual[best])
        shown = jax.tree.map(lambda e, n=length: e[:n], planned)
        gradients = int(outcome.gradients[-1]) + outcome.elsewhere
        windows.append(Window(first, length, shown, value, residual, outcome.converged, gradients))
        report(len(windows), value, residual)
        if first + every < steps:
            state = reached(own, planned, every)
    return tuple(windows)


def check_plannable(problem: Problem) -> None:
    """**Raises:** `LearningEffortError` if a problem cannot be planned piece by piece."""
    static = [c for c in problem.controls if c.static]
    if static:
        raise LearningEffortError(
            f"{type(static[0]).__name__} ('{static[0].name}') is chosen once, before learning begins: there is nothing to plan "
            "again. Leave it out, and give the learner what it was to choose."
        )
    if type(problem.horizon) is not Steps or problem.horizon.used is not None:
        raise LearningEffortError(f"'replan' takes a horizon of le.Steps(n). Got {problem.horizon!r}.")
    steps = problem.horizon.length
    knotted = [c for c in problem.controls if problem.knots(c) != steps]
    if knotted:
        raise LearningEffortError(
            f"'replan' plans one value a step, and '{knotted[0].name}' has {problem.knots(knotted[0])} knots over {steps} "
            "steps. Leave the knots out (knots=None)."
        )
    if problem.budget:
        raise LearningEffortError(
            "'replan' cannot keep to a budget: how much of it a window may spend depends on what comes after. Give the "
            "controls a cost in its place; le.solve(problem).budget.multiplier is the price of effort that amounts to the same."
        )
