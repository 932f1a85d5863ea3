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
from jaxtyping import Array, Float, Int, PyTree

from .. import costs as cost_functions
from ..errors import Given, LearningEffortError, Varied, array, choice, is_traced, varied
from ..files.describe import Described
from ..learners.base import Learner
from ..learners.ports import PROPORTIONS, Port, Shape
from ..runtime.arrays import computing
from ..runtime.modules import replaced
from .knots import Knots, check_knots
from .varying import each, fitted, in_time, is_number, moments


class Control(Described):
    """Drives any port of a learner by its name; and what every control has.

    The parameters are the port's signal itself, in the port's shape, one value for all of learning where the port is static.
    Effort's key is the port's name, unless `name` says other.

    **Arguments:** `port`, its name; and

    - `lower`, `upper`: the box, in units of the control's parameters; may be infinite.
    - `rest`: where the cost is zero, in units of what the cost is on. `cost`: a `Cost`, a function of effort (n,), or None.
    - Each of `lower`, `upper`, `rest` and the cost's β is a number, or varies: an array (K,) in time, one for each knot; of the
      parameters' shape at one instant by element (β and rest: of what the cost is on, the gain matrices under `Gain`); or of
      that shape after K for both. An axis of length one stands for all. For `Gain` and `InitialWeights`, a list has one of
      these for each layer. What varies in time keeps its own knots and interpolation where effort is given others, and bounds
      hold at effort's knots. A lower bound may equal the upper one in places. The shapes are checked when a `Problem` is made.
    - `knots` K: parameters are given at K points of the horizon (None: the horizon's knots, or one a step);
      `interpolation`: "hold" (step k uses knot ⌊kK/N⌋) or "linear" (K ≥ 2 knots evenly from first to last step).
    - `start`: where solvers begin (None: neutral); a number, or the parameters of one instant. Where bounds vary in time it is
      moved inside them.
    - `name`: its key in effort.

    **Raises:** `LearningEffortError` for numbers out of range; a problem does, if its learner lacks the port.
    """

    kind = "controls"
    default_name: ClassVar[str | None] = None

    port: str = eqx.field(static=True)
    static: bool = eqx.field(static=True, default=False, kw_only=True)
    lower: PyTree[Float[Array, "..."]]
    upper: PyTree[Float[Array, "..."]]
    rest: PyTree[Float[Array, "..."]]
    cost: cost_functions.Cost | None
    start: PyTree[Float[Array, "..."]] | None
    knots: int | None = eqx.field(static=True)
    interpolation: str = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def __init__(
        self,
        port: Given[str],
        bounds: Given[tuple[Varied, Varied]] = (0, 1),
        rest: Varied = 0.0,
        cost: Given[cost_functions.Cost | None] = None,
        knots: Given[int | None] = None,
        interpolation: Given[str] = "hold",
        start: Any = None,
        name: Given[str | None] = None,
    ):
        if not (isinstance(port, str) and port.isidentifier()):
            raise LearningEffortError(f"The 'port' of Control must be the name of a learner's port, a word. Got {port!r}.")
        if port == PROPORTIONS:
            raise LearningEffortError(
                "Proportions sum to 1, which Control does not keep. Try le.Shares(), or le.MixtureControl() for a softmax."
            )
        self.port = port
        self._keep(bounds, rest, cost, knots, interpolation, start, name)

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
        self.lower = varied(lower, "bounds", owner, infinite=True)
        self.upper = varied(upper, "bounds", owner, infinite=True)
        one = is_number(self.lower) and is_number(self.upper) and not (is_traced(lower) or is_traced(upper))
        if one and not self.lower < self.upper:
            raise LearningEffortError(
                f"The 'bounds' of {owner} must be (lower, upper) with lower below upper. Got {bounds!r}; are they reversed?"
            )
        self.rest = varied(rest, "rest", owner)
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
        self.port = getattr(type(self), "port", None) or self.port  # a subclass says it for all its instances
        self.static = type(self).static
        self.name = (self.default_name or self.port) if name is None else name

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

    def fitted(self, learner: Learner, knots: Knots | None) -> Control:
        """Itself, with what varies read for the learner and for its `knots` (None: it has no time); as it is if nothing does.

        **Raises:** `LearningEffortError` for shapes that do not fit, or a lower bound above the upper one.
        """
        owner = type(self).__name__

        def fit(value, shapes, what):
            return value if is_number(value) else fitted(value, shapes(), knots, self.interpolation, f"The {what} of {owner}")

        def parameters():
            return self.parameter_shapes(learner)

        def arrays():
            own = jax.eval_shape(lambda: self.effort_arrays(self.full(0.0, learner), learner))
            shapes = [array.shape for array in own]
            return shapes[0] if len(shapes) == 1 and isinstance(self.parameter_shapes(learner), tuple) else shapes

        def fit_cost(value, by_element):
            return fit(value, arrays if by_element else tuple, "cost's 'beta'")

        changes = {
            "lower": fit(self.lower, parameters, "lower 'bounds'"),
            "upper": fit(self.upper, parameters, "upper 'bounds'"),
            "rest": fit(self.rest, arrays, "'rest'"),
            "cost": None if self.cost is None else self.cost.fitted(fit_cost),
        }
        if all(getattr(self, name) is value for name, value in changes.items()):
            return self
        result = replaced(self, **changes)
        result._check_box(learner)
        return result

    @property
    def box_in_time(self) -> bool:
        """Whether its bounds vary in time."""
        return any(map(in_time, jax.tree.leaves((self.lower, self.upper), is_leaf=in_time)))

    @property
    def cost_in_time(self) -> bool:
        """Whether the same effort costs other amounts at other times."""
        return any(map(in_time, jax.tree.leaves((self.rest, self.cost), is_leaf=in_time)))

    @property
    def constant(self) -> bool:
        """Whether its bounds, its rest and its cost are the same numbers for every element at every time."""
        own = is_number(self.lower) and is_number(self.upper) and is_number(self.rest)
        return own and all(map(is_number, jax.tree.leaves(self.cost, is_leaf=in_time)))

    def box(self, learner: Learner, knots: Knots) -> tuple[PyTree, PyTree]:
        """The lower and upper bounds of its effort: (K, …) at the `knots`, unless it is static."""
        lower, upper = (self._over(bound, learner, knots) for bound in (self.lower, self.upper))
        return lower, upper

    def rest_over(self, learner: Learner, knots: Knots) -> PyTree:
        """The parameters at rest, as `box`; its neutral ones where the cost is on something else than the parameters."""
        moving, still = moments(self, knots)
        if self.static:
            return self.rest_parameters(learner)
        count = jnp.arange(knots.number)
        return jax.vmap(lambda m, _: eqx.combine(m, still).rest_parameters(learner))(moving, count)

    def rest_parameters(self, learner: Learner) -> PyTree:
        """The parameters of one instant at rest, in arrays of their full shapes; nothing of the control may vary in time."""
        neutral = self.neutral_parameters(learner)
        leaves = jax.tree.leaves(neutral)
        rests = each(self.rest, len(leaves))
        shapes = [jnp.shape(array) for array in self.effort_arrays(neutral, learner)]
        if not is_number(self.rest) and shapes != [leaf.shape for leaf in leaves]:
            return neutral
        full = [jnp.broadcast_to(rest, leaf.shape) for rest, leaf in zip(rests, leaves, strict=True)]
        return jax.tree.unflatten(jax.tree.structure(neutral), full)

    def _over(self, bound: Any, learner: Learner, knots: Knots) -> PyTree:
        """A bound in effort's tree and shapes."""
        shapes = self.parameter_shapes(learner)
        targets = [shapes] if isinstance(shapes, tuple) else shapes
        time = () if self.static else (knots.number,)
        at_knots = [b.at_knots(knots) if in_time(b) else b for b in each(bound, len(targets))]
        xp, at_knots = computing(*at_knots)
        full = [jnp.asarray(xp.broadcast_to(b, (*time, *shape))) for b, shape in zip(at_knots, targets, strict=True)]
        return full[0] if isinstance(shapes, tuple) else full

    def _check_box(self, learner: Learner) -> None:
        """**Raises:** `LearningEffortError` if a lower bound is above the upper one, or nowhere below it."""
        shapes = self.parameter_shapes(learner)
        count = 1 if isinstance(shapes, tuple) else len(shapes)
        pairs = [
            [b.values if in_time(b) else b[None] if jnp.ndim(b) else b for b in pair]
            for pair in zip(each(self.lower, count), each(self.upper, count), strict=True)
        ]
        if any(is_traced(b) for pair in pairs for b in pair):
            return
        if any((low > high).any() for low, high in pairs) or not any((low < high).any() for low, high in pairs):
            raise LearningEffortError(
                f"The 'bounds' of {type(self).__name__} must be (lower, upper) with lower nowhere above upper, and below it "
                "somewhere. Are they reversed?"
            )

    def for_learner(self, learner: Learner) -> Control:
        """The same control as it is for a learner: one that drives any port varies in time, or not, as the port does."""
        if type(self) is not Control:
            return self
        return replaced(self, static=self.port_of(learner).static)

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
        leaves = jax.tree.leaves(start)
        lower, upper = (each(bound, len(leaves)) for bound in (self.lower, self.upper))
        if self.box_in_time or any(is_traced(leaf) for leaf in (*leaves, *lower, *upper)):
            return
        leaves, lower, upper = ([np.asarray(a) for a in arrays] for arrays in (leaves, lower, upper))
        if any(((leaf < low) | (leaf > high)).any() for leaf, low, high in zip(leaves, lower, upper, strict=True)):
            least, most = min(float(low.min()) for low in lower), max(float(high.max()) for high in upper)
            raise LearningEffortError(
                f"The start of {type(self).__name__} lies outside its bounds [{least:g}, {most:g}]: "
                f"it runs from {min(float(leaf.min()) for leaf in leaves):g} to "
                f"{max(float(leaf.max()) for leaf in leaves):g}. Widen 'bounds', or give a 'start' inside them."
            )

    def _check_cost(self, learner: Learner) -> None:
        """**Raises:** `LearningEffortError` if the cost cannot be computed, or is not one number."""
        owner = type(self).__name__
        try:
            found = jax.eval_shape(lambda: _at_once(self).cost_of(self.neutral_parameters(learner), learner))
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
        """The cost at one instant, per unit of time; parameters as for `signal`. Where it varies in time, `costs` knows."""
        if self.cost is None:
            return jnp.zeros(())
        arrays = self.effort_arrays(parameters, learner)
        return self.cost(arrays, self.rest if is_number(self.rest) else each(self.rest, len(arrays)))

    def costs(
        self, parameters: PyTree, learner: Learner, knots: Knots, ks: Int[Array | np.ndarray, " S"] | None = None
    ) -> Float[Array, " S"]:
        """The cost at steps `ks` (None: at the knots), from the parameters there, with a leading axis of these."""
        moving, still = moments(self, knots, ks)
        return jax.vmap(lambda m, p: eqx.combine(m, still).cost_of(p, learner))(moving, parameters)

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
        xp, leaves = computing(*leaves)
        full = [jnp.asarray(xp.broadcast_to(leaf, s)) for leaf, s in zip(leaves, targets, strict=True)]
        return full[0] if one_array else full


def _at_once(control: Control) -> Control:
    """A control as it is at its first instant."""
    return jax.tree.map(lambda v: v.values[0] if in_time(v) else v, control, is_leaf=in_time)
