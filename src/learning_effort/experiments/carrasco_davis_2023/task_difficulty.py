"""How hard it is to tell two digits apart (paper, appendix)."""

from __future__ import annotations

import dataclasses
from itertools import combinations

import numpy as np

from ..base import Experiment, Finding


@dataclasses.dataclass(frozen=True)
class TaskDifficulty(Experiment):
    """The loss of the best linear map for every pair of `digits`, at `size` × `size` pixels; `source` as for
    `le.tasks.Digits`. Nothing is optimised over time."""

    name = "task-difficulty"
    description = "the loss of the best linear map for every pair of MNIST digits"

    digits: tuple[int, ...] = tuple(range(10))
    size: int = 5
    source: str = "bundled"

    def problems(self):
        """None: nothing is optimised."""
        return {}

    def dataset(self, solutions):
        """`loss` of each pair (digit, other), NaN on the diagonal."""
        import xarray as xr

        import learning_effort as le

        loss = np.full((len(self.digits), len(self.digits)), np.nan)
        for i, j in combinations(range(len(self.digits)), 2):
            task = le.tasks.Digits((self.digits[i], self.digits[j]), self.size, self.source)
            loss[i, j] = loss[j, i] = least_loss(task.moments())
        digits = np.array(self.digits)
        return xr.Dataset({"loss": (("digit", "other"), loss)}, {"digit": digits, "other": digits})

    def findings(self, result):
        """Of the losses of the pairs."""
        return difficulty_findings(result.dataset["loss"].values, list(result.dataset["digit"].values))

    def figure(self, result):
        """The losses as a matrix, and each digit's mean."""
        from ...figures.carrasco_davis_2023.task_difficulty import difficulty_figure

        return difficulty_figure(result)


def least_loss(moments) -> float:
    """The smallest loss a linear map can have, from the moments of a task: ½Tr Σy − ½Tr ΣxyᵀΣx⁺Σxy (theory.md §2)."""
    second, cross, output = (np.asarray(m) for m in moments[:3])
    best = np.linalg.lstsq(second, cross, rcond=None)[0]
    return float(np.trace(output) - np.sum(best * cross)) / 2


def difficulty_findings(loss: np.ndarray, digits: list) -> list[Finding]:
    """The paper's claims, on the loss of each pair (digits, digits), NaN on the diagonal."""
    place = {int(digit): i for i, digit in enumerate(digits)}
    pairs = [loss[place[a], place[b]] for a, b in ((0, 1), (7, 1), (8, 9)) if a in place and b in place]
    means = np.nanmean(loss, axis=1)
    order = [int(digits[i]) for i in np.argsort(means)]
    half = len(order) // 2
    return [
        Finding(
            "the pairs (0, 1), (7, 1), (8, 9) are ever harder: their losses",
            ", ".join(f"{pair:.4f}" for pair in pairs),
            len(pairs) == 3 and bool((np.diff(pairs) > 0).all()),
        ),
        Finding(
            "0 and 1 are among the easier half of the digits, 5 and 8 among the harder: digits by their mean loss",
            ", ".join(map(str, order)),
            {0, 1} <= set(order[:half]) and {5, 8} <= set(order[half:]),
        ),
    ]
