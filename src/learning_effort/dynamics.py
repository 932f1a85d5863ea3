"""Learning unrolled under effort: values forwards, gradients by reverse accumulation (mathematics.md §1, §4).

The horizon is cut into segments. A short one is a single segment whose states are all kept. A long one keeps the
states at the starts of about √N segments and learns each segment again on the way back, so memory grows as √N. All
of it is plain JAX: it can be compiled, mapped, and differentiated forwards (for Hessian-vector products).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

#: States of one trajectory that are kept in full, in bytes; beyond, the horizon is cut into segments.
KEPT_BYTES = 512 * 2**20


class Unrolled(NamedTuple):
    """States, losses and costs at all steps; each with a leading axis of N steps."""

    states: PyTree
    losses: Float[Array, " N"]
    costs: Float[Array, " N"]


def segments(steps: int, state: PyTree) -> tuple[int, int]:
    """(number of segments, steps in each): one if its states fit `KEPT_BYTES`, else about √N; covers at least `steps`."""
    bytes_per_state = sum(leaf.size * 8 for leaf in jax.tree.leaves(state))
    if steps * bytes_per_state <= KEPT_BYTES:
        return 1, steps
    number = math.isqrt(steps)
    return number, -(-steps // number)


def forward(learner, state: PyTree, ks: Int[Array, " S"], signals):
    """Learn through steps `ks` under `signals` (leading axis S): (state after, states (S, …), losses (S,))."""

    def body(state, inputs):
        k, signal = inputs
        after, loss = learner.advance(state, k, signal)
        return after, (state, loss)

    after, (states, losses) = jax.lax.scan(body, state, (ks, signals))
    return after, states, losses


def backward(learner, states: PyTree, ks: Int[Array, " S"], signals, loss_weights: Float[Array, " S"], costate: PyTree):
    """Reverse accumulation through steps `ks`.

    **Arguments:** what `forward` took and gave; `loss_weights` (S,), ∂V/∂L at each step; `costate`, ∂V/∂state after
    the last step.

    **Returns:** the costates at each step (S, …), and ∂V/∂signal (S, …).
    """

    def body(costate, inputs):
        state, k, signal, loss_weight = inputs
        costate, to_signal = learner.pullback(state, k, signal, costate, loss_weight)
        return costate, (costate, to_signal)

    _, (costates, to_signals) = jax.lax.scan(body, costate, (states, ks, signals, loss_weights), reverse=True)
    return costates, to_signals


def unroll(problem, effort) -> Unrolled:
    """All states under `effort`; None is the uncontrolled learner, which costs nothing."""
    learner = problem.learner.prepared()
    ks = jnp.arange(problem.horizon.length)
    controlled = effort is not None
    state = learner.init(problem.static_signals(effort) if controlled else {})
    signals, costs = _signals_and_costs(problem, effort, ks) if controlled else ({}, jnp.zeros(ks.shape))
    _, states, losses = forward(learner, state, ks, signals)
    return Unrolled(states, losses, costs)


def value(problem, effort) -> Float[Array, ""]:
    """V (mathematics.md §1), storing no states."""
    learner = problem.learner.prepared()
    state = learner.init(problem.static_signals(effort) if effort is not None else {})
    number, length = segments(problem.horizon.length, state)

    def segment(state, start):
        ks = start + jnp.arange(length)
        if effort is None:
            signals, costs = {}, jnp.zeros(length)
        else:
            signals, costs = _signals_and_costs(problem, effort, ks)
        after, losses = _forget(learner, state, ks, signals)
        return after, jnp.sum(problem.weights(ks) * (-problem.reward_scale * losses - costs))

    if number == 1:
        return segment(state, 0)[1]
    return jax.lax.scan(segment, state, jnp.arange(number) * length)[1].sum()


def value_and_gradient(problem, effort):
    """V and ∂V/∂effort, in effort's tree, by the discrete adjoint."""
    learner = problem.learner.prepared()
    state, to_effort = jax.vjp(lambda e: learner.init(problem.static_signals(e)), effort)
    number, length = segments(problem.horizon.length, state)

    def learn(state, start):
        ks = start + jnp.arange(length)
        signals, costs = _signals_and_costs(problem, effort, ks)
        after, states, losses = forward(learner, state, ks, signals)
        value = jnp.sum(problem.weights(ks) * (-problem.reward_scale * losses - costs))
        return after, states, value

    def unlearn(costate, gradient, states, start):
        ks = start + jnp.arange(length)
        weights = problem.weights(ks)
        parameters = problem.parameters_at(effort, ks)
        (signals, _), pull = jax.vjp(lambda p: problem.applied(p, ks), parameters)
        costates, to_signals = backward(learner, states, ks, signals, -problem.reward_scale * weights, costate)
        (to_parameters,) = pull((to_signals, -weights))
        gradient = problem.accumulate(gradient, to_parameters, ks, whole=number == 1)
        return jax.tree.map(lambda c: c[0], costates), gradient

    nothing = jax.tree.map(jnp.zeros_like, state)
    gradient = jax.tree.map(jnp.zeros_like, effort)
    if number == 1:
        _, states, value = learn(state, 0)
        costate, gradient = unlearn(nothing, gradient, states, 0)
    else:
        starts = jnp.arange(number) * length

        def keep_start(state, start):
            after, _, value = learn(state, start)
            return after, (state, value)

        _, (kept, values) = jax.lax.scan(keep_start, state, starts)
        value = values.sum()

        def again(carry, inputs):
            first, start = inputs
            _, states, _ = learn(first, start)
            return unlearn(*carry, states, start), None

        (costate, gradient), _ = jax.lax.scan(again, (nothing, gradient), (kept, starts), reverse=True)
    (at_start,) = to_effort(costate)
    return value, jax.tree.map(jnp.add, gradient, at_start)


def costates(problem, effort) -> PyTree:
    """∂V/∂state at every step, in the state's tree with a leading axis of N steps: the shadow price of each weight."""
    learner = problem.learner.prepared()
    ks = jnp.arange(problem.horizon.length)
    signals, _ = _signals_and_costs(problem, effort, ks)
    _, states, _ = forward(learner, learner.init(problem.static_signals(effort)), ks, signals)
    nothing = jax.tree.map(lambda s: jnp.zeros_like(s[0]), states)
    return backward(learner, states, ks, signals, -problem.reward_scale * problem.weights(ks), nothing)[0]


def _signals_and_costs(problem, effort, ks):
    return problem.applied(problem.parameters_at(effort, ks), ks)


def _forget(learner, state, ks, signals):
    """`forward` without the states."""

    def body(state, inputs):
        after, loss = learner.advance(state, *inputs)
        return after, loss

    return jax.lax.scan(body, state, (ks, signals))
