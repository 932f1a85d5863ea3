"""How long learning lasts, and what its instants are worth (theory.md §1)."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from ..controls.knots import check_knots
from ..errors import Given, Number, count, number
from ..files.describe import Described
from ..runtime import precision  # noqa: F401
from ..runtime.arrays import computing
from .budget import Budget


class Steps(Described):
    """The learner's own steps: N states, N − 1 updates between them (theory.md §1).

    **Arguments:** `n` N ≥ 2; `knots` K in 1 … N, the number of values a control has unless it says otherwise,
    each held over N/K steps (None: one value a step).

    `used` shortens the horizon without changing any shape, so that problems of different lengths can be solved
    together: states from `used` on are worth nothing. It is set by `le.solve_many`.

    **Raises:** `LearningEffortError` for numbers out of range.
    """

    kind = "horizons"
    n: int = eqx.field(static=True)
    knots: int | None = eqx.field(static=True)
    used: Float[Array, ""] | None

    def __init__(self, n: Given[int], knots: Given[int | None] = None, used: Number | None = None):
        self.n = count(n, "n", "Steps", 2)
        self.knots = check_knots(knots, self.n, "Steps")
        self.used = None if used is None else number(used, "used", "Steps", 0.0)

    @property
    def length(self) -> int:
        """N, the number of states."""
        return self.n

    @property
    def last(self) -> int | Float[Array, ""]:
        """N − 1, the last step that counts."""
        return self.n - 1 if self.used is None else self.used - 1

    def weights(
        self, steps: Int[Array | np.ndarray, " S"], step_size: Float[ArrayLike, ""], discount: Float[ArrayLike, ""]
    ) -> Float[Array | np.ndarray, " S"]:
        """γ^{t_k} Δt for each step index k (S,): what an instant's reward is worth."""
        limit = self.n if self.used is None else self.used
        xp, (steps, step_size, discount, limit) = computing(steps, step_size, discount, limit)
        return xp.where(steps < limit, discount ** (steps * step_size) * step_size, 0.0)


class Objective(NamedTuple):
    """What learning is worth: V = Σ_k γ^{t_k} (−ηL_k − C_k) Δt − a γ^{t_{N−1}} L_{N−1} (theory.md §1).

    `horizon`; `step_size` Δt; `discount` γ; `reward_scale` η; `terminal_scale` a.
    """

    horizon: Steps
    step_size: Float[Array, ""]
    discount: Float[Array, ""]
    reward_scale: Float[Array, ""]
    terminal_scale: Float[Array, ""]
    budgets: tuple[Budget, ...] = ()
    on_updates: bool = False

    def weights(self, ks: Int[Array | np.ndarray, " S"]) -> Float[Array | np.ndarray, " S"]:
        """γ^{t_k} Δt at steps `ks`, zero beyond the horizon."""
        return self.horizon.weights(ks, self.step_size, self.discount)

    def reward(self, losses: Float[Array, "*S"], costs: Float[Array, "*S"]) -> Float[Array, "*S"]:
        """v = −ηL − C, undiscounted."""
        return -self.reward_scale * losses - costs

    def value(
        self, ks: Int[Array | np.ndarray, " S"], losses: Float[Array, " S"], costs: Float[Array, " S"]
    ) -> Float[Array, ""]:
        """What steps `ks` add to V."""
        return jnp.sum(self.weights(ks) * self.reward(losses, costs)) - self.terminal(ks, losses)

    def terminal(
        self, ks: Int[Array | np.ndarray, " S"], losses: Float[Array | np.ndarray, " S"]
    ) -> Float[Array | np.ndarray, ""]:
        """a γ^{t_{N−1}} L_{N−1}, if step N − 1 is one of `ks`; otherwise zero."""
        xp, (ks, last, losses, weights) = computing(ks, self.horizon.last, losses, self.terminal_weights(ks))
        return xp.asarray(xp.sum(weights * xp.where(ks == last, losses, 0.0)))

    def terminal_weights(self, ks: Int[Array | np.ndarray, " S"]) -> Float[Array | np.ndarray, " S"]:
        """a γ^{t_{N−1}} at step N − 1, zero at others."""
        numbers = ks, self.horizon.last, self.terminal_scale, self.discount, self.step_size
        xp, (ks, last, scale, discount, step_size) = computing(*numbers)
        return xp.where(ks == last, scale * discount ** (last * step_size), 0.0)

    def loss_weights(self, ks: Int[Array | np.ndarray, " S"]) -> Float[Array | np.ndarray, " S"]:
        """∂V/∂L at steps `ks`."""
        return -self.reward_scale * self.weights(ks) - self.terminal_weights(ks)

    def budget_weights(self, ks: Int[Array | np.ndarray, " S"]) -> Float[Array, "budgets S"]:
        """What an instant's effort counts in each budget: Δt, or γ^{t_k}Δt; nothing at the last where only updates count."""
        plain = self.horizon.weights(ks, self.step_size, jnp.ones(()))
        rows = [self.weights(ks) if budget.discounted else plain for budget in self.budgets]
        weights = jnp.stack(rows) if rows else jnp.zeros((0, ks.size))
        return jnp.where(ks == self.horizon.last, 0.0, weights) if self.on_updates else weights

    def penalty(self, spent: Float[Array, " budgets"]) -> Float[Array, ""]:
        """What budgets take off the value in an augmented Lagrangian; nothing, unless a solver has priced them."""
        return jnp.asarray(sum((budget.penalty(own) for budget, own in zip(self.budgets, spent, strict=True)), jnp.zeros(())))

    def prices(self, spent: Float[Array, " budgets"]) -> Float[Array, " budgets"]:
        """The derivative of `penalty`."""
        rows = [budget.next_price(own) for budget, own in zip(self.budgets, spent, strict=True)]
        return jnp.stack(rows) if rows else jnp.zeros(0)

    def cost_weights(self, ks: Int[Array | np.ndarray, " S"]) -> Float[Array | np.ndarray, " S"]:
        """∂V/∂C at steps `ks`."""
        return -self.weights(ks)
