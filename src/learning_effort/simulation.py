"""The same learner on samples, under the same effort (mathematics.md §6)."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._modules import replaced
from .errors import LearningEffortError, count
from .learners.moments import MomentLearner
from .learners.sampled import SampledNetwork
from .problem import Effort, Problem


@dataclasses.dataclass(frozen=True)
class Simulation:
    """Learning on samples: `times` (N,), `loss` (seeds, N) estimated on each step's batch, its `mean` and `std` (N,)."""

    times: np.ndarray
    loss: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.loss.mean(0)

    @property
    def std(self) -> np.ndarray:
        return self.loss.std(0)


def simulate(problem: Problem, effort: Effort | None, batch_size: int, seeds: int | list[int] = 5) -> Simulation:
    """Learn on fresh samples under `effort`, for several seeds at once.

    At each step `batch_size` samples are drawn, in the controlled proportions where there are any, and the learner
    follows the gradient of the batch's mean loss through the same ports; its loss is that of the batch (of a batch of the
    evaluation task where there is one), decay and noise included. A `SampledNetwork` learns on batches of this size, drawn with
    these seeds in place of its own, by its own optimiser; its loss is the performance loss it always has.

    **Arguments:** `problem`; `effort`, or None for the uncontrolled learner; `batch_size` ≥ 1; `seeds`, how many, or which.

    **Returns:** a `Simulation`.

    **Raises:** `LearningEffortError` if the task cannot be sampled, or the learner does not learn from moments.
    """
    count(batch_size, "batch_size", "simulate")
    if isinstance(seeds, (list, tuple, range, np.ndarray)) and len(seeds):
        seeds = [count(seed, "seeds", "simulate", 0) for seed in seeds]
    else:
        seeds = list(range(count(seeds, "seeds", "simulate")))
    if not isinstance(problem.learner, (MomentLearner, SampledNetwork)):
        raise LearningEffortError(f"simulate takes networks that learn from a task. Got {type(problem.learner).__name__}.")
    if effort is not None:
        effort = problem.check_effort(effort)
    simulated = _simulate if isinstance(problem.learner, MomentLearner) else _simulate_sampled
    losses = simulated(problem, effort, batch_size, jnp.asarray(seeds))
    times = np.arange(problem.horizon.length) * float(problem.learner.step_size)
    return Simulation(times, np.asarray(losses))


@eqx.filter_jit
def _simulate(problem: Problem, effort, batch_size: int, seeds):
    learner = problem.learner
    ks = jnp.arange(problem.horizon.length)
    signals = {} if effort is None else problem.signals_at(effort, ks)
    static = {} if effort is None else problem.static_signals(effort)

    def objective(weights, x, y, attention, signal):
        errors = attention * (y - learner.predict(weights, x, signal)) ** 2
        return jnp.mean(jnp.sum(errors, axis=1)) / 2

    def one(seed):
        keys = jax.random.split(jax.random.key(seed), ks.size)

        def body(weights, inputs):
            k, key, signal = inputs
            key, judging = jax.random.split(key)
            x, y = learner.task.sample(key, batch_size, k, signal.get("proportions"))
            slope = learner.over_set(jax.grad(objective), 3)(weights, x, y, signal.get("attention", 1.0), signal)
            if learner.evaluation is not None or "proportions" in signal:
                judge = learner.task if learner.evaluation is None else learner.evaluation
                x, y = judge.sample(judging, batch_size, k)
            loss = learner.over_set(objective, 3)(weights, x, y, 1.0, signal)
            loss = jnp.mean(loss + learner.over_set(learner.penalty, 1)(weights))
            field = jax.tree.map(lambda s, w: -s - learner.weight_decay * w, slope, weights)
            rate = learner._rate(signal)
            return jax.tree.map(lambda w, f: w + rate * f, weights, field), loss

        return jax.lax.scan(body, learner.init(static), (ks, keys, signals))[1]

    return jax.vmap(one)(seeds)


@eqx.filter_jit
def _simulate_sampled(problem: Problem, effort, batch_size: int, seeds):
    def one(seed):
        learner = replaced(problem.learner, batch_size=batch_size, seed=seed)
        problem_here = replaced(problem, learner=learner)
        return (problem_here.baseline() if effort is None else problem_here.rollout(effort)).loss

    return jax.vmap(one)(seeds)
