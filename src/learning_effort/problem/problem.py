"""The controlled learning problem: which effort, over the whole of learning, is worth most (theory.md §1, §4)."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ..controls.base import Control
from ..controls.varying import is_number
from ..errors import Given, LearningEffortError, Number, is_traced, number
from ..files.describe import Described
from ..files.html import table
from ..learners.base import Learner, Weights
from ..runtime import memory
from ..runtime.arrays import computing
from ..runtime.fork import require_not_forked
from ..runtime.modules import plain_method
from ..runtime.precision import require_settings
from . import unrolled
from .budget import Budget, check_budgets
from .effort import Effort, EffortSpace
from .horizon import Objective, Steps

#: A gradient takes so many arrays of effort's size, and so many curves over all steps.
EFFORTS, CURVES = 6, 12
#: What observables cannot be called: curves that every rollout has.
TAKEN = ("loss", "cost", "reward", "effort", "weights")


class Rollout(NamedTuple):
    """Learning under one effort, at all N states.

    `times` t_k = kΔt; `loss` L, `cost` C (undiscounted, summed over controls) and `reward` v = −ηL − C, all (N,);
    `weights`, a list of arrays (N, …), layer 1 first; over a task set (N, tasks, …). `observables`, what else the learner has
    to show, by name, (N, …) each.
    """

    times: Float[Array | np.ndarray, " N"]
    loss: Float[Array | np.ndarray, " N"]
    cost: Float[Array | np.ndarray, " N"]
    reward: Float[Array | np.ndarray, " N"]
    weights: Sequence[Float[Array | np.ndarray, "N ..."]]
    observables: Mapping[str, Float[Array | np.ndarray, "N ..."]] = MappingProxyType({})


class Problem(Described):
    """V(g) = Σ_k γ^{t_k} (−ηL_k − C_k) Δt − a γ^{t_{N−1}} L_{N−1}, for a learner under controls over a horizon.

    **Arguments:** `learner`; `controls`, one or a list; `horizon`, such as `le.Steps(16000)`; `discount` γ in (0, 1]
    per unit of time; `reward_scale` η ≥ 0, what performance on the way is worth; `terminal_scale` a ≥ 0, what it is worth at
    the end, whatever the length of a step. With η = 0 and a > 0 only the last state counts, and held knots share the N − 1
    updates. `budget`, an `le.Budget` or several, which effort must keep within.

    `value`, `value_and_gradient` and `rollout` are plain functions of effort: they can be compiled, mapped and
    differentiated forwards.

    **Raises:** `LearningEffortError` for numbers out of range, a control without its port, or two controls that
    share a name or drive the same thing.
    """

    kind = "problems"
    learner: Learner
    controls: tuple[Control, ...]
    horizon: Steps
    discount: Float[Array, ""]
    reward_scale: Float[Array, ""]
    terminal_scale: Float[Array, ""]
    budget: tuple[Budget, ...] | None
    on_updates: bool = eqx.field(static=True, default=False)

    def __init__(
        self,
        learner: Given[Learner],
        controls: Given[Control | Sequence[Control]],
        horizon: Given[Steps | int],
        discount: Number = 0.99,
        reward_scale: Number = 1.0,
        terminal_scale: Number = 0.0,
        budget: Given[Budget | Sequence[Budget] | None] = None,
    ):
        require_settings("Problem")
        if not isinstance(learner, Learner):
            raise LearningEffortError(f"The 'learner' of Problem must be a learner. Got {learner!r} instead.")
        controls = (controls,) if isinstance(controls, Control) else controls
        if not isinstance(controls, (list, tuple)) or not controls or not all(isinstance(c, Control) for c in controls):
            raise LearningEffortError(
                f"The 'controls' of Problem must be a control, or a list of them. Got {controls!r} instead."
            )
        if isinstance(horizon, numbers.Integral) and not isinstance(horizon, bool):
            horizon = Steps(horizon)
        if not isinstance(horizon, Steps):
            raise LearningEffortError(
                f"The 'horizon' of Problem must be a horizon, such as le.Steps(1000). Got {horizon!r} instead."
            )
        self.learner = learner
        self.controls = tuple(control.for_learner(learner) for control in controls)
        self.horizon = horizon
        self.discount = number(discount, "discount", "Problem", 0.0, 1.0, open_low=True)
        self.reward_scale = number(reward_scale, "reward_scale", "Problem", 0.0)
        self.terminal_scale = number(terminal_scale, "terminal_scale", "Problem", 0.0)
        self.budget = check_budgets(budget)
        known = not (is_traced(reward_scale) or is_traced(terminal_scale))
        self.on_updates = known and float(self.reward_scale) == 0.0 < float(self.terminal_scale)
        self.controls = self.space.fitted_controls()
        self._require_arrays()
        self._require_names()
        self.space.require_fitting()
        self._require_room()

    def __repr__(self) -> str:
        """What it is made of, in a line."""
        controls = ", ".join(f"{type(c).__name__} {c.name!r}" for c in self.controls)
        learner, steps = type(self.learner).__name__, self.horizon.length
        return f"Problem({learner}, {controls}, steps={steps}, discount={_said(self.discount)})"

    def _repr_html_(self) -> str:
        """The problem as notebooks show it: a short table."""
        learner = self.learner
        arrays = jax.eval_shape(lambda: learner.weights(learner.init({})))
        weights = " and ".join(" × ".join(map(str, w.shape)) or "1" for w in arrays)
        rows: list[tuple[str, object]] = [
            ("learner", f"{type(learner).__name__}, weights {weights}"),
            ("task", type(getattr(learner, "task", None)).__name__),
            ("horizon", f"{self.horizon.length} steps of {_said(learner.step_size)}"),
            ("discount γ", _said(self.discount)),
            ("reward scale η", _said(self.reward_scale)),
        ]
        for c in self.controls:
            cost = "nothing" if c.cost is None else f"{type(c.cost).__name__}({_said(getattr(c.cost, 'beta', ''))})"
            values = "one value" if c.static else f"{self.knots(c)} values in time, {c.interpolation}"
            box = f"[{_said(c.lower)}, {_said(c.upper)}]"
            rows.append((f"control {c.name}", f"{type(c).__name__} in {box}, rest {_said(c.rest)}, cost {cost}, {values}"))
        return table("Problem", rows)

    def _require_room(self) -> None:
        """**Raises:** `LearningEffortError` if an effort and what a gradient takes beside it do not fit into memory."""
        effort, steps = self.space.size, self.horizon.length
        memory.require(
            EFFORTS * effort + CURVES * steps,
            f"A problem of {steps:,} steps whose effort has {effort:,} numbers",
            "Try fewer steps, knots for the controls (knots=400), or controls with fewer numbers.",
        )

    def _require_room_for_all(self) -> None:
        """**Raises:** `LearningEffortError` if the weights at all steps do not fit into memory."""
        state = jax.eval_shape(lambda: self.learner.init({}))
        numbers = sum(leaf.size for leaf in jax.tree.leaves(state)) * self.horizon.length
        memory.require(
            2 * numbers,
            f"A rollout with the weights at all {self.horizon.length:,} steps",
            "Try problem.thinned_rollout(effort, steps), with weights at some steps only.",
        )

    @plain_method
    def spent(self, effort: Given[Effort]) -> Float[Array, " budgets"]:
        """What `effort` spends of each budget."""
        return _spent(self, self.check_effort(effort))

    def _require_names(self) -> None:
        """**Raises:** `LearningEffortError` if what the learner has to show has no name, or one that files need."""
        if type(self.learner).observables is Learner.observables:
            return
        shown_ = jax.eval_shape(lambda: self.learner.observables(self.learner.init({}), 0, {}))
        wrong = [n for n in shown_ if not (isinstance(n, str) and n.isidentifier()) or n in TAKEN or n.startswith("weights_")]
        if wrong:
            raise LearningEffortError(
                f"The 'observables' of {type(self.learner).__name__} must be named by words other than {', '.join(TAKEN)}. Got "
                f"{', '.join(map(repr, wrong))}."
            )

    def _require_arrays(self) -> None:
        """**Raises:** `LearningEffortError` for a part that is neither an array nor static: it cannot be compiled or mapped."""
        for path, leaf in jax.tree_util.tree_leaves_with_path(self):
            if not eqx.is_array(leaf):
                where = jax.tree_util.keystr(path).lstrip(".")
                raise LearningEffortError(
                    f"The '{where}' of Problem must be an array, or a static field of its class (equinox.field(static=True)). "
                    f"Got {leaf!r}, a {type(leaf).__name__}; make it an array with jax.numpy.asarray."
                )

    @property
    def space(self) -> EffortSpace:
        """All efforts: their shapes, their bounds, what they send to the learner and what they cost."""
        return EffortSpace(self.learner, self.controls, self.horizon, self.on_updates, self.budget or ())

    @property
    def objective(self) -> Objective:
        """What losses and costs are worth."""
        worth = self.discount, self.reward_scale, self.terminal_scale
        return Objective(self.horizon, self.learner.step_size, *worth, self.budget or (), self.on_updates)

    # Effort -------------------------------------------------------------------------------------------------------

    def initial_effort(self) -> Effort:
        """The controls at their starts, in effort's tree."""
        return self.space.initial()

    def neutral_effort(self) -> Effort:
        """The effort that leaves the learner alone; it may cost something."""
        return self.space.neutral()

    def constant_effort(self, parameters: Given[Effort]) -> Effort:
        """The effort that holds each control at the parameters of one instant throughout."""
        return self.space.constant(parameters)

    def bounds(self) -> tuple[Effort, Effort]:
        """The lower and upper bounds, in effort's tree."""
        return self.space.bounds()

    def check_effort(self, effort: Given[Effort]) -> Effort:
        """`effort` in float64 and in its own tree. **Raises:** `LearningEffortError` if names or shapes do not fit."""
        require_not_forked()
        return self.space.check(effort)

    def knots(self, control: Control) -> int:
        """K, the number of values a control has in time."""
        return self.space.knots(control).number

    def parameters_at(self, effort: Effort, ks: Int[Array | np.ndarray, " S"]) -> Effort:
        """Each control's parameters at steps `ks`: leading axis S, interpolated between knots; static ones as they are."""
        return self.space.parameters_at(effort, ks)

    def signals_at(self, effort: Effort, ks: Int[Array | np.ndarray, " S"]) -> dict[str, Any]:
        """The ports' signals at steps `ks`, each with a leading axis S."""
        return self.space.signals_at(effort, ks)

    def weights(self, ks: Int[Array | np.ndarray, " S"]) -> Float[Array | np.ndarray, " S"]:
        """γ^{t_k} Δt at steps `ks`, zero beyond the horizon."""
        return self.objective.weights(ks)

    def worth(self, rollout: Rollout) -> float:
        """V, of a rollout's losses and costs at all steps."""
        ks = np.arange(self.horizon.length)
        weights = np.asarray(self.weights(ks))
        return float(weights @ np.asarray(rollout.reward)) - float(self.objective.terminal(ks, np.asarray(rollout.loss)))

    # What a user asks ---------------------------------------------------------------------------------------------

    @plain_method
    def value(self, effort: Given[Effort]) -> Float[Array, ""]:
        """V under `effort`, which is not clipped to the box."""
        return _value(self, self.check_effort(effort))

    @plain_method
    def value_and_gradient(self, effort: Given[Effort]) -> tuple[Float[Array, ""], Effort]:
        """V and its exact discrete gradient ∂V/∂effort, in effort's tree (theory.md §4).

        **Raises:** `LearningEffortError`, unless it is being compiled or mapped, if V is finite and its gradient is not.
        """
        value, gradient = gradient_of(self, self.check_effort(effort))
        leaves = jax.tree.leaves(gradient)
        if not any(is_traced(leaf) for leaf in (value, *leaves)) and np.isfinite(value).all():
            if not all(np.isfinite(leaf).all() for leaf in leaves):
                raise LearningEffortError(self.learner.explain_nonfinite_gradient())
        return value, gradient

    @plain_method
    def rollout(self, effort: Given[Effort]) -> Rollout:
        """Learning under `effort`, at all N states.

        **Raises:** `LearningEffortError` if that does not fit into memory.
        """
        self._require_room_for_all()
        return _rollout(self, self.check_effort(effort))

    def thinned_rollout(self, effort: Given[Effort] | None, steps: Int[Array | np.ndarray, " T"]) -> Rollout:
        """As `rollout`, with weights (T, …) at the increasing `steps` only; effort None is the uncontrolled learner."""
        steps = jnp.asarray(steps)
        if effort is None:
            return unpaid(self, _rollout(self, self.neutral_effort(), steps))
        return _rollout(self, self.check_effort(effort), steps)

    def baseline(self) -> Rollout:
        """The uncontrolled learner, at all N states: every port neutral, no cost."""
        self._require_room_for_all()
        return unpaid(self, _rollout(self, self.neutral_effort()))

    def baseline_value(self) -> Float[Array, ""]:
        """V of the uncontrolled learner."""
        return _value(self, None)

    @plain_method
    def costates(self, effort: Given[Effort]) -> Weights:
        """The shadow prices p_k = ∂V/∂w_k (theory.md §4) of the learner's `weights`: a list of arrays (N, …), layer 1 first."""
        return _costates(self, self.check_effort(effort))


