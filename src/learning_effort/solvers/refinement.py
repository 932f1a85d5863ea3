"""Refining an effort found on few knots to one value a step, with the curvature that was met on the knots.

In the coordinates z = √D g the Hessian of −V is the cost's own curvature, C, plus a smooth operator in time: fast
changes of effort over time average out in learning. So the inverse is C⁻¹ plus a correction that lives on the knots,
H = C⁻¹ + Q(H_K − C⁻¹)Qᵀ, with H_K from quasi-Newton pairs on K knots and Q the interpolation between them. C is one at
rest, and elsewhere a number for each step: the curvature of that step's cost along its gradient. Each iteration is one
exact gradient; nothing of the size of effort is stored but effort and gradient.

Weakness: what steps teach of fast changes is one number, so it is quick only where the effort on the knots was close.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..numerics.lbfgs import Pairs, Vector, two_loops
from ..numerics.vectors import raveled, unraveled
from ..problem.blocks import Blocks
from ..problem.box import free, scaled_residual
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.certificate import Method, Status
from ..runtime.modules import replaced
from .box_search import ARMIJO
from .outcome import Outcome, stopped_after
from .progress import Progress

#: Gradients at most: where the start was good, a handful is enough.
MOST = 20
#: Values are known to this share.
NOISE = 1e-14
#: C grows where steps turn out to be more curved, up to so many times the cost's curvature: the performance has some, too.
STIFFEST = 64
#: C⁻¹ of each control, by its name: a number for each step.
Softer = dict[str, Float[Array, "*S"]]


def refine(
    problem: Problem,
    knotted: Problem,
    effort: Effort,
    scale: Effort,
    knot_scale: Effort,
    pairs: Pairs,
    tolerance: float,
    progress: Progress,
    before: int = 0,
) -> Outcome:
    """Ascend from `effort` until the scaled residual is within `tolerance`, or no further.

    **Arguments:** `problem`, and the same with linear knots, `knotted`; `scale` and `knot_scale`, the metric D of each;
    `pairs`, met on the knots; `before`, how many gradients at the learner's own steps came before, for what is said.
    """
    progress.begin(MOST)
    started = time.perf_counter()
    values: list[float] = []
    residuals: list[float] = []
    seconds: list[float] = []
    gradients: list[int] = []
    count, stiffness = 0, 1.0
    ended: Status | None = None
    here, trial, value, residual, slope = effort, effort, -np.inf, np.inf, 0.0
    at_here: Effort = {}  # the gradient there; nothing is known yet
    try:
        while count < MOST:
            new, gradient = problem.value_and_gradient(trial)
            count += 1
            if np.isfinite(new) and new >= value + ARMIJO * slope - NOISE * abs(value):
                if values:
                    bend = 2 - 2 * (float(new) - value) / slope
                    if abs(slope) > 100 * NOISE * abs(value) and bend > 1:
                        stiffness *= min(bend, 2.0)
                    step, change = _moved(problem, knotted, trial, here, gradient, at_here, scale, knot_scale)
                    pairs = _learned(pairs, raveled(step), raveled(change), raveled(knot_scale))
                here, value, at_here = trial, float(new), gradient
                residual = float(scaled_residual(problem, here, at_here, scale))
                values.append(value)
                residuals.append(residual)
                gradients.append(count)
                seconds.append(time.perf_counter() - started)
                progress(len(values), value, residual, count)
                if residual <= tolerance:
                    break
            else:
                stiffness *= 2
                if stiffness > STIFFEST or not values:
                    break
                progress.stop.check()
            softer, seen = _seen(problem, knotted, here, at_here, scale, knot_scale, stiffness)
            root = np.sqrt(raveled(knot_scale))
            curved = unraveled(two_loops(raveled(seen) / root, pairs.scaled(root)) / root, knot_scale)
            trial, promised = _next(problem, knotted, here, at_here, scale, knot_scale, softer, seen, curved)
            slope = float(promised)
    except KeyboardInterrupt as error:
        if not values:
            raise
        ended = progress.status_of(error)
    gradients[-1] = count  # with those after the last step that was accepted
    if residual <= tolerance:
        status = Status.CONVERGED
        reason = f"Converged: the scaled residual is {residual:.1e}, within the tolerance {tolerance:g}."
    elif ended is not None:
        status, reason = ended, stopped_after(ended, before + count, progress.stop.max_seconds)
    else:
        status = Status.LIMIT
        made = f"{before + count} gradients were used, {count} of them to refine what was found on the knots"
        reason = f"Not converged: {made}, and the scaled residual is {residual:.1e}."
    course = (np.array(values), np.array(residuals), np.array(gradients), np.array(seconds))
    return Outcome(here, *course, status, reason).staged(Method.REFINEMENT, problem.horizon.length)


@eqx.filter_jit
def _seen(
    problem: Problem,
    knotted: Problem,
    effort: Effort,
    gradient: Effort,
    scale: Effort,
    knot_scale: Effort,
    stiffness: float,
) -> tuple[Softer, Effort]:
    """C⁻¹ at each step, what `_softer` gives over `stiffness`; and the gradient seen from the knots, less what bounds hold."""
    gradient = _unheld(problem, effort, gradient)[1]
    softer = jax.tree.map(lambda c: c / stiffness, _softer(problem, effort, gradient, scale))
    return softer, _between(problem, knotted, knot_scale)[1](gradient)


@eqx.filter_jit
def _next(
    problem: Problem,
    knotted: Problem,
    effort: Effort,
    gradient: Effort,
    scale: Effort,
    knot_scale: Effort,
    softer: Softer,
    seen: Effort,
    curved: Effort,
) -> tuple[Effort, Float[Array, ""]]:
    """The effort to try next, P[g + D^-½ H D^-½ ∂V/∂g] with H = C⁻¹ + Q(H_K − C⁻¹)Qᵀ, and the slope of V along the step to it.

    `softer` and `seen` are what `_seen` gave; `curved` is D^-½ H_K D^-½ of the latter, which the pairs met on the knots know.
    """
    lower, upper = problem.bounds()
    unheld, gradient = _unheld(problem, effort, gradient)
    plain = {
        c.name: jax.tree.map(
            lambda g, m, c=c: _at_knots(softer[c.name], g, c.static) * g / m, seen[c.name], knot_scale[c.name]
        )
        for c in problem.controls
    }
    correction = _between(problem, knotted, knot_scale)[0](jax.tree.map(jnp.subtract, curved, plain))

    def direction(name, d, m, extra, unheld):
        return (_spread(softer[name], d) * d / m + extra) * unheld

    step = {
        c.name: jax.tree.map(partial(direction, c.name), *(tree[c.name] for tree in (gradient, scale, correction, unheld)))
        for c in problem.controls
    }
    trial = jax.tree.map(lambda e, d, low, high: jnp.clip(e + d, low, high), effort, step, lower, upper)
    made = jax.tree.map(jnp.subtract, trial, effort)
    slopes = (jnp.vdot(s, g) for s, g in zip(jax.tree.leaves(made), jax.tree.leaves(gradient), strict=True))
    return trial, jnp.asarray(sum(slopes))


def _unheld(problem: Problem, effort: Effort, gradient: Effort) -> tuple[Effort, Effort]:
    """Which numbers of effort no bound holds, and the gradient without those that one does."""
    unheld = jax.tree.map(free, effort, gradient, *problem.bounds())
    return unheld, jax.tree.map(jnp.multiply, gradient, unheld)


@eqx.filter_jit
def _moved(
    problem: Problem,
    knotted: Problem,
    after: Effort,
    before: Effort,
    gradient_after: Effort,
    gradient_before: Effort,
    scale: Effort,
    knot_scale: Effort,
) -> tuple[Effort, Effort]:
    """What a step was, seen from the knots, and how the gradient of −V changed there."""
    _, gathered = _between(problem, knotted, knot_scale)
    weighed = jax.tree.map(lambda a, b, m: (a - b) * m, after, before, scale)
    step = jax.tree.map(jnp.divide, gathered(weighed), knot_scale)
    return step, gathered(jax.tree.map(jnp.subtract, gradient_before, gradient_after))


def _learned(pairs: Pairs, step: Vector, change: Vector, scale: Vector) -> Pairs:
    """`pairs` and a new one, if there is enough curvature in it beside that of the metric, `scale`."""
    curved = step @ change > 1e-2 * (step @ (step * scale))
    return pairs.with_one_more(step, change) if curved else pairs


def _between(
    problem: Problem, knotted: Problem, like: Effort
) -> tuple[Callable[[Effort], Effort], Callable[[Effort], Effort]]:
    """Q and its transpose: effort on the knots, where `problem` has its values, and back. Controls that have as many knots of
    their own, and static ones, keep them; `like` is any effort on the knots."""
    finer = [k for c, k in zip(problem.controls, knotted.controls, strict=True) if problem.knots(c) != knotted.knots(k)]
    varying = replaced(knotted.space, controls=tuple(k for k in finer if not k.static))
    blocks = Blocks(varying, knotted.learner.init(knotted.space.static_signals(like)))
    own = {k.name: like[k.name] for k in varying.controls}

    def spread(effort):
        return effort | blocks.spread({name: effort[name] for name in own})

    def gathered(effort):
        return effort | blocks.gathered({name: effort[name] for name in own}, own)

    return spread, gathered


def _softer(problem: Problem, effort: Effort, gradient: Effort, scale: Effort) -> Softer:
    """C⁻¹ of each control: (K,) for one that varies in time, one for a static one; at most one."""
    weights = problem.space.knot_weights(problem.weights(jnp.arange(problem.horizon.length)))
    result = {}
    for control in problem.controls:
        if control.static:
            result[control.name] = jnp.ones(())
            continue
        own_weights = jax.tree.leaves(weights[control.name])[0]
        own_weights = own_weights.reshape(len(own_weights), -1)[:, 0]
        step = jax.tree.map(jnp.divide, gradient[control.name], scale[control.name])

        def slope(own, control=control, weights=own_weights):
            return jnp.sum(weights * control.costs(own, problem.learner, problem.space.knots(control)))

        bent = jax.jvp(jax.grad(slope), (effort[control.name],), (step,))[1]
        along, plain = _inner(step, bent), _inner(step, gradient[control.name])
        result[control.name] = plain / jnp.maximum(jnp.maximum(along, plain), 1e-300)
    return result


def _inner(a: PyTree, b: PyTree) -> Float[Array, " N"]:
    """The inner product of two trees at each step (N,)."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return jnp.asarray(sum(jnp.sum((x * y).reshape(len(x), -1), 1) for x, y in pairs))


def _spread(numbers: Float[Array, "*S"], array: Float[Array, "..."]) -> Float[Array, "..."]:
    """A number for each step, or for all, in a shape that multiplies an array (S, …)."""
    return numbers.reshape(-1, *[1] * (array.ndim - 1)) if numbers.ndim else numbers


def _at_knots(numbers: Float[Array, "*S"], array: Float[Array, "*shape"], static: bool) -> Float[Array, "*shape"]:
    """A number for each step, at the knots of an array (K, …), in its shape."""
    if static:
        return jnp.full_like(array, numbers)
    at = jnp.round(jnp.linspace(0, numbers.size - 1, len(array))).astype(int)
    return jnp.broadcast_to(_spread(numbers[at], array), array.shape)
