"""What a network that learns on samples descends and is judged by (theory.md §6).

A loss is a function of predictions and targets, both (…, O), that returns one term per sample and output, (…, O): the
loss of a sample is their sum, and attention weights them one by one. Any function of this signature will do; write
it with jax.numpy.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Array, Float

from .runtime import precision  # noqa: F401

#: Predictions, or targets, of n samples.
Outputs = Float[Array | np.ndarray, "*n O"]
#: The probabilities of a target sum to one within this.
SUM_TOLERANCE = 1e-6


def squared(predictions: Outputs, targets: Outputs) -> Outputs:
    """½(y_o − ŷ_o)²: summed over outputs, ½‖y − ŷ‖², the loss of the paper and of the linear networks."""
    return (targets - predictions) ** 2 / 2


def cross_entropy(predictions: Outputs, targets: Outputs) -> Outputs:
    """−y_o log softmax(ŷ)_o: predictions are logits, targets one-hot or probabilities over the outputs, in nats."""
    return -targets * jax.nn.log_softmax(predictions, axis=-1)


def binary_cross_entropy(predictions: Outputs, targets: Outputs) -> Outputs:
    """−y_o log p_o − (1 − y_o) log(1 − p_o), p_o = 1/(1 + exp(−ŷ_o)): each output is yes or no by itself, one of them will do.

    Targets are 0 or 1, or probabilities of yes; predictions are logits; in nats.
    """
    return jax.nn.softplus(predictions) - targets * predictions


def refusal(loss: Callable, targets: Float[np.ndarray, "n O"]) -> str | None:
    """Why `targets` are none for a loss of this module, and what to try; None if they are, or the loss is a user's own."""
    low, high = float(np.min(targets)), float(np.max(targets))
    if loss is binary_cross_entropy and (low < 0 or high > 1):
        return f"targets of binary_cross_entropy must lie from 0 to 1. They run from {low:g} to {high:g}"
    if loss is not cross_entropy:
        return None
    form = "Give one output a class, with targets one-hot or probabilities: le.tasks.Arrays.from_labels(x, labels) makes them"
    if targets.shape[-1] == 1:
        return f"cross_entropy has no meaning for one output. {form}; or take le.losses.binary_cross_entropy"
    sums = np.sum(targets, axis=-1)
    if low < 0 or np.abs(sums - 1).max() > SUM_TOLERANCE:
        worst = int(np.argmax(np.abs(sums - 1))) if low >= 0 else int(np.argmin(np.min(targets, axis=-1)))
        return f"targets of cross_entropy must be probabilities that sum to 1. Row {worst} is {targets[worst].tolist()}. {form}"
    return None
