"""A network of dense layers that learns on mini-batches of fresh samples (theory.md §6): what average dynamics stand for."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from ..runtime.random_keys import key as key_of
from .base import GradientLearner, Signals
from .ports import ATTENTION, PROPORTIONS


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
    def step_size(self):
        """Δt, of the network."""
        return self.network.step_size

    @property
    def time_scale(self):
        """τ, of the network."""
        return self.network.time_scale

    @property
    def ports(self):
        """Those of the network."""
        return self.network.ports

    @property
    def task(self):
        """What it learns."""
        return self.network.task

    @property
    def evaluation(self):
        """What it is judged on (None: the task)."""
        return self.network.evaluation

    def init(self, static: Signals):
        """The network's weights at step 0."""
        return self.network.init(static)

    def field(self, state, k, signals: Signals):
        """Minus the gradient of the batch's mean loss, each output's weighted by attention, less decay."""
        return self._field(state, *self._learned(k, signals)[:2], signals)

    def loss(self, state, k, signals: Signals):
        """The loss of step k's batch."""
        return self._loss(state, *self._judged(k, signals), signals)

    def advance(self, state, k, signals: Signals):
        """Step and loss, on the same batch where performance is judged on what is learned."""
        rate = self.effective_rate(signals)
        field = self._field(state, *self._learned(k, signals)[:2], signals)
        return jax.tree.map(lambda w, f: w + rate * f, state, field), self.loss(state, k, signals)

    def _learned(self, k, signals: Signals):
        """The batch of step k, x and y, and a key for one to be judged on."""
        key, judging = jax.random.split(jax.random.fold_in(key_of(self.seed), k))
        return *self.task.sample(key, self.batch_size, k, signals.get(PROPORTIONS)), judging

    def _judged(self, k, signals: Signals):
        x, y, judging = self._learned(k, signals)
        if self.evaluation is None and PROPORTIONS not in signals:
            return x, y
        judge = self.task if self.evaluation is None else self.evaluation
        return judge.sample(judging, self.batch_size, k)

    def _objective(self, weights, x, y, attention, signals: Signals):
        errors = attention * (y - self.network.predict(weights, x, signals)) ** 2
        return jnp.mean(jnp.sum(errors, axis=1)) / 2

    def _field(self, weights, x, y, signals: Signals):
        slope = self.network.over_set(jax.grad(self._objective), 3)(weights, x, y, signals.get(ATTENTION, 1.0), signals)
        return jax.tree.map(lambda s, w: -s - self.network.weight_decay * w, slope, weights)

    def _loss(self, weights, x, y, signals: Signals):
        loss = self.network.over_set(self._objective, 3)(weights, x, y, 1.0, signals)
        return jnp.mean(loss + self.network.over_set(self.network.penalty, 1)(weights))
