"""Quasi-Newton ascent in a box, in the metric of theory.md §4.

Limited-memory BFGS in coordinates z = √D g, where the cost's own curvature is one: what is left to learn is the
performance's curvature, a smooth operator that a few pairs describe. Bounds by two-metric projection (Bertsekas
1982): components held at a bound by the gradient are left out of the direction and of the pairs' inner products,
and the search follows the projected path.

Each compiled trip is one evaluation of value and gradient and what follows from it, so that problems mapped together
each go their own way and stop on their own. (The trips are counted outside: inside a compiled loop XLA's CPU code for
the same gradient is several times slower. Where effort is small it is the calls that cost, and one makes several trips.)
Weakness: local; on plateaus the residual is small far from any optimum.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from ..errors import Given, count, number
from ..numerics.lbfgs import Pairs, two_loops
from ..problem.box import free
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.certificate import Method, Status
from ..runtime import memory
from ..runtime.devices import tuning
from .cost_curvature import inverse_cost_curvature
from .outcome import Outcome, stopped_after
from .progress import Progress, spread_seconds

#: The status of a run while it is compiled; what it ended with is a `Status`.
RUNNING, CONVERGED, STUCK, NOT_FINITE = range(4)
#: What each of them is to who asked.
ENDS = {RUNNING: Status.LIMIT, CONVERGED: Status.CONVERGED, STUCK: Status.STUCK, NOT_FINITE: Status.NOT_FINITE}
#: A call of compiled code takes about this many seconds at most, where one evaluation does not take more: between two calls
#: a search can be stopped.
CALL = 0.2
#: What a run keeps of each evaluation.
TRACES = 3
#: A step is accepted if it raises the value by at least this share of what the slope promises (Armijo 1966).
ARMIJO = 1e-4
#: Where a step is shortened to this share, no step along the direction raises the value.
SHORTEST = 1e-10
#: The inverse curvature assumed where no pair says anything falls no lower.
SOFTEST = 0.02
#: A vector of n numbers.
Vector = Float[Array, " n"]


class State(NamedTuple):
    """The run at one evaluation; n numbers of effort, m pairs. f = −V, and gradients are of f in z."""

    z: Float[Array, " n"]
    f: Float[Array, ""]
    gradient: Float[Array, " n"]
    direction: Float[Array, " n"]
    length: Float[Array, ""]
    softness: Float[Array, ""]  # the inverse curvature assumed where no pair says anything, at most the metric's own
    steps: Float[Array, "m n"]
    changes: Float[Array, "m n"]
    pairs: Int[Array, ""]
    fresh: Bool[Array, ""]  # the direction is the plain gradient's: nothing is left to reset
    status: Int[Array, ""]
    evaluations: Int[Array, ""]
    iterations: Int[Array, ""]
    value_trace: Float[Array, " limit"]
    residual_trace: Float[Array, " limit"]
    evaluation_trace: Int[Array, " limit"]


@dataclasses.dataclass(frozen=True)
class QuasiNewton:
    """Limited-memory quasi-Newton ascent in a box; the recommended solver.

    **Arguments:** `tolerance` of the scaled residual, in units of effort; `max_gradients`; `memory`, the number of
    pairs kept.
    """

    tolerance: Given[float] = 1e-6
    max_gradients: Given[int] = 1000
    memory: Given[int] = 12

    def __post_init__(self) -> None:
        number(self.tolerance, "tolerance", "QuasiNewton", 0.0, open_low=True)
        count(self.max_gradients, "max_gradients", "QuasiNewton")
        count(self.memory, "memory", "QuasiNewton")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "quasi-Newton in a box"

    def run(
        self, problem: Problem, effort: Effort, scale: Effort, progress: Progress, pairs: Pairs | None = None
    ) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D; `pairs`, what is known of the curvature from a problem like it."""
        single = jax.tree.map(lambda leaf: leaf[None], (problem, effort, scale, pairs), is_leaf=eqx.is_array)
        problems, efforts, scales, known = single
        return self.run_many(problems, efforts, scales, progress, 1, known)[0]

    def run_many(
        self,
        problems: Problem,
        efforts: Effort,
        scales: Effort,
        progress: Progress,
        batch: int,
        pairs: Pairs | None = None,
    ) -> list[Outcome]:
        """As `run`, for problems of equal shape stacked on a leading axis of `batch`."""
        small = sum(leaf.size for leaf in jax.tree.leaves(efforts)) <= batch * tuning().small_effort
        most = tuning().trips if small and not progress.followed else 1
        numbers = sum(leaf.size for leaf in jax.tree.leaves(efforts))
        memory.require(
            2 * self.memory * numbers + TRACES * batch * self.max_gradients,
            f"{self.memory:,} pairs of {numbers:,} numbers, and {self.max_gradients:,} gradients to keep track of,",
            "Try a smaller memory or max_gradients, or fewer knots.",
        )
        start, advance = _compiled(self.memory, self.max_gradients, batch == 1, most > 1)
        unravel = ravel_pytree(jax.tree.map(lambda leaf: leaf[0], efforts))[1]
        progress.begin(self.max_gradients)
        started = time.perf_counter()
        state = advance(problems, scales, start(problems, efforts, scales, pairs), self.tolerance, jnp.asarray(1))
        marks, trips = [(0, 0.0)], 1
        ended = None
        try:
            while True:
                marks.append((int(state.iterations.max()), time.perf_counter() - started))
                _report(state, progress)
                if not (np.asarray(state.status) == RUNNING).any() or int(state.evaluations.max()) >= self.max_gradients:
                    break
                trip = (marks[-1][1] - marks[-2][1]) / trips
                trips = min(max(int(CALL / max(trip, 1e-9)), 1), most)
                state = advance(problems, scales, state, self.tolerance, jnp.asarray(trips))
        except KeyboardInterrupt as error:
            ended = progress.status_of(error), progress.stop.max_seconds
        seconds = time.perf_counter() - started
        marks.append((int(state.iterations.max()), seconds))
        box = jax.vmap(lambda problem: problem.bounds())(problems)
        steps = problems.horizon.length
        outcomes = (self._outcome(state, scales, box, unravel, i, marks, ended) for i in range(batch))
        return [outcome.staged(Method.QUASI_NEWTON, steps) for outcome in outcomes]

    def _outcome(
        self,
        state: State,
        scales: Effort,
        box: tuple[Effort, Effort],
        unravel: Callable[[Vector], Effort],
        i: int,
        marks: list[tuple[int, float]],
        ended: tuple[Status, float | None] | None,
    ) -> Outcome:
        """The outcome of problem `i` of a batch, from its `state`; `marks` are (iteration, seconds); `ended`, if the batch was
        stopped: the status of what still ran, and the seconds allowed."""
        n = int(state.iterations[i])
        scale, low, high = (ravel_pytree(jax.tree.map(lambda leaf: leaf[i], tree))[0] for tree in (scales, *box))
        root = jnp.sqrt(scale)
        values = np.asarray(state.value_trace[i, :n])
        residuals = np.asarray(state.residual_trace[i, :n])
        evaluations = int(state.evaluations[i])
        status = ENDS[int(state.status[i])]
        reason = self._reason(status, residuals[-1], evaluations)
        if ended is not None and status is Status.LIMIT and evaluations < self.max_gradients:
            status, allowed = ended
            reason = stopped_after(status, evaluations, allowed)
        gradients = np.array(state.evaluation_trace[i, :n])
        gradients[-1] = evaluations  # with those after the last step that was accepted
        return Outcome(
            unravel(jnp.clip(state.z[i] / root, low, high)),  # rounding can leave the box
            values,
            residuals,
            gradients,
            spread_seconds(marks, n),
            status,
            reason,
            pairs=Pairs(state.steps[i] / root, state.changes[i] * root, state.pairs[i]),
        )

    def _reason(self, status: Status, residual: float, evaluations: int) -> str:
        """The status in words."""
        return {
            Status.CONVERGED: f"Converged: the scaled residual is {residual:.1e}, within the tolerance {self.tolerance:g}.",
            Status.STUCK: f"No step along the gradient raises the value any more, at a scaled residual of {residual:.1e}: "
            "the limit of rounding, or a value that is not smooth there.",
            Status.NOT_FINITE: "The value at the start is not finite.",
            Status.LIMIT: f"Not converged: {evaluations} gradients were used, the most allowed (max_gradients), and the "
            f"scaled residual is {residual:.1e}. Allow more, or start from this effort.",
        }[status]


