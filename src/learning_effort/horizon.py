"""How long learning lasts, and how finely effort is chosen."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from . import _precision  # noqa: F401
from .errors import LearningEffortError, count, is_traced


class Steps(eqx.Module):
    """The learner's own steps: N states, N − 1 updates between them (mathematics.md §1).

    **Arguments:** `n` N ≥ 2; `knots` K in 1 … N, the number of values a control has unless it says otherwise,
    each held over N/K steps (None: one value a step).

    `used` shortens the horizon without changing any shape, so that problems of different lengths can be solved
    together: states from `used` on are worth nothing. It is set by `le.solve_many`.
    """

    n: int = eqx.field(static=True)
    knots: int | None = eqx.field(static=True)
    used: Float[Array, ""] | None

    def __init__(self, n: int, knots: int | None = None, used=None):
        self.n = count(n, "n", "Steps", 2)
        self.knots = check_knots(knots, self.n, "Steps")
        self.used = None if used is None else (used if is_traced(used) else jnp.asarray(used, float))

    @property
    def length(self) -> int:
        """N, the number of states."""
        return self.n

    def weights(self, steps: Float[Array, " S"], step_size, discount) -> Float[Array, " S"]:
        """γ^{t_k} Δt for each step index k (S,): what an instant's reward is worth."""
        weights = discount ** (steps * step_size) * step_size
        limit = self.n if self.used is None else self.used
        return jnp.where(steps < limit, weights, 0.0)


def check_knots(knots: int | None, n: int | None, owner: str) -> int | None:
    """`knots`, if None or a whole number from 1 to the number of steps `n` (None: not yet known)."""
    if knots is None:
        return None
    knots = count(knots, "knots", owner)
    if n is not None and knots > n:
        raise LearningEffortError(f"The 'knots' of {owner} must be at most the number of steps, {n}. Got {knots}.")
    return knots
