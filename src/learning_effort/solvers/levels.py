"""From coarse to fine: the same problem in longer steps first, then at the learner's own (design.md, mathematics.md §5).

A learner whose steps are c times as long takes c times fewer of them and learns nearly the same. Its optimum, and the
curvature met on the way to it, are where the solver starts at the learner's own steps: what is left there are the
differences, of order cΔt, and a few exact gradients. Where effort has one value a step, the longer steps have fewer of
them; so knots come first, and are refined to what was asked.

The value that is reported, and the residual, are always those at the learner's own steps.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from .._modules import replaced
from ..controls import Control, LearningRate
from ..errors import LearningEffortError
from ..horizon import Steps
from ..metric import metric, scaled_residual
from ..problem import Effort, Problem
from ..solution import kept_steps
from .exact import Exact
from .quasi_newton import QuasiNewton
from .refinement import refine
from .trace import Outcome, Pairs, Progress, joined

#: Steps may be made this many times as long, the largest that serves being taken.
FACTORS = (64, 48, 40, 32, 24, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2)
#: Fewer steps than this are left as they are: compiling longer ones would take longer than solving.
SHORT = 5000
#: At least so many long steps, and at least twice as many as knots.
FEWEST_STEPS = 250
#: What an effort is worth in long steps and in the learner's own may differ by this share; and the loss may rise, all rises
#: together, by no more than this share of its range above what it does in its own: longer steps oscillate.
ACCURACY = 0.02
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
#: Efforts of more numbers than this have no room for quasi-Newton pairs of their own, only for those of knots.
LARGE = 2_000_000


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """What `le.solve` does without a method: quasi-Newton on longer steps, then at the learner's own.

    **Arguments:** `fine`, the solver at the learner's own steps, with the tolerance that counts.
    """

    fine: QuasiNewton = QuasiNewton()

    @property
    def name(self) -> str:
        return self.fine.name

    def _rate_alone(self, problem: Problem) -> bool:
        return isinstance(problem.controls[0], LearningRate) and Exact().applies(problem) is None

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D. History counts gradients at the learner's own steps only."""
        if self._rate_alone(problem):
            return self._from_exact(problem, effort, scale, progress)
        coarse = longer_steps(problem, effort)
        if coarse is None:
            return self.fine.run(problem, effort, scale, progress)
        start = _resampled(problem, coarse, effort)
        coarse_scale = eqx.filter_jit(metric)(coarse)
        found = self._in_long_steps(problem, coarse).run(coarse, start, coarse_scale, progress)
        if not np.isfinite(found.value[-1]):
            return self.fine.run(problem, effort, scale, progress)
        came_first = f"{coarse.horizon.length} steps, {int(found.gradients[-1])} gradients"
        between = _between(problem, effort, coarse, found)
        if between is not None:
            between_scale = eqx.filter_jit(metric)(between)
            pairs = _spread_pairs(coarse, coarse_scale, between, between_scale, found.pairs)
            begun = _resampled(coarse, between, found.effort)
            coarse, coarse_scale = between, between_scale
            found = self._in_long_steps(problem, coarse).run(coarse, begun, coarse_scale, progress, pairs)
            came_first += f", and {coarse.horizon.length} steps, {int(found.gradients[-1])} gradients"
        knotted = problem if _same_shapes(coarse, problem) else _on_knots(problem, coarse)
        better = knotted.value(found.effort) > problem.value(effort)
        method = f"{self.name}, from long steps to the learner's own"
        if "Interrupted" in found.reason:
            best = _resampled(knotted, problem, found.effort) if better else effort
            return _interrupted(problem, best, scale, found)._replace(method=method)
        if not better:
            outcome = self.fine.run(problem, effort, scale, progress)
        elif _size(problem) <= LARGE:
            begun = _resampled(coarse, problem, found.effort)
            pairs = _spread_pairs(coarse, coarse_scale, problem, scale, found.pairs)
            outcome = self.fine.run(problem, begun, scale, progress, pairs)
        else:
            outcome = self._knots_first(problem, knotted, found, scale, progress)
        return outcome._replace(reason=f"{outcome.reason} ({came_first}, came first.)", method=method)

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
        try:
            found = Exact().run(problem, effort, scale, progress)
        except LearningEffortError:  # the learner's steps do not follow the flow
            return self.fine.run(problem, effort, scale, progress)
        outcome = self.fine.run(problem, found.effort, scale, progress)
        reason = f"{outcome.reason} The exact solution came first. {found.reason}"
        return outcome._replace(reason=reason, method=f"{self.name}, from the {found.method}")

    def _knots_first(self, problem: Problem, knotted: Problem, found: Outcome, scale: Effort, progress) -> Outcome:
        """From what was `found` in long steps, at the learner's own: on as many knots, then with one value a step."""
        knot_scale = eqx.filter_jit(metric)(knotted)
        method = dataclasses.replace(self.fine, tolerance=max(KNOT_TOLERANCE, self.fine.tolerance))
        first = method.run(knotted, found.effort, knot_scale, progress, found.pairs)
        begun = jax.tree.map(jnp.asarray, _resampled(knotted, problem, first.effort))
        if "Interrupted" in first.reason:
            return joined(first, _interrupted(problem, begun, scale, first))
        second = refine(problem, knotted, begun, scale, knot_scale, first.pairs, self.fine.tolerance, progress)
        return joined(first, second)


def _interrupted(problem: Problem, effort: Effort, scale: Effort, found: Outcome) -> Outcome:
    """The outcome of a search that was `found` interrupted elsewhere: what `effort` is worth at the learner's own steps."""
    value, gradient = problem.value_and_gradient(effort)
    residual = scaled_residual(problem, effort, gradient, scale)
    course = (np.array([float(value)]), np.array([float(residual)]), np.array([1]), found.seconds[-1:])
    return Outcome(effort, *course, found.reason, converged=False)


