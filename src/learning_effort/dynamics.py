"""Learning unrolled under effort: values forwards, gradients by reverse accumulation (mathematics.md §1, §4).

The horizon is cut into blocks (blocks.py). Only the states at the starts of blocks are kept, and each block is learned
again on the way back: memory grows as √N, and arrays that stay in the processor's cache cost less time than learning
twice. All of it is plain JAX: it can be compiled, mapped, and differentiated forwards (for Hessian-vector products).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from .blocks import Blocks


class Unrolled(NamedTuple):
    """States, losses and costs at all steps; each with a leading axis of N steps."""

    states: PyTree
    losses: Float[Array, " N"]
    costs: Float[Array, " N"]


def forward(learner, state: PyTree, ks: Int[Array, " S"], signals):
    """Learn through steps `ks` under `signals` (leading axis S): (state after, states (S, …), losses (S,))."""

    def body(state, inputs):
        k, signal = inputs
        after, loss = learner.advance(state, k, signal)
        return after, (state, loss)

    after, (states, losses) = jax.lax.scan(body, state, (ks, signals))
    return after, states, losses


def recorded(learner, state: PyTree, ks: Int[Array, " S"], signals):
    """As `forward`, with the learner's records (S, …), which `backward` takes, in place of states."""

    def body(state, inputs):
        k, signal = inputs
        after, loss, record = learner.record(state, k, signal)
        return after, (record, loss)

    after, (records, losses) = jax.lax.scan(body, state, (ks, signals))
    return after, records, losses


def backward(learner, records: PyTree, ks: Int[Array, " S"], signals, loss_weights: Float[Array, " S"], costate: PyTree):
    """Reverse accumulation through steps `ks`.

    **Arguments:** what `recorded` took and gave; `loss_weights` (S,), ∂V/∂L at each step; `costate`, ∂V/∂state after
    the last step.

    **Returns:** the costate at the first step; the costates at each step (S, …); ∂V/∂signal (S, …).
    """

    def body(costate, inputs):
        record, k, signal, loss_weight = inputs
        costate, to_signal = learner.pullback(record, k, signal, costate, loss_weight)
        return costate, (costate, to_signal)

    first, (costates, to_signals) = jax.lax.scan(body, costate, (records, ks, signals, loss_weights), reverse=True)
    return first, costates, to_signals


def unroll(problem, effort, kept: Int[Array, " T"] | None = None) -> Unrolled:
    """All states under `effort`, or those (T, …) at the increasing steps `kept`; effort None is the uncontrolled learner,
    which costs nothing."""
    learner = problem.learner.prepared()
    steps = problem.horizon.length
    state = learner.init(problem.static_signals(effort) if effort is not None else {})
    blocks = Blocks(problem, state)
    padded = None if effort is None else blocks.padded(effort)
    places = jnp.arange(blocks.number * blocks.length)
    if kept is not None:
        places = jnp.full(places.size, kept.size).at[kept].set(jnp.arange(kept.size))
    rooms = steps if kept is None else kept.size

    def learn(carry, start):
        state, store = carry
        ks = blocks.steps(start)
        signals, costs = _applied(problem, blocks, padded, start)
        after, states, losses = forward(learner, state, ks, signals)
        store = jax.tree.map(lambda room, new: room.at[places[ks]].set(new, mode="drop"), store, states)
        return (after, store), (losses, costs)

    store = jax.tree.map(lambda leaf: jnp.zeros((rooms, *leaf.shape), leaf.dtype), state)
    (_, states), courses = jax.lax.scan(learn, (state, store), blocks.starts)
    losses, costs = (course.reshape(-1)[:steps] for course in courses)
    return Unrolled(states, losses, costs)


def value(problem, effort) -> Float[Array, ""]:
    """V (mathematics.md §1), storing no states."""
    learner = problem.learner.prepared()
    state = learner.init(problem.static_signals(effort) if effort is not None else {})
    blocks = Blocks(problem, state)
    padded = None if effort is None else blocks.padded(effort)

    _, values = jax.lax.scan(lambda s, start: _through(problem, learner, blocks, padded, s, start), state, blocks.starts)
    return values.sum()


def value_and_gradient(problem, effort):
    """V and ∂V/∂effort, in effort's tree, by the discrete adjoint."""
    learner = problem.learner.prepared()
    state, to_effort = jax.vjp(lambda e: learner.init(problem.static_signals(e)), effort)
    blocks = Blocks(problem, state)
    padded = blocks.padded(effort)

    def learn(state, start):
        after, value = _through(problem, learner, blocks, padded, state, start)
        return after, (state, value)

    _, (states, values) = jax.lax.scan(learn, state, blocks.starts)

    def unlearn(carry, inputs):
        costate, gradient = carry
        state, start = inputs
        ks = blocks.steps(start)
        weights = problem.weights(ks)
        window = blocks.window(padded, start)
        (signals, _), pull = jax.vjp(lambda w: problem.applied(blocks.parameters(w, start), ks), window)
        _, records, _ = recorded(learner, state, ks, signals)
        costate, _, to_signals = backward(learner, records, ks, signals, -problem.reward_scale * weights, costate)
        (to_window,) = pull((to_signals, -weights))
        return (costate, blocks.add_window(gradient, to_window, start)), None

    nothing = jax.tree.map(jnp.zeros_like, (state, padded))
    (costate, gradient), _ = jax.lax.scan(unlearn, nothing, (states, blocks.starts), reverse=True)
    (at_start,) = to_effort(costate)
    return values.sum(), jax.tree.map(jnp.add, blocks.cropped(gradient), at_start)


def costates(problem, effort) -> PyTree:
    """∂V/∂state at every step, in the state's tree with a leading axis of N steps: the shadow price of each weight."""
    learner = problem.learner.prepared()
    ks = jnp.arange(problem.horizon.length)
    signals = problem.signals_at(effort, ks)
    after, records, _ = recorded(learner, learner.init(problem.static_signals(effort)), ks, signals)
    nothing = jax.tree.map(jnp.zeros_like, after)
    return backward(learner, records, ks, signals, -problem.reward_scale * problem.weights(ks), nothing)[1]


def _applied(problem, blocks: Blocks, padded, start):
    """Signals (S, …) and costs (S,) of a block."""
    if padded is None:
        return {}, jnp.zeros(blocks.length)
    return problem.applied(blocks.parameters(blocks.window(padded, start), start), blocks.steps(start))


def _through(problem, learner, blocks: Blocks, padded, state, start):
    """Learn through a block: the state after it, and what it adds to V."""
    ks = blocks.steps(start)
    signals, costs = _applied(problem, blocks, padded, start)
    after, losses = jax.lax.scan(lambda s, inputs: learner.advance(s, *inputs), state, (ks, signals))
    return after, jnp.sum(problem.weights(ks) * (-problem.reward_scale * losses - costs))
