"""The horizon in blocks of steps: how many, and each block's share of effort.

What effort sends to the learner is computed a block at a time, for all its steps at once, so that the arrays involved
stay in the processor's cache. A block needs few knots: its *window*. Its steps' parameters are a small matrix times
the window, and so is the transpose; both differentiate as they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

if TYPE_CHECKING:
    from .controls import Control
    from .problem import Effort, Problem

#: What one block's states, or signals, should take, in bytes.
CACHED_BYTES = 2**19


class Blocks:
    """The horizon of `problem` cut into `number` blocks of `length` steps, which cover it (the last may reach beyond).

    A block has as many steps as the cache holds, and at least about √N, so that the states at the starts of all blocks and
    those within one grow as √N.

    **Arguments:** `problem`; `state`, a state of its learner, for its size.
    """

    def __init__(self, problem: Problem, state: PyTree):
        self._problem = problem
        steps = problem.horizon.length
        bytes_per_step = 8 * max(sum(leaf.size for leaf in jax.tree.leaves(state)), 1)
        longest = min(max(CACHED_BYTES // bytes_per_step, math.isqrt(steps)), steps)
        even = (length for length in range(longest, longest // 2, -1) if steps % length == 0)
        self.length = next(even, longest)
        self.number = -(-steps // self.length)
        self.starts = jnp.arange(self.number) * self.length

    def steps(self, start: Int[Array, ""]) -> Int[Array, " S"]:
        """The step indices of the block that begins at `start`."""
        return start + jnp.arange(self.length)

    def padded(self, effort: Effort) -> Effort:
        """`effort` with rows appended, where needed, so that the last block has a whole window."""
        return self._each(effort, lambda c, e: self._pad(c, e))

    def cropped(self, gradient: Effort) -> Effort:
        """The transpose of `padded`: the appended rows are dropped (the steps they stand for are worth nothing)."""
        return self._each(gradient, lambda c, g: g[: self._problem.knots(c)])

    def window(self, padded: Effort, start: Int[Array, ""]) -> Effort:
        """The rows of `padded` that the block at `start` needs: leading axis of the window, static controls as they are."""
        return self._each(padded, lambda c, e: jax.lax.dynamic_slice_in_dim(e, self._first(c, start), self._rows(c)))

    def add_window(self, gradient: Effort, to_window: Effort, start: Int[Array, ""]) -> Effort:
        """The transpose of `window`, added to `gradient`."""
        result = {}
        for c in self._problem.controls:

            def add(g, w, c=c):
                if c.static:
                    return g + w
                if self._one_a_step(c):
                    return jax.lax.dynamic_update_slice_in_dim(g, w, start, 0)
                first = self._first(c, start)
                rows = jax.lax.dynamic_slice_in_dim(g, first, self._rows(c))
                return jax.lax.dynamic_update_slice_in_dim(g, rows + w, first, 0)

            result[c.name] = jax.tree.map(add, gradient[c.name], to_window[c.name])
        return result

    def parameters(self, window: Effort, start: Int[Array, ""]) -> Effort:
        """Each control's parameters at the block's steps, from its window: leading axis of steps."""

        def interpolated(control, rows):
            if self._one_a_step(control):
                return rows
            return jnp.tensordot(self._matrix(control, start), rows, 1)

        return self._each(window, interpolated)

    def spread(self, effort: Effort) -> Effort:
        """`effort` with one value a step: leading axis N, static controls as they are."""
        padded = self.padded(effort)

        def block(_, start):
            parameters = self.parameters(self.window(padded, start), start)
            return None, {c.name: parameters[c.name] for c in self._problem.controls if not c.static}

        _, varying = jax.lax.scan(block, None, self.starts)
        steps = self._problem.horizon.length
        return effort | jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:steps], varying)

    def gathered(self, steps: Effort, effort: Effort) -> Effort:
        """The transpose of `spread`: what comes to each knot from all `steps`; `effort` is any effort, for its shapes."""
        beyond = self.number * self.length - self._problem.horizon.length
        whole = self._each(steps, lambda c, e: jnp.pad(e, [(0, beyond), *[(0, 0)] * (e.ndim - 1)]))
        padded = jax.tree.map(jnp.zeros_like, self.padded(effort))

        def block(carry, start):
            own = self._each(whole, lambda c, e: jax.lax.dynamic_slice_in_dim(e, start, self.length))
            _, pull = jax.vjp(lambda w: self.parameters(w, start), self.window(padded, start))
            return self.add_window(carry, pull(own)[0], start), None

        gathered = self.cropped(jax.lax.scan(block, padded, self.starts)[0])
        return gathered | {c.name: steps[c.name] for c in self._problem.controls if c.static}

    def _each(self, effort: Effort, function) -> Effort:
        """`function(control, array)` on every array of the controls that vary in time."""
        return {
            c.name: effort[c.name] if c.static else jax.tree.map(lambda e, c=c: function(c, e), effort[c.name])
            for c in self._problem.controls
        }

    def _one_a_step(self, control: Control) -> bool:
        return control.interpolation == "hold" and self._problem.knots(control) == self._problem.horizon.length

    def _pad(self, control: Control, rows):
        beyond = self.number * self.length - self._problem.horizon.length
        if not self._one_a_step(control) or beyond == 0:
            return rows
        return jnp.concatenate([rows, jnp.broadcast_to(rows[-1:], (beyond, *rows.shape[1:]))])

    def _rows(self, control: Control) -> int:
        """How many knots a block of steps can touch."""
        knots, steps = self._problem.knots(control), self._problem.horizon.length
        if self._one_a_step(control):
            return self.length
        if control.interpolation == "hold" or knots == 1:
            return min(-(-(self.length - 1) * knots // steps) + 1, knots)
        return min(-(-(self.length - 1) * (knots - 1) // (steps - 1)) + 2, knots)

    def _first(self, control: Control, start):
        if self._one_a_step(control):
            return start
        place, _ = self._problem.places(control, start)
        return jnp.minimum(place, self._problem.knots(control) - self._rows(control))

    def _matrix(self, control: Control, start) -> Float[Array, "S rows"]:
        place, fraction = self._problem.places(control, self.steps(start))
        place = place - self._first(control, start)
        rows = jnp.arange(self._rows(control))
        at = (place[:, None] == rows).astype(float)
        if fraction is None:
            return at
        return at * (1 - fraction[:, None]) + (place[:, None] + 1 == rows) * fraction[:, None]
