"""How often a learner that classifies is right: the largest output against the target's largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import LearningEffortError
from ..tasks.base import Samples, Step
from .base import Learner, Signals, Weights
from .ports import GAIN

#: Tasks without a data set are judged on this many samples, drawn once.
JUDGED_SAMPLES = 1000


class Classifier(Learner):
    """A learner whose network makes predictions, so that its accuracy can be told."""

    def predict(
        self, weights: Sequence[Float[Array | np.ndarray, "..."]], x: Float[Array | np.ndarray, "n I"], signals: Signals
    ) -> Float[Array, "n O"]:
        """The network's outputs for inputs x, with gains."""
        raise NotImplementedError

    def judged_samples(self, k: Step) -> Samples:
        """The samples performance is judged on at step k; over a task set with a leading axis of tasks."""
        raise NotImplementedError

    def accuracy(
        self, weights: Sequence[Any], steps: Any = None, signals: Signals | None = None
    ) -> Float[Array, " S"]:
        """Along a rollout, the share of the evaluation task's samples whose largest output is the target's largest.

        `solution.accuracy()` is this with everything at hand.

        **Arguments:** `weights`, a list of arrays with a leading axis of S steps, as a rollout has them; `steps` (S,),
        which these are (None: 0 … S − 1; a solution's are `solution.weight_steps`); `signals` in force there,
        `problem.signals_at(effort, steps)`, or {} for the uncontrolled network: gains change what it answers.

        **Returns:** (S,); over a task set, the mean over tasks.

        **Raises:** `LearningEffortError` for a task of a single output, and without signals for a network that has gains.
        """
        outputs = self.judged_samples(0).y.shape[-1]
        if outputs < 2:
            raise LearningEffortError(
                "Accuracy compares the largest output with the target's largest: it needs at least 2 outputs, as of one-hot "
                f"targets. Got {outputs}."
            )
        if signals is None and GAIN in self.ports:
            raise LearningEffortError(
                "Accuracy depends on the gains in force, so it must be told them: problem.signals_at(effort, steps), or {} for "
                "the uncontrolled network. solution.accuracy() knows them."
            )
        weights = [jnp.asarray(w) for w in weights]
        steps = jnp.arange(weights[0].shape[0]) if steps is None else jnp.asarray(steps)
        return _accuracy(self.prepared_for_judging(), weights, steps, dict(signals or {}))

    def prepared_for_judging(self) -> Classifier:
        """The same learner with its judged samples at hand."""
        return self


@eqx.filter_jit
def _accuracy(learner: Classifier, weights: Weights, steps: Int[Array, " S"], signals: Signals) -> Float[Array, " S"]:
    """The share that is right at each step, of weights and signals with a leading axis of S steps."""

    def one(weights, samples, signal):
        right = learner.predict(weights, samples.x, signal).argmax(1) == samples.y.argmax(1)
        return samples.weights @ right

    def at(inputs):
        weights, k, signal = inputs
        judged = jax.vmap(one, in_axes=(0, 0, None)) if learner.is_set else one
        return judged(weights, learner.judged_samples(k), signal).mean()

    return jax.lax.map(at, (weights, steps, signals))
