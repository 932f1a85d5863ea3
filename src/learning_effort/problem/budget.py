"""A budget: how much effort may be spent in all (theory.md §1.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import costs as cost_functions
from ..errors import Given, LearningEffortError, Number, choice, number
from ..files.describe import Described


class Budget(Described):
    """Σ_k ω_k C_k Δt ≤ amount, over the horizon: what is counted is not paid for in the value.

    **Arguments:**

    - `amount` > 0, in units of what is counted × time.
    - `of`: the name of a control, or several; None: all controls.
    - `cost`: what is counted, a cost or a function of effort (n,); None: the controls' own cost, which is then not in V.
      `le.costs.Linear(1.0)` counts effort itself, less its rest.
    - `discounted`: whether ω_k is γ^{t_k}; otherwise it is 1.
    - `exact`: all of it must be spent, no less.

    Where only the last state is worth anything (`reward_scale=0`) the sum is over the N − 1 updates.

    `price` and `stiffness` are a solver's: with them V is an augmented Lagrangian (theory.md §7.9).

    **Raises:** `LearningEffortError` for numbers out of range.
    """

    kind = "budgets"
    amount: Float[Array, ""]
    of: tuple[str, ...] | None = eqx.field(static=True)
    cost: cost_functions.Cost | None
    discounted: bool = eqx.field(static=True)
    exact: bool = eqx.field(static=True)
    price: Float[Array, ""]
    stiffness: Float[Array, ""]

    def __init__(
        self,
        amount: Number,
        of: Given[str | list[str] | tuple[str, ...] | None] = None,
        cost: Given[cost_functions.Cost | Callable | None] = None,
        discounted: Given[bool] = False,
        exact: Given[bool] = False,
    ):
        self.amount = number(amount, "amount", "Budget", 0.0, open_low=True)
        names: Any = (of,) if isinstance(of, str) else of
        if names is not None and not (isinstance(names, (list, tuple)) and names and all(isinstance(n, str) for n in names)):
            raise LearningEffortError(f"The 'of' of Budget must be the name of a control, or a list of names. Got {of!r}.")
        self.of = None if names is None else tuple(names)
        if callable(cost) and not isinstance(cost, (type, cost_functions.Cost)):
            cost = cost_functions.from_function(cost)
        if cost is not None and not isinstance(cost, cost_functions.Cost):
            raise LearningEffortError(
                "The 'cost' of Budget must be a cost, such as le.costs.Linear(1.0), a function of effort (n,), or None. "
                f"Got {cost!r}."
            )
        self.cost = cost
        self.discounted = choice(discounted, "discounted", "Budget", (False, True))
        self.exact = choice(exact, "exact", "Budget", (False, True))
        self.price, self.stiffness = jnp.zeros(()), jnp.zeros(())

    def covers(self, name: str) -> bool:
        """Whether it is a budget of the control of this name."""
        return self.of is None or name in self.of

    def next_price(self, spent: Float[Array, ""]) -> Float[Array, ""]:
        """λ = μ + κ(spent − amount), not below zero unless all must be spent."""
        price = self.price + self.stiffness * (spent - self.amount)
        return price if self.exact else jnp.maximum(price, 0.0)

    def penalty(self, spent: Float[Array, ""]) -> Float[Array, ""]:
        """What the augmented Lagrangian takes off the value; its derivative is `next_price`."""
        over = spent - self.amount
        counted = self.price * over + self.stiffness / 2 * over**2
        if self.exact:
            return counted
        idle = -(self.price**2) / (2 * jnp.maximum(self.stiffness, 1e-300))
        return jnp.where(self.price + self.stiffness * over > 0, counted, jnp.where(self.price > 0, idle, 0.0))


def check_budgets(given: Any) -> tuple[Budget, ...] | None:
    """`given`, a budget or a list of them, as a tuple; None for none. **Raises:** `LearningEffortError` for something else."""
    if given is None:
        return None
    listed = (given,) if isinstance(given, Budget) else given
    if not isinstance(listed, (list, tuple)) or not listed or not all(isinstance(b, Budget) for b in listed):
        raise LearningEffortError(f"The 'budget' of Problem must be an le.Budget, or a list of them. Got {given!r} instead.")
    return tuple(listed)
