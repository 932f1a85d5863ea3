"""The same problem, but: other knots, other steps, another learner, another start."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ..controls import knots as over_time
from ..controls.base import Control
from ..controls.varying import in_time
from ..learners.base import Learner
from ..runtime.modules import replaced
from .effort import Effort
from .horizon import Steps
from .problem import Problem


def with_learner(problem: Problem, learner: Learner) -> Problem:
    """The same problem for another learner, which has the ports."""
    return replaced(problem, learner=learner)


def started_at(problem: Problem, weight: float) -> Problem:
    """The same problem, its single neuron starting from another weight."""
    return with_learner(problem, replaced(problem.learner, initial_weights=[jnp.full((1, 1), weight)]))


def with_knots(problem: Problem, knots: int | None, interpolation: str = "hold") -> Problem:
    """The same problem with `knots` values for each control that varies in time (None: the horizon's, or one a step)."""

    def changed(control: Control) -> Control:
        return control if control.static else replaced(control, knots=knots, interpolation=interpolation)

    return replaced(problem, controls=tuple(changed(c) for c in problem.controls))


def with_one_a_step(problem: Problem) -> Problem:
    """The same problem with one value a step for each control that varies in time."""
    return replaced(with_knots(problem, None), horizon=Steps(problem.horizon.length))


def with_linear_knots_of(problem: Problem, other: Problem) -> Problem:
    """The same problem with linear knots where effort in `other` has its values; a control that has as many keeps its own."""
    return replaced(
        problem,
        controls=tuple(
            c
            if c.static or problem.knots(c) == other.knots(o)
            else replaced(c, knots=other.knots(o), interpolation="linear")
            for c, o in zip(problem.controls, other.controls, strict=True)
        ),
    )


def on_longer_horizon(problem: Problem, length: int) -> Problem:
    """The same problem on a horizon of `length` steps of which only its own count; as it is if its controls have knots."""
    if problem.horizon.knots is not None or any(c.knots is not None for c in problem.controls):
        return problem
    own = jax.tree.map(lambda v: v.extended(length) if in_time(v) else v, problem.controls, is_leaf=in_time)
    return replaced(problem, horizon=Steps(length, used=problem.horizon.length), controls=own)


def constant_in_time(problem: Problem) -> Problem | None:
    """The same problem with one value throughout for each control, inside its bounds at all times; None if nothing is."""

    def meet(bound, extreme):
        return jax.tree.map(lambda b: extreme(b.values, 0) if in_time(b) else b, bound, is_leaf=in_time)

    def held(control: Control) -> Control:
        one = replaced(control, knots=None if control.static else 1, interpolation="hold")
        return replaced(one, lower=meet(control.lower, jnp.max), upper=meet(control.upper, jnp.min))

    constant = replaced(problem, controls=tuple(map(held, problem.controls)))
    apart = jax.tree.map(lambda low, high: bool((low > high).any()), *constant.bounds())
    return None if any(jax.tree.leaves(apart)) else constant


def in_longer_steps(problem: Problem, factor: int) -> Problem | None:
    """The same problem in steps `factor` times as long, with as many knots, or one value a long step where it had one a step or
    has fewer long steps than knots; None where the learner has no such steps."""
    learner = problem.learner.with_longer_steps(factor)
    if learner is None:
        return None
    steps = problem.horizon.length
    longer = -(-steps // factor) if float(problem.terminal_scale) == 0.0 else max(round((steps - 1) / factor), 1) + 1

    def fitting(knots: int | None) -> int | None:
        return None if knots is not None and (knots == steps or knots > -(-steps // factor)) else knots

    return replaced(
        problem,
        learner=learner,
        horizon=Steps(longer, fitting(problem.horizon.knots)),
        controls=tuple(c if c.static else replaced(c, knots=fitting(c.knots)) for c in problem.controls),
    )


def resampled(source: Problem, target: Problem, effort: Effort) -> Effort:
    """Effort on the knots of `source`, at the knots of `target`: straight lines between its values, inside bounds of `target`
    that vary in time."""
    moved = between_knots(source, target, effort)
    for control in target.controls:
        if control.box_in_time:
            box = control.box(target.learner, target.space.knots(control))
            moved[control.name] = jax.tree.map(jnp.clip, moved[control.name], *box)
    return moved


def between_knots(source: Problem, target: Problem, effort: Effort) -> Effort:
    """What is in effort's tree on the knots of `source`, at the knots of `target`: straight lines between its values."""
    result = {}
    for c, d in zip(source.controls, target.controls, strict=True):
        number = target.knots(d)
        result[c.name] = effort[c.name]
        if not (c.static or source.knots(c) == number):
            result[c.name] = jax.tree.map(lambda e, n=number: over_time.resampled(e, n), effort[c.name])
    return jax.tree.map(jnp.asarray, result)


def same_shapes(one: Problem, other: Problem) -> bool:
    """Whether the efforts of two variants of a problem have the same shapes."""
    return all(one.knots(c) == other.knots(d) for c, d in zip(one.controls, other.controls, strict=True) if not c.static)
