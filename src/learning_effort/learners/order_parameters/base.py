"""Learning in order parameters: overlaps of weights that obey closed equations as the dimension grows (theory.md §9.1).

A network that learns from one fresh sample at a time, N inputs wide, is described by a few overlaps of its weights. As N → ∞
with α = samples/N fixed, they follow ordinary differential equations; these are the learners here. To add one, subclass
`OrderParameterLearner` and write `ports`, `init`, `velocity`, `loss` and `observables`; write `drawn`, `learned` and `overlaps`
too, and `le.simulate` learns the same thing at finite N.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray, PyTree

from ...errors import LearningEffortError, choice, count, is_traced, number
from ...numerics import runge_kutta
from ...runtime.precision import require_settings
from ...tasks.base import Step
from ..base import Learner, Signals
from ..ports import RATE
from .finite_size import FiniteSizeLearner

#: The inputs of a network that is simulated, unless its equations say how many, or the user does.
DIMENSION = 1000


def euler(velocity: Callable[[PyTree], PyTree], state: PyTree, first: PyTree, length: Float[ArrayLike, ""]) -> PyTree:
    """The state a time `length` later, as if it went on at its `first` velocity."""
    return jax.tree.map(lambda s, v: s + length * v, state, first)


#: How equations are followed through a step, by name.
METHODS = {"euler": euler, "rk4": runge_kutta.step}


class OrderParameterLearner(Learner):
    """A learner whose state is the overlaps of a network's weights, and moves at `velocity`.

    A signal holds for a step of time `step_size`, which is not the learning rate κ; the equations are followed through it in
    `substeps` by `method`, "euler" or "rk4". The signal u of the rate port makes κ into κ(1 + u), of which the velocity has the
    square too: the noise of single samples. So learning is not simply 1 + u times as fast.
    """

    learning_rate: Float[Array, ""]
    step_length: Float[Array, ""]
    method: str = eqx.field(static=True)
    substeps: int = eqx.field(static=True)

    def _follow(self, learning_rate: Any, step_size: Any, method: Any, substeps: Any) -> None:
        """Check these and keep them. **Raises:** `LearningEffortError` if one is out of range."""
        name = type(self).__name__
        require_settings(name)
        self.learning_rate = number(learning_rate, "learning_rate", name, 0.0, open_low=True)
        self.step_length = number(step_size, "step_size", name, 0.0, open_low=True)
        self.method = choice(method, "method", name, tuple(METHODS))
        self.substeps = count(substeps, "substeps", name)

    # What a subclass says -----------------------------------------------------------------------------------------

    def velocity(self, state: PyTree, signals: Signals) -> PyTree:
        """The derivative of the state with respect to time."""
        raise NotImplementedError

    def observables(self, state: PyTree, k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """The order parameters in a state by their names, and cosines where there are teachers."""
        raise NotImplementedError

    def drawn(self, key: PRNGKeyArray, dimension: int) -> PyTree:
        """Weights in this dimension that have the state's overlaps at step 0, and whatever else does not change."""
        raise NotImplementedError

    def learned(self, weights: PyTree, key: PRNGKeyArray, signals: Signals) -> PyTree:
        """The weights after one step of gradient descent on a fresh sample."""
        raise NotImplementedError

    def overlaps(self, weights: PyTree) -> PyTree:
        """The state that describes these weights."""
        raise NotImplementedError

    def samples_a_step(self, dimension: int) -> Float[Array, ""]:
        """How many samples a step of time is in this dimension; need not be whole."""
        return self.step_length * dimension

    # What all share -----------------------------------------------------------------------------------------------

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt, the length of a step of time, through which signals hold."""
        return self.step_length

    def speed(self, signals: Signals) -> Float[Array, ""]:
        """1 + u: the learning rate in force over κ."""
        return 1.0 + signals[RATE] if RATE in signals else jnp.ones(())

    def step(self, state: PyTree, k: Step, signals: Signals) -> PyTree:
        """The state Δt later, in `substeps` of Euler or Runge-Kutta, under the same signals."""
        length = self.step_length / self.substeps

        def moved(state: PyTree, _: Any = None) -> tuple[PyTree, None]:
            first = self.velocity(state, signals)
            return METHODS[self.method](lambda s: self.velocity(s, signals), state, first, length), None

        return moved(state)[0] if self.substeps == 1 else jax.lax.scan(moved, state, length=self.substeps)[0]

    def on_samples(self, batch_size: int, seed: Int[ArrayLike, ""], dimension: int | None = None) -> FiniteSizeLearner:
        """The network itself, which learns online.

        **Arguments:** `batch_size`, which must be 1; `seed` of weights and samples; `dimension` N, its number of inputs (None:
        1000).

        **Raises:** `LearningEffortError` for larger batches, and a dimension with no room for all weights.
        """
        if batch_size != 1:
            raise LearningEffortError(
                f"{type(self).__name__} learns online, from one sample at a time. Got a batch_size of {batch_size}; leave it "
                "out."
            )
        dimension = DIMENSION if dimension is None else count(dimension, "dimension", "simulate")
        learner = FiniteSizeLearner(self, jnp.asarray(seed), dimension)
        jax.eval_shape(lambda: learner.init({}))
        return learner


def frame(key: PRNGKeyArray, gram: Float[Array, "n n"], dimension: int) -> Float[Array, "n {dimension}"]:
    """Vectors (n, dimension) in random directions whose inner products are `gram`, exactly.

    **Raises:** `LearningEffortError` if there are more vectors than dimensions.
    """
    n = len(gram)
    if n > dimension:
        raise LearningEffortError(f"The 'dimension' of simulate must be at least {n}, the number of vectors. Got {dimension}.")
    values, vectors = jnp.linalg.eigh(gram)
    directions = jnp.linalg.qr(jax.random.normal(key, (dimension, n)))[0]
    return (vectors * jnp.sqrt(jnp.maximum(values, 0.0))) @ directions.T


def check_overlaps(gram: Float[Array, "n n"], what: str, owner: str) -> None:
    """**Raises:** `LearningEffortError` if `gram` cannot be inner products of vectors: not symmetric, or not positive."""
    if is_traced(gram):
        return
    given = np.asarray(gram)
    scale = max(np.abs(given).max(), 1e-300)
    lowest = np.linalg.eigvalsh((given + given.T) / 2).min()
    if np.abs(given - given.T).max() > 1e-9 * scale or lowest < -1e-9 * scale:
        raise LearningEffortError(
            f"The overlaps {what} of {owner} must be those of real vectors: symmetric, and without a negative eigenvalue. Got "
            f"{lowest:.3g} as the lowest eigenvalue{'' if np.allclose(given, given.T) else ', and an asymmetric matrix'}."
        )
