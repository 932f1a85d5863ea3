"""A learner: how a network learns, step by step, under the signals that effort sends to its ports (theory.md §1, §3).

To add one, subclass `Learner` and write `step_size`, `ports` (or `port_shapes`), `init`, `step` and `loss` with jax.numpy, or
`GradientLearner` and `field` in place of `step`; gradients, solvers and certificates follow. `on_samples` lets `le.simulate`
learn the same thing on samples. `advance`, and `record` with `pullback`, may be written out for speed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, PyTree

from ..errors import LearningEffortError
from ..files.describe import Described
from ..runtime import precision  # noqa: F401
from ..tasks.base import Step, Task
from .ports import ATTENTION, INITIAL_WEIGHTS, PROPORTIONS, RATE, Port, Shape, standard

#: What ports take at one instant: an entry per driven port, absent when neutral.
Signals = Mapping[str, Any]
#: Weight matrices, layer 1 first; over a task set with a leading axis of tasks.
Weights = list[Float[Array, "..."]]


class Learner(Described):
    """What every learner offers. A learner knows nothing of controls, costs or solvers.

    Where it learns a task, its fields `task` and `evaluation` are what it learns and what it is judged on (None: the task). The
    state is any pytree.
    """

    kind = "learners"

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt: the length of a step, in units of time."""
        raise NotImplementedError

    @property
    def ports(self) -> dict[str, Port]:
        """Where effort can act, by name. Unless a learner says more, `standard` ports of the shapes in `port_shapes`, with what
        its task and its `initial_weights` say."""
        if type(self).port_shapes is Learner.port_shapes:
            raise NotImplementedError(f"{type(self).__name__} must say its `ports`, or their `port_shapes`.")
        known: dict[str, dict[str, Any]] = {INITIAL_WEIGHTS: {"neutral": getattr(self, "initial_weights", 0.0)}}
        for task in self._tasks[:1]:
            known |= {ATTENTION: {"groups": task.output_groups}, PROPORTIONS: {"neutral": task.neutral_proportions()}}
        return {name: standard(name, shape, **known.get(name, {})) for name, shape in self.port_shapes.items()}

    @property
    def port_shapes(self) -> dict[str, Shape]:
        """The shape of each port's signal at one instant: a tuple, or a list of tuples by layer."""
        return {name: port.shape for name, port in self.ports.items()}

    @property
    def is_stationary(self) -> bool:
        """Whether what it learns and is judged on stays the same during learning."""
        return all(task.is_stationary for task in self._tasks)

    @property
    def is_set(self) -> bool:
        """Whether it learns several tasks from one start."""
        return any(task.is_set for task in self._tasks)

    @property
    def judged_as_learned(self) -> bool:
        """Whether performance is judged on what is learned."""
        tasks = self._tasks
        return all(eqx.tree_equal(task, tasks[0]) for task in tasks[1:])

    @property
    def _tasks(self) -> list[Task]:
        """What it learns and, if that is something else, what it is judged on; none, if it has no task."""
        return [task for name in ("task", "evaluation") if (task := getattr(self, name, None)) is not None]

    def on_samples(self, batch_size: int, seed: Int[ArrayLike, ""]) -> Learner:
        """A learner with the same ports that learns on batches of samples, whose `rollout` is what `le.simulate` gives.

        **Arguments:** `batch_size` samples a step; `seed` of the samples, a number that may be mapped over.

        **Raises:** `LearningEffortError` where there is no such learner.
        """
        raise LearningEffortError(
            "simulate takes networks that learn from a task, such as le.LinearNetwork and le.SampledNetwork, and learners that "
            f"say how they learn on samples (`on_samples`). Got {type(self).__name__}, which does not."
        )

    def prepared(self) -> Learner:
        """The same learner with everything that does not change during learning computed once."""
        return self

    def with_longer_steps(self, factor: int) -> Learner | None:
        """The same learner in steps `factor` times as long, which solvers try first; None where there is no such thing."""
        return None

    def init(self, static: Signals) -> PyTree:
        """The state at step 0, given the static signals."""
        raise NotImplementedError

    def step(self, state: PyTree, k: Step, signals: Signals) -> PyTree:
        """The state at step k + 1. `signals`: those that vary in time at step k, and static ones."""
        raise NotImplementedError

    def loss(self, state: PyTree, k: Step, signals: Signals) -> Float[Array, ""]:
        """The performance loss L at step k."""
        raise NotImplementedError

    def weights(self, state: PyTree) -> Weights:
        """The weights in a state, layer 1 first, for reports."""
        return [leaf for leaf in jax.tree.leaves(state) if eqx.is_inexact_array(leaf)]

    def observables(self, state: PyTree, k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """What is worth watching in a state at step k, by name: overlaps, cosines, a loss of another kind. Rollouts, files and
        datasets have them at the steps at which they have weights. Nothing, unless a learner says more."""
        return {}

    def advance(self, state: PyTree, k: Step, signals: Signals) -> tuple[PyTree, Float[Array, ""]]:
        """Step and loss together, where work can be shared."""
        return self.step(state, k, signals), self.loss(state, k, signals)

    def record(self, state: PyTree, k: Step, signals: Signals) -> tuple[PyTree, Float[Array, ""], PyTree]:
        """As `advance`, and third what `pullback` is to be given of this step: the state, unless work can be saved."""
        return *self.advance(state, k, signals), state

    def pullback(
        self, record: PyTree, k: Step, signals: Signals, state_cotangent: PyTree, loss_cotangent: Float[Array, ""]
    ) -> tuple[PyTree, Signals]:
        """The transposed derivative of `advance`: cotangents of (next state, loss) to cotangents of (state, signals).

        This is all that reverse accumulation needs of a learner (theory.md §4). `record` is what `record` gave.
        """
        _, transpose = jax.vjp(lambda s, u: self.advance(s, k, u), record, signals)
        return transpose((state_cotangent, loss_cotangent))

    def accuracy(
        self, weights: Sequence[Any], steps: Any = None, signals: Signals | None = None
    ) -> Float[Array, " S"]:
        """How often it is right, for learners that classify (`Classifier`). **Raises:** `LearningEffortError` for others."""
        raise LearningEffortError(f"{type(self).__name__} does not classify, so it has no accuracy.")

    def notes(self, driven: frozenset[str]) -> tuple[str, ...]:
        """What is to be known of any answer under controls that drive the ports named in `driven`, a sentence each."""
        return ()

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

    def field(self, state: PyTree, k: Step, signals: Signals) -> PyTree:
        """f at step k, before the rate port: what the state follows."""
        raise NotImplementedError

    def effective_rate(self, signals: Signals) -> Float[Array, ""]:
        """(Δt/τ)(1 + u): how far a step follows the field."""
        return self.step_size / self.time_scale * (1.0 + signals[RATE] if RATE in signals else 1.0)

    def step(self, state: PyTree, k: Step, signals: Signals) -> PyTree:
        """state + (Δt/τ)(1 + u) f."""
        rate = self.effective_rate(signals)
        return jax.tree.map(lambda w, f: w + rate * f, state, self.field(state, k, signals))


def check_tasks(task: Any, evaluation: Any, name: str) -> None:
    """**Raises:** `LearningEffortError` if these are not tasks, or do not go together."""
    if not isinstance(task, Task):
        raise LearningEffortError(f"The 'task' of {name} must be a task, such as le.tasks.Arrays(x, y). Got {task!r}.")
    if evaluation is None:
        return
    if not isinstance(evaluation, Task):
        raise LearningEffortError(f"The 'evaluation' of {name} must be a task or None. Got {evaluation!r} instead.")
    sizes = [(t.input_size, t.output_size, len(t.tasks) if t.is_set else None) for t in (task, evaluation)]
    if sizes[0] != sizes[1]:
        raise LearningEffortError(
            f"The 'evaluation' of {name} must have the sizes of its task. Got (inputs, outputs, tasks in the set) "
            f"{sizes[1]} for a task of {sizes[0]}."
        )
