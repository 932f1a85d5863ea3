"""Online gradient descent at a finite dimension: what order parameters stand for (theory.md §9.5)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ...runtime.random_keys import key as key_of
from ...tasks.base import Step
from ..base import Learner, Signals
from ..ports import Port


class FiniteSizeLearner(Learner):
    """What `theory`, an `OrderParameterLearner`, describes: weights in `dimension` N that learn from one sample at a time.

    A step of time Δt is as many samples as theory says; all of a step's are learned from under its signals. Weights start with
    the order parameters that theory starts with, exactly, in a direction drawn with `seed`; so are the samples. Its loss is
    theory's, of the overlaps that the weights have: performance itself, not an estimate from samples.

    Made by `OrderParameterLearner.on_samples`.
    """

    theory: Any
    seed: Int[Array, ""]
    dimension: int = eqx.field(static=True)

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt, of theory."""
        return self.theory.step_size

    @property
    def ports(self) -> dict[str, Port]:
        """Those of theory."""
        return self.theory.ports

    def init(self, static: Signals) -> PyTree:
        """Weights at step 0, the teacher's or the data's with them."""
        return self.theory.drawn(jax.random.fold_in(key_of(self.seed), 0), self.dimension)

    def step(self, state: PyTree, k: Step, signals: Signals) -> PyTree:
        """The weights after all samples of step k."""
        samples = key_of(self.seed)

        def learned(n: Int[Array, ""], weights: PyTree) -> PyTree:
            return self.theory.learned(weights, jax.random.fold_in(samples, n + 1), signals)

        return jax.lax.fori_loop(self._samples_before(k), self._samples_before(k + 1), learned, state)

    def loss(self, state: PyTree, k: Step, signals: Signals) -> Float[Array, ""]:
        """The performance loss of these very weights."""
        return self.theory.loss(self.theory.overlaps(state), k, signals)

    def observables(self, state: PyTree, k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """Those of theory, of the overlaps that the weights have."""
        return self.theory.observables(self.theory.overlaps(state), k, signals)

    def _samples_before(self, k: Step) -> Int[Array, ""]:
        """How many samples are seen before step k, to the nearest whole one."""
        return jnp.floor(k * self.theory.samples_a_step(self.dimension) + 0.5).astype(int)