def _report(state: State, progress: Progress) -> None:
    """Tell `progress` where a batch is."""
    iterations, evaluations = int(state.iterations.max()), int(state.evaluations.max())
    at = jnp.maximum(state.iterations - 1, 0)
    residuals = np.asarray(jnp.take_along_axis(state.residual_trace, at[:, None], 1)[:, 0])
    values = -np.asarray(state.f)
    if len(values) == 1:
        progress(iterations, float(values[0]), float(residuals[0]), evaluations)
    else:
        progress.together(iterations, values, residuals, int((np.asarray(state.status) == CONVERGED).sum()), evaluations)


@functools.cache
def _compiled(memory: int, limit: int, alone: bool, looped: bool) -> tuple[Callable, Callable]:
    """The compiled beginning, (problems, efforts, scales, pairs) to a `State`, and the compiled advance, (problems, scales,
    state, tolerance, trips) to a `State`, of a batch. A call of the latter makes at most so many trips, or one if not `looped`.

    A batch of one (`alone`) is not mapped: mapped, both sides of every branch would be computed.
    """
    lift = _lifted if alone else _mapped

    def begin(problem, effort, scale, pairs):
        return _typed(_start(problem, effort, scale, pairs, memory, limit))

    def goes_on(state):
        return (state.status == RUNNING) & (state.evaluations < limit)

    def trip(problem, scale, state, tolerance):
        after = _typed(_trip(problem, scale, state, tolerance))
        if alone:
            return after
        # In a batch, problems that have stopped stay as they are while others go on.
        return jax.tree.map(lambda new, old: jnp.where(goes_on(state), new, old), after, state)

    once = lift(trip, 3)

    def single(problems, scales, state, tolerance, trips):
        return once(problems, scales, state, tolerance)

    def several(problems, scales, state, tolerance, trips):
        def wanted(carry):
            return (carry[0] < trips) & goes_on(carry[1]).any()

        def again(carry):
            return carry[0] + 1, once(problems, scales, carry[1], tolerance)

        return jax.lax.while_loop(wanted, again, (0, state))[1]

    return eqx.filter_jit(lift(begin, 4)), eqx.filter_jit(several if looped else single)


