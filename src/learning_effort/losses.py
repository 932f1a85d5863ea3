"""What a network that learns on samples descends and is judged by (theory.md §6).

A loss is a function of predictions and targets, both (…, O), that returns one term per sample and output, (…, O): the
loss of a sample is their sum, and attention weights them one by one. Any function of this signature will do; write
it with jax.numpy.
"""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from .runtime import precision  # noqa: F401


def squared(predictions: Float[Array, "... O"], targets: Float[Array, "... O"]) -> Float[Array, "... O"]:
    """½(y_o − ŷ_o)²: summed over outputs, ½‖y − ŷ‖², the loss of the paper and of the linear networks."""
    return (targets - predictions) ** 2 / 2


def cross_entropy(predictions: Float[Array, "... O"], targets: Float[Array, "... O"]) -> Float[Array, "... O"]:
    """−y_o log softmax(ŷ)_o: predictions are logits, targets one-hot or probabilities over the outputs, in nats."""
    return -targets * jax.nn.log_softmax(predictions, axis=-1)
