"""The controlled learning problem: which effort, over the whole of learning, is worth most (mathematics.md §1, §4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from . import dynamics
from ._modules import plain_method
from .controls import Control
from .errors import LearningEffortError, is_traced, number, require_float64
from .horizon import Steps, check_knots
from .learners.base import Learner

#: {control name: array (K, …) or list of arrays}; a static control has no time axis.
Effort = dict[str, Any]


class Rollout(NamedTuple):
    """Learning under one effort, at all N states.

    `times` t_k = kΔt; `loss` L, `cost` C (undiscounted, summed over controls) and `reward` v = −ηL − C, all (N,);
    `weights`, a list of arrays (N, …), layer 1 first; over a task set (N, tasks, …).
    """

    times: Float[Array, " N"]
    loss: Float[Array, " N"]
    cost: Float[Array, " N"]
    reward: Float[Array, " N"]
    weights: list[Float[Array, "N ..."]]


class Problem(eqx.Module):
    """V(g) = Σ_k γ^{t_k} (−ηL_k − C_k) Δt, for a learner under controls over a horizon.

    **Arguments:** `learner`; `controls`, one or a list; `horizon`, such as `le.Steps(16000)`; `discount` γ in (0, 1]
    per unit of time; `reward_scale` η ≥ 0.

    `value`, `value_and_gradient` and `rollout` are plain functions of effort: they can be compiled, mapped and
    differentiated forwards.

    **Raises:** `LearningEffortError` for numbers out of range, a control without its port, or two controls that
    share a name or drive the same thing.
    """

    learner: Learner
    controls: tuple[Control, ...]
    horizon: Steps
    discount: Float[Array, ""]
    reward_scale: Float[Array, ""]

    def __init__(self, learner, controls, horizon, discount=0.99, reward_scale=1.0):
        require_float64("Problem")
        if not isinstance(learner, Learner):
            raise LearningEffortError(f"The 'learner' of Problem must be a learner. Got {learner!r} instead.")
        controls = (controls,) if isinstance(controls, Control) else controls
        if not isinstance(controls, (list, tuple)) or not controls or not all(isinstance(c, Control) for c in controls):
            raise LearningEffortError(
                f"The 'controls' of Problem must be a control, or a list of them. Got {controls!r} instead."
            )
        if isinstance(horizon, int) and not isinstance(horizon, bool):
            horizon = Steps(horizon)
        if not isinstance(horizon, Steps):
            raise LearningEffortError(
                f"The 'horizon' of Problem must be a horizon, such as le.Steps(1000). Got {horizon!r} instead."
            )
        self.learner = learner
        self.controls = tuple(controls)
        self.horizon = horizon
        self.discount = number(discount, "discount", "Problem", 0.0, 1.0, open_low=True)
        self.reward_scale = number(reward_scale, "reward_scale", "Problem", 0.0)
        for control in self.controls:
            control.check(learner)
            check_knots(control.knots, horizon.length, type(control).__name__)
        self._check_distinct()

    def _check_distinct(self) -> None:
        names = [c.name for c in self.controls]
        if len(set(names)) < len(names):
            raise LearningEffortError(
                f"Every control of a Problem needs a name of its own. Got {names}; give one of them name='…'."
            )
        driven: dict[tuple, str] = {}
        for control in self.controls:
            signal = control.signal(control.neutral_parameters(self.learner), self.learner)
            layers = [i for i, s in enumerate(signal) if s is not None] if control.port == "gain" else [None]
            for layer in layers:
                other = driven.setdefault((control.port, layer), control.name)
                if other != control.name:
                    what = "the port " + repr(control.port) + ("" if layer is None else f" of layer {layer}")
                    raise LearningEffortError(f"Controls '{other}' and '{control.name}' both drive {what}. Drop one.")

    # Effort -------------------------------------------------------------------------------------------------------

    def initial_effort(self) -> Effort:
        """The controls at their starts, in effort's tree."""
        return {c.name: self._throughout(c, c.start_parameters(self.learner)) for c in self.controls}

    def neutral_effort(self) -> Effort:
        """The effort that leaves the learner alone; it may cost something."""
        return {c.name: self._throughout(c, c.neutral_parameters(self.learner)) for c in self.controls}

    def constant_effort(self, parameters: Effort) -> Effort:
        """The effort that holds each control at the parameters of one instant throughout."""
        return {c.name: self._throughout(c, parameters[c.name]) for c in self.controls}

    def bounds(self) -> tuple[Effort, Effort]:
        """The lower and upper bounds, in effort's tree."""
        start = self.initial_effort()
        lower = {c.name: jax.tree.map(lambda e, c=c: jnp.full(e.shape, c.lower), start[c.name]) for c in self.controls}
        upper = {c.name: jax.tree.map(lambda e, c=c: jnp.full(e.shape, c.upper), start[c.name]) for c in self.controls}
        return lower, upper

    def knots(self, control: Control) -> int:
        """K, the number of values a control has in time."""
        return control.knots or self.horizon.knots or self.horizon.length

    def check_effort(self, effort: Effort) -> Effort:
        """`effort` in float64 and in its own tree. **Raises:** `LearningEffortError` if names or shapes do not fit."""
        wanted = jax.eval_shape(self.initial_effort)
        if not isinstance(effort, dict) or set(effort) != set(wanted):
            given = sorted(effort) if isinstance(effort, dict) else repr(effort)
            raise LearningEffortError(f"Effort must be a dict with the controls' names as keys, {sorted(wanted)}. Got {given}.")
        checked = {}
        for name, target in wanted.items():
            given = effort[name]
            targets = target if isinstance(target, list) else [target]
            arrays = list(given) if isinstance(target, list) and isinstance(given, (list, tuple)) else [given]
            shapes = [np.shape(a) for a in arrays]
            if shapes != [t.shape for t in targets]:
                raise LearningEffortError(
                    f"Effort '{name}' must have shape {[t.shape for t in targets]}"
                    f"{' (a list, one array a layer)' if isinstance(target, list) else ''}. Got {shapes}."
                )
            arrays = [jnp.asarray(a, dtype=jnp.float64) for a in arrays]
            checked[name] = arrays if isinstance(target, list) else arrays[0]
        return checked

    # What a user asks ---------------------------------------------------------------------------------------------

    @plain_method
    def value(self, effort: Effort) -> Float[Array, ""]:
        """V under `effort`, which is not clipped to the box."""
        return _value(self, self.check_effort(effort))

    @plain_method
    def value_and_gradient(self, effort: Effort) -> tuple[Float[Array, ""], Effort]:
        """V and its exact discrete gradient ∂V/∂effort, in effort's tree (mathematics.md §4).

        **Raises:** `LearningEffortError`, unless it is being compiled or mapped, if V is finite and its gradient is not.
        """
        value, gradient = _value_and_gradient(self, self.check_effort(effort))
        leaves = jax.tree.leaves(gradient)
        if not any(is_traced(leaf) for leaf in (value, *leaves)) and jnp.isfinite(value).all():
            if not all(jnp.isfinite(leaf).all() for leaf in leaves):
                raise LearningEffortError(self.learner.explain_nonfinite_gradient())
        return value, gradient

    @plain_method
    def rollout(self, effort: Effort) -> Rollout:
        """Learning under `effort`, at all N states."""
        return _rollout(self, self.check_effort(effort))

    def thinned_rollout(self, effort: Effort | None, steps: Int[Array, " T"]) -> Rollout:
        """As `rollout`, with weights (T, …) at the increasing `steps` only; effort None is the uncontrolled learner."""
        return _rollout(self, None if effort is None else self.check_effort(effort), jnp.asarray(steps))

    def neutral_cost(self) -> Float[Array, ""]:
        """What the neutral effort costs, per unit of time."""
        costs = (c.cost_of(c.neutral_parameters(self.learner), self.learner) for c in self.controls)
        return sum(costs, jnp.zeros(()))

    def baseline(self) -> Rollout:
        """The uncontrolled learner: every port neutral, no cost."""
        return _rollout(self, None)

    def baseline_value(self) -> Float[Array, ""]:
        """V of the uncontrolled learner."""
        return _value(self, None)

    @plain_method
    def costates(self, effort: Effort) -> PyTree:
        """The shadow prices p_k = ∂V/∂w_k (mathematics.md §4): the state's tree with a leading axis of N steps."""
        return _costates(self, self.check_effort(effort))

    # What the dynamics ask ----------------------------------------------------------------------------------------

    def weights(self, ks: Int[Array, " S"]) -> Float[Array, " S"]:
        """γ^{t_k} Δt at steps `ks`, zero beyond the horizon."""
        return self.horizon.weights(ks, self.learner.step_size, self.discount)

    def static_signals(self, effort: Effort) -> dict[str, Any]:
        """The signals that do not vary in time."""
        return {c.port: c.signal(effort[c.name], self.learner) for c in self.controls if c.static}

    def parameters_at(self, effort: Effort, ks: Int[Array, " S"]) -> Effort:
        """Each control's parameters at steps `ks`: leading axis S, interpolated between knots; static ones as they are."""
        return {
            c.name: effort[c.name] if c.static else jax.tree.map(lambda e, c=c: self._interpolate(c, e, ks), effort[c.name])
            for c in self.controls
        }

    def applied(self, parameters: Effort, ks: Int[Array, " S"]) -> tuple[dict[str, Any], Float[Array, " S"]]:
        """Signals (leading axis S) and total cost (S,) at steps `ks`, from what `parameters_at` gave."""
        signals: dict[str, Any] = {}
        costs = jnp.zeros(ks.shape)
        for control in self.controls:
            own = parameters[control.name]
            if control.static:
                costs = costs + control.cost_of(own, self.learner)
                continue
            signal = jax.vmap(lambda p, c=control: c.signal(p, self.learner))(own)
            if control.port == "gain" and "gain" in signals:
                signal = tuple(a if b is None else b for a, b in zip(signals["gain"], signal, strict=True))
            signals[control.port] = signal
            costs = costs + jax.vmap(lambda p, c=control: c.cost_of(p, self.learner))(own)
        return signals, costs

    def signals_at(self, effort: Effort, ks: Int[Array, " S"]) -> dict[str, Any]:
        """The ports' signals at steps `ks`, each with a leading axis S."""
        return self.applied(self.parameters_at(effort, ks), ks)[0]

    def knot_weights(self) -> Effort:
        """The weight γ^{t}Δt of each knot, summed with its interpolation weights, in effort's tree."""
        ks = jnp.arange(self.horizon.length)
        weights = self.weights(ks)
        result = {}
        for c in self.controls:
            start = c.start_parameters(self.learner)
            if c.static:
                result[c.name] = jax.tree.map(lambda s: jnp.full(s.shape, weights.sum()), start)
                continue
            own = self._spread(c, weights, ks)
            result[c.name] = jax.tree.map(
                lambda s, own=own: jnp.broadcast_to(own.reshape(-1, *[1] * s.ndim), (own.size, *s.shape)), start
            )
        return result

    def _throughout(self, control: Control, parameters: PyTree) -> PyTree:
        if control.static:
            return parameters
        return jax.tree.map(lambda p: jnp.broadcast_to(p, (self.knots(control), *p.shape)), parameters)

    def places(self, control: Control, ks):
        """The knots at or before steps `ks`, and how far each step is towards the next, in [0, 1] (None: held)."""
        last, knots = self.horizon.length - 1, self.knots(control)
        ks = jnp.minimum(ks, last)
        if control.interpolation == "hold" or knots == 1:
            return (ks if knots == last + 1 else ks * knots // (last + 1)), None
        position = ks * (knots - 1) / last
        place = jnp.minimum(position.astype(int), knots - 2)
        return place, position - place

    def _interpolate(self, control: Control, knots, ks):
        place, fraction = self.places(control, ks)
        if fraction is None:
            if knots.shape[0] == ks.shape[0] == self.horizon.length:
                return knots
            return knots[place]
        fraction = fraction.reshape(-1, *[1] * (knots.ndim - 1))
        return knots[place] * (1 - fraction) + knots[place + 1] * fraction

    def _spread(self, control: Control, weights: Float[Array, " S"], ks) -> Float[Array, " K"]:
        """The transpose of `_interpolate`: each step's weight given to the knots around it."""
        place, fraction = self.places(control, ks)
        none = jnp.zeros(self.knots(control))
        if fraction is None:
            return none.at[place].add(weights)
        return none.at[place].add(weights * (1 - fraction)).at[place + 1].add(weights * fraction)


@eqx.filter_jit
def _value(problem: Problem, effort):
    return dynamics.value(problem, effort)


@eqx.filter_jit
def _value_and_gradient(problem: Problem, effort):
    return dynamics.value_and_gradient(problem, effort)


@eqx.filter_jit
def _costates(problem: Problem, effort):
    return problem.learner.weights(dynamics.costates(problem, effort))


@eqx.filter_jit
def _rollout(problem: Problem, effort, steps=None) -> Rollout:
    unrolled = dynamics.unroll(problem, effort, steps)
    losses, costs = unrolled.losses, unrolled.costs
    times = jnp.arange(problem.horizon.length) * problem.learner.step_size
    reward = -problem.reward_scale * losses - costs
    return Rollout(times, losses, costs, reward, problem.learner.weights(unrolled.states))