def _typed(state: State) -> State:
    """`state` with every type explicit: a weak type (JAX's, of Python's numbers) would have the loop compiled again."""
    return jax.tree.map(lambda leaf: jax.lax.convert_element_type(leaf, leaf.dtype), state)


def _mapped(function: Callable, count: int) -> Callable:
    """`function`, mapped over the leading axis of its first `count` arguments."""

    def mapped(*args):
        axes = [0] * count + [None] * (len(args) - count)
        return jax.vmap(function, in_axes=axes)(*args)

    return mapped


def _lifted(function: Callable, count: int) -> Callable:
    """`function` on the first of a batch of one, which its first `count` arguments are."""

    def lifted(*args):
        first = jax.tree.map(lambda leaf: leaf[0], args[:count])
        return jax.tree.map(lambda leaf: leaf[None], function(*first, *args[count:]))

    return lifted


def _geometry(problem: Problem, scale: Effort) -> tuple[Vector, Vector, Vector]:
    """√D, and the box in z."""
    root = jnp.sqrt(ravel_pytree(scale)[0])
    low, high = (ravel_pytree(b)[0] for b in problem.bounds())
    return root, low * root, high * root


def _evaluate(
    problem: Problem, z: Vector, root: Vector, unravel: Callable[[Vector], Effort]
) -> tuple[Float[Array, ""], Vector]:
    """f = −V and its gradient in z."""
    value, gradient = problem.value_and_gradient(unravel(z / root))
    return -value, -ravel_pytree(gradient)[0] / root


def _residual(z: Vector, gradient: Vector, root: Vector, low: Vector, high: Vector) -> Float[Array, ""]:
    """The scaled residual, in units of effort (theory.md §4)."""
    return jnp.max(jnp.abs(jnp.clip(z - gradient, low, high) - z) / root)


def _start(
    problem: Problem, effort: Effort, scale: Effort, pairs: Pairs | None, memory: int, limit: int
) -> State:
    """The state before anything is evaluated: the first trip only looks at where it stands."""
    root, low, high = _geometry(problem, scale)
    z = jnp.clip(ravel_pytree(effort)[0] * root, low, high)
    nothing, empty, trace = jnp.zeros_like(z), jnp.zeros((memory, z.size)), jnp.zeros(limit + 1)
    steps, changes, known = empty, empty, jnp.asarray(0)
    if pairs is not None:
        steps, changes, known = pairs.steps * root, pairs.changes / root, jnp.asarray(pairs.count)
    return State(
        z=z,
        f=jnp.array(jnp.inf),
        gradient=nothing,
        direction=nothing,
        length=jnp.ones(()),
        softness=jnp.ones(()),
        steps=steps,
        changes=changes,
        pairs=known,
        fresh=known == 0,
        status=jnp.array(RUNNING),
        evaluations=jnp.array(0),
        iterations=jnp.array(0),
        value_trace=trace,
        residual_trace=trace,
        evaluation_trace=jnp.zeros(limit + 1, int),
    )


