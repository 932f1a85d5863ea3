"""What an answer becomes as the learner's steps get ever shorter (theory.md §5.5)."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jaxtyping import Float

from ..errors import Given, LearningEffortError, shown
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..problem.variants import in_longer_steps, resampled
from ..results.solution import Solution
from ..solvers.extrapolation import extrapolation_weights
from ..solvers.one import solve
from ..solvers.quasi_newton import QuasiNewton

#: The lengths of steps that are combined, in the learner's own: the first of these whose steps cover the horizon evenly.
LENGTHS = ((1, 2, 4), (1, 2, 3), (1, 2, 5), (1, 3, 5), (1, 5, 7), (1, 2), (1, 3), (1, 5), (1, 7))
#: Each of them is solved to this scaled residual, or to the tolerance of rounding.
TOLERANCE = 1e-7


@dataclasses.dataclass(frozen=True, eq=False)
class FlowLimit:
    """What `le.flow_limit` returns: an optimum for gradient flow, by extrapolation from steps of several `lengths`.

    - `value` and `baseline_value`: V with the best effort, and without control. `error`: by how much `value` changes if the
      longest steps are left out, about what the rest of the series is worth (None with two lengths).
    - `effort`: the best effort, in effort's tree, at the knots of the problem, or at `times` where it has a value a step.
    - `times` (T,), `loss` and `baseline_loss` (T,): L at the steps that all lengths share.
    """

    value: float
    baseline_value: float
    error: float | None
    effort: Effort
    times: Float[np.ndarray, " T"]
    loss: Float[np.ndarray, " T"]
    baseline_loss: Float[np.ndarray, " T"]
    lengths: tuple[int, ...]


def flow_limit(solution: Given[Solution]) -> FlowLimit:
    """The optimum near a solution as Δt → 0, by extrapolation (theory.md §5.5).

    The problem is solved again, from the solution's effort, in the learner's own steps and in some that are a few times as
    long, and each number is extrapolated to none.

    **Arguments:** `solution`, of a problem whose learner has longer steps, as networks have that learn from moments.

    **Returns:** a `FlowLimit`.

    **Raises:** `LearningEffortError` if the learner has no longer steps that cover the horizon evenly, or if the solver does
    not converge in one of them.
    """
    if not isinstance(solution, Solution):
        raise LearningEffortError(f"'flow_limit' takes a Solution. Got {shown(solution)} instead.")
    problem = solution.problem
    if problem is None:
        raise LearningEffortError("This solution has no problem to be solved again. Bind it with le.load(path, problem=…).")
    lengths, variants = _variants(problem)
    found = [_solved(problem, variant, solution.effort) for variant in variants]
    weights, shared = extrapolation_weights(lengths, 0), int(np.lcm.reduce(lengths))

    def limit(numbers):
        return np.tensordot(weights, np.stack([np.asarray(n) for n in numbers]), 1)

    def losses(name):
        return limit([getattr(s, name).loss[:: shared // length] for s, length in zip(found, lengths, strict=True)])

    values = np.array([s.value for s in found])
    error = None
    if len(lengths) > 2:
        error = abs(float(weights @ values - extrapolation_weights(lengths[:-1], 0) @ values[:-1]))
    times = np.asarray(found[0].rollout.times)[::shared]
    return FlowLimit(
        value=float(weights @ values),
        baseline_value=float(weights @ np.array([s.baseline_value for s in found])),
        error=error,
        effort=jax.tree.map(lambda *leaves: limit(leaves), *_comparable(problem, found, lengths, shared)),
        times=times,
        loss=losses("rollout"),
        baseline_loss=losses("baseline"),
        lengths=lengths,
    )


def _variants(problem: Problem) -> tuple[tuple[int, ...], list[Problem]]:
    """Lengths of steps that cover the horizon of a problem evenly, and the problem in them."""
    steps = problem.horizon.length
    for lengths in LENGTHS:
        if problem.horizon.used is not None or any(steps % length for length in lengths):
            continue
        variants = [problem if length == 1 else in_longer_steps(problem, length) for length in lengths]
        kept = [variant for variant in variants if variant is not None]
        if len(kept) == len(lengths):
            return lengths, kept
    raise LearningEffortError(
        f"'flow_limit' needs longer steps that cover the horizon evenly. The {type(problem.learner).__name__} over {steps:,} "
        "steps has none: give it a number of steps that 2 and 4 divide (and, if tasks switch, so many between switches), or "
        "take a network that learns from moments, such as le.LinearNetwork."
    )


def _solved(problem: Problem, variant: Problem, effort: Effort) -> Solution:
    """The optimum of a `variant` of a problem near an `effort` of the problem."""
    start = resampled(problem, variant, effort)
    found = solve(variant, QuasiNewton(tolerance=TOLERANCE), init=start, progress=False)
    if not found.certificate.converged and found.certificate.residual > 1e3 * TOLERANCE:
        raise LearningEffortError(
            f"The flow's limit is not known: in {variant.horizon.length:,} steps the solver did not converge. {found.reason}"
        )
    return found


def _comparable(problem: Problem, found: list[Solution], lengths: tuple[int, ...], shared: int) -> list[Effort]:
    """The efforts of solutions in steps of several `lengths`, at the same times: at the steps they share where there is a value
    a step."""
    def shared_values(control, solution, length):
        own = solution.effort[control.name]
        if control.static or not problem.space.knots(control).one_a_step:
            return own
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:: shared // length], own)

    return [{c.name: shared_values(c, s, n) for c in problem.controls} for s, n in zip(found, lengths, strict=True)]
