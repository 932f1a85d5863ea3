"""Learning unrolled under effort: values forwards, gradients by reverse accumulation (theory.md §1, §4).

The horizon is cut into blocks (blocks.py). Only the states at the starts of blocks are kept, and each block is learned
again on the way back: memory grows as √N, and arrays that stay in the processor's cache cost less time than learning
twice. All of it is plain JAX: it can be compiled, mapped, and differentiated forwards (for Hessian-vector products).
"""

from __future__ import annotations

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ..learners.base import Learner, Signals
from .blocks import Blocks
from .effort import Effort, EffortSpace
from .horizon import Objective


class Unrolled(NamedTuple):
    """Losses and costs at all N steps, and states with a leading axis of those steps at which they are kept."""

    states: PyTree
    losses: Float[Array, " N"]
    costs: Float[Array, " N"]


def forward(
    learner: Learner, state: PyTree, ks: Int[Array, " S"], signals: Signals
) -> tuple[PyTree, PyTree, Float[Array, " S"]]:
    """Learn through steps `ks` under `signals` (leading axis S): (state after, states (S, …), losses (S,))."""

    def body(state, inputs):
        k, signal = inputs
        after, loss = learner.advance(state, k, signal)
        return after, (state, loss)

    after, (states, losses) = jax.lax.scan(body, state, (ks, signals))
    return after, states, losses


def recorded(
    learner: Learner, state: PyTree, ks: Int[Array, " S"], signals: Signals
) -> tuple[PyTree, PyTree, Float[Array, " S"]]:
    """As `forward`, with the learner's records (S, …), which `backward` takes, in place of states."""

    def body(state, inputs):
        k, signal = inputs
        after, loss, record = learner.record(state, k, signal)
        return after, (record, loss)

    after, (records, losses) = jax.lax.scan(body, state, (ks, signals))
    return after, records, losses


def backward(
    learner: Learner,
    records: PyTree,
    ks: Int[Array, " S"],
    signals: Signals,
    loss_weights: Float[Array | np.ndarray, " S"],
    costate: PyTree,
) -> tuple[PyTree, PyTree, Signals]:
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


def unroll(space: EffortSpace, objective: Objective, effort: Effort | None, kept: Int[Array, " T"] | None = None) -> Unrolled:
    """All states under `effort`, or those (T, …) at the increasing steps `kept`; effort None is the uncontrolled learner,
    which costs nothing."""
    steps = space.horizon.length
    run = _Run(space, objective, effort)
    places = jnp.arange(run.blocks.number * run.blocks.length)
    if kept is not None:
        places = jnp.full(places.size, kept.size).at[kept].set(jnp.arange(kept.size))
    rooms = steps if kept is None else kept.size

    def learn(carry, start):
        state, store = carry
        ks = run.blocks.steps(start)
        signals, costs = run.applied(start)
        after, states, losses = forward(run.learner, state, ks, signals)
        store = jax.tree.map(lambda room, new: room.at[places[ks]].set(new, mode="drop"), store, states)
        return (after, store), (losses, costs)

    store = jax.tree.map(lambda leaf: jnp.zeros((rooms, *leaf.shape), leaf.dtype), run.state)
    (_, states), courses = jax.lax.scan(learn, (run.state, store), run.blocks.starts)
    losses, costs = (course.reshape(-1)[:steps] for course in courses)
    return Unrolled(states, losses, costs)


def value(space: EffortSpace, objective: Objective, effort: Effort | None) -> Float[Array, ""]:
    """V (theory.md §1), storing no states; effort None is the uncontrolled learner."""
    run = _Run(space, objective, effort)
    values, spent = jax.lax.scan(run.through, run.state, run.blocks.starts)[1]
    return values.sum() if effort is None else values.sum() - objective.penalty(spent.sum(0))


def spent(space: EffortSpace, objective: Objective, effort: Effort) -> Float[Array, " budgets"]:
    """What `effort` spends of each budget (theory.md §1.6)."""
    run = _Run(space, objective, effort)
    return jax.lax.map(run.spent, run.blocks.starts).sum(0)


