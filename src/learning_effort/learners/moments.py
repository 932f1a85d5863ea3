"""What the learners share whose dynamics follow from a task's moments: linear networks and tanh average dynamics."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from ..errors import Given, LearningEffortError, Number, Numbers, array, count, number
from ..runtime import memory
from ..runtime.modules import replaced
from ..runtime.precision import require_settings
from ..runtime.random_keys import key as key_of
from ..runtime.random_keys import normal_arrays
from ..tasks.base import Moments, Samples, Step, Task
from ..tasks.datasets import drawing
from . import ports
from .accuracy import JUDGED_SAMPLES, Classifier
from .base import GradientLearner, Learner, Signals, Weights, check_tasks
from .minibatch import MinibatchNetwork

#: So many arrays of the weights' size are made when learning is unrolled, at least.
COPIES = 4
#: Sizes of hidden layers where neither they nor weights are given.
DEFAULT_HIDDEN = (30,)


class MomentLearner(GradientLearner, Classifier):
    """A network of dense layers that learns by gradient descent averaged over data.

    Subclasses give `moment_field` and `moment_loss`, for one network on one task. Over a task set both are mapped,
    and the loss is the mean.
    """

    task: Task
    evaluation: Task | None
    initial_weights: Weights
    learning_rate: Float[Array, ""]
    weight_decay: Float[Array, ""]
    noise: Float[Array, ""]
    time_constant: Float[Array, ""]

    def __init__(
        self,
        task: Given[Task],
        hidden: Given[int | Sequence[int] | None] = None,
        learning_rate: Number = 5e-3,
        weight_decay: Number = 0.0,
        noise: Number = 0.0,
        time_constant: Number = 1.0,
        init_scale: Number = 1e-2,
        seed: Given[int] = 0,
        weights: Given[Sequence[Numbers] | None] = None,
        evaluation: Given[Task | None] = None,
    ):
        name = type(self).__name__
        require_settings(name)
        check_tasks(task, evaluation, name)
        self.task = task
        self.evaluation = evaluation
        self.learning_rate = number(learning_rate, "learning_rate", name, 0.0, open_low=True)
        self.weight_decay = number(weight_decay, "weight_decay", name, 0.0)
        self.noise = number(noise, "noise", name, 0.0)
        self.time_constant = number(time_constant, "time_constant", name, 0.0, open_low=True)
        if isinstance(hidden, numbers.Integral):
            hidden = (int(hidden),)
        if not (hidden is None or isinstance(hidden, (tuple, list))):
            raise LearningEffortError(f"The 'hidden' of {name} must be a tuple of layer sizes. Got {hidden!r} instead.")
        hidden = None if hidden is None else tuple(count(h, "hidden", name) for h in hidden)
        if weights is not None:
            self.initial_weights = _check_weights(weights, hidden, task, name)
            return
        sizes = (task.input_size, *(DEFAULT_HIDDEN if hidden is None else hidden), task.output_size)
        moments = (task.input_size + task.output_size) ** 2
        memory.require(
            COPIES * sum(rows * columns for rows, columns in zip(sizes[1:], sizes[:-1], strict=True)) + moments,
            f"{name} with layers of {', '.join(map(str, sizes))} units",
            "Try smaller hidden layers, or a task with fewer inputs and outputs.",
        )
        scale = np.asarray(number(init_scale, "init_scale", name, 0.0))
        shapes = tuple(zip(sizes[1:], sizes[:-1], strict=True))
        draws = normal_arrays(np.asarray(count(seed, "seed", name, 0)), shapes)
        self.initial_weights = [jnp.asarray(scale * np.asarray(drawn)) for drawn in draws]

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt, which is the learning rate."""
        return self.learning_rate

    @property
    def time_scale(self) -> Float[Array, ""]:
        """τ, the time constant."""
        return self.time_constant

    @property
    def ports(self) -> dict[str, ports.Port]:
        """Gain, rate, attention, initial weights, and proportions where the task has them."""
        shapes = [tuple(w.shape[-2:]) for w in self.initial_weights]
        return ports.named(
            ports.gain(shapes),
            ports.rate(),
            ports.attention(self.task.output_size, self.task.output_groups),
            ports.initial_weights(shapes, self.initial_weights),
            *([ports.proportions(own)] if (own := self.task.neutral_proportions()) is not None else []),
        )

    def prepared(self) -> Learner:
        """The same network with its tasks' moments computed once."""
        evaluation = None if self.evaluation is None else self.evaluation.prepared()
        return eqx.tree_at(
            lambda learner: (learner.task, learner.evaluation),
            self,
            (self.task.prepared(), evaluation),
            is_leaf=lambda leaf: leaf is None,
        )

    def with_longer_steps(self, factor: int) -> Learner | None:
        """The same network at a learning rate `factor` times as large; None where its tasks cannot follow."""
        task = self.task.with_longer_steps(factor)
        evaluation = None if self.evaluation is None else self.evaluation.with_longer_steps(factor)
        if task is None or (evaluation is None) != (self.evaluation is None):
            return None
        return replaced(self, task=task, evaluation=evaluation, learning_rate=self.learning_rate * factor)

    def on_samples(self, batch_size: int, seed: Int[ArrayLike, ""]) -> Learner:
        """The same network on mini-batches: see `MinibatchNetwork`."""
        return MinibatchNetwork(self, jnp.asarray(seed), batch_size)

    def init(self, static: Signals) -> Weights:
        """The initial weights; over a task set the same for every task."""
        weights = list(static.get(ports.INITIAL_WEIGHTS, self.initial_weights))
        if self.task.is_set:
            return [jnp.broadcast_to(w, (len(self.task.tasks), *w.shape)) for w in weights]
        return weights

    def field(self, state: Weights, k: Step, signals: Signals) -> Weights:
        """`moment_field` at the moments of step k."""
        moments = self.learned_moments(k, signals)
        return self.over_set(self.moment_field, 2)(state, moments, signals)

    def loss(self, state: Weights, k: Step, signals: Signals) -> Float[Array, ""]:
        """`moment_loss` at the moments performance is judged on; the mean over a task set."""
        return self.over_set(self.moment_loss, 2)(state, self.judged_moments(k), signals).mean()

    def learned_moments(self, k: Step, signals: Signals) -> Moments:
        """The moments the learner descends at step k."""
        return self.task.moments(k, signals.get(ports.PROPORTIONS))

    def judged_moments(self, k: Step) -> Moments:
        """The moments performance is judged on at step k: those of the evaluation task at its own proportions."""
        return (self.task if self.evaluation is None else self.evaluation).moments(k)

    def judged_samples(self, k: Step) -> Samples:
        """The samples of the evaluation task at step k: its data set, or draws of it."""
        judge = self.task if self.evaluation is None else self.evaluation
        return judge.in_force(judge.samples(drawing(key_of(0), JUDGED_SAMPLES)), k)

    def over_set(self, function: Callable, mapped: int) -> Callable:
        """`function`, mapped over the leading axis of its first `mapped` arguments if the task is a set."""
        if not self.task.is_set:
            return function
        return lambda *args: jax.vmap(function, in_axes=[0] * mapped + [None] * (len(args) - mapped))(*args)

    def penalty(self, weights: Weights) -> Float[Array, ""]:
        """What loss carries besides the task's: decay (λ/2)Σ‖W‖² and output noise ½Oσ²."""
        decay = self.weight_decay / 2 * sum(jnp.sum(w**2) for w in weights)
        return decay + self.task.output_size / 2 * self.noise**2

    def activation(self, hidden: Float[Array, "batch units"]) -> Float[Array, "batch units"]:
        """What hidden units do to their input; nothing, unless a subclass says so."""
        return hidden

    def predict(
        self, weights: Sequence[Float[Array | np.ndarray, "..."]], x: Float[Array | np.ndarray, "batch I"], signals: Signals
    ) -> Float[Array, "batch O"]:
        """The network's outputs for inputs x, with gains."""
        *hidden, last = effective_weights([jnp.asarray(w) for w in weights], signals)
        x = jnp.asarray(x)
        for w in hidden:
            x = self.activation(x @ w.T)
        return x @ last.T

    def moment_field(self, weights: Weights, moments: Moments, signals: Signals) -> Weights:
        """f = −∇J, decay included, for each layer; one network on one task."""
        raise NotImplementedError

    def moment_loss(self, weights: Weights, moments: Moments, signals: Signals) -> Float[Array, ""]:
        """The performance loss, decay and noise included; one network on one task."""
        raise NotImplementedError