def _said(number: Any) -> str:
    """A number in short; that it varies, or is not known yet."""
    if is_number(number):
        return "not known yet" if is_traced(number) else f"{float(number):g}"
    return "" if isinstance(number, str) else "varying"


@eqx.filter_jit
def _value(problem: Problem, effort: Effort | None) -> Float[Array, ""]:
    return unrolled.value(problem.space, problem.objective, effort)


@eqx.filter_jit
def gradient_of(problem: Problem, effort: Effort) -> tuple[Float[Array, ""], Effort]:
    """V and ∂V/∂effort as they are, finite or not, of an effort in its own tree."""
    return unrolled.value_and_gradient(problem.space, problem.objective, effort)


@eqx.filter_jit
def gradients_of(problems: Problem, efforts: Effort) -> tuple[Float[Array, " problems"], Effort]:
    """The same of problems stacked on a leading axis."""
    return jax.vmap(lambda p, e: unrolled.value_and_gradient(p.space, p.objective, e))(problems, efforts)


@eqx.filter_jit
def _spent(problem: Problem, effort: Effort) -> Float[Array, " budgets"]:
    return unrolled.spent(problem.space, problem.objective, effort)


@eqx.filter_jit
def _costates(problem: Problem, effort: Effort) -> Weights:
    return problem.learner.weights(unrolled.costates(problem.space, problem.objective, effort))


