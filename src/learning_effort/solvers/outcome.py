"""What a solver says of its run: the effort, the course it took, its status, and its stages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..numerics.lbfgs import Pairs
from ..problem.effort import Effort
from ..results.certificate import Method, Stage, Status
from ..results.explored import Explored


class Outcome(NamedTuple):
    """What a solver hands back: the best effort it met, the course it took, and how it ended.

    `value`, `residual`, `gradients` (cumulative count) and `seconds`, one entry an iteration, the start included; `status`;
    `reason`, the status in words; `stages`, what was done in order, the last at the problem's own steps; `pairs`, where the
    solver has any; `prices` of budgets, with their stiffness; `method`, what it did for this problem, in words, where its name
    does not say it all; `explored`, how far other starts were tried, and `elsewhere`, how many gradients at the learner's own
    steps that took; `begun`, the value where a way from long steps came in; `flow_value`, V as steps get ever shorter, where it
    was estimated.
    """

    effort: Effort
    value: Float[np.ndarray, " iterations"]
    residual: Float[np.ndarray, " iterations"]
    gradients: Int[np.ndarray, " iterations"]
    seconds: Float[np.ndarray, " iterations"]
    status: Status
    reason: str
    stages: tuple[Stage, ...] = ()
    pairs: Pairs | None = None
    method: str = ""
    prices: tuple[Float[np.ndarray, " budgets"], Float[np.ndarray, " budgets"]] | None = None
    explored: Explored | None = None
    elsewhere: int = 0
    begun: float = np.nan
    flow_value: float | None = None

    @property
    def converged(self) -> bool:
        """Whether the solver met its tolerance."""
        return self.status is Status.CONVERGED

    @property
    def stopped(self) -> bool:
        """Whether Ctrl-C ended it, or the time allowed was over, so that nothing more is to be tried."""
        return self.status in (Status.INTERRUPTED, Status.TIME)

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


def stopped_after(
    status: Status, gradients: int, allowed: float | None, kept: str = "the best effort so far is kept", where: str = ""
) -> str:
    """What to say of a run that Ctrl-C ended, or the time `allowed` in seconds, a solver's `progress.stop.max_seconds`; `kept`,
    what is handed back; `where`, in what stage, if its gradients are not those of the solution."""
    after = f"{where}after {gradients} gradient{'' if gradients == 1 else 's'}; {kept}."
    if status is Status.INTERRUPTED:
        return f"Interrupted {after}"
    return f"Not converged: the {_seconds(allowed)} allowed are over (max_seconds), {after}"


def _seconds(allowed: float | None) -> str:
    """Seconds in words."""
    return "seconds" if allowed is None else f"{allowed:g} seconds"
