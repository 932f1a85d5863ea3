"""The exact optima: where the problem has one state, its optimum is global and known (theory.md §4)."""

from __future__ import annotations

import contextlib
import dataclasses
import time

import numpy as np

from ...controls.gain import Gain
from ...controls.learning_rate import LearningRate
from ...errors import Given, LearningEffortError, count, number
from ...problem.box import scaled_residual
from ...problem.effort import Effort
from ...problem.problem import Problem
from ...results.certificate import Method, Status
from ...runtime.interruption import Stopped
from ..outcome import Outcome
from ..progress import Progress
from . import learning_rate, single_neuron
from .policy import Policy


@dataclasses.dataclass(frozen=True)
class Exact:
    """The exact optimum, for the two kinds of problem that have one.

    - **A learning rate** with quadratic cost, alone, on any gradient learner of one stationary task: the optimum of
      gradient flow. The learner's finite steps differ by O(Δt), which is corrected to first order.
    - **The gain of a single neuron**, alone, with any cost: dynamic programming at the learner's own steps. It also
      gives the best gain in every state: `policy`.

    **Arguments:** `ends`, the number of ends of the path that are tried for a learning rate; `weights` and `gains`, the
    sizes of the grids of dynamic programming.
    """

    ends: Given[int] = 512
    weights: Given[int] = 401
    gains: Given[int] = 41

    def __post_init__(self) -> None:
        count(self.ends, "ends", "Exact", 8)
        count(self.weights, "weights", "Exact", 8)
        count(self.gains, "gains", "Exact", 3)

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "exact solution"

    def applies(self, problem: Problem) -> str | None:
        """None if `problem` has an exact solution here; otherwise the reason why not, in words."""
        if len(problem.controls) > 1:
            return f"it has {len(problem.controls)} controls, {', '.join(c.name for c in problem.controls)}; it must have one"
        if problem.budget:
            return "its effort is to keep within a budget"
        if float(problem.terminal_scale) > 0:
            return "performance at the end is worth something of its own (terminal_scale); it must be what is paid on the way"
        control = problem.controls[0]
        if type(control) is LearningRate:
            return learning_rate.why_not(problem)
        if type(control) is Gain:
            return single_neuron.why_not(problem)
        return f"its control is {type(control).__name__}; it must be LearningRate, or the Gain of a single neuron"

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """The optimum; it does not depend on where `effort` starts. `scale` is the metric D.

        **Raises:** `LearningEffortError` where there is no exact solution, with the reason.
        """
        self._require(problem)
        begun = time.perf_counter()
        if isinstance(problem.controls[0], LearningRate):
            solve, method, of = self._rate, Method.FLOW, "learning rate"
        else:
            solve, method, of = self._gain, Method.DYNAMIC_PROGRAMMING, "single neuron"
        best, reason = solve(problem)
        value, gradient = problem.value_and_gradient(best)
        residual = float(scaled_residual(problem, best, gradient, scale))
        with contextlib.suppress(Stopped):  # there is nothing left to stop
            progress(1, float(value), residual, 1)
        seconds = time.perf_counter() - begun
        course = (np.array([float(value)]), np.array([residual]), np.array([1]), np.array([seconds]))
        reason = f"{reason} At the learner's steps the scaled residual is {residual:.1e}."
        outcome = Outcome(best, *course, Status.CONVERGED, reason, method=f"{method.value} ({of})")
        return outcome.staged(method, problem.horizon.length)

    def never_learn(self, problem: Problem) -> float | None:
        """V of never learning, u = −1 throughout; None if the box of the learning rate leaves it out.

        **Raises:** `LearningEffortError` if the problem's control is not a learning rate alone.
        """
        if len(problem.controls) != 1 or not isinstance(problem.controls[0], LearningRate):
            raise LearningEffortError("Never learning, u = -1, is for a problem whose only control is a LearningRate.")
        never = learning_rate.never(problem)
        return None if never is None else float(problem.value(never))

    def policy(self, problem: Problem, weights: tuple[float, float] | None = None) -> Policy:
        """The best gain of a single neuron in every state, at every step.

        **Arguments:** `problem`; `weights`, the lowest and the highest initial weight that the policy is to hold for
        (None: a neighbourhood of all that effort can reach from the problem's own).

        **Raises:** `LearningEffortError` where dynamic programming does not apply, with the reason.
        """
        self._require(problem)
        if not isinstance(problem.controls[0], Gain):
            raise LearningEffortError("A policy is for the gain of a single neuron; this problem's control is a LearningRate.")
        if weights is not None:
            try:
                low, high = weights
            except (TypeError, ValueError):
                raise LearningEffortError(
                    f"The 'weights' of Exact.policy must be a pair (lowest, highest). Got {weights!r} instead."
                ) from None
            low = float(number(low, "weights", "Exact.policy"))
            weights = low, float(number(high, "weights", "Exact.policy", low, open_low=True))
        return single_neuron.policy(problem, self.weights, self.gains, weights)

    def _require(self, problem: Problem) -> None:
        """**Raises:** `LearningEffortError` where there is no exact solution, with the reason."""
        reason = self.applies(problem)
        if reason:
            raise LearningEffortError(
                f"le.Exact() has no solution for this problem: {reason}. Try le.solve(problem, le.QuasiNewton())."
            )

    def _rate(self, problem: Problem) -> tuple[Effort, str]:
        """The best learning rate, and what to say of it. **Raises:** `LearningEffortError` if the learner's steps diverge."""
        flow, corrected = learning_rate.candidates(problem, self.ends)
        efforts = flow + corrected
        values = np.array([float(problem.value(effort)) for effort in efforts])
        if not np.isfinite(values).all():
            raise LearningEffortError(
                "The flow has an optimum, but at its fastest rate the learner's own steps diverge. Try a smaller upper "
                "bound of the rate, or a smaller learning_rate."
            )
        best = int(values.argmax())
        correction = values.max() - values[: len(flow)].max()
        courses = "it is the only stationary course"
        if len(flow) > 1:
            others = ", ".join(f"{value:.8g}" for value in np.sort(values[: len(flow)])[:-1])
            courses = f"it is the best of {len(flow)} stationary courses (the others are worth {others})"
        reason = f"Exact for the flow: {courses}; correcting for the learner's steps is worth {correction:.1e}."
        never = learning_rate.never(problem)
        if never is None:
            return efforts[best], reason + " Never learning, u = -1, is outside the box."
        value = float(problem.value(never))
        if value > values[best]:
            best_course = f"the best other course is worth {values[best]:.8g}"
            return never, f"Never learning, u = -1 throughout, is best: it is worth {value:.8g}, {best_course}."
        return efforts[best], reason + f" Never learning, u = -1 throughout, is worth {value:.8g}."

    def _gain(self, problem: Problem) -> tuple[Effort, str]:
        """The best gain of a single neuron, and what to say of it."""
        policy = self.policy(problem)
        effort, _ = policy.rollout()
        low, high = policy.weights[[0, -1]]
        return effort, (
            f"The global optimum, by dynamic programming on {self.weights} weights from {low:.4g} to {high:.4g} at the "
            "learner's own steps."
        )
