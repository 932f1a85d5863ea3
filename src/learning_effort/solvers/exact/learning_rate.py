"""The learning rate: the exact optimum of gradient flow (theory.md §4).

Where learning follows one field, a rate changes how fast the path is travelled, not the path. With s the distance
travelled in units of uncontrolled learning time, ds/dt = 1 + u, the loss is a function ℓ(s) alone: one uncontrolled
run tabulates it. What is left is a problem of one state, whose optimum obeys

    s' = 1 + u,   μ' = ρμ + ηℓ'(s),   u = clip(r + μ/2β),   s(0) = 0,   μ(T) = 0,   ρ = −ln γ

(Pontryagin). Integrated backwards from the end it is stable, and only s(T) is unknown: the courses from all s(T) are
drawn at once, and those that begin at s = 0 are all the stationary courses there are. The best by value is the
optimum. For γ = 1 it is the closed form u = clip(−1 + √((1+r)² + Δ/β)), Δ = η(ℓ(s) − ℓ(s(T))).

The learner's finite steps differ from the flow by O(Δt): a step of length h = (1+u)Δt advances h − ½κh², with
κ = ½ d ln|ℓ'|/ds, in the direction of the path (theory.md §5). Both the flow's own courses and those corrected so
are drawn, and compared by their value at the learner's steps.

Since ℓ falls along its own gradient flow, μ ≥ 0 and u ≥ r ≥ −1: a box that reaches below −1 (un-learning) is
treated as if it ended there. Weakness: where Δt times the curvature is not small, neither course is close.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ...costs import Quadratic
from ...errors import LearningEffortError
from ...learners.base import GradientLearner
from ...numerics import runge_kutta
from ...numerics.interpolation import hermite
from ...problem.effort import Effort
from ...problem.problem import Problem

#: Steps of the uncontrolled run that are tabulated at a time, and the most that are.
CHUNK, LONGEST = 4096, 4_000_000


class Table(NamedTuple):
    """ℓ, ℓ', κ and κ' at s = 0, h, 2h, … along the uncontrolled flow; h is the learner's step."""

    step: Float[Array, ""]
    loss: Float[Array, " S"]
    slope: Float[Array, " S"]
    lag: Float[Array, " S"]
    lag_slope: Float[Array, " S"]


class Terms(NamedTuple):
    """The numbers of the reduced problem: ρ, η, β, r, the box, which begins at −1 or above, and the steps' length.

    `length` Δt is 0 for the flow itself.
    """

    impatience: Float[Array, ""]
    reward_scale: Float[Array, ""]
    beta: Float[Array, ""]
    rest: Float[Array, ""]
    lower: Float[Array, ""]
    upper: Float[Array, ""]
    length: Float[Array, ""]


def why_not(problem: Problem) -> str | None:
    """Why the reduction does not hold for a problem whose control is a learning rate; None if it does."""
    learner, control = problem.learner, problem.controls[0]
    if not isinstance(learner, GradientLearner):
        return (
            f"{type(learner).__name__} has no field that its steps follow (it is not a GradientLearner), "
            "so a rate may change the path of learning and not only its speed"
        )
    if not learner.is_stationary:
        return "its task changes during learning, so the loss depends on when and not only on how far the path is travelled"
    if learner.is_set:
        return "it learns a set of tasks; the exact solution is for a single one"
    if not learner.judged_as_learned:
        return "performance is judged on another task than the one learned (evaluation=…)"
    if not control.constant:
        return "its bounds, its rest or its cost vary in time or by element; the exact solution is for constant ones"
    if not isinstance(control.cost, Quadratic):
        given = "nothing" if control.cost is None else type(control.cost).__name__
        return f"its cost is {given}; it must be Quadratic(beta)"
    if not float(control.cost.beta) > 0:
        return "its cost is Quadratic(0); beta must be greater than 0"
    lower, rest, upper = (float(x) for x in (control.lower, control.rest, control.upper))
    if not lower <= rest <= upper:
        return f"its rest, {rest:g}, lies outside its bounds [{lower:g}, {upper:g}]; the rest must be inside"
    if rest < -1:
        return f"its rest, {rest:g}, is below -1, where effort at rest un-learns; the rest must be -1 or more"
    if not _autonomous(problem):
        return "what it follows or its loss depends on the step and not only on its state"
    return None


