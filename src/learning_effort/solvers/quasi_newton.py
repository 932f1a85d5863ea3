"""Quasi-Newton ascent in a box, in the metric of theory.md §4.

Limited-memory BFGS in coordinates z = √D g, where the cost's own curvature is one: what is left to learn is the
performance's curvature, a smooth operator that a few pairs describe. `BoxSearch` has the steps; here they meet the problem.

Problems of equal shape go together: one compiled call gives the gradients of all, and each goes its own way and stops.
Weakness: local; on plateaus the residual is small far from any optimum.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import jax
import numpy as np
from jaxtyping import Float

from ..errors import Given, count, number
from ..numerics.lbfgs import Pairs, Vector
from ..numerics.vectors import raveled, unraveled
from ..problem.effort import Effort
from ..problem.problem import Problem, gradient_of, gradients_of
from ..results.certificate import Method, Status
from ..runtime import memory
from .box_search import BoxSearch
from .cost_curvature import CostCurvature
from .outcome import Outcome, stopped_after
from .progress import Progress

#: What a run keeps of each evaluation.
TRACES = 3

#: What gives V and its gradient, in one vector, of each of several problems at its effort.
Evaluation = Callable[[list[Vector]], list[tuple[float, Vector]]]


@dataclasses.dataclass(frozen=True)
class QuasiNewton:
    """Limited-memory quasi-Newton ascent in a box; the recommended solver.

    **Arguments:** `tolerance` of the scaled residual, in units of effort; `max_gradients`; `memory`, the number of
    pairs kept.
    """

    tolerance: Given[float] = 1e-6
    max_gradients: Given[int] = 1000
    memory: Given[int] = 12

    def __post_init__(self) -> None:
        number(self.tolerance, "tolerance", "QuasiNewton", 0.0, open_low=True)
        count(self.max_gradients, "max_gradients", "QuasiNewton")
        count(self.memory, "memory", "QuasiNewton")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "quasi-Newton in a box"

    def run(
        self, problem: Problem, effort: Effort, scale: Effort, progress: Progress, pairs: Pairs | None = None
    ) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D; `pairs`, what is known of the curvature from a problem like it."""
        return self.run_many([problem], [effort], [scale], progress, pairs)[0]

    def run_many(
        self,
        problems: Sequence[Problem],
        efforts: Sequence[Effort],
        scales: Sequence[Effort],
        progress: Progress,
        pairs: Pairs | None = None,
    ) -> list[Outcome]:
        """As `run`, for problems of equal shape."""
        numbers = sum(problem.space.size for problem in problems)
        memory.require(
            2 * self.memory * numbers + TRACES * len(problems) * self.max_gradients,
            f"{self.memory:,} pairs of {numbers:,} numbers, and {self.max_gradients:,} gradients to keep track of,",
            "Try a smaller memory or max_gradients, or fewer knots.",
        )
        searches = [self.search(*each, pairs) for each in zip(problems, efforts, scales, strict=True)]
        evaluate = evaluation(problems, efforts[0])
        seconds: list[list[float]] = [[] for _ in searches]
        progress.begin(self.max_gradients)
        begun = time.perf_counter()
        ended = None
        try:
            while any(search.goes_on for search in searches):
                found = evaluate([search.asked() for search in searches])
                for search, times, (value, slope) in zip(searches, seconds, found, strict=True):
                    if search.goes_on:
                        search.told(value, slope)
                        times += [time.perf_counter() - begun] * (len(search.values) - len(times))
                _report(searches, progress)
        except KeyboardInterrupt as error:
            if not searches[0].values:
                raise
            ended = progress.status_of(error), progress.stop.max_seconds
        steps = problems[0].horizon.length
        outcomes = (self.outcome(s, e, t, ended) for s, e, t in zip(searches, efforts, seconds, strict=True))
        return [outcome.staged(Method.QUASI_NEWTON, steps) for outcome in outcomes]

    def search(self, problem: Problem, effort: Effort, scale: Effort, pairs: Pairs | None = None) -> BoxSearch:
        """The search of one problem, before anything is evaluated."""
        root = np.sqrt(raveled(scale))
        low, high = (raveled(bound) for bound in problem.bounds())
        if pairs is None:
            pairs = Pairs(np.zeros((self.memory, root.size)), np.zeros((self.memory, root.size)), 0)
        curvature = CostCurvature(problem, root)
        start = raveled(effort)
        return BoxSearch(start, root, low, high, curvature.inverse, pairs, float(self.tolerance), self.max_gradients)

    def outcome(
        self, search: BoxSearch, like: Effort, seconds: list[float], ended: tuple[Status, float | None] | None = None
    ) -> Outcome:
        """The outcome of a `search` whose efforts have the tree of `like`; `ended`, if the batch was stopped: the status of
        what still ran, and the seconds allowed."""
        status, residuals, evaluations = search.status, np.array(search.residuals), search.evaluations
        reason = self._reason(status, residuals[-1], evaluations)
        if ended is not None and status is Status.LIMIT and evaluations < self.max_gradients:
            status, allowed = ended
            reason = stopped_after(status, evaluations, allowed)
        gradients = np.array(search.evaluations_at)
        gradients[-1] = evaluations  # with those after the last step that was accepted
        effort = unraveled(search.found, like)
        course = (np.array(search.values), residuals, gradients, np.array(seconds))
        return Outcome(effort, *course, status, reason, pairs=search.pairs)

    def _reason(self, status: Status, residual: float, evaluations: int) -> str:
        """The status in words."""
        return {
            Status.CONVERGED: f"Converged: the scaled residual is {residual:.1e}, within the tolerance {self.tolerance:g}.",
            Status.STUCK: f"No step along the gradient raises the value any more, at a scaled residual of {residual:.1e}: "
            "the limit of rounding, or a value that is not smooth there.",
            Status.NOT_FINITE: "The value at the start is not finite.",
            Status.LIMIT: f"Not converged: {evaluations} gradients were used, the most allowed (max_gradients), and the "
            f"scaled residual is {residual:.1e}. Allow more, or start from this effort.",
        }[status]


def evaluation(problems: Sequence[Problem], like: Effort) -> Evaluation:
    """What gives V and its gradient, in one vector, of each of the `problems` at its effort; their trees are that of `like`."""
    if len(problems) == 1:

        def single(points):
            value, gradient = gradient_of(problems[0], unraveled(points[0], like))
            return [(float(value), raveled(gradient))]

        return single
    stacked = jax.tree.map(lambda *leaves: jax.numpy.asarray(np.stack(leaves)), *problems)

    def together(points):
        efforts = jax.tree.map(lambda *leaves: np.stack(leaves), *[unraveled(point, like) for point in points])
        values, gradients = jax.tree.map(np.asarray, gradients_of(stacked, efforts))
        return [(float(v), raveled(jax.tree.map(lambda g, i=i: g[i], gradients))) for i, v in enumerate(values)]

    return together


def _report(searches: list[BoxSearch], progress: Progress) -> None:
    """Tell `progress` where a batch is."""
    iterations = max(len(search.values) for search in searches)
    evaluations = max(search.evaluations for search in searches)
    values: Float[np.ndarray, " problems"] = np.array([search.values[-1] for search in searches])
    residuals = np.array([search.residuals[-1] for search in searches])
    if len(searches) == 1:
        progress(iterations, float(values[0]), float(residuals[0]), evaluations)
    else:
        converged = sum(search.status is Status.CONVERGED for search in searches)
        progress.together(iterations, values, residuals, converged, evaluations)
