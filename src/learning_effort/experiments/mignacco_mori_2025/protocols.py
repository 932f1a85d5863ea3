"""What the three experiments share: problems judged at the end, protocols held in advance, and their simulations."""

from __future__ import annotations

import numpy as np

#: A simulated mean agrees with theory within so many standard errors.
ERRORS = 3.0


def judged_at_the_end(learner, controls, updates: int, **more):
    """The problem of least loss after so many `updates`, whatever it is on the way; `more` as for `le.Problem`."""
    import learning_effort as le

    given = {"discount": 1.0, "reward_scale": 0.0, "terminal_scale": 1.0} | more
    return le.Problem(learner, controls, le.Steps(updates + 1), **given)


def held(values) -> np.ndarray:
    """A protocol with a value for each update, (N − 1,), as effort has it, (N,): nothing follows the last."""
    return np.append(values, np.asarray(values)[-1])


def simulated(problem, efforts: dict, seeds: int, dimension: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean loss of `seeds` networks under each of the efforts, and its standard error, both (efforts, N); and the loss of each
    at the end (efforts, seeds): all efforts see the same samples."""
    import learning_effort as le

    runs = [le.simulate(problem, effort, seeds=seeds, dimension=dimension) for effort in efforts.values()]
    error = np.array([run.std for run in runs]) / np.sqrt(max(seeds - 1, 1))
    return np.array([run.mean for run in runs]), error, np.array([run.loss[:, -1] for run in runs])


def agreement(dataset) -> tuple[float, float]:
    """How far simulated means lie from theory at the end, in standard errors, at most; and the largest error as a share of the
    spread of theory over protocols. From `simulated`, `simulated_error` and `theory` (simulated protocol, time)."""
    mean, error, theory = (dataset[name].values[:, -1] for name in ("simulated", "simulated_error", "theory"))
    return float(np.abs((mean - theory) / error).max()), float(error.max() / np.ptp(theory))
