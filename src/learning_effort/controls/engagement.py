"""Attention to tasks or to outputs."""

from __future__ import annotations

from typing import Any, cast

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import costs as cost_functions
from ..errors import Given, Varied, choice
from ..learners.base import Learner
from ..learners.ports import ATTENTION, Port
from .base import Control


class Engagement(Control):
    """Attention to tasks or outputs: J = Σ_o a_o ℓ_o (paper §6). Effort "engagement": (K, tasks or outputs).

    **Arguments:** besides those of `Control`,

    - `over`: "tasks" (of a `Concatenated` task) or "outputs".
    - `squared`: the attention is φ², so that φ scales the error signal; the cost stays on φ.
    """

    port = ATTENTION
    default_name = "engagement"
    over: str = eqx.field(static=True)
    squared: bool = eqx.field(static=True)

    def __init__(
        self,
        bounds: Given[tuple[Varied, Varied]] = (0, 2),
        over: Given[str] = "tasks",
        rest: Varied = 1.0,
        squared: Given[bool] = False,
        cost: Given[cost_functions.Cost | None] = cost_functions.Quadratic(0.1),
        knots: Given[int | None] = None,
        interpolation: Given[str] = "hold",
        start: Any = None,
        name: Given[str | None] = None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)
        self.over = choice(over, "over", "Engagement", ("tasks", "outputs"))
        self.squared = choice(squared, "squared", "Engagement", (False, True))

    def parameter_shapes(self, learner: Learner) -> tuple[int, ...]:
        """(outputs,), or (tasks,)."""
        port = self.port_of(learner)
        return _shape(port) if self.over == "outputs" else (len(self._groups(port)),)

    def signal(self, parameters: Float[Array, " parameters"], learner: Learner) -> Float[Array, " outputs"]:
        """The attention to each output: to its task, or its own, squared where φ is what is controlled."""
        attention = parameters**2 if self.squared else parameters
        if self.over == "outputs":
            return attention
        port = self.port_of(learner)
        return jnp.repeat(attention, np.array(self._groups(port)), total_repeat_length=_shape(port)[0])

    def _groups(self, port: Port) -> tuple[int, ...]:
        """The number of outputs of each task; one task, where the port tells none apart."""
        return _shape(port) if port.groups is None else port.groups


def _shape(port: Port) -> tuple[int, ...]:
    """(outputs,): a signal of attention is one array."""
    return cast(tuple[int, ...], port.shape)
