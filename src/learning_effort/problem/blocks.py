"""The horizon in blocks of steps: how many, and each block's share of effort (theory.md §4).

What effort sends to the learner is computed a block at a time, for all its steps at once, so that the arrays involved
stay in the processor's cache. A block needs few knots: its *window*. Its steps' parameters are a small matrix times
the window, and so is the transpose; both differentiate as they are.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..controls.knots import Knots
from ..runtime.devices import tuning
from .effort import Effort, EffortSpace


class Blocks:
    """The horizon of `space` cut into `number` blocks of `length` steps, which cover it (the last may reach beyond).

    A block has as many steps as the cache holds, and at least about √N, so that the states at the starts of all blocks and
    those within one grow as √N.

    **Arguments:** `space`, of the efforts that are cut; `state`, a state of its learner, for its size.
    """

    def __init__(self, space: EffortSpace, state: PyTree):
        self._space = space
        self._steps = steps = space.horizon.length
        bytes_per_step = 8 * max(sum(leaf.size for leaf in jax.tree.leaves(state)), 1)
        longest = min(max(tuning().block_bytes // bytes_per_step, math.isqrt(steps)), steps)
        even = (length for length in range(longest, longest // 2, -1) if steps % length == 0)
        self.length = next(even, longest)
        self.number = -(-steps // self.length)
        self.starts = jnp.arange(self.number) * self.length

    def steps(self, start: Int[Array, ""]) -> Int[Array, " S"]:
        """The step indices of the block that begins at `start`."""
        return start + jnp.arange(self.length)

    def padded(self, effort: Effort) -> Effort:
        """`effort` with rows appended, where needed, so that the last block has a whole window."""
        return self._space.each(effort, self._pad)

    def cropped(self, gradient: Effort) -> Effort:
        """The transpose of `padded`: the appended rows are dropped (the steps they stand for are worth nothing)."""
        return self._space.each(gradient, lambda knots, g: g[: knots.number])

    def window(self, padded: Effort, start: Int[Array, ""]) -> Effort:
        """The rows of `padded` that the block at `start` needs: leading axis of the window, static controls as they are."""
        return self._space.each(padded, lambda knots, e: jax.lax.dynamic_slice_in_dim(e, *self._place(knots, start)))

    def add_window(self, gradient: Effort, to_window: Effort, start: Int[Array, ""]) -> Effort:
        """The transpose of `window`, added to `gradient`."""
        result = {}
        for c in self._space.controls:

            def add(g, w, c=c):
                if c.static:
                    return g + w
                knots = self._space.knots(c)
                if knots.one_a_step:  # blocks share no rows
                    return jax.lax.dynamic_update_slice_in_dim(g, w, start, 0)
                first, size = self._place(knots, start)
                rows = jax.lax.dynamic_slice_in_dim(g, first, size)
                return jax.lax.dynamic_update_slice_in_dim(g, rows + w, first, 0)

            result[c.name] = jax.tree.map(add, gradient[c.name], to_window[c.name])
        return result

    def parameters(self, window: Effort, start: Int[Array, ""]) -> Effort:
        """Each control's parameters at the block's steps, from its window: leading axis of steps."""

        def interpolated(knots: Knots, rows: Array) -> Array:
            if knots.one_a_step:
                return rows
            return jnp.tensordot(knots.matrix(self.steps(start), *self._place(knots, start)), rows, 1)

        return self._space.each(window, interpolated)

    def spread(self, effort: Effort) -> Effort:
        """`effort` with one value a step: leading axis N, static controls as they are."""
        padded = self.padded(effort)

        def block(_, start):
            parameters = self.parameters(self.window(padded, start), start)
            return None, {c.name: parameters[c.name] for c in self._space.varying}

        _, varying = jax.lax.scan(block, None, self.starts)
        return effort | jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[: self._steps], varying)

    def gathered(self, steps: Effort, effort: Effort) -> Effort:
        """The transpose of `spread`: what comes to each knot from all `steps`; `effort` is any effort, for its shapes."""
        whole = self._space.each(steps, lambda _, e: jnp.pad(e, [(0, self._beyond), *[(0, 0)] * (e.ndim - 1)]))
        padded = jax.tree.map(jnp.zeros_like, self.padded(effort))

        def block(carry, start):
            own = self._space.each(whole, lambda _, e: jax.lax.dynamic_slice_in_dim(e, start, self.length))
            _, pull = jax.vjp(lambda w: self.parameters(w, start), self.window(padded, start))
            return self.add_window(carry, pull(own)[0], start), None

        gathered = self.cropped(jax.lax.scan(block, padded, self.starts)[0])
        return gathered | {c.name: steps[c.name] for c in self._space.controls if c.static}

    @property
    def _beyond(self) -> int:
        """How many steps the last block reaches beyond the horizon."""
        return self.number * self.length - self._steps

    def _place(self, knots: Knots, start: Int[Array, ""]) -> tuple[Int[Array, ""], int]:
        """The first row of the window of the block at `start`, and its size."""
        return knots.first(start, self.length), knots.window(self.length)

    def _pad(self, knots: Knots, rows: Float[Array, "K *E"]) -> Float[Array, "padded *E"]:
        """`rows` with copies of the last appended, as many as the last block reaches beyond, where there is one a step."""
        if not knots.one_a_step or self._beyond == 0:
            return rows
        return jnp.concatenate([rows, jnp.broadcast_to(rows[-1:], (self._beyond, *rows.shape[1:]))])
