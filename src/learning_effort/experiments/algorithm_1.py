"""Algorithm 1 as the paper ran it on an experiment, with checkpoints: for comparison with a converged solver."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import LearningEffortError
from ..files import disk
from ..problem.variants import with_one_a_step
from ..solvers.ascent import RULES, ascend
from .base import Experiment

FILE = "ascent.nc"


def best_value(experiment: Experiment, path, report=lambda text: None) -> float:
    """The best V that Algorithm 1 met on the experiment's first problem, with one control a step.

    Its state is kept in the file `path` every hundred iterations; called again, it goes on from there, unless the file is
    damaged.

    **Arguments:** `report`, called with a line of text at every checkpoint.
    """
    step, iterations, rule = (*experiment.ascent, "plain")[:3]
    problem = with_one_a_step(next(iter(experiment.problems().values())))
    if _values(path) is None:
        Path(path).unlink(missing_ok=True)
    return ascend(problem, RULES[rule](step), iterations, path, report)


def described(experiment: Experiment, path) -> str:
    """The best V in the file `path`, and how far Algorithm 1 has come if it has not come to its end; "" without a file, or
    with a damaged one."""
    values = _values(path)
    if values is None:
        return ""
    done, wanted = len(values) - 1, experiment.ascent[1]
    return f"{np.nanmax(values):.9g}" + ("" if done >= wanted else f" ({done} of {wanted} iterations)")


def _values(path) -> np.ndarray | None:
    """V at each iteration that the file `path` keeps, (iterations,); None where it is missing or damaged."""
    try:
        values = disk.read(path)["values"].values
    except (LearningEffortError, KeyError):
        return None
    return values if values.size else None
