"""What a solver says of its run: the effort, the course it took, its status, and its stages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..numerics.lbfgs import Pairs
from ..problem.effort import Effort
from ..results.certificate import Method, Stage, Status


class Outcome(NamedTuple):
    """What a solver hands back: the best effort it met, the course it took, and how it ended.

    `value`, `residual`, `gradients` (cumulative count) and `seconds`, one entry an iteration, the start included; `status`;
    `reason`, the status in words; `stages`, what was done in order, the last at the problem's own steps; `pairs`, where the
    solver has any; `method`, what it did for this problem, in words, where its name does not say it all.
    """

    effort: Effort
    value: np.ndarray
    residual: np.ndarray
    gradients: np.ndarray
    seconds: np.ndarray
    status: Status
    reason: str
    stages: tuple[Stage, ...] = ()
    pairs: Pairs | None = None
    method: str = ""

    @property
    def converged(self) -> bool:
        """Whether the solver met its tolerance."""
        return self.status is Status.CONVERGED

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.status is Status.INTERRUPTED

    def staged(self, method: Method, steps: int) -> Outcome:
        """The same, its course being one stage by `method` on a problem of `steps`."""
        last = (float(np.nanmax(self.value)), float(self.residual[-1]), int(self.gradients[-1]), float(self.seconds[-1]))
        return self._replace(stages=(Stage(method, steps, self.status, *last),))


def joined(first: Outcome, second: Outcome) -> Outcome:
    """One outcome of two runs, the second from where the first ended: what the second says of that place counts."""
    return second._replace(
        value=np.concatenate([first.value[:-1], second.value]),
        residual=np.concatenate([first.residual[:-1], second.residual]),
        gradients=np.concatenate([first.gradients[:-1], first.gradients[-1] + second.gradients]),
        seconds=np.concatenate([first.seconds[:-1], first.seconds[-1] + second.seconds]),
        stages=(*first.stages, *second.stages),
    )


def interrupted_after(gradients: int) -> str:
    """What to say of an interruption."""
    return f"Interrupted after {gradients} gradients; the best effort so far is kept."