def candidates(problem: Problem, ends: int) -> tuple[list[Effort], list[Effort]]:
    """All stationary courses, as efforts of `problem`: those of the flow, and those corrected for the learner's steps.

    `ends` is the number of ends s(T) that are tried.

    **Raises:** `LearningEffortError` if the path would have to be tabulated too far.
    """
    terms = _terms(problem)
    table = tabulate(problem, terms, float(problem.learner.step_size) * (problem.horizon.length - 1))
    corrected = terms._replace(length=problem.learner.step_size)
    return _courses(problem, table, terms, ends), _courses(problem, table, corrected, ends)


def _courses(problem: Problem, table: Table, terms: Terms, ends: int) -> list[Effort]:
    """The courses that begin at s = 0, of those from all ends s(T): each between two of the `ends` that are tried."""
    steps, last = problem.horizon.length, (table.slope.size - 1) * float(table.step)
    tried = np.union1d(np.linspace(0, last, ends // 2), np.geomspace(1e-9 * last, last, ends - ends // 2))

    def starts(end):
        return np.asarray(_starts(table, terms, steps, jnp.asarray(end)))

    from scipy.optimize import brentq  # slow to import, and seldom needed

    begins = starts(tried)
    brackets = np.flatnonzero((begins[:-1] < 0) != (begins[1:] < 0))
    found = [
        brentq(lambda end: float(starts(np.full(1, end))[0]), tried[i], tried[i + 1], xtol=1e-12 * last) for i in brackets
    ]
    # A flow that does not move at all (ℓ' = 0) begins at s = 0 wherever it ends.
    found = found or [tried[np.argmin(np.abs(begins))]]
    return [in_knots(problem, _course(table, terms, steps, jnp.asarray(end))) for end in found]


def never(problem: Problem) -> Effort | None:
    """The effort that never learns, u = −1 throughout; None if the box leaves it out."""
    control = problem.controls[0]
    if not float(control.lower) <= -1 <= float(control.upper):
        return None
    return problem.constant_effort({control.name: jnp.full((), -1.0)})


def tabulate(problem: Problem, terms: Terms, duration: float) -> Table:
    """ℓ(s) and ℓ'(s) = ∇ℓ·f/τ as far as an optimum can travel in time `duration`, by fourth-order Runge-Kutta.

    By the Hamiltonian, 1 + u is never more than √((1+r)² + η(ℓ(0) − min ℓ)/β), nor than the box allows.
    """
    learner = cast(GradientLearner, problem.learner)  # `why_not` has seen to it
    state = learner.init({})
    losses: list[np.ndarray] = []
    slopes: list[np.ndarray] = []
    step = float(learner.step_size)
    while True:
        state, (loss, slope) = _travel(learner, state)
        losses.append(np.asarray(loss))
        slopes.append(np.asarray(slope))
        gain = float(terms.reward_scale) * np.ptp([part for edge in losses for part in (edge.min(), edge.max())])
        fastest = np.sqrt((1 + float(terms.rest)) ** 2 + gain / float(terms.beta))
        reach = duration * min(fastest, 1 + float(terms.upper))
        length = len(losses) * CHUNK
        if not np.isfinite(losses[-1]).all():
            raise LearningEffortError(
                "The exact solution needs the uncontrolled flow as far as the fastest rate would carry it, and there its "
                f"loss is no longer finite (before s = {length * step:g}). Try a smaller upper bound of the rate."
            )
        if (length - 2) * step >= reach:
            keep = int(np.ceil(reach / step)) + 2
            return _table(step, np.concatenate(losses)[:keep], np.concatenate(slopes)[:keep])
        if length >= LONGEST:
            raise LearningEffortError(
                f"The exact solution needs the uncontrolled flow up to s = {reach:g}, more than {LONGEST} steps. "
                "Try a finite upper bound of the rate, or a larger beta."
            )


def _table(step: float, loss: Float[np.ndarray, " S"], slope: Float[np.ndarray, " S"]) -> Table:
    """A table of ℓ and ℓ' at s = 0, h, 2h, …, with the κ and κ' that follow; κ is no more than 1/2h."""
    lag = np.gradient(np.log(np.maximum(np.abs(slope), 1e-300)), step) / 2
    lag = np.clip(lag, -0.5 / step, 0.5 / step)
    return Table(*(jnp.asarray(column) for column in (step, loss, slope, lag, np.gradient(lag, step))))


def in_knots(problem: Problem, rate: Float[Array | np.ndarray, " N"]) -> Effort:
    """A rate at every step as an effort: at linear knots its values there, at held ones its means over their steps."""
    (control,) = problem.controls
    return {control.name: jnp.asarray(problem.space.knots(control).fitted(rate))}


def _terms(problem: Problem) -> Terms:
    """The numbers of the flow's reduced problem."""
    control = problem.controls[0]
    lower = jnp.maximum(control.lower, -1.0)
    impatience, beta = -jnp.log(problem.discount), cast(Quadratic, control.cost).beta
    return Terms(impatience, problem.reward_scale, beta, control.rest, lower, control.upper, jnp.zeros(()))


def _autonomous(problem: Problem) -> bool:
    """Whether field and loss at the start are the same at the first and last step."""
    learner = cast(GradientLearner, problem.learner)
    state = learner.init({})

    def at(k: int) -> tuple[PyTree, Float[Array, ""]]:
        return learner.field(state, jnp.asarray(k), {}), learner.loss(state, jnp.asarray(k), {})

    return bool(eqx.tree_equal(at(0), at(problem.horizon.length - 1), rtol=1e-12, atol=1e-300))


@eqx.filter_jit
def _travel(
    learner: GradientLearner, state: PyTree
) -> tuple[PyTree, tuple[Float[Array, " S"], Float[Array, " S"]]]:
    """`CHUNK` steps of the uncontrolled flow dw/ds = f/τ: the state after, and ℓ and ℓ' before each."""
    learner = cast(GradientLearner, learner.prepared())
    k = jnp.zeros((), int)
    step, scale = learner.step_size, learner.time_scale

    def velocity(state):
        return jax.tree.map(lambda f: f / scale, learner.field(state, k, {}))

    def body(state, _):
        first = velocity(state)
        after = runge_kutta.step(velocity, state, first, step)
        return after, jax.jvp(lambda s: learner.loss(s, k, {}), (state,), (first,))

    return jax.lax.scan(body, state, length=CHUNK)


def _at(table: Table, s: Float[Array, "*E"]) -> tuple[Float[Array, "*E"], Float[Array, "*E"], Float[Array, "*E"]]:
    """ℓ', κ and κ' at s by cubic interpolation; held constant before the start and beyond the end of the table."""
    last = table.slope.size - 1
    position = jnp.clip(s / table.step, 0, last)
    place = jnp.minimum(position.astype(int), last - 1)
    x = position - place

    def interpolated(column):
        before, low, high, after = (column[jnp.clip(place + i, 0, last)] for i in (-1, 0, 1, 2))
        return hermite(x, low, high, (high - before) / 2, (after - low) / 2)

    return interpolated(table.slope), interpolated(table.lag), interpolated(table.lag_slope)


def _backwards(
    table: Table, terms: Terms, steps: int, ends: Float[Array, "*E"], keep: bool
) -> tuple[Float[Array, "*E"], Float[Array, "before *E"] | None]:
    """From (s(T), μ(T) = 0) back to t = 0 in `steps` − 1 steps; with `keep`, also u at every step before the last."""
    h = table.step

    def rate(lag, mu):
        drag = terms.length * lag
        best = (2 * terms.beta * terms.rest + mu * (1 - drag)) / (2 * terms.beta + drag * mu)
        return jnp.clip(best, terms.lower, terms.upper)

    def velocity(course):
        s, mu = course
        slope, lag, lag_slope = _at(table, s)
        speed = 1 + rate(lag, mu)
        lost = terms.length / 2 * speed**2
        return speed - lag * lost, terms.impatience * mu + terms.reward_scale * slope + mu * lag_slope * lost

    def body(course, _):
        s, mu = runge_kutta.step(velocity, course, velocity(course), -h)
        return (s, mu), (rate(_at(table, s)[1], mu) if keep else None)

    (start, _), rates = jax.lax.scan(body, (ends, jnp.zeros_like(ends)), length=steps - 1)
    return start, rates


@eqx.filter_jit
def _starts(table: Table, terms: Terms, steps: int, ends: Float[Array, " E"]) -> Float[Array, " E"]:
    """s(0) of the course that ends at each s(T)."""
    return _backwards(table, terms, steps, ends, False)[0]


@eqx.filter_jit
def _course(table: Table, terms: Terms, steps: int, end: Float[Array, ""]) -> Float[Array, " N"]:
    """u at every step of the course that ends at s(T) = `end`."""
    _, rates = _backwards(table, terms, steps, end, True)
    assert rates is not None  # they were kept
    return jnp.append(rates[::-1], jnp.clip(terms.rest, terms.lower, terms.upper))
