"""A learner: how a network learns, step by step, under the signals that effort sends to its ports (mathematics.md §1, §3).

To add one, subclass `Learner` and write `port_shapes`, `init`, `step` and `loss` with jax.numpy; everything else
(gradients, solvers, simulation of value) follows. `advance` and `pullback` may be written out for speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from .. import _precision  # noqa: F401

#: What ports take at one instant: an entry per driven port, absent when neutral.
Signals = Mapping[str, Any]


class Learner(eqx.Module):
    """What every learner offers. A learner knows nothing of controls, costs or solvers.

    Its fields `task` and `evaluation` are what it learns and what it is judged on (None: the task). The state is any
    pytree.
    """

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt: the length of a step, in units of time."""
        raise NotImplementedError

    @property
    def port_shapes(self) -> dict[str, Any]:
        """The ports, each with the shape of its signal at one instant (a tuple, or a list of tuples by layer)."""
        raise NotImplementedError

    def prepared(self) -> Learner:
        """The same learner with everything that does not change during learning computed once."""
        return self

    def with_longer_steps(self, factor: int) -> Learner | None:
        """The same learner in steps `factor` times as long, which solvers try first; None where there is no such thing."""
        return None

    def init(self, static: Signals) -> PyTree:
        """The state at step 0, given the static signals."""
        raise NotImplementedError

    def step(self, state: PyTree, k: Int[Array, ""], signals: Signals) -> PyTree:
        """The state at step k + 1."""
        raise NotImplementedError

    def loss(self, state: PyTree, k: Int[Array, ""], signals: Signals) -> Float[Array, ""]:
        """The performance loss L at step k."""
        raise NotImplementedError

    def weights(self, state: PyTree) -> list[Float[Array, "..."]]:
        """The weights in a state, layer 1 first, for reports."""
        return [leaf for leaf in jax.tree.leaves(state) if eqx.is_inexact_array(leaf)]

    def advance(self, state: PyTree, k: Int[Array, ""], signals: Signals) -> tuple[PyTree, Float[Array, ""]]:
        """Step and loss together, where work can be shared."""
        return self.step(state, k, signals), self.loss(state, k, signals)

    def record(self, state: PyTree, k: Int[Array, ""], signals: Signals) -> tuple[PyTree, Float[Array, ""], PyTree]:
        """As `advance`, and third what `pullback` is to be given of this step: the state, unless work can be saved."""
        return *self.advance(state, k, signals), state

    def pullback(
        self, record: PyTree, k: Int[Array, ""], signals: Signals, state_cotangent: PyTree, loss_cotangent
    ) -> tuple[PyTree, Signals]:
        """The transposed derivative of `advance`: cotangents of (next state, loss) to cotangents of (state, signals).

        This is all that reverse accumulation needs of a learner (mathematics.md §4). `record` is what `record` gave.
        """
        _, transpose = jax.vjp(lambda s, u: self.advance(s, k, u), record, signals)
        return transpose((state_cotangent, loss_cotangent))

    def explain_nonfinite_gradient(self) -> str:
        """What to say when the value is finite and its gradient with respect to effort is not."""
        return (
            "The gradient of the value with respect to effort is not finite, although the value is: something in the learner "
            "or in a cost has no derivative there, as a square root at zero. Write it so that it has one."
        )


class GradientLearner(Learner):
    """A learner that follows `field` f = −∇J: step = state + (Δt/τ)(1 + u) f, u the signal at its rate port."""

    @property
    def time_scale(self) -> Float[Array, ""]:
        """τ, in units of time."""
        return jnp.ones(())

    def field(self, state: PyTree, k: Int[Array, ""], signals: Signals) -> PyTree:
        """f at step k, before the rate port: what the state follows."""
        raise NotImplementedError

    def _rate(self, signals: Signals) -> Float[Array, ""]:
        return self.step_size / self.time_scale * (1.0 + signals["rate"] if "rate" in signals else 1.0)

    def step(self, state, k, signals):
        rate = self._rate(signals)
        return jax.tree.map(lambda w, f: w + rate * f, state, self.field(state, k, signals))