def effective_weights(weights: Weights, signals: Signals) -> Weights:
    """W̃ˡ = Wˡ ∘ (1 + gˡ): the weights the forward pass uses."""
    gains = signals.get(ports.GAIN, [None] * len(weights))
    return [w if g is None else w * (1.0 + g) for w, g in zip(weights, gains, strict=True)]


def through_gains(arrays: Weights, signals: Signals) -> Weights:
    """Each layer's array times its 1 + gˡ: the chain rule through `effective_weights`."""
    return effective_weights(arrays, signals)


def _check_weights(weights: Any, hidden: tuple[int, ...] | None, task: Task, name: str) -> Weights:
    """Initial weights as arrays. **Raises:** `LearningEffortError` if they fit neither the task nor `hidden`."""
    if not isinstance(weights, (list, tuple)) or not weights:
        raise LearningEffortError(f"The 'weights' of {name} must be a list of matrices, layer 1 first.")
    weights = [array(w, f"weights[{i}]", name) for i, w in enumerate(weights)]
    shapes = [w.shape[-2:] for w in weights]
    sizes = [task.input_size, *(hidden if hidden is not None else [s[0] for s in shapes[:-1]]), task.output_size]
    wanted = list(zip(sizes[1:], sizes[:-1], strict=True))
    if shapes != wanted:
        raise LearningEffortError(
            f"The 'weights' of {name} must have shapes {wanted}, layer 1 first (hidden={tuple(sizes[1:-1])}). "
            f"Got {shapes} instead."
        )
    return weights
