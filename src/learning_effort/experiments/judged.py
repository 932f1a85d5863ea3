"""Algorithm 1 of the paper with every effort on the way judged by another problem: for comparisons of what is ascended."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..metric import scaled_residual
from ..solution import History
from ..solvers.trace import Outcome


@dataclasses.dataclass(frozen=True)
class JudgedHistory(History):
    """A solver's course with `judged`: V of another problem, the judge, at each iteration."""

    judged: np.ndarray

    @classmethod
    def of(cls, history: History, judged) -> JudgedHistory:
        return cls(history.value, history.residual, history.gradients, history.seconds, np.array(judged))


@dataclasses.dataclass(frozen=True)
class JudgedAscent:
    """Algorithm 1 with every effort on the way judged by another problem. Learning on samples gets fresh batches at every
    iteration. Its seconds leave compiling and judging out. `judged` is filled as it runs."""

    step: float
    iterations: int
    judge: Any
    judged: list = dataclasses.field(default_factory=list)

    name = "gradient ascent (Algorithm 1)"

    def run(self, problem, effort, scale, progress) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D, for the residual."""
        lower, upper = problem.bounds()

        @eqx.filter_jit
        def advance(problem, effort):
            value, gradient = problem.value_and_gradient(effort)
            residual = scaled_residual(problem, effort, gradient, scale)
            moved = jax.tree.map(lambda e, g: e + self.step * g, effort, gradient)
            return value, residual, jax.tree.map(jnp.clip, moved, lower, upper)

        def fresh(iteration):
            if not hasattr(problem.learner, "batch_size"):
                return problem
            return eqx.tree_at(lambda p: p.learner.seed, problem, problem.learner.seed + iteration)

        jax.block_until_ready(advance(fresh(0), effort))
        values, residuals, seconds = [], [], [0.0]
        reason = f"It made the {self.iterations} iterations it was asked for, whether or not it has converged."
        try:
            for iteration in range(self.iterations + 1):
                judged = float(self.judge.value(effort))
                begun = time.perf_counter()
                value, residual, after = jax.block_until_ready(advance(fresh(iteration), effort))
                seconds.append(seconds[-1] + time.perf_counter() - begun)
                values.append(float(value))
                residuals.append(float(residual))
                self.judged.append(judged)
                progress(iteration, values[-1], residuals[-1])
                last, effort = effort, after
        except KeyboardInterrupt:
            reason = f"Interrupted after {len(values)} gradients; the last effort is kept."
        if not values:
            raise KeyboardInterrupt
        numbers = (np.array(values), np.array(residuals), np.arange(1, len(values) + 1), np.array(seconds[: len(values)]))
        return Outcome(last, *numbers, reason, False)