def longer_steps(problem: Problem, effort: Effort | None = None, factors: tuple[int, ...] = FACTORS) -> Problem | None:
    """`problem` in the longest steps that serve, of those of `factors`, without control and under `effort`; None where there
    are none, or the horizon is short."""
    steps = problem.horizon.length
    if problem.horizon.used is not None or steps < SHORT:
        return None
    knots = max([c.knots or problem.horizon.knots or 0 for c in problem.controls if not c.static], default=0)
    fewest = max(FEWEST_STEPS, 2 * knots if knots < steps else 0)
    efforts = [None] if effort is None or _neutral(problem, effort) else [None, effort]
    own: list[_Course] = []
    for factor in factors:
        if steps < factor * fewest:
            continue
        learner = problem.learner.with_longer_steps(factor)
        if learner is None:
            continue
        coarse = replaced(
            problem,
            learner=learner,
            horizon=Steps(-(-steps // factor), _fitting(problem.horizon.knots, steps)),
            controls=tuple(_with_fitting(c, steps) for c in problem.controls),
        )
        own = own or [_course(problem, e) for e in efforts]
        given = (e if e is None else _resampled(problem, coarse, e) for e in efforts)
        if all(_alike(_course(coarse, e), exact) for e, exact in zip(given, own, strict=True)):
            return coarse
    return None


def _between(problem: Problem, effort: Effort, coarse: Problem, found: Outcome) -> Problem | None:
    """`problem` in steps between those of `coarse` and its own, if what was `found` there was hard to find."""
    if found.gradients[-1] <= MANY or _size(problem) > LARGE or "Interrupted" in found.reason:
        return None
    between = longer_steps(problem, effort, BETWEEN)
    return None if between is None or between.horizon.length <= coarse.horizon.length else between


def _neutral(problem: Problem, effort: Effort) -> bool:
    neutral = {c.name: c.neutral_parameters(problem.learner) for c in problem.controls}
    return all(jax.tree.leaves(jax.tree.map(lambda e, n: bool((e == n).all()), effort, neutral)))


class _Course(NamedTuple):
    """How learning goes: its value, all rises of its loss together, and the range of its loss."""

    value: float
    rises: float
    spread: float


def _course(problem: Problem, effort: Effort | None) -> _Course:
    course = problem.thinned_rollout(effort, kept_steps(problem))
    weights = problem.weights(jnp.arange(problem.horizon.length))
    rises = jnp.maximum(jnp.diff(course.loss), 0).sum()
    return _Course(float(weights @ course.reward), float(rises), float(jnp.ptp(course.loss)))


def _alike(coarse: _Course, exact: _Course) -> bool:
    accurate = abs(coarse.value - exact.value) <= ACCURACY * abs(exact.value)
    return accurate and coarse.rises <= exact.rises + ACCURACY * exact.spread


def _fitting(knots: int | None, steps: int) -> int | None:
    return None if knots == steps else knots


def _with_fitting(control: Control, steps: int) -> Control:
    return control if control.static else replaced(control, knots=_fitting(control.knots, steps))


def _on_knots(problem: Problem, coarse: Problem) -> Problem:
    """`problem` with linear knots where the long steps' effort has its values; a control that has as many keeps its own."""
    return replaced(
        problem,
        controls=tuple(
            c
            if c.static or problem.knots(c) == coarse.knots(k)
            else replaced(c, knots=coarse.knots(k), interpolation="linear")
            for c, k in zip(problem.controls, coarse.controls, strict=True)
        ),
    )


def _resampled(source: Problem, target: Problem, effort: Effort) -> Effort:
    """Effort on the knots of `source`, at the knots of `target`: straight lines between its values."""
    result = {}
    for c, d in zip(source.controls, target.controls, strict=True):
        have, want = source.knots(c), target.knots(d)
        if c.static or have == want:
            result[c.name] = effort[c.name]
            continue
        at = np.linspace(0, have - 1, want)
        place = np.minimum(at.astype(int), max(have - 2, 0))
        fraction = at - place
        result[c.name] = jax.tree.map(
            lambda e, p=place, f=fraction: (
                e[p] * (1 - f).reshape(-1, *[1] * (e.ndim - 1))
                + e[np.minimum(p + 1, len(e) - 1)] * f.reshape(-1, *[1] * (e.ndim - 1))
            ),
            effort[c.name],
        )
    return jax.tree.map(jnp.asarray, result)


def _same_shapes(one: Problem, other: Problem) -> bool:
    return all(one.knots(c) == other.knots(d) for c, d in zip(one.controls, other.controls, strict=True) if not c.static)


def _spread_pairs(coarse: Problem, coarse_scale: Effort, problem: Problem, scale: Effort, pairs: Pairs) -> Pairs:
    """Pairs met in long steps, for the effort of `problem`: steps between its values, and changes as steps in the metric."""
    if _same_shapes(coarse, problem):
        return pairs
    unravel = ravel_pytree(coarse_scale)[1]

    def spread(vector):
        return ravel_pytree(_resampled(coarse, problem, unravel(vector)))[0]

    steps = jnp.stack([spread(step) for step in pairs.steps])
    changes = jnp.stack([spread(change / ravel_pytree(coarse_scale)[0]) for change in pairs.changes])
    return Pairs(steps, changes * ravel_pytree(scale)[0], pairs.count)


def _size(problem: Problem) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(problem.initial_effort)))