@eqx.filter_jit
def _rollout(problem: Problem, effort: Effort | None, steps: Int[Array, " T"] | None = None) -> Rollout:
    learned = unrolled.unroll(problem.space, problem.objective, effort, steps)
    times = jnp.arange(problem.horizon.length) * problem.learner.step_size
    reward = problem.objective.reward(learned.losses, learned.costs)
    weights = problem.learner.weights(learned.states)
    observables = _observables(problem, effort, learned.states, jnp.arange(times.size) if steps is None else steps)
    return Rollout(times, learned.losses, learned.costs, reward, weights, observables)


def _observables(
    problem: Problem, effort: Effort | None, states: PyTree, steps: Int[Array, " T"]
) -> dict[str, Float[Array, "T ..."]]:
    """What the learner has to show of `states` (T, …), which it is in at `steps`, by name."""
    learner = problem.learner.prepared()
    if type(learner).observables is Learner.observables:
        return {}
    signals = {} if effort is None else problem.signals_at(effort, steps)
    return jax.vmap(learner.observables)(states, steps, signals)


def unpaid(problem: Problem, rollout: Rollout) -> Rollout:
    """Learning under an effort whose cost is not counted: under neutral effort, the uncontrolled learner."""
    xp, (loss, scale) = computing(rollout.loss, problem.reward_scale)
    return rollout._replace(cost=xp.zeros_like(loss), reward=-scale * loss)


#: Weights are kept at no more times than this.
WEIGHT_TIMES = 500


def kept_steps(problem: Problem) -> Int[np.ndarray, " T"]:
    """The steps (T,) at which a solution keeps weights."""
    return np.unique(np.linspace(0, problem.horizon.length - 1, WEIGHT_TIMES).round().astype(int))
