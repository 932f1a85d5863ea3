"""An answer in whole samples, and what that costs (theory.md §7.10)."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
from jaxtyping import Int

from ..files.html import table
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..problem.rounding import whole


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Rounded:
    """What `solution.rounded()` returns: the solution with one whole sample an update in place of shares.

    - `effort`, of `problem`, which is the solution's with one value a step for the control `of`. `choice`: which sample each
      update gets, (updates,): by their order for `le.Shares`, and 1 or 0 for a share.
    - `value`: V under it; `relaxed_value`, of the solution; `before_swaps`, as it was rounded by sums; `baseline_value`, of the
      uncontrolled learner.
    - `swaps` made, of two updates, or changes of one; `evaluations` of V and `gradients` that it took; `swap_optimal`: whether
      every swap and change that budgets allow was tried at the end, and none raises V.
    - `spent`: what is spent of each budget.
    """

    problem: Problem
    of: str
    effort: Effort
    choice: Int[np.ndarray, " updates"]
    value: float
    relaxed_value: float
    before_swaps: float
    baseline_value: float
    swaps: int
    evaluations: int
    gradients: int
    swap_optimal: bool
    spent: tuple[float, ...]

    @property
    def loss_of_value(self) -> float:
        """What rounding costs: V of the solution less V in whole samples. Below zero, the solution was not the best optimum."""
        return self.relaxed_value - self.value

    @property
    def counts(self) -> dict[int, int]:
        """How many updates each sample gets."""
        return {int(sample): int(count) for sample, count in zip(*np.unique(self.choice, return_counts=True), strict=True)}

    @property
    def sentence(self) -> str:
        """What it costs, and how far the search went, in words."""
        gain, loss = self.relaxed_value - self.baseline_value, self.loss_of_value
        share = f", {loss / gain:.2g} of what control gains" if gain > 0 else ""
        cost = (
            f"Whole samples cost {loss:.3g} of value{share}."
            if loss >= 0
            else f"Whole samples are worth {-loss:.3g} more than the solution, which was not the best there is."
        )
        end = (
            "No swap of two updates, nor change of one, that budgets allow raises it."
            if self.swap_optimal
            else f"Not all swaps were tried in {self.evaluations:,} evaluations: more of them may find better ones."
        )
        return f"{cost} {end}"

    def __repr__(self) -> str:
        """What it is, in a line."""
        return (
            f"Rounded(of={self.of!r}, value={self.value:.9g}, loss_of_value={self.loss_of_value:.3g}, swaps={self.swaps}, "
            f"evaluations={self.evaluations}, swap_optimal={self.swap_optimal})"
        )

    def _repr_html_(self) -> str:
        """The answer as notebooks show it: a short table and what it costs."""
        return table(f"'{self.of}' in whole samples", self._rows(), self.sentence)

    def summary(self) -> str:
        """The figures of the answer, as a table in plain text."""
        lines = [f"  {name:<18}{value:>18.10g}" for name, value in self._rows()]
        return "\n".join([f"'{self.of}' in whole samples", *lines, f"  {self.sentence}"])

    def _rows(self) -> list[tuple[str, float]]:
        """What there is to say in numbers."""
        rows: list[tuple[str, float]] = [
            ("value", self.value),
            ("before swaps", self.before_swaps),
            ("solution", self.relaxed_value),
            ("baseline", self.baseline_value),
            ("swaps", self.swaps),
            ("evaluations", self.evaluations),
        ]
        rows += [(f"updates of {sample}", count) for sample, count in self.counts.items()]
        return rows + [("spent", spent) for spent in self.spent]


def in_whole_samples(
    problem: Problem, effort: Effort, of: str | None, evaluations: int, value: float, baseline_value: float
) -> Rounded:
    """`effort` of a problem with whole samples for control `of`, from at most so many evaluations; `value` and `baseline_value`
    are V under it and of the uncontrolled learner."""
    found = whole(problem, effort, of, evaluations)
    samples = found.samples
    return Rounded(
        problem=samples.problem,
        of=samples.name,
        effort=jax.tree.map(np.asarray, samples.effort_of(found.choice)),
        choice=samples.labels[found.choice],
        value=found.value,
        relaxed_value=value,
        before_swaps=found.rounded,
        baseline_value=baseline_value,
        swaps=found.swaps,
        evaluations=found.evaluations,
        gradients=found.gradients,
        swap_optimal=found.ended,
        spent=tuple(map(float, samples.spent(found.choice))),
    )
