"""Effort: what controls' parameters are over the horizon, and what they send to the learner (theory.md §3)."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ..controls.base import Control
from ..controls.knots import Knots, check_knots
from ..controls.varying import moments
from ..errors import Given, LearningEffortError, NotNumbers, floats, is_traced, shown
from ..learners.base import Learner
from ..learners.ports import Clash
from ..runtime.arrays import computing
from ..runtime.modules import replaced
from .budget import Budget
from .horizon import Steps

#: An effort is inside its box to this share of the box's width.
ROUNDING = 1e-9
#: {control name: array (K, …) or list of arrays}; a static control has no time axis.
Effort = dict[str, Any]


def _is_number(given: Any) -> bool:
    """Whether it is a number, Python's or an array without axes."""
    if isinstance(given, (np.ndarray, jax.Array)) and given.dtype.kind in "fiu":
        return given.ndim == 0
    return isinstance(given, numbers.Real) and not isinstance(given, (bool, np.bool_))


class EffortSpace(eqx.Module):
    """All efforts of `controls` on a `learner` over a `horizon`: their shapes and bounds, and what each sends and costs.

    `on_updates`: only the last state is worth anything, so held knots share the updates, not the states (theory.md §3.4).
    """

    learner: Learner
    controls: tuple[Control, ...]
    horizon: Steps
    on_updates: bool = eqx.field(static=True, default=False)
    budgets: tuple[Budget, ...] = ()

    def fitted_controls(self) -> tuple[Control, ...]:
        """The controls, with what of them varies read for the learner and their knots.

        **Raises:** `LearningEffortError` for shapes that do not fit.
        """
        return tuple(c.fitted(self.learner, None if c.static else self.knots(c)) for c in self.controls)

    def require_fitting(self) -> None:
        """**Raises:** `LearningEffortError` if a control does not fit the learner or the horizon, or two of them cannot be told
        apart or cannot share a port."""
        for control in self.controls:
            control.check(self.learner)
            check_knots(control.knots, self.horizon.length, type(control).__name__)
        names = [c.name for c in self.controls]
        if len(set(names)) < len(names):
            raise LearningEffortError(
                f"Every control of a Problem needs a name of its own. Got {names}; give one of them name='…'."
            )
        self._require_budgets(names)
        joined: dict[str, tuple[Any, list[str]]] = {}
        for control in self.controls:
            signal, port = control.signal(control.neutral_parameters(self.learner), self.learner), control.port
            if port not in joined:
                joined[port] = signal, [control.name]
                continue
            before, others = joined[port]
            try:
                joined[port] = self.learner.ports[port].join(before, signal), [*others, control.name]
            except Clash as clash:
                what = f"the port {port!r}" + (f" of {clash}" if str(clash) else "")
                others_named = " and ".join(f"'{name}'" for name in [*others, control.name])
                raise LearningEffortError(f"Controls {others_named} both drive {what}. Drop one.") from None

    # Efforts ------------------------------------------------------------------------------------------------------

    def initial(self) -> Effort:
        """The controls at their starts."""
        return {c.name: self._started(c) for c in self.controls}

    def neutral(self) -> Effort:
        """The effort that leaves the learner alone; it may cost something."""
        return {c.name: self._throughout(c, c.neutral_parameters(self.learner)) for c in self.controls}

    def constant(self, parameters: Given[Effort]) -> Effort:
        """The effort that holds each control at the parameters of one instant throughout; a number stands for all of them.

        **Raises:** `LearningEffortError` if names or shapes do not fit.
        """
        self._require_names(parameters)
        return {c.name: self._throughout(c, c.full(parameters[c.name], self.learner)) for c in self.controls}

    def bounds(self) -> tuple[Effort, Effort]:
        """The lower and upper bounds, in effort's tree."""
        boxes = {c.name: c.box(self.learner, self.knots(c)) for c in self.controls}
        return {name: box[0] for name, box in boxes.items()}, {name: box[1] for name, box in boxes.items()}

    def resting(self) -> Effort:
        """Every control at rest, where its cost is zero."""
        return {c.name: c.rest_over(self.learner, self.knots(c)) for c in self.controls}

    def check(self, effort: Given[Effort]) -> Effort:
        """`effort` in float64 and in its own tree. A control's part may also be a number, held throughout, or a function of
        time, in the learner's units, that gives a number or the parameters of one instant; it is asked at the knots' times.
        So may `effort` itself: a number for all controls, a function of time for the only one that varies.

        **Raises:** `LearningEffortError` if names or shapes do not fit, or numbers are not finite.
        """
        wanted = jax.eval_shape(self.initial)
        effort = self._of_all(effort)
        self._require_names(effort)
        checked = {}
        for control in self.controls:
            name, target = control.name, wanted[control.name]
            given = self._scheduled(control, effort[name])
            targets = target if isinstance(target, list) else [target]
            arrays = list(given) if isinstance(target, list) and isinstance(given, (list, tuple)) else [given]
            try:
                arrays = [a if is_traced(a) else floats(a) for a in arrays]
            except NotNumbers as why:
                raise LearningEffortError(f"Effort '{name}' must be numbers. Got {shown(given)}, {why}.") from None
            shapes = [np.shape(a) for a in arrays]
            if shapes != [t.shape for t in targets]:
                raise LearningEffortError(
                    f"Effort '{name}' must have shape {[t.shape for t in targets]}"
                    f"{' (a list, one array a layer)' if isinstance(target, list) else ''}. Got {shapes}."
                )
            if not all(is_traced(a) or np.isfinite(a).all() for a in arrays):
                raise LearningEffortError(f"Effort '{name}' must be finite. Got {shown(given)}.")
            arrays = [jnp.asarray(a, dtype=jnp.float64) for a in arrays]
            checked[name] = arrays if isinstance(target, list) else arrays[0]
        return checked

    def _scheduled(self, control: Control, given: Any) -> Any:
        """A control's part of effort, from a number or a function of time; arrays as they are."""
        if callable(given) and not control.static:
            times = self.knots(control).positions * float(self.learner.step_size)
            instants = [control.full(given(float(t)), self.learner, "schedule") for t in times]
            return jax.tree.map(lambda *parts: jnp.stack(parts), *instants)
        if _is_number(given):
            return self._throughout(control, control.full(given, self.learner))
        return given

    def _of_all(self, effort: Any) -> Any:
        """An effort with a part for each control, from a number or a function of time; others as they are."""
        if _is_number(effort):
            return {c.name: effort for c in self.controls}
        if callable(effort) and len(self.controls) > 1:
            raise LearningEffortError(
                f"A function of time is the effort of one control. There are {len(self.controls)}: give a dict with one for "
                f"each of {sorted(c.name for c in self.controls)}."
            )
        return {self.controls[0].name: effort} if callable(effort) else effort

    def _require_names(self, effort: Any) -> None:
        """**Raises:** `LearningEffortError` if `effort` is no dict with a key for each control."""
        names = {c.name for c in self.controls}
        if not isinstance(effort, dict) or set(effort) != names:
            given = sorted(map(str, effort)) if isinstance(effort, dict) else repr(effort)
            raise LearningEffortError(f"Effort must be a dict with the controls' names as keys, {sorted(names)}. Got {given}.")

    def require_inside(self, effort: Effort) -> None:
        """**Raises:** `LearningEffortError` if a number of `effort` lies outside its bounds, by more than rounding."""
        lower, upper = self.bounds()
        for name in effort:
            leaves, lows, highs = (list(map(np.asarray, jax.tree.leaves(e[name]))) for e in (effort, lower, upper))
            for leaf, low, high in zip(leaves, lows, highs, strict=True):
                slack = ROUNDING * np.where(np.isfinite(high - low), high - low, 1.0)
                outside = (leaf < low - slack) | (leaf > high + slack)
                if outside.any():
                    least, most = min(e.min() for e in leaves), max(e.max() for e in leaves)
                    place = "" if np.ptp(low) == np.ptp(high) == 0 else f" at index {tuple(map(int, np.argwhere(outside)[0]))}"
                    raise LearningEffortError(
                        f"The effort '{name}' to start from runs from {least:g} to {most:g}, outside its bounds "
                        f"[{low[outside][0]:g}, {high[outside][0]:g}]{place}. Clip it, or widen the bounds."
                    )

    @property
    def size(self) -> int:
        """How many numbers an effort has."""
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(self.initial)))

    # Over time ----------------------------------------------------------------------------------------------------

    @property
    def varying(self) -> tuple[Control, ...]:
        """The controls that vary in time."""
        return tuple(c for c in self.controls if not c.static)

    def knots(self, control: Control) -> Knots:
        """Where a control's values lie in time."""
        number = control.knots or self.horizon.knots or self.horizon.length
        return Knots(number, self.horizon.length, control.interpolation, self.on_updates)

    def each(self, effort: Effort, function: Callable[[Knots, Any], Any]) -> Effort:
        """`function(knots, array)` on every array of the controls that vary in time; static ones as they are."""
        return {
            c.name: effort[c.name] if c.static else jax.tree.map(lambda e, c=c: function(self.knots(c), e), effort[c.name])
            for c in self.controls
        }

    def parameters_at(self, effort: Effort, ks: Int[Array | np.ndarray, " S"]) -> Effort:
        """Each control's parameters at steps `ks`: leading axis S, interpolated between knots; static ones as they are."""
        return self.each(effort, lambda knots, values: knots.at(values, ks))

    def knot_weights(self, weights: Float[Array | np.ndarray, " N"]) -> Effort:
        """Each knot's share of the steps' `weights`, summed with its interpolation weights, in effort's tree."""
        xp, (weights,) = computing(weights)
        ks = np.arange(self.horizon.length)
        result = {}
        for c in self.controls:
            start = c.start_parameters(self.learner)
            own = weights.sum() if c.static else self.knots(c).gathered(weights, ks)

            def full(s, own=own):
                return xp.broadcast_to(xp.reshape(own, (*own.shape, *[1] * s.ndim)), (*own.shape, *s.shape))

            result[c.name] = jax.tree.map(full, start)
        return result

    # What it sends and costs ----------------------------------------------------------------------------------------

    def static_signals(self, effort: Effort | None) -> dict[str, Any]:
        """The signals that do not vary in time; effort None drives nothing."""
        if effort is None:
            return {}
        signals: dict[str, Any] = {}
        for c in self.controls:
            if c.static:
                self._send(signals, c, c.signal(effort[c.name], self.learner))
        return signals

    def applied(self, parameters: Effort, ks: Int[Array | np.ndarray, " S"]) -> tuple[dict[str, Any], Float[Array, " S"]]:
        """Signals (leading axis S) and total cost (S,) at steps `ks`, from what `parameters_at` gave."""
        signals: dict[str, Any] = {}
        costs = jnp.zeros(ks.shape)
        for control in self.controls:
            own = parameters[control.name]
            paid = control.cost is not None and not self.budgeted(control)
            if control.static:
                costs = costs + control.cost_of(own, self.learner) if paid else costs
                if not control.port_of(self.learner).initial:
                    self._send(signals, control, self._repeated(control.signal(own, self.learner), ks.size))
                continue
            self._send(signals, control, jax.vmap(lambda p, c=control: c.signal(p, self.learner))(own))
            costs = costs + control.costs(own, self.learner, self.knots(control), ks) if paid else costs
        return signals, costs

    def budgeted(self, control: Control) -> bool:
        """Whether a budget counts a control's own cost, so that it is not paid for in the value."""
        return any(budget.cost is None and budget.covers(control.name) for budget in self.budgets)

    def counted(self, parameters: Effort, ks: Int[Array | np.ndarray, " S"]) -> Float[Array, "budgets S"]:
        """What each budget counts at steps `ks`, per unit of time, from what `parameters_at` gave."""
        rows = []
        for budget in self.budgets:
            row = jnp.zeros(ks.shape)
            for control in self.controls:
                if not budget.covers(control.name):
                    continue
                counting = control if budget.cost is None else replaced(control, cost=budget.cost)
                own = parameters[control.name]
                if control.static:
                    row = row + counting.cost_of(own, self.learner)
                else:
                    row = row + counting.costs(own, self.learner, self.knots(control), ks)
            rows.append(row)
        return jnp.stack(rows) if rows else jnp.zeros((0, ks.size))

    def _require_budgets(self, names: list[str]) -> None:
        """**Raises:** `LearningEffortError` for a budget of a control that is not there, or of a cost that is None."""
        for budget in self.budgets:
            strange = [name for name in budget.of or () if name not in names]
            if strange:
                raise LearningEffortError(f"The 'of' of Budget must name controls, {names}. Got {', '.join(strange)}.")
            free = [c.name for c in self.controls if budget.covers(c.name) and c.cost is None]
            if budget.cost is None and free:
                raise LearningEffortError(
                    f"A Budget counts the cost of '{free[0]}', which is None. Give that control a cost, or the budget one of "
                    "its own, such as le.costs.Linear(1.0)."
                )

    def signals_at(self, effort: Effort, ks: Int[Array | np.ndarray, " S"]) -> dict[str, Any]:
        """The ports' signals at steps `ks`, each with a leading axis S."""
        return self.applied(self.parameters_at(effort, ks), ks)[0]

    def neutral_cost(self, weights: Float[Array | np.ndarray, " N"]) -> Float[Array, ""]:
        """What the neutral effort costs over all steps, which have these `weights`."""
        return _neutral_cost(self, weights)

    def _send(self, signals: dict[str, Any], control: Control, signal: Any) -> None:
        """Put a control's signal with the `signals`, joined with what drives its port already."""
        before = signals.get(control.port)
        signals[control.port] = signal if before is None else self.learner.ports[control.port].join(before, signal)

    def _started(self, control: Control) -> PyTree:
        """A control at its start, which is moved inside bounds that vary."""
        start = self._throughout(control, control.start_parameters(self.learner))
        return jax.tree.map(jnp.clip, start, *control.box(self.learner, self.knots(control)))

    def _repeated(self, signal: Any, steps: int) -> Any:
        """A static signal at each of so many steps: `step` and `loss` take it as they take any other."""
        return jax.tree.map(lambda s: jnp.broadcast_to(s, (steps, *jnp.shape(s))), signal)

    def _throughout(self, control: Control, parameters: PyTree) -> PyTree:
        """The parameters of one instant at every knot: leading axis K, unless the control is static."""
        if control.static:
            return parameters

        def held(instant: Array) -> Array:
            xp, (instant,) = computing(instant)
            return jnp.asarray(xp.broadcast_to(instant, (self.knots(control).number, *instant.shape)))

        return jax.tree.map(held, parameters)


@eqx.filter_jit
def _neutral_cost(space: EffortSpace, weights: Float[Array | np.ndarray, " N"]) -> Float[Array, ""]:
    constant, varying = jnp.zeros(()), jnp.zeros(())
    for c in space.controls:
        if space.budgeted(c):
            continue
        neutral = c.neutral_parameters(space.learner)
        if not c.cost_in_time:
            constant = constant + c.cost_of(neutral, space.learner)
            continue
        moving, still = moments(c, space.knots(c), np.arange(space.horizon.length))
        costs = jax.vmap(lambda m, c=still, n=neutral: eqx.combine(m, c).cost_of(n, space.learner))(moving)
        varying = varying + jnp.asarray(weights) @ costs
    return constant * weights.sum() + varying
