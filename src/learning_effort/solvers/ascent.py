"""Algorithm 1 of the paper: projected gradient ascent, g ← clip(g + α ∂V/∂g).

Weakness: slow, with a step size to choose and no test of convergence. It is here for comparison; `QuasiNewton` is
recommended.
"""

from __future__ import annotations

import dataclasses
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from ..errors import LearningEffortError, count, number
from ..metric import scaled_residual
from ..problem import Effort, Problem
from .trace import Outcome, Progress


@dataclasses.dataclass(frozen=True)
class GradientAscent:
    """A fixed number of projected ascent steps (paper, Algorithm 1).

    **Arguments:** `step` α > 0; `iterations` ≥ 1; `optimizer`, None for the plain rule, an Optax transformation (which
    is given the gradient of −V and whose updates are added; it carries its own step size), or a function of `step` that
    makes one, such as `optax.adam`. The box is applied after each update and leaves the optimiser's moments alone.
    """

    step: float
    iterations: int
    optimizer: optax.GradientTransformation | None = None

    def __post_init__(self):
        if self.optimizer is None or callable(self.optimizer):
            number(self.step, "step", "GradientAscent", 0.0, open_low=True)
        count(self.iterations, "iterations", "GradientAscent")

    @property
    def name(self) -> str:
        return "gradient ascent (Algorithm 1)" + (" with an Optax optimiser" if self.optimizer else "")

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D, for the residual."""
        optimizer = self.optimizer
        if optimizer is None:
            optimizer = optax.sgd(self.step)
        elif callable(optimizer):
            optimizer = optimizer(self.step)
        if not hasattr(optimizer, "update"):
            raise LearningEffortError(
                f"The 'optimizer' of GradientAscent must be an Optax transformation. Got {optimizer!r} instead."
            )
        lower, upper = problem.bounds()

        @eqx.filter_jit
        def advance(problem, effort, state):
            value, gradient = problem.value_and_gradient(effort)
            residual = scaled_residual(problem, effort, gradient, scale)
            updates, state = optimizer.update(jax.tree.map(jnp.negative, gradient), state, effort)
            after = jax.tree.map(jnp.clip, optax.apply_updates(effort, updates), lower, upper)
            return value, residual, after, state

        state = optimizer.init(effort)
        best, best_value = effort, -np.inf
        values, residuals, seconds = [], [], []
        started = time.perf_counter()
        reason = f"It made the {self.iterations} iterations it was asked for, whether or not it has converged."
        try:
            for iteration in range(self.iterations + 1):
                value, residual, after, state = advance(problem, effort, state)
                value = float(value)
                if not np.isfinite(value):
                    reason = (
                        f"The value is no longer finite after {iteration} iterations: the step {self.step:g} is too "
                        "large. The best effort met before is kept; try a smaller step."
                    )
                    break
                values.append(value)
                residuals.append(float(residual))
                seconds.append(time.perf_counter() - started)
                progress(iteration, value, residuals[-1])
                if value > best_value:
                    best, best_value = effort, value
                effort = after
        except KeyboardInterrupt:
            reason = f"Interrupted after {len(values)} gradients; the best effort so far is kept."
        if not values:
            raise KeyboardInterrupt
        return Outcome(
            best,
            np.array(values),
            np.array(residuals),
            np.arange(1, len(values) + 1),
            np.array(seconds),
            reason,
            False,
        )


def amsgrad(step: float, maximum: bool = True) -> optax.GradientTransformation:
    """Adam as the paper's code ran it: the maximum taken of the raw second moment, before its bias is corrected.

    With gradient h at update j: m ← 0.9m + 0.1h, s ← 0.999s + 0.001h², ŝ ← max(ŝ, s),
    x ← x − α m/(1−0.9ʲ) / (√ŝ/√(1−0.999ʲ) + 10⁻⁸). (`optax.amsgrad` takes the maximum after the correction.)

    **Arguments:** `step` α; `maximum=False` is plain Adam, ŝ = s.
    """

    def init(parameters):
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return jnp.zeros(()), zeros, zeros, zeros

    def update(gradient, state, parameters=None):
        j, first, second, top = state
        j = j + 1
        first = jax.tree.map(lambda m, h: 0.9 * m + 0.1 * h, first, gradient)
        second = jax.tree.map(lambda s, h: 0.999 * s + 0.001 * h**2, second, gradient)
        top = jax.tree.map(jnp.maximum, top, second) if maximum else second

        def change(m, s):
            return -step * m / (1 - 0.9**j) / (jnp.sqrt(s) / jnp.sqrt(1 - 0.999**j) + 1e-8)

        return jax.tree.map(change, first, top), (j, first, second, top)

    return optax.GradientTransformation(init, update)
