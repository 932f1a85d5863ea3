"""What the learner is given to learn: the proportions of a mixture or a blend."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import costs as cost_functions
from ..errors import Given, LearningEffortError, Varied, is_traced
from ..learners.base import Learner
from ..learners.ports import PROPORTIONS
from .base import Control
from .varying import in_time, is_number


class MixtureControl(Control):
    """What the learner is given to learn: p = softmax(θ) of a `Mixture` or `Blend`. Effort "mixture": θ (K, parts).

    **Arguments:** those of `Control`. Neutral logits are rest + log p − mean log p for the task's own proportions p.
    """

    port = PROPORTIONS
    default_name = "mixture"

    def __init__(
        self,
        bounds: Given[tuple[Varied, Varied]] = (0, 2),
        rest: Varied = 1.0,
        cost: Given[cost_functions.Cost | None] = cost_functions.NormDeviation(0.1),
        knots: Given[int | None] = None,
        interpolation: Given[str] = "hold",
        start: Any = None,
        name: Given[str | None] = None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)

    def neutral(self, learner: Learner) -> Float[Array, " parts"]:
        """rest + log p − mean log p, for the task's own proportions p; the mean rest, where it varies."""
        log_p = jnp.log(self.port_of(learner).neutral)
        rest = self.rest if is_number(self.rest) else jnp.mean(self.rest.values if in_time(self.rest) else self.rest)
        return rest + log_p - log_p.mean()

    def check(self, learner: Learner) -> None:
        """As of every control. **Raises:** also for a part of proportion 0, which softmax never gives."""
        own = self.port_of(learner).neutral
        if not is_traced(own) and (np.asarray(own) <= 0).any():
            raise LearningEffortError(
                f"MixtureControl cannot begin at the proportions {np.asarray(own).tolist()}: softmax gives every part some. "
                "Leave the parts of proportion 0 out, or give them a small one."
            )
        super().check(learner)

    def signal(self, parameters: Float[Array, " parts"], learner: Learner) -> Float[Array, " parts"]:
        """p = softmax(θ)."""
        return jax.nn.softmax(parameters)
