"""How far a search went: what other starts led to."""

from __future__ import annotations

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Explored:
    """How far other starts were tried than the one that was given, and where they led (theory.md §7).

    - `starts`, the given one included; `unfinished`, how many were left on their way.
    - `optima`: the value of each distinct optimum and how many starts came to it, the best first. `best_unfinished`: the best
      value of those left on their way; None if there are none.
    - `steps` of the problem in which all these values were taken, which may be longer than the learner's own;
      `baseline_value`: V without control, in the same steps.
    - `gradients` that it took.
    """

    starts: int
    unfinished: int
    optima: tuple[tuple[float, int], ...]
    best_unfinished: float | None
    steps: int
    gradients: int
    baseline_value: float

    @property
    def runner_up_share(self) -> float | None:
        """The share of the best optimum's gain over no control that the second best has; None if there is a single one."""
        if len(self.optima) < 2:
            return None
        best, second = (value - self.baseline_value for value, _ in self.optima[:2])
        return second / best if best > 0 else None

    @property
    def sentence(self) -> str:
        """All of it in words."""
        if self.starts == 1:
            return "No other start was tried, so there may be better optima."
        reached = ", ".join(f"{value:.8g} ({count}×)" for value, count in self.optima)
        number = "one optimum" if len(self.optima) == 1 else f"{len(self.optima)} optima"
        text = f"{self.starts} starts ({self.gradients} gradients over {self.steps:,} steps) came to {number}: {reached}"
        if self.unfinished:
            text += f"; {self.unfinished} {'was' if self.unfinished == 1 else 'were'} left on the way"
        if self.runner_up_share is not None:
            text += f". The second best has {self.runner_up_share:.1%} of the gain"
        return f"{text}. There may be better ones."

    @classmethod
    def from_description(cls, given: dict[str, Any] | None) -> Explored | None:
        """What `dataclasses.asdict` gave, or None."""
        if given is None:
            return None
        return cls(**(given | {"optima": tuple((float(value), int(count)) for value, count in given["optima"])}))
