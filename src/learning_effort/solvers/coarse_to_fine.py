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
from typing import NamedTuple

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
from ..results.explored import Explored
from ..runtime.devices import tuning
from .corrected import Corrected
from .exact.exact import Exact
from .exploration import Exploration
from .extrapolation import combined_steps
from .longer_steps import SHORT, baseline_loss, baseline_value, longer_steps
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


#: How far other starts are tried: for so many times the gradients of the first. At the learner's own steps a start usually
#: takes so many; and where those are few and cheap, a start more or less takes no longer than compiling does.
SHARES, USUAL, LIGHT = {"default": 0.5, "thorough": 4.0}, 12, 24
#: So many optima are taken to the learner's own steps in a thorough search.
THOROUGHLY_TAKEN = 3


class _Way(NamedTuple):
    """A way from long steps to the learner's own: the problem in long steps, its metric, what was found there, and what that is
    worth at the learner's own steps, once it is known."""

    problem: Problem
    scale: Effort
    found: Outcome
    worth: float = np.nan

    def may_lead_above(self, outcome: Outcome) -> bool:
        """Whether it could lead higher than `outcome`: its start is nearer to that of the outcome than the climb from there."""
        return 2 * outcome.begun - self.worth < _value(outcome)


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """What `le.solve` does without a method: quasi-Newton on longer steps, then at the learner's own.

    **Arguments:** `fine`, the solver at the learner's own steps, with the tolerance that counts; `search`, how far to look for
    a better optimum than the nearest: "none", "default", "thorough", or the number of starts.
    """

    fine: QuasiNewton = QuasiNewton()
    search: str | int = "none"

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
            return self._looking_around(problem, effort, scale, progress)
        first = self._in_longest_steps(problem, coarse, effort, progress)
        if not np.isfinite(first.found.value[-1]):
            return self.fine.run(problem, effort, scale, progress)
        ways, explored = self._ways(problem, first, effort, progress)
        outcomes: list[Outcome] = []
        for place, way in enumerate(ways):
            if place >= self._taken and not way.may_lead_above(max(outcomes, key=_value)):
                break
            nearer = self._in_steps_between(problem, way, effort, progress)
            outcomes.append(self._on_own_steps(problem, nearer, effort, scale, progress)._replace(begun=way.worth))
            if outcomes[-1].stopped:
                break
        outcome = max(outcomes, key=_value)
        return outcome._replace(
            explored=explored,
            elsewhere=sum(int(o.gradients[-1]) for o in outcomes) - int(outcome.gradients[-1]),
            method=f"{self.name}, from long steps to the learner's own",
        )

    @property
    def _taken(self) -> int:
        """How many optima are taken to the learner's own steps."""
        return THOROUGHLY_TAKEN if self.search == "thorough" else 1

    def _allowed(self, gradients: int, factor: int, problem: Problem) -> tuple[float, int | None]:
        """How many gradients other starts may take in steps `factor` times as long, where one start took so many, and how many
        starts there are (None: as many as get their first turn)."""
        if not isinstance(self.search, str):
            return np.inf, self.search - 1
        whole = gradients + factor * USUAL if factor > 1 else max(gradients, USUAL)
        light = LIGHT if factor == 1 and problem.horizon.length < SHORT and problem.learner.with_longer_steps(2) else 0
        return SHARES[self.search] * whole + light, None

    def _looking_around(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """At the learner's own steps alone: from `effort`, and from other starts as far as that is allowed."""
        found = self.fine.run(problem, effort, scale, progress)
        if self.search == "none" or found.stopped or not np.isfinite(found.value[-1]):
            return found
        allowed, starts = self._allowed(int(found.gradients[-1]), 1, problem)
        progress.stage = "other starts"
        look = Exploration(
            problem, self.fine, scale, effort, found, allowed, starts, baseline_value(problem, problem), progress
        )
        progress.stage = OWN_STEPS
        outcome = max([found, *look.better(1)], key=_value)
        elsewhere = look.spent if outcome is found else look.spent + int(found.gradients[-1] - outcome.gradients[-1])
        return outcome._replace(explored=look.record(), elsewhere=elsewhere)

    def _in_longest_steps(self, problem: Problem, coarse: Problem, effort: Effort, progress: Progress) -> _Way:
        """From `effort` in the steps of `coarse`."""
        progress.stage = f"long steps ({coarse.horizon.length})"
        scale = metric(coarse, baseline_loss(problem, coarse))
        found = self._in_long_steps(problem, coarse).run(coarse, resampled(problem, coarse, effort), scale, progress)
        return _Way(coarse, scale, found)

    def _ways(
        self, problem: Problem, first: _Way, effort: Effort, progress: Progress
    ) -> tuple[list[_Way], Explored | None]:
        """Where to go on from, what is worth most at the learner's own steps first: what other starts led to, as far as that is
        allowed, and what the `first` did; and how far the search went."""
        found, coarse = first.found, first.problem
        if self.search == "none" or found.stopped:
            return [first], None
        factor = -(-problem.horizon.length // coarse.horizon.length)
        allowed, starts = self._allowed(int(found.gradients[-1]), factor, problem)
        progress.stage = f"other starts, long steps ({coarse.horizon.length})"
        solver, begun = self._in_long_steps(problem, coarse), resampled(problem, coarse, effort)
        baseline = baseline_value(problem, coarse)
        look = Exploration(coarse, solver, first.scale, begun, found, allowed, starts, baseline, progress)
        others = [first._replace(found=outcome) for outcome in look.better(self._taken)]
        ways = [first, *others]
        if others:
            ways = sorted((way._replace(worth=_worth_of(problem, way)) for way in ways), key=lambda way: -way.worth)
        if look.ended is not None:
            ways = [way._replace(found=way.found._replace(status=look.ended)) for way in ways[:1]]
        return ways, look.record()

    def _in_steps_between(self, problem: Problem, way: _Way, effort: Effort, progress: Progress) -> _Way:
        """If the way so far was hard, on in steps between its own and the learner's."""
        coarse, scale, found = way.problem, way.scale, way.found
        between = self._between(problem, effort, coarse, found)
        if between is None:
            return way
        progress.stage = f"shorter steps ({between.horizon.length})"
        between_scale = metric(between, baseline_loss(problem, between))
        pairs = _spread_pairs(coarse, scale, between, between_scale, found.pairs)
        start = resampled(coarse, between, found.effort)
        nearer = self._in_long_steps(problem, between).run(between, start, between_scale, progress, pairs)
        return _Way(between, between_scale, nearer._replace(stages=(*found.stages, *nearer.stages)))

    def _on_own_steps(
        self, problem: Problem, way: _Way, effort: Effort, scale: Effort, progress: Progress
    ) -> Outcome:
        """At the learner's own steps, from where the `way` led, or from `effort` if it is worth more."""
        outcome = self._from_long_steps(problem, way, effort, scale, progress)
        stages = way.found.stages
        before = ", and ".join(f"{stage.steps} steps, {stage.gradients} gradients" for stage in stages)
        reason = outcome.reason if outcome.stopped and not outcome.stages else f"{outcome.reason} ({before}, came first.)"
        return outcome._replace(stages=(*stages, *outcome.stages), reason=reason)

    def _from_long_steps(
        self, problem: Problem, way: _Way, effort: Effort, scale: Effort, progress: Progress
    ) -> Outcome:
        """The same, what was done before left unsaid."""
        coarse, coarse_scale, found, _ = way
        stage, progress.stage = f"long steps ({coarse.horizon.length})", OWN_STEPS
        knotted = problem if same_shapes(coarse, problem) else with_linear_knots_of(problem, coarse)
        found = found._replace(effort=resampled(coarse, knotted, found.effort))
        worth = _worth_of(problem, way)
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
            model = combined_steps(problem, coarse, begun) if same_shapes(coarse, problem) else None
            if model is not None and pairs is not None:
                return Corrected(problem, model, scale, self.fine, progress).run(begun, pairs, worth)
            return self.fine.run(problem, begun, scale, progress, pairs)
        return self._knots_first(problem, coarse, knotted, found, worth, scale, progress)

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
        self,
        problem: Problem,
        coarse: Problem,
        knotted: Problem,
        found: Outcome,
        worth: float,
        scale: Effort,
        progress: Progress,
    ) -> Outcome:
        """From what was `found` in long steps, and is `worth` so much on knots at the learner's own: there, then with one value
        a step."""
        knot_scale = metric(knotted, baseline_loss(problem, knotted))
        method = dataclasses.replace(self.fine, tolerance=max(KNOT_TOLERANCE, self.fine.tolerance))
        progress.stage = f"{OWN_STEPS}, on knots"
        model = combined_steps(problem, coarse, found.effort)
        if model is not None and found.pairs is not None:
            first = Corrected(knotted, model, knot_scale, method, progress).run(found.effort, found.pairs, worth)
        else:
            first = method.run(knotted, found.effort, knot_scale, progress, found.pairs)
        begun, before = resampled(knotted, problem, first.effort), int(first.gradients[-1])
        if first.stopped:
            reason = stopped_after(first.status, before + 1, progress.stop.max_seconds)
            return joined(first, _as_it_is(problem, begun, scale, first.status, reason))
        assert first.pairs is not None  # quasi-Newton has them
        progress.stage = "refining"
        second = refine(problem, knotted, begun, scale, knot_scale, first.pairs, self.fine.tolerance, progress, before)
        progress.stage = OWN_STEPS
        return joined(first, second)._replace(flow_value=first.flow_value)


def _worth(problem: Problem, effort: Effort) -> float:
    """V under `effort`, less what budgets take, by the rollout that solutions are reported with, which is compiled anyway."""
    if problem.budget:
        return float(problem.value(effort))
    return problem.worth(problem.thinned_rollout(effort, kept_steps(problem)))


def _worth_of(problem: Problem, way: _Way) -> float:
    """What the `way` so far is worth at the learner's own steps."""
    if np.isfinite(way.worth):
        return way.worth
    if same_shapes(way.problem, problem):
        return _worth(problem, way.found.effort)
    knotted = with_linear_knots_of(problem, way.problem)
    return float(knotted.value(resampled(way.problem, knotted, way.found.effort)))


def _value(outcome: Outcome) -> float:
    """The best value of an outcome."""
    return float(np.nanmax(outcome.value))


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