def value_and_gradient(space: EffortSpace, objective: Objective, effort: Effort) -> tuple[Float[Array, ""], Effort]:
    """V and ∂V/∂effort, in effort's tree, by the discrete adjoint (theory.md §4)."""
    run = _Run(space, objective, effort)
    blocks = run.blocks
    _, to_effort = jax.vjp(lambda e: run.learner.init(space.static_signals(e)), effort)

    def learn(state, start):
        after, (value, spent) = run.through(state, start)
        return after, (state, value, spent)

    _, (states, values, spent) = jax.lax.scan(learn, run.state, blocks.starts)
    prices = objective.prices(spent.sum(0))

    def unlearn(carry, inputs):
        costate, gradient = carry
        state, start = inputs
        ks = blocks.steps(start)
        window = blocks.window(cast(Effort, run.padded), start)

        def applied(window):
            parameters = blocks.parameters(window, start)
            return *space.applied(parameters, ks), space.counted(parameters, ks)

        (signals, _, _), pull = jax.vjp(applied, window)
        _, records, _ = recorded(run.learner, state, ks, signals)
        costate, _, to_signals = backward(run.learner, records, ks, signals, objective.loss_weights(ks), costate)
        (to_window,) = pull((to_signals, objective.cost_weights(ks), -prices[:, None] * objective.budget_weights(ks)))
        return (costate, blocks.add_window(gradient, to_window, start)), None

    nothing = jax.tree.map(jnp.zeros_like, (run.state, run.padded))
    (costate, gradient), _ = jax.lax.scan(unlearn, nothing, (states, blocks.starts), reverse=True)
    (at_start,) = to_effort(costate)
    worth = values.sum() - objective.penalty(spent.sum(0))
    return worth, jax.tree.map(jnp.add, blocks.cropped(gradient), at_start)


def costates(space: EffortSpace, objective: Objective, effort: Effort) -> PyTree:
    """∂V/∂state at every step, in the state's tree with a leading axis of N steps: the shadow price of each weight."""
    learner = space.learner.prepared()
    ks = jnp.arange(space.horizon.length)
    signals = space.signals_at(effort, ks)
    after, records, _ = recorded(learner, learner.init(space.static_signals(effort)), ks, signals)
    nothing = jax.tree.map(jnp.zeros_like, after)
    return backward(learner, records, ks, signals, objective.loss_weights(ks), nothing)[1]


class _Run:
    """A learner ready to learn under one effort (None: uncontrolled), block by block.

    `learner`, prepared; `state` at step 0; `blocks` of the horizon; `padded`, the effort as blocks take it.
    """

    def __init__(self, space: EffortSpace, objective: Objective, effort: Effort | None):
        self.space, self.objective = space, objective
        self.learner = space.learner.prepared()
        self.state = self.learner.init(space.static_signals(effort))
        self.blocks = Blocks(space, self.state)
        self.padded = None if effort is None else self.blocks.padded(effort)

    def applied(self, start: Int[Array, ""]) -> tuple[Signals, Float[Array, " S"]]:
        """Signals (S, …) and costs (S,) of the block at step `start`."""
        if self.padded is None:
            return {}, jnp.zeros(self.blocks.length)
        window = self.blocks.window(self.padded, start)
        return self.space.applied(self.blocks.parameters(window, start), self.blocks.steps(start))

    def spent(self, start: Int[Array, ""]) -> Float[Array, " budgets"]:
        """What effort spends of each budget in the block at step `start`."""
        if self.padded is None or not self.space.budgets:
            return jnp.zeros(len(self.space.budgets))
        parameters = self.blocks.parameters(self.blocks.window(self.padded, start), start)
        ks = self.blocks.steps(start)
        return jnp.sum(self.objective.budget_weights(ks) * self.space.counted(parameters, ks), axis=1)

    def through(
        self, state: PyTree, start: Int[Array, ""]
    ) -> tuple[PyTree, tuple[Float[Array, ""], Float[Array, " budgets"]]]:
        """Learn through a block: the state after it, what it adds to V, and what it spends."""
        ks = self.blocks.steps(start)
        signals, costs = self.applied(start)
        after, losses = jax.lax.scan(lambda s, inputs: self.learner.advance(s, *inputs), state, (ks, signals))
        return after, (self.objective.value(ks, losses, costs), self.spent(start))
