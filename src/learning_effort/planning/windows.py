"""The part of a problem that an agent sees from a step on: a problem of its own (theory.md §7.11)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ..controls.base import Control
from ..controls.varying import InTime, in_time
from ..learners.base import Learner
from ..learners.continued import Continued
from ..problem.effort import Effort
from ..problem.horizon import Steps
from ..problem.problem import Problem
from ..problem.unrolled import forward
from ..runtime.modules import replaced

#: What may come after a window: nothing, or learning at the neutral effort to the end of the horizon.
NOTHING, NEUTRAL = "nothing", "neutral"


def states(problem: Problem, look_ahead: int, tail: str) -> int:
    """How many states every window of a problem has, those at the end included, where fewer count: at least two."""
    return problem.horizon.length if tail == NEUTRAL else max(look_ahead, 2)


def steps_of(problem: Problem, first: int, number: int) -> Int[np.ndarray, " {number}"]:
    """The problem's steps in a window of `number` states that begins at step `first`; beyond the end, the last."""
    return np.minimum(first + np.arange(number), problem.horizon.length - 1)


def window(problem: Problem, ready: Learner, state: PyTree, first: int, look_ahead: int, tail: str) -> Problem:
    """What an agent in `state` at step `first` plans for: `look_ahead` states, or those that are left, counted from `first`.

    **Arguments:** `problem`, with one value a step; `ready`, its learner prepared; `tail`, what comes after: NOTHING, or
    NEUTRAL, the rest of the horizon with effort held neutral.

    **Returns:** a problem with as many states whatever `first` is, so that all are compiled as one. Performance at the end is
    worth something in those windows that reach it.
    """
    left = problem.horizon.length - first
    number = states(problem, look_ahead, tail)
    ks = steps_of(problem, first, number)
    learner = Continued(problem.learner, ready, state, jnp.asarray(first))
    controls = tuple(_moved(problem, control, ks, look_ahead) for control in problem.controls)
    to_the_end = tail == NEUTRAL or look_ahead >= left
    return replaced(
        problem,
        learner=learner,
        controls=controls,
        horizon=Steps(number, used=left if tail == NEUTRAL else min(look_ahead, left)),
        terminal_scale=problem.terminal_scale if to_the_end else jnp.zeros_like(problem.terminal_scale),
    )


def _moved(problem: Problem, control: Control, ks: Int[np.ndarray, " S"], look_ahead: int) -> Control:
    """A control with what of it varies in time at steps `ks`, held neutral after the first `look_ahead` of them."""
    steps = problem.horizon.length

    def at(value: Any) -> Any:
        return InTime(value.at_steps(np.arange(steps), steps)[ks], "hold") if in_time(value) else value

    moved = replaced(jax.tree.map(at, control, is_leaf=in_time), knots=None)
    if look_ahead >= ks.size:
        return moved
    lower, upper = control.box(problem.learner, problem.space.knots(control))
    neutral = control.neutral_parameters(problem.learner)

    def narrowed(bound: Float[Array, "N ..."], alone: Float[Array, "..."]) -> InTime:
        free = (np.arange(ks.size) < look_ahead).reshape(-1, *[1] * (bound.ndim - 1))
        return InTime(jnp.where(free, bound[ks], alone), "hold")

    return replaced(moved, lower=jax.tree.map(narrowed, lower, neutral), upper=jax.tree.map(narrowed, upper, neutral))


def shifted(effort: Effort, by: int, own: Problem) -> Effort:
    """What was planned, `by` steps later, for the next window, `own`: the last value is held, and all are inside its box."""

    def moved(part: Any, low: Any, high: Any) -> Float[np.ndarray, "S ..."]:
        part = np.asarray(part)
        return np.clip(np.concatenate([part[by:], np.repeat(part[-1:], min(by, len(part)), axis=0)]), low, high)

    return jax.tree.map(moved, effort, *own.bounds())


@eqx.filter_jit
def begun(learner: Learner) -> tuple[Learner, PyTree]:
    """A learner prepared, and its state at step 0."""
    ready = learner.prepared()
    return ready, ready.init({})


@eqx.filter_jit
def reached(own: Problem, effort: Effort, steps: int) -> PyTree:
    """The state after the first `steps` of a window under `effort`."""
    ks = jnp.arange(steps)
    return forward(own.learner, own.learner.init({}), ks, own.signals_at(effort, ks))[0]
