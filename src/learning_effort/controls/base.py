"""A control: parameters in a box that drive a learner's port and cost something (theory.md §3).

A control turns its parameters at one instant into a port's signal (`signal`) and into the list of arrays its cost acts on
(`effort_arrays`). Bases, squares and softmax live in controls and nowhere else; what a port takes, and which signal leaves
the learner alone, they ask the port.
"""

from __future__ import annotations

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .. import costs as cost_functions
from ..errors import Given, LearningEffortError, array, choice, is_traced, number
from ..files.describe import Described
from ..learners.base import Learner
from ..learners.ports import PROPORTIONS, Port, Shape
from .knots import check_knots


class Control(Described):
    """What every control has.

    - `lower`, `upper`: the box, in units of the control's parameters; may be infinite.
    - `rest`: where the cost is zero. `cost`: a `Cost`, or None.
    - `knots` K: parameters are given at K points of the horizon (None: the horizon's knots, or one a step);
      `interpolation`: "hold" (step k uses knot ⌊kK/N⌋) or "linear" (K ≥ 2 knots evenly from first to last step).
    - `start`: where solvers begin (None: neutral); a number, or the parameters of one instant.
    - `name`: its key in effort.
    """

    kind = "controls"
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

    def _keep(
        self,
        bounds: Any,
        rest: Any,
        cost: Any,
        knots: Any = None,
        interpolation: Any = "hold",
        start: Any = None,
        name: Any = None,
    ) -> None:
        """Check all of them and keep them. **Raises:** `LearningEffortError` if one is out of range."""
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
        if callable(cost) and not isinstance(cost, (type, cost_functions.Cost)):
            cost = cost_functions.from_function(cost)
        if cost is not None and not isinstance(cost, cost_functions.Cost):
            raise LearningEffortError(
                f"The 'cost' of {owner} must be a cost, such as le.costs.Quadratic(1.0), a function of effort (n,), or None. "
                f"Got {cost!r} instead."
            )
        self.cost = cost
        self.knots = check_knots(knots, None, owner)
        self.interpolation = choice(interpolation, "interpolation", owner, ("hold", "linear"))
        if interpolation == "linear" and knots == 1:
            raise LearningEffortError(f"Linear interpolation of {owner} needs at least 2 knots. Got 1; use 'hold'.")
        if start is not None and not isinstance(start, (list, tuple)):
            start = array(start, "start", owner)
        self.start = jax.tree.map(lambda s: array(s, "start", owner), start)
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            raise LearningEffortError(
                f"The 'name' of {owner} must be a word of letters, digits and underscores. Got {name!r} instead."
            )
        self.name = self.default_name if name is None else name

    # What a subclass says -----------------------------------------------------------------------------------------

    def port_of(self, learner: Learner) -> Port:
        """The port that it drives. **Raises:** `LearningEffortError` if the learner does not have it."""
        if self.port not in learner.ports:
            hint = " Only mixtures and blends of tasks have proportions." if self.port == PROPORTIONS else ""
            raise LearningEffortError(
                f"{type(self).__name__} drives the port '{self.port}', which this {type(learner).__name__} does not "
                f"have. Its ports are: {', '.join(sorted(learner.ports))}.{hint}"
            )
        return learner.ports[self.port]

    def parameter_shapes(self, learner: Learner) -> Shape:
        """The shape of the parameters at one instant, a tuple or a list of tuples: the port's, unless a control says other."""
        return self.port_of(learner).shape

    def neutral(self, learner: Learner) -> Any:
        """The parameters of one instant that leave the learner alone: a number, or arrays of the parameters' shapes; those of
        the port's neutral signal, unless a control says other."""
        return self.port_of(learner).neutral

    def signal(self, parameters: PyTree, learner: Learner) -> Any:
        """The port's signal at one instant, from the parameters at that instant."""
        return parameters

    def effort_arrays(self, parameters: PyTree, learner: Learner) -> list[Float[Array, "..."]]:
        """What the cost is on, from the parameters at one instant."""
        return jax.tree.leaves(parameters)

    # What all share -----------------------------------------------------------------------------------------------

    def check(self, learner: Learner) -> None:
        """**Raises:** `LearningEffortError` if the learner lacks the port, or has it static where the control is not (or the
        other way round), or if the start does not fit."""
        if self.port_of(learner).static != self.static:
            kinds = {True: "is one value for all of learning", False: "varies in time"}
            raise LearningEffortError(
                f"The port '{self.port}' of {type(learner).__name__} {kinds[not self.static]}, but {type(self).__name__} "
                f"{kinds[self.static]}. Its 'static' must be {not self.static}."
            )
        self._check_cost(learner)
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

    def _check_cost(self, learner: Learner) -> None:
        """**Raises:** `LearningEffortError` if the cost cannot be computed, or is not one number."""
        owner = type(self).__name__
        try:
            found = jax.eval_shape(lambda: self.cost_of(self.neutral_parameters(learner), learner))
        except LearningEffortError:
            raise
        except Exception as error:
            words = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
            raise LearningEffortError(f"The 'cost' of {owner} could not be computed for its neutral effort: {words}.") from None
        if found.shape != ():
            raise LearningEffortError(f"The 'cost' of {owner} must be one number. It gives an array of shape {found.shape}.")

    def start_parameters(self, learner: Learner) -> PyTree:
        """The parameters of one instant at the control's start, in arrays of their full shapes."""
        return self.full(self.neutral(learner) if self.start is None else self.start, learner, "start")

    def neutral_parameters(self, learner: Learner) -> PyTree:
        """The parameters of one instant that leave the learner alone, in arrays of their full shapes."""
        return self.full(self.neutral(learner), learner, "neutral parameters")

    def cost_of(self, parameters: PyTree, learner: Learner) -> Given[Float[Array, ""]]:
        """The cost at one instant, per unit of time; parameters as for `signal`."""
        if self.cost is None:
            return jnp.zeros(())
        return self.cost(self.effort_arrays(parameters, learner), self.rest)

    def full(self, value: Any, learner: Learner, what: str = "parameters") -> PyTree:
        """Parameters of one instant, given as a number for all or as arrays, in arrays of their full shapes.

        **Raises:** `LearningEffortError` if they do not fit; `what` they are, for the message.
        """
        shapes = self.parameter_shapes(learner)
        one_array = isinstance(shapes, tuple)
        leaves = [array(v, what, type(self).__name__) for v in ([value] if one_array else jax.tree.leaves(value))]
        if len(leaves) == 1 and jnp.ndim(leaves[0]) == 0:
            leaves = leaves * (1 if one_array else len(shapes))
        targets = [shapes] if one_array else shapes
        fits = len(leaves) == len(targets) and all(
            jnp.ndim(leaf) == 0 or jnp.shape(leaf) == s for leaf, s in zip(leaves, targets, strict=True)
        )
        if not fits:
            raise LearningEffortError(
                f"The '{what}' of {type(self).__name__} must be a number or have shape {shapes}. "
                f"Got {[jnp.shape(leaf) for leaf in leaves]}."
            )
        full = [jnp.broadcast_to(jnp.asarray(leaf, float), s) for leaf, s in zip(leaves, targets, strict=True)]
        return full[0] if one_array else full
