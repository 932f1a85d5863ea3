"""Long steps of several lengths, combined to stand for the learner's own, or for no length at all (theory.md §5.5).

V in steps c times as long as the learner's own is a smooth function of c as long as the steps are stable: V_c = V_0 + aΔt c +
bΔt² c² + …. So Σ w_i V_{c_i} with Σ w_i c_iʲ = ℓʲ for j = 0, 1, … stands for V in steps of length ℓ, to the order of as many
terms as there are lengths: ℓ = 1 are the learner's own, ℓ = 0 is gradient flow. The same weights combine gradients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..numerics.lbfgs import Vector
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..problem.variants import in_longer_steps, with_linear_knots_of
from .quasi_newton import evaluation

#: Steps are also made so many times shorter than the longest that serve; it must be so many times as long as the learner's own.
FINER, LONG = 2, 8


def extrapolation_weights(lengths: Sequence[int | float], length: int | float) -> Float[np.ndarray, " lengths"]:
    """The weights that combine values at several step `lengths` to what they would be at another `length` (Lagrange 1795).

    **Arguments:** `lengths`, different from each other; `length`, in the same units.
    """
    others = [[c for j, c in enumerate(lengths) if j != i] for i in range(len(lengths))]
    return np.array([np.prod([(length - c) / (own - c) for c in rest]) for own, rest in zip(lengths, others, strict=True)])


class CombinedSteps:
    """`problem` in steps of several lengths, standing for its own.

    **Arguments:** `variants`, the problem in longer steps, whose efforts have one shape; `lengths` of their steps, in those of
    the learner.
    """

    def __init__(self, variants: Sequence[Problem], lengths: Sequence[int], like: Effort):
        self.variants, self.lengths = list(variants), list(lengths)
        self.weights = extrapolation_weights(lengths, 1)
        self._evaluations = [evaluation([variant], like) for variant in variants]

    def __call__(self, effort: Vector) -> tuple[float, Vector]:
        """V and its gradient at an effort in one vector, combined."""
        found = [evaluate([effort])[0] for evaluate in self._evaluations]
        values, slopes = zip(*found, strict=True)
        self.values: list[float] = list(values)
        return float(self.weights @ np.array(values)), np.tensordot(self.weights, np.stack(slopes), 1)

    def flow_value(self, own: float) -> float:
        """V as Δt → 0, from that at the learner's own steps, `own`, and what was found last."""
        return float(extrapolation_weights([1, *self.lengths], 0) @ np.array([own, *self.values]))


def combined_steps(problem: Problem, coarse: Problem, like: Effort) -> CombinedSteps | None:
    """What stands for `problem` where effort has the values it has in `coarse`, its steps being as long as those and half as
    long; None if they do not cover the horizon evenly, or are so short that it does not pay."""
    steps = problem.horizon.length
    factor = -(-steps // coarse.horizon.length)
    lengths = (factor // FINER, factor)
    if factor < LONG or factor % FINER or steps % factor:
        return None
    finer = in_longer_steps(problem, lengths[0])
    if finer is None:
        return None
    variants = [with_linear_knots_of(finer, coarse), coarse]
    for control, finer_control in zip(coarse.space.varying, variants[0].space.varying, strict=True):
        knots, finer_knots = coarse.space.knots(control), variants[0].space.knots(finer_control)
        if knots.held and finer_knots.held:
            if knots.steps % knots.number or finer_knots.steps % finer_knots.number:
                return None
        elif 2 * knots.number > knots.steps:  # an effort that alternates from knot to knot costs other shares at other lengths
            return None
    return CombinedSteps(variants, lengths, like)


