"""Ascent at the learner's own steps by corrected long steps (theory.md §5.5).

Long steps, combined, stand for the learner's own but for a small difference, which varies slowly with effort. So each gradient
at the learner's own steps, g, corrects the model, V_c(u) + ⟨g(u_k) − g_c(u_k), u⟩, whose maximum is the next effort: its
gradient is right at u_k, and what is wrong with its curvature is what is left of the residual. Where that helps no more,
quasi-Newton takes over, with what the model taught it of the curvature.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from ..numerics.lbfgs import Pairs, Vector
from ..numerics.vectors import raveled, unraveled
from ..problem.box import scaled_residual
from ..problem.effort import Effort
from ..problem.problem import Problem, gradient_of
from ..results.certificate import Method, Status
from .extrapolation import CombinedSteps
from .outcome import Outcome, joined, stopped_after
from .progress import Progress
from .quasi_newton import QuasiNewton

#: The model is climbed to this share of the residual at the learner's own steps, and no further than this share of the
#: tolerance.
INNER, BELOW = 0.03, 0.3
#: So many gradients of the model at most, each time.
MOST = 60
#: Before there is a gradient at the learner's own steps, it is climbed to this scaled residual: about what separates it from
#: them.
MODEL_TOLERANCE = 1e-3
#: Values are known to this share.
NOISE = 1e-14
#: A correction must leave no more than this share of the residual, or quasi-Newton takes over.
HELPS = 0.5


class Corrected:
    """The ascent of `problem` by the `model` that stands for it.

    **Arguments:** `fine`, the solver at the learner's own steps, with the tolerance that counts; `scale`, the metric D.
    """

    def __init__(
        self, problem: Problem, model: CombinedSteps, scale: Effort, fine: QuasiNewton, progress: Progress
    ):
        self._problem, self._model, self._scale, self._fine, self._progress = problem, model, scale, fine, progress

    def run(self, effort: Effort, pairs: Pairs, worth: float) -> Outcome:
        """Ascend from `effort`, `worth` so much at the learner's own steps; `pairs`, what is known of the curvature."""
        known = pairs
        here, pairs = self._climbed(effort, 0.0, 0.0, known)
        self._progress.begin(self._fine.max_gradients)
        begun = time.perf_counter()
        courses: list[tuple[float, float, float]] = []
        ended: Status | None = None
        made = 0
        try:
            while True:
                value, slope, residual = self._at(here)
                made += 1
                misled = not courses and not value >= worth - NOISE * abs(worth)
                if misled:  # from the first: only where it began counts
                    here, pairs = effort, known
                    value, slope, residual = self._at(here)
                    made += 1
                if courses and not value > courses[-1][0] - NOISE * abs(value):
                    break
                best, course = here, (value, residual, time.perf_counter() - begun)
                courses.append(course)
                self._progress(len(courses), value, residual, len(courses))
                helped = len(courses) < 2 or residual <= HELPS * courses[-2][1]
                if residual <= self._fine.tolerance or misled or not helped or not np.isfinite(value):
                    break
                modelled = self._model(raveled(here))[1]
                here, pairs = self._climbed(here, slope - modelled, residual, pairs)
        except KeyboardInterrupt as error:
            if not courses:
                raise
            ended = self._progress.status_of(error)
        outcome = self._outcome(best, courses, made, pairs, ended)
        if outcome.stopped:
            return outcome
        if outcome.converged:
            self._model(raveled(best))
            return outcome._replace(flow_value=self._model.flow_value(courses[-1][0]))
        return joined(outcome, self._fine.run(self._problem, best, self._scale, self._progress, pairs))

    def _at(self, effort: Effort) -> tuple[float, Vector, float]:
        """V, its gradient and the scaled residual at the learner's own steps."""
        value, gradient = gradient_of(self._problem, effort)
        residual = float(scaled_residual(self._problem, effort, gradient, self._scale))
        return float(value), raveled(gradient), residual

    def _climbed(self, effort: Effort, tilt: Vector | float, residual: float, pairs: Pairs) -> tuple[Effort, Pairs]:
        """Where the model, with a `tilt`, is highest, from `effort`, and what its curvature is; `residual`, at the learner's
        own steps, says how exactly (0: to what separates the model from them)."""
        tolerance = max(INNER * residual, BELOW * float(self._fine.tolerance)) if residual else MODEL_TOLERANCE
        solver = dataclasses.replace(self._fine, tolerance=tolerance, max_gradients=MOST)
        search = solver.search(self._model.variants[0], effort, self._scale, pairs)
        while search.goes_on and not self._progress.stop.due:  # what is found so far is then looked at, and kept
            asked = search.asked()
            value, slope = self._model(asked)
            search.told(value + float(np.sum(tilt * asked)), slope + tilt)
        return unraveled(search.found, effort), search.pairs

    def _outcome(
        self, effort: Effort, courses: list[tuple[float, float, float]], made: int, pairs: Pairs, ended: Status | None
    ) -> Outcome:
        """What was found so far, by as many gradients as were `made` at the learner's own steps."""
        values, residuals, seconds = (np.array(column) for column in zip(*courses, strict=True))
        gradients, residual = np.arange(1, len(courses) + 1), residuals[-1]
        gradients[-1] = made
        if residual <= self._fine.tolerance:
            status, tolerance = Status.CONVERGED, self._fine.tolerance
            reason = f"Converged: the scaled residual is {residual:.1e}, within the tolerance {tolerance:g}."
        elif ended is not None:
            status, reason = ended, stopped_after(ended, made, self._progress.stop.max_seconds)
        else:
            status, reason = Status.LIMIT, f"Not converged: the scaled residual is {residual:.1e}."
        outcome = Outcome(effort, values, residuals, gradients, seconds, status, reason, pairs=pairs)
        return outcome.staged(Method.CORRECTED, self._problem.horizon.length)
