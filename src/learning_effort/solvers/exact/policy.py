"""The best effort in every state of a single neuron, at every step."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ...errors import LearningEffortError, Number, number
from ...learners.linear import LinearNetwork
from ...problem.effort import Effort
from ...problem.problem import Problem
from ...problem.variants import started_at

if TYPE_CHECKING:  # loaded where it is used
    from ...figures.style import Figure


@dataclasses.dataclass(frozen=True)
class Policy:
    """The closed-loop optimum g*(w, t) of a single neuron (theory.md §4): the best gain from any weight on.

    - `weights` (W,): the grid. `times` (N,): t_k = kΔt. `gain` (N, W): the best gain there.
    - `value` (W,): what the best effort is worth when learning starts from each weight.
    - `valid`: the lowest and the highest weight from which everything that effort can reach lies on the grid.
    - `problem`: what it is the policy of.
    """

    weights: Float[np.ndarray, " W"]
    times: Float[np.ndarray, " N"]
    gain: Float[np.ndarray, "N W"]
    value: Float[np.ndarray, " W"]
    valid: tuple[float, float]
    problem: Problem

    def __call__(self, w: Float[ArrayLike, "*W"], k: int) -> Float[np.ndarray, "*W"] | float:
        """The best gain at weight `w` (a number or an array) and step `k`.

        **Raises:** `LearningEffortError` outside the grid of weights or the horizon.
        """
        if not 0 <= k < len(self.times):
            raise LearningEffortError(f"The policy covers the steps 0 … {len(self.times) - 1}. Got step {k}.")
        low, high = self.weights[0], self.weights[-1]
        w = np.asarray(w, float)
        if not ((w >= low) & (w <= high)).all():
            raise LearningEffortError(
                f"The policy covers weights from {low:.4g} to {high:.4g}. Got {w}. Give le.Exact().policy "
                "a 'weights' range that holds the weights you want to start from."
            )
        return np.interp(w, self.weights, self.gain[k])

    def rollout(self, problem: Problem | None = None, initial_weight: Number | None = None) -> tuple[Effort, float]:
        """Follow the policy, closed loop.

        **Arguments:** `problem` (None: the policy's own; another must have the same steps); `initial_weight` (None:
        the problem's).

        **Returns:** the effort it came to, and its value, learning from `initial_weight`.

        **Raises:** `LearningEffortError` if the initial weight is outside the `valid` range, or the steps differ.
        """
        problem = self.problem if problem is None else problem
        if problem.horizon.length != len(self.times):
            raise LearningEffortError(
                f"The policy has {len(self.times)} steps, the problem {problem.horizon.length}; they must be equal."
            )
        if initial_weight is not None:
            problem = started_at(problem, float(number(initial_weight, "initial_weight", "Policy")))
        start = float(cast(LinearNetwork, problem.learner).initial_weights[0].squeeze())
        low, high = self.valid
        if not low <= start <= high:
            raise LearningEffortError(
                f"The policy is valid from initial weights in [{low:.4g}, {high:.4g}]. Got {start:g}. Give "
                "le.Exact().policy a 'weights' range that holds it."
            )
        gains = _follow(problem, jnp.asarray(self.weights), jnp.asarray(self.gain))
        effort = as_effort(problem, gains)
        return effort, float(problem.value(effort))

    def plot(self) -> Figure:
        """A matplotlib Figure: the policy as a map over time and weight, with the optimal course from the start."""
        from ...figures.policy import policy_figure

        return policy_figure(self)


def as_effort(problem: Problem, gains: Float[Array | np.ndarray, " N"]) -> Effort:
    """Gains (N,) in the effort tree of `problem`."""
    return jax.tree.map(lambda e: jnp.reshape(gains, e.shape), problem.initial_effort())


@eqx.filter_jit
def _follow(problem: Problem, weights: Float[Array, " W"], gain: Float[Array, "N W"]) -> Float[Array, " N"]:
    """The gains (N,) met by following the policy from the problem's initial weight."""
    learner, (control,) = problem.learner.prepared(), problem.controls

    def body(state, inputs):
        k, best = inputs
        now = jnp.interp(state[0].squeeze(), weights, best)
        return learner.step(state, k, {control.port: (jnp.full((1, 1), now),)}), now

    ks = jnp.arange(problem.horizon.length)
    return jax.lax.scan(body, learner.init({}), (ks, gain))[1]
