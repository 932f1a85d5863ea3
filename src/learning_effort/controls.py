"""Controls: parameters in a box that drive a learner's port and cost something (mathematics.md §3).

A control turns its parameters at one instant into a port's signal (`signal`) and into the list of arrays its cost
acts on (`effort_arrays`). Knots, bases, squares and softmax live here and nowhere else. To add one, subclass `Control` and
write `port`, `parameter_shapes`, `signal` and, where it is not zero, `neutral`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from . import costs as cost_functions
from .errors import LearningEffortError, array, choice, count, is_traced, number
from .horizon import check_knots
from .learners.base import Learner


class Control(eqx.Module):
    """What every control has.

    - `lower`, `upper`: the box, in units of the control's parameters; may be infinite.
    - `rest`: where the cost is zero. `cost`: a `Cost`, or None.
    - `knots` K: parameters are given at K points of the horizon (None: the horizon's knots, or one a step);
      `interpolation`: "hold" (step k uses knot ⌊kK/N⌋) or "linear" (K ≥ 2 knots evenly from first to last step).
    - `start`: where solvers begin (None: neutral); a number, or the parameters of one instant.
    - `name`: its key in effort.
    """

    port: ClassVar[str]
    default_name: ClassVar[str]
    static: ClassVar[bool] = False

    lower: Float[Array, ""]
    upper: Float[Array, ""]
    rest: Float[Array, ""]
    cost: cost_functions.Cost | None
    start: PyTree[Float[Array, "..."]] | None
    knots: int | None = eqx.field(static=True)
    interpolation: str = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def _keep(self, bounds, rest, cost, knots=None, interpolation="hold", start=None, name=None) -> None:
        owner = type(self).__name__
        try:
            lower, upper = bounds
        except (TypeError, ValueError):
            raise LearningEffortError(
                f"The 'bounds' of {owner} must be a pair (lower, upper). Got {bounds!r} instead."
            ) from None
        self.lower = number(lower, "bounds", owner, infinite=True)
        self.upper = number(upper, "bounds", owner, infinite=True)
        if not (is_traced(lower) or is_traced(upper)) and not (np.asarray(lower) < np.asarray(upper)).all():
            raise LearningEffortError(
                f"The 'bounds' of {owner} must be (lower, upper) with lower below upper. Got {bounds!r}; are they reversed?"
            )
        self.rest = number(rest, "rest", owner)
        if cost is not None and not isinstance(cost, cost_functions.Cost):
            raise LearningEffortError(
                f"The 'cost' of {owner} must be a cost, such as le.costs.Quadratic(1.0), or None. Got {cost!r} instead."
            )
        self.cost = cost
        self.knots = check_knots(knots, None, owner)
        self.interpolation = choice(interpolation, "interpolation", owner, ("hold", "linear"))
        if interpolation == "linear" and knots == 1:
            raise LearningEffortError(f"Linear interpolation of {owner} needs at least 2 knots. Got 1; use 'hold'.")
        self.start = None if start is None else jax.tree.map(lambda s: array(s, "start", owner), start)
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            raise LearningEffortError(
                f"The 'name' of {owner} must be a word of letters, digits and underscores. Got {name!r} instead."
            )
        self.name = self.default_name if name is None else name

    # What a subclass says -----------------------------------------------------------------------------------------

    def parameter_shapes(self, learner: Learner) -> Any:
        """The shape of the parameters at one instant: a tuple, or a list of tuples."""
        raise NotImplementedError

    def neutral(self, learner: Learner) -> Any:
        """The parameters of one instant that leave the learner alone: a number, or arrays of the parameters' shapes."""
        return 0.0

    def signal(self, parameters: PyTree, learner: Learner) -> Any:
        """The port's signal at one instant, from the parameters at that instant."""
        return parameters

    def effort_arrays(self, parameters: PyTree, learner: Learner) -> list[Float[Array, "..."]]:
        """What the cost is on, from the parameters at one instant."""
        return jax.tree.leaves(parameters)

    # What all share -----------------------------------------------------------------------------------------------

    def check(self, learner: Learner) -> None:
        """**Raises:** `LearningEffortError` if the learner lacks the port, or the start does not fit."""
        if self.port not in learner.port_shapes:
            hint = " Only mixtures and blends of tasks have proportions." if self.port == "proportions" else ""
            raise LearningEffortError(
                f"{type(self).__name__} drives the port '{self.port}', which this {type(learner).__name__} does not "
                f"have. Its ports are: {', '.join(sorted(learner.port_shapes))}.{hint}"
            )
        start = self.start_parameters(learner)
        lower, upper = self.lower, self.upper
        leaves = jax.tree.leaves(start)
        if any(is_traced(leaf) for leaf in (*leaves, lower, upper)):
            return
        if any(((leaf < lower) | (leaf > upper)).any() for leaf in leaves):
            raise LearningEffortError(
                f"The start of {type(self).__name__} lies outside its bounds [{float(lower):g}, {float(upper):g}]: "
                f"it runs from {min(float(leaf.min()) for leaf in leaves):g} to "
                f"{max(float(leaf.max()) for leaf in leaves):g}. Widen 'bounds', or give a 'start' inside them."
            )

    def start_parameters(self, learner: Learner) -> PyTree:
        """The parameters of one instant at the control's start, in arrays of their full shapes."""
        return self._full(self.neutral(learner) if self.start is None else self.start, learner)

    def neutral_parameters(self, learner: Learner) -> PyTree:
        """The parameters of one instant that leave the learner alone, in arrays of their full shapes."""
        return self._full(self.neutral(learner), learner)

    def cost_of(self, parameters: PyTree, learner: Learner) -> Float[Array, ""]:
        """The cost at one instant, per unit of time; parameters as for `signal`."""
        if self.cost is None:
            return jnp.zeros(())
        return self.cost(self.effort_arrays(parameters, learner), self.rest)

    def _full(self, value, learner: Learner) -> PyTree:
        shapes = self.parameter_shapes(learner)
        one_array = isinstance(shapes, tuple)
        leaves = [jnp.asarray(value)] if one_array else jax.tree.leaves(value)
        if len(leaves) == 1 and jnp.ndim(leaves[0]) == 0:
            leaves = leaves * (1 if one_array else len(shapes))
        targets = [shapes] if one_array else shapes
        fits = len(leaves) == len(targets) and all(
            jnp.ndim(leaf) == 0 or jnp.shape(leaf) == s for leaf, s in zip(leaves, targets, strict=True)
        )
        if not fits:
            raise LearningEffortError(
                f"The 'start' of {type(self).__name__} must be a number or have shape {shapes}. "
                f"Got {[jnp.shape(leaf) for leaf in leaves]}."
            )
        full = [jnp.broadcast_to(jnp.asarray(leaf, float), s) for leaf, s in zip(leaves, targets, strict=True)]
        return full[0] if one_array else full


class Gain(Control):
    """Gain on the weights: W̃ˡ = Wˡ ∘ (1 + gˡ) (paper §5). Effort "gain": a list, (K, rows, columns) for each layer driven.

    **Arguments:** besides those of `Control`,

    - `layers`: which layers are driven, counted from 0 (None: all).
    - `basis`: None, every weight has its own gain; "neuron", one effort per unit of the layer's output; or a list
      with, for each driven layer, an array (b, rows, columns) of matrices B_b: gˡ = Σ_b ν_b B_b, effort (K, b).
    - `cost`: on the gain matrices themselves, jointly over layers.
    """

    port = "gain"
    default_name = "gain"
    layers: tuple[int, ...] | None = eqx.field(static=True)
    basis: list[Float[Array, "b rows columns"]] | None
    by_neuron: bool = eqx.field(static=True)

    def __init__(
        self,
        bounds=(-0.5, 0.5),
        layers=None,
        basis=None,
        cost=cost_functions.Exponential(0.3),
        knots=None,
        interpolation="hold",
        start=None,
        name=None,
    ):
        self._keep(bounds, 0.0, cost, knots, interpolation, start, name)
        if isinstance(layers, int):
            layers = (layers,)
        self.layers = None if layers is None else tuple(count(layer, "layers", "Gain", 0) for layer in layers)
        if self.layers is not None and (not self.layers or len(set(self.layers)) < len(self.layers)):
            raise LearningEffortError(f"The 'layers' of Gain must be different layers, at least one. Got {layers!r}.")
        self.by_neuron = isinstance(basis, str)
        if isinstance(basis, str):
            choice(basis, "basis", "Gain", ("neuron",))
            self.basis = None
        else:
            if basis is not None and hasattr(basis, "ndim"):
                basis = [basis]
            self.basis = None if basis is None else [array(b, "basis", "Gain", ndim=3) for b in basis]

    def _layers(self, learner: Learner) -> tuple[int, ...]:
        shapes = learner.port_shapes["gain"]
        layers = tuple(range(len(shapes))) if self.layers is None else self.layers
        if max(layers) >= len(shapes):
            raise LearningEffortError(
                f"The 'layers' of Gain must be among 0 … {len(shapes) - 1}, the layers of this learner. Got {layers}."
            )
        if self.basis is not None:
            wanted = [("b", *shapes[layer]) for layer in layers]
            given = [b.shape for b in self.basis]
            if len(given) != len(wanted) or any(g[1:] != w[1:] for g, w in zip(given, wanted, strict=True)):
                raise LearningEffortError(
                    f"The 'basis' of Gain must have one array for each driven layer, of shapes {wanted}. Got {given}."
                )
        return layers

    def parameter_shapes(self, learner):
        shapes = [learner.port_shapes["gain"][layer] for layer in self._layers(learner)]
        if self.by_neuron:
            return [(rows,) for rows, _ in shapes]
        if self.basis is not None:
            return [(b.shape[0],) for b in self.basis]
        return shapes

    def effort_arrays(self, parameters, learner):
        if self.by_neuron:
            shapes = [learner.port_shapes["gain"][layer] for layer in self._layers(learner)]
            return [jnp.broadcast_to(nu[:, None], s) for nu, s in zip(parameters, shapes, strict=True)]
        if self.basis is not None:
            return [jnp.tensordot(nu, b, 1) for nu, b in zip(parameters, self.basis, strict=True)]
        return list(parameters)

    def signal(self, parameters, learner):
        gains = [None] * len(learner.port_shapes["gain"])
        for layer, gain in zip(self._layers(learner), self.effort_arrays(parameters, learner), strict=True):
            gains[layer] = gain
        return tuple(gains)


class LearningRate(Control):
    """The speed of learning: f is multiplied by 1 + u (paper §4). Effort "learning_rate": (K,).

    **Arguments:** those of `Control`; u starts at 0 wherever it rests.
    """

    port = "rate"
    default_name = "learning_rate"

    def __init__(
        self,
        bounds=(-1, 1),
        rest=0.0,
        cost=cost_functions.Quadratic(1.0),
        knots=None,
        interpolation="hold",
        start=None,
        name=None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)

    def parameter_shapes(self, learner):
        return ()


class Engagement(Control):
    """Attention to tasks or outputs: J = Σ_o a_o ℓ_o (paper §6). Effort "engagement": (K, tasks or outputs).

    **Arguments:** besides those of `Control`,

    - `over`: "tasks" (of a `Concatenated` task) or "outputs".
    - `squared`: the attention is φ², so that φ scales the error signal; the cost stays on φ.
    """

    port = "attention"
    default_name = "engagement"
    over: str = eqx.field(static=True)
    squared: bool = eqx.field(static=True)

    def __init__(
        self,
        bounds=(0, 2),
        over="tasks",
        rest=1.0,
        squared=False,
        cost=cost_functions.Quadratic(0.1),
        knots=None,
        interpolation="hold",
        start=None,
        name=None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)
        self.over = choice(over, "over", "Engagement", ("tasks", "outputs"))
        self.squared = choice(squared, "squared", "Engagement", (False, True))

    def parameter_shapes(self, learner):
        if self.over == "outputs":
            return learner.port_shapes["attention"]
        return (len(learner.task.output_groups),)

    def neutral(self, learner):
        return 1.0

    def signal(self, parameters, learner):
        attention = parameters**2 if self.squared else parameters
        if self.over == "outputs":
            return attention
        return jnp.repeat(attention, np.array(learner.task.output_groups), total_repeat_length=learner.task.output_size)


class MixtureControl(Control):
    """What the learner is given to learn: p = softmax(θ) of a `Mixture` or `Blend`. Effort "mixture": θ (K, parts).

    **Arguments:** those of `Control`. Neutral logits are rest + log p − mean log p for the task's own proportions p.
    """

    port = "proportions"
    default_name = "mixture"

    def __init__(
        self,
        bounds=(0, 2),
        rest=1.0,
        cost=cost_functions.NormDeviation(0.1),
        knots=None,
        interpolation="hold",
        start=None,
        name=None,
    ):
        self._keep(bounds, rest, cost, knots, interpolation, start, name)

    def parameter_shapes(self, learner):
        return learner.port_shapes["proportions"]

    def neutral(self, learner):
        log_p = jnp.log(learner.task.neutral_proportions())
        return self.rest + log_p - log_p.mean()

    def signal(self, parameters, learner):
        return jax.nn.softmax(parameters)


class InitialWeights(Control):
    """Where learning starts: one value, not a signal in time (paper §4, MAML). Effort "initial_weights": the weights.

    **Arguments:** `cost`, constant in time (½β‖w₀‖² is `Quadratic(β/2)`); `bounds`, `rest`, `start`, `name` as for `Control`.
    """

    port = "initial_weights"
    default_name = "initial_weights"
    static = True

    def __init__(self, cost=None, bounds=(-np.inf, np.inf), rest=0.0, start=None, name=None):
        self._keep(bounds, rest, cost, start=start, name=name)

    def parameter_shapes(self, learner):
        return list(learner.port_shapes["initial_weights"])

    def neutral(self, learner):
        return list(learner.initial_weights)
