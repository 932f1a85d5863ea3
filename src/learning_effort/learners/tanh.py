"""A tanh network's average dynamics, by expanding it to first order about the mean input (theory.md §6).

Weakness: the expansion ignores how far inputs spread over the bend of tanh. Show it against `le.simulate`, which
learns with the true network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..errors import Given, LearningEffortError
from ..tasks.base import Moments, Task
from .base import Signals, Weights
from .moments import MomentLearner, effective_weights, through_gains
from .ports import ATTENTION


class TanhNetwork(MomentLearner):
    """Two layers, ŷ = W²tanh(W¹x), learning on average over data in the first-order closure.

    **Arguments:** those of `LinearNetwork`; exactly one hidden layer. **Ports:** the same.

    **Raises:** `LearningEffortError` for another number of layers.
    """

    def __init__(self, task: Given[Task], hidden: Given[int | Sequence[int] | None] = None, *args: Any, **keywords: Any):
        super().__init__(task, hidden, *args, **keywords)
        if len(self.initial_weights) != 2:
            raise LearningEffortError(
                f"TanhNetwork has exactly one hidden layer, as in hidden=(30,). Got {len(self.initial_weights) - 1}."
            )

    def activation(self, hidden: Float[Array, "batch units"]) -> Float[Array, "batch units"]:
        """tanh."""
        return jnp.tanh(hidden)

    def moment_field(self, weights: Weights, moments: Moments, signals: Signals) -> Weights:
        """f of both layers in the first-order closure."""
        first, second = effective_weights(weights, signals)
        mean, unit, slope, jacobian, spread, covariance = _expanded(first, moments)
        # Σxyᵀ − W²(φx̄ᵀ + JS) and its partner for the hidden layer's own moments, each row scaled by attention.
        to_inputs = moments.cross_moment.T - second @ (jnp.outer(unit, mean) + jacobian @ spread)
        to_hidden = jnp.outer(moments.output_mean, unit) + covariance.T @ jacobian.T
        to_hidden = to_hidden - second @ (jnp.outer(unit, unit) + jacobian @ spread @ jacobian.T)
        if ATTENTION in signals:
            to_inputs, to_hidden = (signals[ATTENTION][:, None] * e for e in (to_inputs, to_hidden))
        field = through_gains([slope[:, None] * (second.T @ to_inputs), to_hidden], signals)
        return [f - self.weight_decay * w for f, w in zip(field, weights, strict=True)]

    def moment_loss(self, weights: Weights, moments: Moments, signals: Signals) -> Float[Array, ""]:
        """The loss in the first-order closure."""
        first, second = effective_weights(weights, signals)
        _, unit, _, jacobian, spread, covariance = _expanded(first, moments)
        output, outputs = second @ unit, second @ jacobian
        fit = moments.output_mean @ output + jnp.sum(outputs * covariance.T)
        size = output @ output + jnp.sum((outputs @ spread) * outputs)
        return (jnp.trace(moments.output_moment) + size) / 2 - fit + self.penalty(weights)


def _expanded(
    first: Float[Array, "H I"], moments: Moments
) -> tuple[
    Float[Array, " I"],
    Float[Array, " H"],
    Float[Array, " H"],
    Float[Array, "H I"],
    Float[Array, "I I"],
    Float[Array, "I O"],
]:
    """x̄ (I,), φ (H,), φ' (H,), J (H, I), and the centred moments S (I, I) and R (I, O)."""
    mean = moments.input_mean
    unit = jnp.tanh(first @ mean)
    slope = 1 - unit**2
    spread = moments.input_moment - jnp.outer(mean, mean)
    covariance = moments.cross_moment - jnp.outer(mean, moments.output_mean)
    return mean, unit, slope, slope[:, None] * first, spread, covariance
