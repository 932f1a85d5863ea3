"""A solution: the effort found, what it is worth, and how it was found. It is data; nothing here solves or examines."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from ..controls.knots import Knots
from ..errors import Given, LearningEffortError, count, instance
from ..files.html import table
from ..problem.effort import Effort
from ..problem.problem import Problem, Rollout
from . import dataset
from .certificate import Certificate, Spending, Stage, Status
from .rounded import Rounded, in_whole_samples
from .settings import Setting, settings_of

if TYPE_CHECKING:  # loaded where they are used
    import xarray

    from ..figures.style import Figure


@dataclasses.dataclass(frozen=True, eq=False)
class History:
    """The solver's course, one entry an iteration: `value`, scaled `residual`, cumulative `gradients`, `seconds`."""

    value: Float[np.ndarray, " iterations"]
    residual: Float[np.ndarray, " iterations"]
    gradients: Int[np.ndarray, " iterations"]
    seconds: Float[np.ndarray, " iterations"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Solution:
    """What `le.solve` returns.

    - `effort`: the best effort found, in effort's tree, NumPy arrays. `knots`: for each control, where its values lie in time;
      None for a static one.
    - `value`, `baseline_value`, `neutral_value`: V under it, of the uncontrolled learner, and of the neutral effort paid
      for.
    - `rollout`, `baseline`: `Rollout`s, losses at all N steps, weights at the steps `weight_steps` (at most 500).
    - `history`; `certificate`; `stages` of the search, in order; `reason` (why the solver stopped) and `method`, in words;
      `gradients`, `seconds`.
    - `problem`: None if the solution was loaded and its problem could not be rebuilt.
    - `starts`: the value that each start reached, in order; `optima`: for each, the number of the optimum it reached, 0
      being the best. None for a single start.
    - `notes`: what else is to be known of the answer, a sentence each. `told`: the settings that its file told.
    - `compile_seconds`: how many of the `seconds` went into tracing and compiling; None if that is not known.
    """

    problem: Problem | None
    effort: Effort
    knots: dict[str, Knots | None]
    value: float
    baseline_value: float
    neutral_value: float
    rollout: Rollout
    baseline: Rollout
    weight_steps: Int[np.ndarray, " T"]
    history: History
    certificate: Certificate
    reason: str
    method: str
    stages: tuple[Stage, ...]
    gradients: int
    seconds: float
    starts: Float[np.ndarray, " starts"] | None = None
    optima: Int[np.ndarray, " starts"] | None = None
    notes: tuple[str, ...] = ()
    told: dict[str, Setting] = dataclasses.field(default_factory=dict)
    compile_seconds: float | None = None

    def __repr__(self) -> str:
        """What it is, in a line."""
        return (
            f"Solution(value={self.value:.9g}, baseline_value={self.baseline_value:.9g}, status={self.status.value!r}, "
            f"residual={self.certificate.residual:.1e}, controls={sorted(self.effort)}, gradients={self.gradients})"
        )

    def _repr_html_(self) -> str:
        """The solution as notebooks show it: a short table, what is known of it, and a small figure."""
        rows: list[tuple[str, object]] = [
            ("value", self.value),
            ("baseline", self.baseline_value),
            ("gain over baseline", self.value - self.baseline_value),
            ("status", self.status.value),
            ("controls", ", ".join(sorted(self.effort))),
            ("gradients", self.gradients),
            ("seconds", f"{self.seconds:.1f}{self._of_it()}"),
        ]
        from ..figures.style import as_png

        after = " ".join((self.certificate.sentence, *self.notes))
        return table(f"Solution by {self.method}", rows, after, as_png(self.plot()))

    @property
    def budget(self) -> Spending | tuple[Spending, ...] | None:
        """What is known of the problem's budget: multiplier, spent, slack, dual bound; a tuple for several, None for none."""
        budgets = self.certificate.budgets
        return (budgets[0] if len(budgets) == 1 else budgets) if budgets else None

    @property
    def status(self) -> Status:
        """How the search ended."""
        return self.certificate.status

    @property
    def settings(self) -> dict[str, Setting]:
        """γ, η, Δt, and each control's bounds, rest and cost, by the names that attributes of its dataset have."""
        return self.told if self.problem is None else settings_of(self.problem)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the search."""
        return self.status is Status.INTERRUPTED

    @property
    def weight_times(self) -> Float[np.ndarray, " T"]:
        """The times at which weights are kept (T,)."""
        return np.asarray(self.rollout.times)[self.weight_steps]

    def keep(self, certificate: Certificate) -> None:
        """Take a fuller `certificate` of this answer, as `le.certify` does: the one thing of a solution that changes."""
        object.__setattr__(self, "certificate", certificate)

    def summary(self) -> str:
        """The figures of the solution, as a table in plain text."""
        rows = [("value", self.value), ("baseline", self.baseline_value)]
        if abs(self.neutral_value - self.baseline_value) > 1e-12 * abs(self.baseline_value):
            rows.append(("neutral, paid for", self.neutral_value))
        if self.certificate.constant_value is not None:
            rows.append(("best constant", self.certificate.constant_value))
        lines = [f"  {name:<18}{value:>18.10g}" for name, value in rows]
        lines.append(f"  {'gradients':<18}{self.gradients:>18d}")
        lines.append(f"  {'seconds':<18}{self.seconds:>18.1f}{self._of_it()}")
        said = (self.reason, self.certificate.sentence, *(f"Note: {note}" for note in self.notes))
        return "\n".join([f"Solved by {self.method}", *lines, *(f"  {sentence}" for sentence in said)])

    def _of_it(self) -> str:
        """How the seconds were spent, where that is known."""
        if self.compile_seconds is None:
            return ""
        return f"  (compiling {self.compile_seconds:.1f}, solving {max(self.seconds - self.compile_seconds, 0.0):.1f})"

    def starts_in_words(self) -> str:
        """What several starts reached: each distinct optimum's value and how many starts reached it."""
        return self.certificate.optima_in_words()

    def accuracy(self) -> Float[np.ndarray, " T"]:
        """The share of the evaluation task's samples that the network classifies rightly, under its effort, at the times
        `weight_times` (T,).

        **Raises:** `LearningEffortError` if the learner does not classify, or the solution has no problem.
        """
        if self.problem is None:
            raise LearningEffortError("This solution has no problem to be judged by. Bind it with le.load(path, problem=…).")
        signals = self.problem.signals_at(self.problem.check_effort(self.effort), self.weight_steps)
        return np.asarray(self.problem.learner.accuracy(self.rollout.weights, self.weight_steps, signals))

    def plot(
        self,
        ax: Any = None,
        kind: Given[str] = "all",
        others: Given[Sequence[Solution]] = (),
        labels: Given[Sequence[str] | None] = None,
    ) -> Figure | Any:
        """The solution, and `others` beside it, drawn with their baselines.

        **Arguments:** `kind`: "all" (loss, reward, effort), or "loss", "reward", "cost", "effort" (a panel a control), "map"
        (every number of a control that has many, with its sign) or "weights"; `ax`, matplotlib axes to draw into, as many as
        there are panels (None: a figure of its own); `labels`, what each solution is called, this one first.

        **Returns:** the matplotlib Figure, which notebooks show; `ax` where it is given.

        **Raises:** `LearningEffortError` for another kind, or other numbers of axes or labels.
        """
        from ..figures.solution import plot_solution

        return plot_solution(self, ax, kind, others, labels)

    def rounded(self, of: Given[str | None] = None, evaluations: Given[int] = 20_000) -> Rounded:
        """The solution with one whole sample an update in place of shares (theory.md §7.10), within its budgets.

        A share is rounded to 0 or 1, and `le.Shares` to one part, so that sums over updates stay as near as can be. Then two
        updates are swapped, or one changed where budgets leave it free, as long as that raises V. Other controls stay as they
        are. What is held or joined between knots is rounded update by update too.

        **Arguments:** `of`, the control's name (None: the only one that can be rounded); `evaluations` of V at most, 1 for no
        swaps. They are mapped together, up to 256 at once.

        **Returns:** a `Rounded`: effort, value, and what rounding costs.

        **Raises:** `LearningEffortError` if the solution has no problem; if there is no control of one number between bounds 0
        and 1, nor `le.Shares`, that enters learning linearly; or if budgets cannot be kept by whole samples.
        """
        if self.problem is None:
            raise LearningEffortError("This solution has no problem to be rounded in. Bind it with le.load(path, problem=…).")
        most = count(evaluations, "evaluations", "rounded")
        return in_whole_samples(self.problem, self.effort, of, most, self.value, self.baseline_value)

    def to_xarray(self) -> xarray.Dataset:
        """The solution as an `xarray.Dataset`: labelled arrays, times in the learner's units, attributes in words."""
        return dataset.of_solution(self)

    def save(self, path: Given[str | os.PathLike[str]]) -> None:
        """Write the solution as netCDF, whole or not at all.

        **Raises:** `LearningEffortError` if the folder cannot be written. **Warns** if the problem cannot be described, so that
        it must be bound again when the file is loaded.
        """
        dataset.write_solution(self, path)


def load(path: Given[str | os.PathLike[str]], problem: Given[Problem | None] = None) -> Solution:
    """The solution in a file that `Solution.save` wrote.

    **Arguments:** `path`; `problem`, to bind instead of the stored one (needed where it has parts of the user's own).

    **Raises:** `LearningEffortError` if the file is missing, damaged, not a solution, or of a newer format, or if its
    effort does not fit `problem`.
    """
    if problem is not None:
        instance(problem, Problem, "problem", "load")
    fields = dataset.read_solution(path, problem)
    return Solution(**(fields | {"history": History(**fields["history"])}))
