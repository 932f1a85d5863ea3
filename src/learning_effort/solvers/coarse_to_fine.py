"""From coarse to fine: the same problem in longer steps first, then at the learner's own (theory.md §5).

A learner whose steps are c times as long takes c times fewer of them and learns nearly the same. Its optimum, and the
curvature met on the way to it, are where the solver starts at the learner's own steps: what is left there are the
differences, of order cΔt, and a few exact gradients. Where effort has one value a step, the longer steps have fewer of
them; so knots come first, and are refined to what was asked.

The value that is reported, and the residual, are always those at the learner's own steps.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from ..controls.learning_rate import LearningRate
from ..errors import LearningEffortError
from ..numerics.lbfgs import Pairs
from ..numerics.vectors import raveled, unraveled
from ..problem.box import scaled_residual
from ..problem.effort import Effort
from ..problem.metric import metric
from ..problem.problem import Problem, kept_steps
from ..problem.variants import between_knots, resampled, same_shapes, with_linear_knots_of
from ..results.certificate import Status
from ..runtime.devices import tuning
from .exact.exact import Exact
from .longer_steps import baseline_loss, longer_steps
from .outcome import Outcome, joined, stopped_after
from .progress import OWN_STEPS, Progress
from .quasi_newton import QuasiNewton
from .refinement import refine

#: Where the longest steps took more gradients than this, steps so many times as long as the learner's own come next: each
#: gradient there saves one of the learner's own, at a fraction of the price.
MANY, BETWEEN = 100, (4,)
#: Long steps go on to this scaled residual, in units of effort: finer than what separates them from the exact ones.
COARSE_TOLERANCE = 1e-4
#: Gradients in long steps are cheap: so many are allowed, if they cost no more than the learner's own, and so many pairs kept.
COARSE_GRADIENTS = 1000
COARSE_MEMORY = 20
#: Knots at the learner's own steps go on to this one, where one value a step comes after.
KNOT_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """What `le.solve` does without a method: quasi-Newton on longer steps, then at the learner's own.

    **Arguments:** `fine`, the solver at the learner's own steps, with the tolerance that counts.
    """

    fine: QuasiNewton = QuasiNewton()

    @property
    def name(self) -> str:
        """That of the solver at the learner's own steps."""
        return self.fine.name

    def _rate_alone(self, problem: Problem) -> bool:
        """Whether a learning rate is all that is controlled, and its flow has an exact solution."""
        return isinstance(problem.controls[0], LearningRate) and Exact().applies(problem) is None

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D. History counts gradients at the learner's own steps only."""
        if self._rate_alone(problem):
            return self._from_exact(problem, effort, scale, progress)
        coarse = longer_steps(problem, effort)
        if coarse is None:
            return self.fine.run(problem, effort, scale, progress)
        coarse, coarse_scale, found = self._on_long_steps(problem, coarse, effort, progress)
        if not np.isfinite(found.value[-1]):
            return self.fine.run(problem, effort, scale, progress)
        outcome = self._on_own_steps(problem, coarse, coarse_scale, effort, scale, found, progress)
        before = ", and ".join(f"{stage.steps} steps, {stage.gradients} gradients" for stage in found.stages)
        reason = outcome.reason if outcome.stopped and not outcome.stages else f"{outcome.reason} ({before}, came first.)"
        return outcome._replace(
            stages=(*found.stages, *outcome.stages),
            reason=reason,
            method=f"{self.name}, from long steps to the learner's own",
        )

    def _on_long_steps(
        self, problem: Problem, coarse: Problem, effort: Effort, progress: Progress
    ) -> tuple[Problem, Effort, Outcome]:
        """From `effort` in the steps of `coarse`, and, if that was hard, in steps between those and the learner's own: the
        problem in the last of them, its metric, and what was found."""
        progress.stage = f"long steps ({coarse.horizon.length})"
        scale = metric(coarse, baseline_loss(problem, coarse))
        start = resampled(problem, coarse, effort)
        found = self._in_long_steps(problem, coarse).run(coarse, start, scale, progress)
        between = self._between(problem, effort, coarse, found)
        if between is None:
            return coarse, scale, found
        progress.stage = f"shorter steps ({between.horizon.length})"
        between_scale = metric(between, baseline_loss(problem, between))
        pairs = _spread_pairs(coarse, scale, between, between_scale, found.pairs)
        start = resampled(coarse, between, found.effort)
        nearer = self._in_long_steps(problem, between).run(between, start, between_scale, progress, pairs)
        return between, between_scale, nearer._replace(stages=(*found.stages, *nearer.stages))

    def _on_own_steps(
        self,
        problem: Problem,
        coarse: Problem,
        coarse_scale: Effort,
        effort: Effort,
        scale: Effort,
        found: Outcome,
        progress: Progress,
    ) -> Outcome:
        """At the learner's own steps, from what was `found` in those of `coarse`, or from `effort` if it is worth more."""
        stage, progress.stage = progress.stage, OWN_STEPS
        knotted = problem if same_shapes(coarse, problem) else with_linear_knots_of(problem, coarse)
        found = found._replace(effort=resampled(coarse, knotted, found.effort))
        worth = _worth(problem, found.effort) if knotted is problem else float(knotted.value(found.effort))
        better = worth > _worth(problem, effort)
        if found.stopped:
            kept = "the best effort so far is kept, and 1 gradient at the learner's own steps says what it is worth"
            made, allowed = int(found.gradients[-1]), progress.stop.max_seconds
            reason = stopped_after(found.status, made, allowed, kept, where=f"in {stage}, ")
            begun = resampled(knotted, problem, found.effort) if better else effort
            return _as_it_is(problem, begun, scale, found.status, reason)
        if not better:
            return self.fine.run(problem, effort, scale, progress)
        if problem.space.size <= tuning().paired_effort:
            begun = resampled(knotted, problem, found.effort)
            pairs = _spread_pairs(coarse, coarse_scale, problem, scale, found.pairs)
            return self.fine.run(problem, begun, scale, progress, pairs)
        return self._knots_first(problem, knotted, found, scale, progress)

    def _between(self, problem: Problem, effort: Effort, coarse: Problem, found: Outcome) -> Problem | None:
        """`problem` in steps between those of `coarse` and its own, if what was `found` there was hard to find."""
        if found.gradients[-1] <= MANY or problem.space.size > tuning().paired_effort or found.stopped:
            return None
        between = longer_steps(problem, effort, BETWEEN)
        return None if between is None or between.horizon.length <= coarse.horizon.length else between

    def _in_long_steps(self, problem: Problem, coarse: Problem) -> QuasiNewton:
        """The solver of `coarse`: with as many gradients as cost what the most allowed of the learner's own do, and no more
        than are of use."""
        factor = -(-problem.horizon.length // coarse.horizon.length)
        return dataclasses.replace(
            self.fine,
            tolerance=max(COARSE_TOLERANCE, self.fine.tolerance),
            max_gradients=min(COARSE_GRADIENTS, factor * self.fine.max_gradients),
            memory=max(COARSE_MEMORY, self.fine.memory),
        )

    def _from_exact(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """From the exact solution of the flow, which differs from that of the steps by O(Δt)."""
        progress.stage = "exact solution of the flow"
        try:
            found = Exact().run(problem, effort, scale, progress)
        except LearningEffortError:  # the learner's steps do not follow the flow
            return self.fine.run(problem, effort, scale, progress)
        finally:
            progress.stage = OWN_STEPS
        outcome = self.fine.run(problem, found.effort, scale, progress)
        return outcome._replace(
            stages=(*found.stages, *outcome.stages),
            reason=f"{outcome.reason} The exact solution came first. {found.reason}",
            method=f"{self.name}, from the {found.method}",
        )

    def _knots_first(
        self, problem: Problem, knotted: Problem, found: Outcome, scale: Effort, progress: Progress
    ) -> Outcome:
        """From what was `found` in long steps, at the learner's own: on as many knots, then with one value a step."""
        knot_scale = metric(knotted, baseline_loss(problem, knotted))
        method = dataclasses.replace(self.fine, tolerance=max(KNOT_TOLERANCE, self.fine.tolerance))
        progress.stage = f"{OWN_STEPS}, on knots"
        first = method.run(knotted, found.effort, knot_scale, progress, found.pairs)
        begun, before = resampled(knotted, problem, first.effort), int(first.gradients[-1])
        if first.stopped:
            reason = stopped_after(first.status, before + 1, progress.stop.max_seconds)
            return joined(first, _as_it_is(problem, begun, scale, first.status, reason))
        assert first.pairs is not None  # quasi-Newton has them
        progress.stage = "refining"
        second = refine(problem, knotted, begun, scale, knot_scale, first.pairs, self.fine.tolerance, progress, before)
        progress.stage = OWN_STEPS
        return joined(first, second)


def _worth(problem: Problem, effort: Effort) -> float:
    """V under `effort`, less what budgets take, by the rollout that solutions are reported with, which is compiled anyway."""
    if problem.budget:
        return float(problem.value(effort))
    return problem.worth(problem.thinned_rollout(effort, kept_steps(problem)))


def _as_it_is(problem: Problem, effort: Effort, scale: Effort, status: Status, reason: str) -> Outcome:
    """The outcome of a search that was stopped elsewhere: what `effort` is worth at the learner's own steps."""
    begun = time.perf_counter()
    value, gradient = problem.value_and_gradient(effort)
    residual = scaled_residual(problem, effort, gradient, scale)
    course = (np.array([float(value)]), np.array([float(residual)]), np.array([1]), np.array([time.perf_counter() - begun]))
    return Outcome(effort, *course, status, reason)


def _spread_pairs(
    coarse: Problem, coarse_scale: Effort, problem: Problem, scale: Effort, pairs: Pairs | None
) -> Pairs | None:
    """Pairs met in long steps, for the effort of `problem`: steps between its values, and changes as steps in the metric."""
    if pairs is None or same_shapes(coarse, problem):
        return pairs

    def spread(vector):
        return raveled(between_knots(coarse, problem, unraveled(vector, coarse_scale)))

    steps = np.stack([spread(step) for step in pairs.steps])
    changes = np.stack([spread(change / raveled(coarse_scale)) for change in pairs.changes])
    return Pairs(steps, changes * raveled(scale), pairs.count)