def _trip(problem: Problem, scale: Effort, state: State, tolerance: Float[ArrayLike, ""]) -> State:
    """Try one point; accept it and choose the next direction, or shorten the step."""
    root, low, high = _geometry(problem, scale)
    unravel = ravel_pytree(scale)[1]
    trial = jnp.clip(state.z + state.length * state.direction, low, high)
    f, gradient = _evaluate(problem, trial, root, unravel)
    first = state.evaluations == 0
    finite = jnp.isfinite(f) & jnp.isfinite(gradient).all()
    slope = jnp.dot(state.gradient, trial - state.z)
    # At the limit of rounding values no longer tell: a smaller gradient along the step does (Hager & Zhang 2005).
    noise = 1e-14 * jnp.abs(state.f)
    gentle = (f <= state.f + noise) & (jnp.abs(jnp.dot(gradient, trial - state.z)) <= 0.9 * jnp.abs(slope))
    lower = (slope < 0) & ((f <= state.f + ARMIJO * slope) | gentle)
    state = state._replace(evaluations=state.evaluations + 1)
    state = jax.lax.cond(
        first | (finite & lower),
        lambda s: _accept(problem, s, trial, f, gradient, root, low, high, tolerance),
        lambda s: _shorten(s, f, slope, low, high),
        state,
    )
    return state._replace(status=jnp.where(first & ~finite, NOT_FINITE, state.status))


def _accept(
    problem: Problem,
    state: State,
    trial: Vector,
    f: Float[Array, ""],
    gradient: Vector,
    root: Vector,
    low: Vector,
    high: Vector,
    tolerance: Float[ArrayLike, ""],
) -> State:
    """The state after the step to `trial`, with its pair, and the direction of the next."""
    step, change = trial - state.z, gradient - state.gradient
    bend = jnp.dot(step, change)
    curved = bend > 1e-10 * jnp.dot(change, change)
    # How curved the step was, for how curved it was taken to be: 1 if the pairs and the softness are right.
    foreseen = -state.length * jnp.dot(step, state.gradient)
    found = jnp.where((foreseen > 0) & curved, bend / jnp.where(foreseen > 0, foreseen, 1.0), 1.0)
    softness = jnp.clip(state.softness / jnp.sqrt(jnp.clip(found, 0.5, 4.0)), SOFTEST, 1.0)
    place = state.pairs % state.steps.shape[0]
    steps = jnp.where(curved, state.steps.at[place].set(step), state.steps)
    changes = jnp.where(curved, state.changes.at[place].set(change), state.changes)
    pairs = state.pairs + curved
    residual = _residual(trial, gradient, root, low, high)
    i = state.iterations
    state = state._replace(
        z=trial,
        f=f,
        gradient=gradient,
        steps=steps,
        changes=changes,
        pairs=pairs,
        fresh=pairs == 0,
        length=jnp.ones(()),
        softness=softness,
        status=jnp.where(residual <= tolerance, CONVERGED, RUNNING),
        iterations=i + 1,
        value_trace=state.value_trace.at[i].set(-f),
        residual_trace=state.residual_trace.at[i].set(residual),
        evaluation_trace=state.evaluation_trace.at[i].set(state.evaluations),
    )
    return state._replace(direction=_direction(problem, state, root, low, high))


def _shorten(
    state: State, f: Float[Array, ""], slope: Float[Array, ""], low: Vector, high: Vector
) -> State:
    """The state after a trial of value `f` that was not accepted: a shorter step, or the plain gradient's direction."""
    # The minimum of the parabola through what is known of the path, within reason.
    bend = 2 * (f - state.f - slope)
    guess = jnp.where(jnp.isfinite(bend) & (bend > 0), -slope / jnp.where(bend > 0, bend, 1.0), 0.1)
    length = state.length * jnp.clip(guess, 0.1, 0.5)
    lost = (length < SHORTEST) | (slope >= 0)
    restart = lost & ~state.fresh
    unheld = _free(state.z, state.gradient, low, high)
    return state._replace(
        length=jnp.where(restart, 1.0, length),
        direction=jnp.where(restart, -state.gradient * unheld, state.direction),
        pairs=jnp.where(restart, 0, state.pairs),
        fresh=state.fresh | restart,
        status=jnp.where(lost & state.fresh, STUCK, RUNNING),
    )


def _free(z: Vector, gradient: Vector, low: Vector, high: Vector) -> Bool[Array, " n"]:
    """Components that are not held at a bound by the gradient of f = −V."""
    return free(z, -gradient, low, high)


def _direction(problem: Problem, state: State, root: Vector, low: Vector, high: Vector) -> Vector:
    """−H∇f on the free components, with pairs restricted to them."""
    unheld = _free(state.z, state.gradient, low, high).astype(float)
    bent = inverse_cost_curvature(problem, state.z, root, unheld)

    def softly(vector):
        return state.softness * bent(vector)

    return -two_loops(state.gradient * unheld, state.steps, state.changes, state.pairs, unheld, softly) * unheld
