"""What it is worth to look ahead: from the agent that sees only the present to the one that sees all (theory.md §7.11)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from ..errors import Given, LearningEffortError, count, instance, members, shown
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.dataset import effort_keys
from ..results.solution import Solution
from ..solvers.one import Solver, solve
from ..solvers.progress import Show
from .replan import Replanned, check_plannable, replan
from .windows import NOTHING

if TYPE_CHECKING:
    import xarray

    from ..figures.style import Figure


@dataclasses.dataclass(frozen=True, eq=False)
class LookAhead:
    """Value against how far an agent looks ahead: `replanned`, what each agent did, and the `optimum`, a `Solution`."""

    replanned: tuple[Replanned, ...]
    optimum: Solution

    @property
    def look_ahead(self) -> Int[np.ndarray, " agents"]:
        """How many states each sees."""
        return np.array([own.look_ahead for own in self.replanned])

    @property
    def value(self) -> Float[np.ndarray, " agents"]:
        """V of each."""
        return np.array([own.value for own in self.replanned])

    @property
    def baseline_value(self) -> float:
        """V of the uncontrolled learner."""
        return self.replanned[0].baseline_value

    @property
    def share(self) -> Float[np.ndarray, " agents"]:
        """Each one's gain over the baseline, as a share of the optimum's; NaN if there is nothing to gain."""
        full = self.optimum.value - self.baseline_value
        return (self.value - self.baseline_value) / (full if full > 0 else np.nan)

    @property
    def spent(self) -> Float[np.ndarray, " agents"]:
        """What the effort of each costs, Σ γ^{t_k} C_k Δt."""
        return np.array([own.spent for own in self.replanned])

    @property
    def effort(self) -> tuple[Effort, ...]:
        """The effort of each, one value a step."""
        return tuple(own.effort for own in self.replanned)

    def table(self) -> xarray.Dataset:
        """Value, share, cost spent and effort (`effort_<control>`, with the number of the layer where there is one for each)
        against `look_ahead`; `table()[["value", "share"]].to_dataframe()` is a table of the numbers."""
        import xarray as xr

        variables: dict[str, Any] = {
            "value": ("look_ahead", self.value, {"long_name": "value", "units": "loss × time"}),
            "share": ("look_ahead", self.share, {"long_name": "share of the full gain"}),
            "spent": ("look_ahead", self.spent, {"long_name": "cost of the effort", "units": "loss × time"}),
        }
        for name, keys in effort_keys(self.effort[0]).items():
            for i, key in enumerate(keys):
                parts = [np.asarray(e[name][i] if isinstance(e[name], list) else e[name]) for e in self.effort]
                dims = ("look_ahead", "time", *(f"{key}_axis_{j}" for j in range(1, parts[0].ndim)))
                variables[key] = (dims, np.stack(parts), {"long_name": f"effort '{name}'"})
        coordinates = {"look_ahead": self.look_ahead, "time": self.replanned[0].rollout.times}
        said = {"baseline_value": self.baseline_value, "optimal_value": self.optimum.value}
        return xr.Dataset(variables, coordinates, said)

    def plot(self) -> Figure:
        """The share of the full gain against how far an agent looks ahead, and what each does, beside the optimum."""
        from ..figures.look_ahead import look_ahead_figure

        return look_ahead_figure(self)


def look_ahead(
    problem: Given[Problem],
    horizons: Given[Sequence[int] | Int[np.ndarray, " agents"]],
    every: Given[int] = 1,
    tail: Given[str] = NOTHING,
    method: Given[Solver | None] = None,
    optimum: Given[Solution | None] = None,
    progress: Show = False,
) -> LookAhead:
    """What agents are worth that look ahead as many states as `horizons` says, each by `le.replan`.

    **Arguments:** `problem`; `horizons`, whole numbers from 1 to N; `every`, after how many steps they plan again, at most as
    many as they see; `tail` and `method` as for `le.replan`; `optimum`, the answer of `le.solve(problem)` where it is at hand
    (None: it is solved for); `progress` as for `le.replan`.

    **Returns:** a `LookAhead`: `table()`, `plot()`.

    **Raises:** `LearningEffortError` as `le.replan` does.
    """
    instance(problem, Problem, "problem", "look_ahead")
    check_plannable(problem)
    listed: Any = horizons
    given = listed.tolist() if hasattr(listed, "tolist") else list(listed) if isinstance(listed, range) else listed
    seen = [count(h, "horizons", "look_ahead") for h in members(given, "horizons", "look_ahead", "whole numbers")]
    steps = problem.horizon.length
    if not seen or max(seen) > steps:
        raise LearningEffortError(
            f"The 'horizons' of look_ahead must be at least one whole number from 1 to {steps}, the horizon. Got "
            f"{shown(horizons)}."
        )
    every = count(every, "every", "look_ahead")
    if optimum is None:
        optimum = solve(problem, progress=progress)
    else:
        problem.check_effort(instance(optimum, Solution, "optimum", "look_ahead").effort)
    return LookAhead(tuple(replan(problem, h, min(every, h), tail, method, progress) for h in seen), optimum)
