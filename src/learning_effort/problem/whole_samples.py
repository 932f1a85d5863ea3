"""Which whole sample each update gets: what choices are worth, what they spend, how one becomes another (theory.md §7.10)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from . import unrolled
from .effort import Effort
from .problem import Problem

#: At most so many efforts are valued together, and fewer where they, or the learners' states, have more numbers in all.
TOGETHER, NUMBERS = 256, 2**22
#: A budget is kept to this share of it.
KEPT = 1e-6

#: Which sample each update gets, by its number.
Choice = Int[np.ndarray, " updates"]


class Moves(NamedTuple):
    """Changes of a choice, along a leading axis: update `first` gets sample `one`, and update `second` sample `other`. Where
    both are the same update and sample, it alone changes."""

    first: Int[np.ndarray, " moves"]
    one: Int[np.ndarray, " moves"]
    second: Int[np.ndarray, " moves"]
    other: Int[np.ndarray, " moves"]

    def some(self, places: slice | Int[np.ndarray, " places"] | Bool[np.ndarray, " moves"]) -> Moves:
        """Those at `places`."""
        return Moves(*(field[places] for field in self))

    def made(self, choice: Choice) -> Int[np.ndarray, "moves updates"]:
        """What each of them makes of a choice."""
        changed, row = np.tile(choice, (len(self.first), 1)), np.arange(len(self.first))
        changed[row, self.first] = self.one
        changed[row, self.second] = self.other
        return changed

    def worth(self, table: Float[np.ndarray, "*rows updates samples"]) -> Float[np.ndarray, "*rows moves"]:
        """What each of them is worth, by a table of what each change of a single update is worth."""
        alone = self.first == self.second
        return table[..., self.first, self.one] + np.where(alone, 0.0, table[..., self.second, self.other])


@dataclasses.dataclass(frozen=True, eq=False)
class WholeSamples:
    """The whole samples that updates can get by the control `name` of a problem, the rest of `effort` being as it is.

    `pure`: the control's parameters for each sample. `spending`: what each of them counts in every budget at every update.
    `together`: how many choices are valued together.
    """

    problem: Problem
    effort: Effort
    name: str
    pure: Float[np.ndarray, "samples *E"]
    spending: Float[np.ndarray, "budgets updates samples"]
    together: int

    @classmethod
    def of(cls, problem: Problem, effort: Effort, name: str, pure: Float[np.ndarray, "samples *E"]) -> WholeSamples:
        """Those of a control that has one value a step."""
        shape = np.shape(effort[name])
        columns = [np.asarray(_spending(problem, effort | {name: jnp.broadcast_to(p, shape)})) for p in pure]
        state = jax.eval_shape(lambda: problem.learner.init(problem.space.static_signals(effort)))
        largest = max(int(np.prod(shape)), sum(leaf.size for leaf in jax.tree.leaves(state)))
        updates = problem.horizon.length - problem.on_updates
        spending = np.stack(columns, -1)[:, :updates]
        return cls(problem, effort, name, pure, spending, max(min(TOGETHER, NUMBERS // largest), 1))

    @property
    def labels(self) -> Int[np.ndarray, " samples"]:
        """What the samples are called: by their order, or, where a number says which, by that."""
        return np.arange(len(self.pure)) if self.pure.ndim > 1 else self.pure.astype(int)

    # What choices are worth -----------------------------------------------------------------------------------------

    def parameters(self, choices: Int[np.ndarray, "*many updates"]) -> Float[np.ndarray, "*many N *E"]:
        """The control's parameters under choices; the last step, which no update may follow, has those of the last update."""
        missing = self.problem.horizon.length - choices.shape[-1]
        return self.pure[np.concatenate([choices, np.repeat(choices[..., -1:], missing, -1)], -1)]

    def effort_of(self, choice: Choice) -> Effort:
        """The whole effort under a choice."""
        return self.effort | {self.name: self.parameters(choice)}

    def values(self, choices: Int[np.ndarray, "many updates"]) -> Float[np.ndarray, " many"]:
        """V under each of at most `together` choices."""
        filled = np.concatenate([choices, np.repeat(choices[:1], self.together - len(choices), 0)])
        return np.asarray(_values(self.problem, self.effort, self.name, jnp.asarray(self.parameters(filled))))[: len(choices)]

    def slopes(self, choice: Choice) -> Float[np.ndarray, "updates samples"]:
        """What each sample at each update is worth to first order, from a choice on."""
        gradient = np.asarray(self.problem.value_and_gradient(self.effort_of(choice))[1][self.name])
        axes = range(1, self.pure.ndim)
        return np.tensordot(gradient[: len(choice)], self.pure, (axes, axes))

    # What they spend ------------------------------------------------------------------------------------------------

    def spent(self, choice: Choice) -> Float[np.ndarray, " budgets"]:
        """What a choice spends of each budget."""
        return self.spending[:, np.arange(len(choice)), choice].sum(-1)

    def off(self, spent: Float[np.ndarray, "budgets *many"]) -> Float[np.ndarray, "*many"]:
        """How far budgets are from being kept, in shares of them; zero where they are."""
        off = np.zeros(spent.shape[1:])
        for budget, own in zip(self.problem.budget or (), spent, strict=True):
            over = own / float(budget.amount) - 1.0
            off += np.where((np.abs(over) if budget.exact else over) > KEPT, np.abs(over), 0.0)
        return off

    def off_after(self, choice: Choice, moves: Moves) -> Float[np.ndarray, " moves"]:
        """How far budgets are from being kept after each move from a choice."""
        return self.off(self.spent(choice)[:, None] + moves.worth(changes(self.spending, choice)))


def changes(table: Float[np.ndarray, "*rows updates samples"], choice: Choice) -> Float[np.ndarray, "*rows updates samples"]:
    """What each sample at each update counts more than the one that a choice gives it."""
    return table - table[..., np.arange(len(choice)), choice][..., None]


@eqx.filter_jit
def _values(
    problem: Problem, effort: Effort, name: str, parameters: Float[Array, "many N *E"]
) -> Float[Array, " many"]:
    space, objective = problem.space, problem.objective
    return jax.vmap(lambda own: unrolled.value(space, objective, effort | {name: own}))(parameters)


@eqx.filter_jit
def _spending(problem: Problem, effort: Effort) -> Float[Array, "budgets N"]:
    """What an effort counts in each budget at every step."""
    ks = jnp.arange(problem.horizon.length)
    return problem.objective.budget_weights(ks) * problem.space.counted(problem.space.parameters_at(effort, ks), ks)
