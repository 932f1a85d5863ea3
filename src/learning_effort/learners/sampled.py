"""Any network, learning on samples with any optimiser (theory.md §6.3): unrolled and differentiated.

Each step takes the gradient of the weighted loss J = Σ_i s_i Σ_o a_o ℓ_o(ŷ_i, y_i) over the samples in force, hands it to the
optimiser, and adds 1 + u times the update it gives back.

The state is the trained arrays and the optimiser's own state, kept as float64 numbers throughout (its counters too),
so that costates have the state's shape. Weakness: effort can be differentiated only as far as the optimiser can; Adam
divides by a square root that has no derivative at zero (see `explain_nonfinite_gradient`). Where the activation has kinks
(ReLU), a step jumps as a unit switches on or off for a sample, and with it, slightly, the value: solvers stop there with a
residual that does not vanish.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PyTree

from .. import losses
from ..errors import Given, Number, count, number
from ..runtime.modules import replaced
from ..runtime.precision import require_settings
from ..runtime.random_keys import key as key_of
from ..tasks.base import Samples, Step, Task
from ..tasks.datasets import drawing, refuse
from . import ports
from .accuracy import JUDGED_SAMPLES, Classifier
from .base import Signals, Weights, check_tasks
from .sampled_checks import check_targets, check_trainable, ignores_scale

if TYPE_CHECKING:
    import optax


class Role(Enum):
    """The place in a module of an array that is trained, or of one that is not (whole numbers, for example)."""

    TRAINED = "trained"
    FIXED = "fixed"


#: An optimiser's state as float64 arrays.
Packed = list[Float[Array, "..."]]
#: The trained arrays and the optimiser's state.
State = tuple[Weights, Packed]


class SampledNetwork(Classifier):
    """Any Equinox module, trained on samples with any Optax optimiser (theory.md §6).

    **Arguments:**

    - `task`: what it learns; `evaluation`: the task performance is judged on (None: the task).
    - `module`: maps one input (I,) to one output (O,). Its arrays of float64 numbers are trained, all of them.
    - `optimizer`: such as `optax.sgd(5e-3)`. Weight decay is the optimiser's affair, and is not part of the loss.
    - `loss`: terms per output, as those of `le.losses`; both what is learned and what performance is.
    - `batch_size`: samples a step, drawn with `seed` and the step's number, always the same for both; None is the full
      data set, for tasks that have one (`Arrays`, `Digits`, `SemanticHierarchy`, and compositions of these).
    - `step_size`: Δt > 0, the length of a step in units of time; it dates rewards and does nothing to learning. For times
      that compare with those of `LinearNetwork`, give the optimiser's learning rate.
    - `seed`: of the batches. The module brings its own initial weights.

    Performance is the loss on the whole data set of the evaluation task; where it has none, on 1000 samples drawn once.

    **Ports:** gain (on the matrices of the module), rate (which multiplies the optimiser's update), attention,
    initial_weights (the trained arrays in the module's order), and proportions where the task has them.

    **Raises:** `LearningEffortError` if the module does not fit the task, holds numbers of another precision, or cannot be
    trained by the optimiser, and for batch_size=None on a task without a data set.
    """

    task: Task
    evaluation: Task | None
    initial_weights: list[Float[Array, "..."]]
    fixed: list[Array]
    step_length: Float[Array, ""]
    seed: Int[Array, ""]
    learned: Samples | None
    judged: Samples | None
    batch_size: int | None = eqx.field(static=True)
    structure: Any = eqx.field(static=True)
    roles: tuple[Any, ...] = eqx.field(static=True)
    optimizer: Any = eqx.field(static=True)
    terms: Callable = eqx.field(static=True)

    def __init__(
        self,
        task: Given[Task],
        module: Given[Callable],
        optimizer: Given[optax.GradientTransformation],
        loss: Given[Callable] = losses.squared,
        batch_size: Given[int | None] = None,
        step_size: Number = 5e-3,
        seed: Given[int] = 0,
        evaluation: Given[Task | None] = None,
    ):
        name = type(self).__name__
        require_settings(name)
        check_tasks(task, evaluation, name)
        self.task = task
        self.evaluation = evaluation
        leaves, self.structure = jax.tree.flatten(module)
        self.roles = tuple(_role(leaf) for leaf in leaves)
        by_role = {role: [jnp.asarray(a) for a, r in zip(leaves, self.roles, strict=True) if r is role] for role in Role}
        self.initial_weights, self.fixed = by_role[Role.TRAINED], by_role[Role.FIXED]
        self.step_length = number(step_size, "step_size", name, 0.0, open_low=True)
        self.seed = jnp.asarray(count(seed, "seed", name, 0))
        self.batch_size = None if batch_size is None else count(batch_size, "batch_size", name)
        self.optimizer = optimizer
        self.terms = loss
        self.learned = self.judged = None
        check_trainable(self, module)
        check_targets(self)

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt, as given."""
        return self.step_length

    @property
    def ports(self) -> dict[str, ports.Port]:
        """Rate, attention, initial weights, gain where the module has matrices, and proportions where the task has them."""
        shapes = [w.shape for w in self.initial_weights]
        matrices = [s for s in shapes if len(s) == 2]
        return ports.named(
            ports.rate(),
            ports.attention(self.task.output_size, self.task.output_groups),
            ports.initial_weights(shapes, self.initial_weights),
            *([ports.gain(matrices)] if matrices else []),
            *([ports.proportions(own)] if (own := self.task.neutral_proportions()) is not None else []),
        )

    def notes(self, driven: frozenset[str]) -> tuple[str, ...]:
        """What controls make of an optimiser, such as Adam, that takes the same steps whatever the scale of its gradients."""
        ported = {
            ports.GAIN: "gain, which scales the gradient as well as what the network says",
            ports.ATTENTION: "attention, which scales the gradient: of all outputs together it does nothing, what counts are "
            "ratios of outputs and changes in time, which the optimiser is late to follow",
            ports.RATE: "the rate, which multiplies updates that do not shrink as the gradient does",
        }
        exploited = [words for port, words in ported.items() if port in driven]
        if not exploited or not ignores_scale(self):
            return ()
        return (
            "The optimiser takes the same steps whatever the scale of its gradients (as Adam does: it is scale invariant), and "
            f"effort exploits that through {'; and through '.join(exploited)}. Compare with optax.sgd before reading effort as "
            "what a learner by gradient descent would do.",
        )

    def on_samples(self, batch_size: int, seed: Int[ArrayLike, ""]) -> SampledNetwork:
        """The same network on batches of this size, drawn with this seed in place of its own."""
        return replaced(self, batch_size=batch_size, seed=jnp.asarray(seed))

    def prepared(self) -> SampledNetwork:
        """The same network with the samples it learns on and is judged on at hand, where they stay the same.

        **Raises:** `LearningEffortError` for a task without a data set that is to be learned without a batch size.
        """
        learned = self.learned
        if learned is None and self.batch_size is None:
            learned = self.task.samples(refuse)
        judged = self.judged
        if judged is None and not self._judged_as_learned:
            draw = drawing(jax.random.fold_in(key_of(self.seed), 0), JUDGED_SAMPLES)
            judged = self._judge.samples(draw)
        return replaced(self, learned=learned, judged=judged)

    def init(self, static: Signals) -> State:
        """The trained arrays and the optimiser's state at step 0; over a task set with a leading axis of tasks."""
        weights = [jnp.asarray(w) for w in static.get(ports.INITIAL_WEIGHTS, self.initial_weights)]
        state = weights, _packed(self.optimizer.init(self._tree(weights)))
        if self.task.is_set:
            tasks = len(self.task.tasks)
            return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (tasks, *leaf.shape)), state)
        return state

    def step(self, state: State, k: Step, signals: Signals) -> State:
        """The first half of `advance`."""
        return self.advance(state, k, signals)[0]

    def loss(self, state: State, k: Step, signals: Signals) -> Float[Array, ""]:
        """The loss on the samples performance is judged on; the mean over a task set."""
        judged = self.judged_samples(k)
        return self._over_set(lambda weights, samples: self._losses(weights, samples, signals).sum())(state[0], judged).mean()

    def weights(self, state: State) -> Weights:
        """The trained arrays, in the module's order."""
        return state[0]

    def advance(self, state: State, k: Step, signals: Signals) -> tuple[State, Float[Array, ""]]:
        """One update of the optimiser, times 1 + u, and the loss before it."""
        learned = self.learned_samples(k, signals)
        # Performance on the samples that were learned from comes with their gradient.
        judged = None if self._judged_as_learned and ports.PROPORTIONS not in signals else self.judged_samples(k)

        def one(state, learned, judged):
            weights, kept = state
            (_, terms), slope = jax.value_and_grad(self._objective, has_aux=True)(weights, learned, signals)
            if judged is not None:
                terms = self._losses(weights, judged, signals)
            updates, kept = self.optimizer.update(self._tree(slope), self._unpacked(kept), self._tree(weights))
            rate = 1.0 + signals[ports.RATE] if ports.RATE in signals else 1.0
            after = [w + rate * change for w, change in zip(weights, jax.tree.leaves(updates), strict=True)]
            return (after, _packed(kept)), terms.sum()

        state, loss = self._over_set(one)(state, learned, judged)
        return state, loss.mean()

    def learned_samples(self, k: Step, signals: Signals) -> Samples:
        """The samples learned from at step k."""
        proportions = signals.get(ports.PROPORTIONS)
        if self.batch_size is not None:
            key = jax.random.fold_in(key_of(self.seed), 1 + k)
            return self.task.draw(key, self.batch_size, k, proportions)
        kept = self.prepared().learned
        assert kept is not None  # there is no batch size
        return self.task.in_force(kept, k, proportions)

    def judged_samples(self, k: Step) -> Samples:
        """The samples performance is judged on at step k."""
        prepared = self.prepared()
        kept = prepared.learned if self._judged_as_learned else prepared.judged
        assert kept is not None  # `prepared` has seen to it
        return self._judge.in_force(kept, k)

    def predict(
        self, weights: Sequence[Float[Array | np.ndarray, "..."]], x: Float[Array | np.ndarray, "n I"], signals: Signals
    ) -> Float[Array, "n O"]:
        """The network's outputs for inputs x, with gains on its matrices."""
        own = [jnp.asarray(w) for w in weights]
        gains = iter(signals.get(ports.GAIN, ()))
        gained = [next(gains, None) if w.ndim == 2 else None for w in own]
        effective = [w if g is None else w * (1.0 + g) for w, g in zip(own, gained, strict=True)]
        return jax.vmap(self._assembled(effective))(x)

    def prepared_for_judging(self) -> SampledNetwork:
        """The same learner with its samples at hand."""
        return self.prepared()

    def explain_nonfinite_gradient(self) -> str:
        """As for any learner, with what to try where it is the optimiser that has no derivative."""
        return (
            "The gradient of the value with respect to effort is not finite, although the value is: something on the way has "
            "no derivative. With optax.adam and its kin this is the square root of a squared gradient that is zero, as where "
            "an input is always zero or a ReLU unit never fires. Change the optimiser's setting 'eps_root': "
            "optax.adam(1e-2, eps_root=1e-8), for example. If the optimiser takes no square root (optax.sgd), look for "
            "one, or for a norm, in the module and in the loss."
        )

    @property
    def _judge(self) -> Task:
        """The task performance is judged on."""
        return self.task if self.evaluation is None else self.evaluation

    @property
    def _judged_as_learned(self) -> bool:
        """Whether performance is judged on the very samples that are learned."""
        return self.evaluation is None and self.batch_size is None

    def _losses(self, weights: Weights, samples: Samples, signals: Signals) -> Float[Array, " O"]:
        """The loss of each output, averaged over the samples by their weights."""
        return samples.weights @ self.terms(self.predict(weights, samples.x, signals), samples.y)

    def _objective(
        self, weights: Weights, samples: Samples, signals: Signals
    ) -> tuple[Float[Array, ""], Float[Array, " O"]]:
        """J, and the loss of each output without attention."""
        terms = self._losses(weights, samples, signals)
        return (signals[ports.ATTENTION] * terms if ports.ATTENTION in signals else terms).sum(), terms

    def _over_set(self, function: Callable) -> Callable:
        """`function`, mapped over the leading axis of its arguments if the task is a set."""
        return jax.vmap(function) if self.task.is_set else function

    def _assembled(self, weights: Weights) -> Callable:
        """The module with these weights."""
        leaves = {Role.TRAINED: iter(weights), Role.FIXED: iter(self.fixed)}
        return jax.tree.unflatten(self.structure, [next(leaves[r]) if r in leaves else r for r in self.roles])

    def _tree(self, weights: Weights) -> PyTree:
        """The weights as optimisers take them: the module, with None in place of everything else."""
        trained = iter(weights)
        return jax.tree.unflatten(self.structure, [next(trained) if r is Role.TRAINED else None for r in self.roles])

    def _unpacked(self, kept: Packed) -> PyTree:
        """The optimiser's state, from what `_packed` made of it."""
        shapes, structure = jax.tree.flatten(jax.eval_shape(self.optimizer.init, self._tree(self.initial_weights)))

        def restored(leaf, shape):
            if jnp.issubdtype(shape.dtype, jax.dtypes.prng_key):
                return jax.random.wrap_key_data(leaf.astype(jnp.uint32))
            return leaf.astype(shape.dtype)

        return jax.tree.unflatten(structure, map(restored, kept, shapes))


def _packed(state: PyTree) -> Packed:
    """An optimiser's state as float64 arrays; whole numbers below 2⁵³ and random keys are exact."""

    def plain(leaf):
        leaf = jnp.asarray(leaf)
        return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    return [plain(leaf).astype(jnp.float64) for leaf in jax.tree.leaves(state)]


def _role(leaf: Any) -> Any:
    """What a module's leaf is: a `Role`, or itself where it is no array."""
    if not isinstance(leaf, (jax.Array, np.ndarray)):
        return leaf
    return Role.TRAINED if jnp.issubdtype(leaf.dtype, jnp.inexact) else Role.FIXED

