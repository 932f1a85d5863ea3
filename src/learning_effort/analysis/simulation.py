"""The same learner on samples, under the same effort (theory.md §6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import Given, LearningEffortError, count, instance
from ..learners.order_parameters import OrderParameterLearner
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..problem.variants import with_learner
from ..runtime import memory

#: Each seed takes so many curves over all steps, and so many numbers for each weight and each sample of a batch, at least.
CURVES, COPIES = 2, 8


@dataclasses.dataclass(frozen=True)
class Simulation:
    """Learning on samples: `times` (N,), `loss` (seeds, N), its `mean` and `std` (N,)."""

    times: Float[np.ndarray, " N"]
    loss: Float[np.ndarray, "seeds N"]

    @property
    def mean(self) -> Float[np.ndarray, " N"]:
        """The mean loss over seeds (N,)."""
        return self.loss.mean(0)

    @property
    def std(self) -> Float[np.ndarray, " N"]:
        """The standard deviation of the loss over seeds (N,)."""
        return self.loss.std(0)


def simulate(
    problem: Given[Problem],
    effort: Given[Effort | None],
    batch_size: Given[int] = 1,
    seeds: Given[int | Sequence[int]] = 5,
    dimension: Given[int | None] = None,
) -> Simulation:
    """Learn on fresh samples under `effort`, for several seeds at once.

    At each step `batch_size` samples are drawn, in the controlled proportions where there are any, and the learner
    follows the gradient of the batch's mean loss through the same ports; its loss is that of the batch (of a batch of the
    evaluation task where there is one), decay and noise included. A `SampledNetwork` learns on batches of this size, drawn with
    these seeds in place of its own, by its own optimiser; its loss is the performance loss it always has. A learner in order
    parameters, such as `CurriculumPerceptron`, is simulated as the network that it describes, which learns from one sample at a
    time in `dimension` inputs, as many samples in a step as its time says; its loss is the performance of its weights.

    **Arguments:** `problem`; `effort`, or None for the uncontrolled learner; `batch_size` ≥ 1; `seeds`, how many, or which;
    `dimension`, of learners in order parameters only (None: the learner's own, or 1000).

    **Returns:** a `Simulation`.

    **Raises:** `LearningEffortError` if the task cannot be sampled, or the learner does not say how it learns on samples
    (`Learner.on_samples`).
    """
    instance(problem, Problem, "problem", "simulate")
    count(batch_size, "batch_size", "simulate")
    listed: Any = seeds if isinstance(seeds, (list, tuple, range, np.ndarray)) and len(seeds) else None
    number = count(seeds, "seeds", "simulate") if listed is None else len(listed)
    sampled = _sampled(problem, batch_size, dimension, jnp.asarray(0))  # says what cannot be simulated
    state = sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(lambda: sampled.learner.init({}))))
    memory.require(
        number * (CURVES * problem.horizon.length + COPIES * (state + batch_size)),
        f"Learning on batches of {batch_size:,} samples with {number:,} seeds at once",
        "Try fewer seeds, or smaller batches.",
    )
    which = list(range(number)) if listed is None else [count(seed, "seeds", "simulate", 0) for seed in listed]
    if effort is not None:
        effort = problem.check_effort(effort)
    losses = _losses(problem, effort, batch_size, dimension, jnp.asarray(which))
    times = np.arange(problem.horizon.length) * float(problem.learner.step_size)
    return Simulation(times, np.asarray(losses))


@eqx.filter_jit
def _losses(
    problem: Problem, effort: Effort | None, batch_size: int, dimension: int | None, seeds: Int[Array, " seeds"]
) -> Float[Array, "seeds N"]:
    """The losses (seeds, N) of the learner that learns on samples."""

    def one(seed):
        return _sampled(problem, batch_size, dimension, seed).thinned_rollout(effort, np.zeros(1, int)).loss

    return jax.vmap(one)(seeds)


def _sampled(problem: Problem, batch_size: int, dimension: int | None, seed: Int[Array, ""]) -> Problem:
    """The problem of the learner that learns on samples. **Raises:** `LearningEffortError` where there is none."""
    learner = problem.learner
    if dimension is None:
        return with_learner(problem, learner.on_samples(batch_size, seed))
    if not isinstance(learner, OrderParameterLearner):
        raise LearningEffortError(
            f"The 'dimension' of simulate is that of learners in order parameters; {type(learner).__name__} has the inputs of "
            "its task. Leave it out."
        )
    return with_learner(problem, learner.on_samples(batch_size, seed, dimension))
