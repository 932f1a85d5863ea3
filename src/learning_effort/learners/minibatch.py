"""A network of dense layers that learns on mini-batches of fresh samples (theory.md §6): what average dynamics stand for."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from ..runtime.random_keys import key as key_of
from ..tasks.base import Step, Task
from .base import GradientLearner, Signals, Weights
from .ports import ATTENTION, PROPORTIONS, Port

#: A batch of inputs, and of targets; over a task set with a leading axis of tasks.
X = Float[Array, "*tasks n I"]
Y = Float[Array, "*tasks n O"]


class MinibatchNetwork(GradientLearner):
    """`network`, a `MomentLearner`, descending the mean loss of `batch_size` fresh samples a step.

    Samples are drawn with `seed` and the step's number, in the controlled proportions where there are any. Its loss is that
    of the batch, or of a batch of its own where performance is judged on something else; decay and noise included. Ports and
    weights are the network's. Made by `MomentLearner.on_samples`.
    """

    network: Any
    seed: Int[Array, ""]
    batch_size: int = eqx.field(static=True)

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt, of the network."""
        return self.network.step_size

    @property
    def time_scale(self) -> Float[Array, ""]:
        """τ, of the network."""
        return self.network.time_scale

    @property
    def ports(self) -> dict[str, Port]:
        """Those of the network."""
        return self.network.ports

    @property
    def task(self) -> Task:
        """What it learns."""
        return self.network.task

    @property
    def evaluation(self) -> Task | None:
        """What it is judged on (None: the task)."""
        return self.network.evaluation

    def init(self, static: Signals) -> Weights:
        """The network's weights at step 0."""
        return self.network.init(static)

    def field(self, state: Weights, k: Step, signals: Signals) -> Weights:
        """Minus the gradient of the batch's mean loss, each output's weighted by attention, less decay."""
        x, y, _ = self._learned(k, signals)
        return self._field(state, x, y, signals)

    def loss(self, state: Weights, k: Step, signals: Signals) -> Float[Array, ""]:
        """The loss of step k's batch."""
        x, y = self._judged(k, signals)
        return self._loss(state, x, y, signals)

    def advance(self, state: Weights, k: Step, signals: Signals) -> tuple[Weights, Float[Array, ""]]:
        """Step and loss, on the same batch where performance is judged on what is learned."""
        rate = self.effective_rate(signals)
        field = self.field(state, k, signals)
        return jax.tree.map(lambda w, f: w + rate * f, state, field), self.loss(state, k, signals)

    def _learned(self, k: Step, signals: Signals) -> tuple[X, Y, PRNGKeyArray]:
        """The batch of step k, x and y, and a key for one to be judged on."""
        key, judging = jax.random.split(jax.random.fold_in(key_of(self.seed), k))
        return *self.task.sample(key, self.batch_size, k, signals.get(PROPORTIONS)), judging

    def _judged(self, k: Step, signals: Signals) -> tuple[X, Y]:
        """What performance at step k is judged on, x and y: its batch, or one of its own."""
        x, y, judging = self._learned(k, signals)
        if self.evaluation is None and PROPORTIONS not in signals:
            return x, y
        judge = self.task if self.evaluation is None else self.evaluation
        return judge.sample(judging, self.batch_size, k)

    def _objective(
        self,
        weights: Weights,
        x: Float[Array, "n I"],
        y: Float[Array, "n O"],
        attention: Float[ArrayLike, "*O"],
        signals: Signals,
    ) -> Float[Array, ""]:
        """½ Σ_o a_o (y_o − ŷ_o)², averaged over the batch; one network on one task."""
        errors = attention * (y - self.network.predict(weights, x, signals)) ** 2
        return jnp.mean(jnp.sum(errors, axis=1)) / 2

    def _field(self, weights: Weights, x: X, y: Y, signals: Signals) -> Weights:
        """−∇J on a batch."""
        slope = self.network.over_set(jax.grad(self._objective), 3)(weights, x, y, signals.get(ATTENTION, 1.0), signals)
        return jax.tree.map(lambda s, w: -s - self.network.weight_decay * w, slope, weights)

    def _loss(self, weights: Weights, x: X, y: Y, signals: Signals) -> Float[Array, ""]:
        """The loss of a batch, with decay and noise; the mean over a task set."""
        loss = self.network.over_set(self._objective, 3)(weights, x, y, 1.0, signals)
        return jnp.mean(loss + self.network.over_set(self.network.penalty, 1)(weights))
