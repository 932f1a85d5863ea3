"""How the optimum moves as the problem's numbers change: implicit differentiation (theory.md §8.8)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from ..errors import Given, LearningEffortError, choice, instance, members
from ..numerics.vectors import raveled, unraveled
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.solution import Solution
from ..runtime import memory
from .newton import WEAK, Numbers, Optimum, finished
from .numbers import named_numbers

#: What may be asked to move.
OBSERVED = ("effort", "loss", "cost", "weights")
#: Names of whole numbers and choices: V has no derivative in them.
DISCRETE = "N n steps used horizon seed knots hidden layers batch_size every levels substeps dimension".split()
#: The numbers of a problem that are moved, and what they are.
Values = tuple[Float[Array, "..."], ...]
Places = tuple[int, ...]


def implicit(
    solution: Given[Solution],
    names: Given[Sequence[str]],
    of: Given[Literal["effort", "loss", "cost", "weights"]] = "effort",
) -> dict[str, PyTree]:
    """The derivative of the optimum with respect to numbers of the problem.

    Where `le.sensitivities` says what the best value gains, this says how the best effort itself moves. What bounds hold stays
    there (with its bound, where that is what moves). The derivative is that of the optimum nearby: whether another becomes the
    better one is not seen, so solve from several starts first. Where the answer is not an optimum to the last digits, Newton
    steps bring it there.

    **Arguments:** `solution`, of a problem without budgets; `names` of numbers, as `le.sensitivities` has them, such as
    "discount" or "controls.gain.cost.beta"; `of`, what moves: "effort", or "loss", "cost" or "weights", whose derivatives are
    total ones, by the number itself and by the effort it moves.

    **Returns:** for each name a tree like effort ("effort"), an array (N,) ("loss", "cost"), or a list of arrays (N, …), layer
    1 first ("weights"). Where the number is an array, its axes come first.

    **Raises:** `LearningEffortError` if a name is not that of a number of the problem, or V is discrete in it; if the solution
    is not stationary, is a saddle, or has flat directions, where effort is not determined; if the problem has a budget.
    **Warns** if a derivative is one-sided: it moves a number off a bound that hardly holds it.
    """
    problem = instance(solution, Solution, "solution", "implicit").problem
    if problem is None:
        raise LearningEffortError("This solution has no problem to differentiate. Bind it with le.load(path, problem=…).")
    choice(of, "of", "implicit", OBSERVED)
    if problem.budget:
        raise LearningEffortError(
            "'implicit' takes a problem without budgets: their prices would move too, which is not counted. Solve it with a "
            "cost of effort in place of the budget."
        )
    places = _places(problem, names)
    which = tuple(places.values())
    _require_room(problem, which, of)
    optimum = finished(problem, solution.effort)
    found, one_sided = {}, False
    for number, (name, value) in enumerate(zip(places, _values(problem, which), strict=True)):
        moved = []
        for changes in _units(problem, which, number):
            move = _move(problem, optimum, which, changes)
            along = unraveled(move, optimum.effort)
            moved.append(along if of == "effort" else _observed(problem, optimum.effort, which, changes, along, of))
            one_sided = one_sided or bool(np.abs(move[optimum.weak]).max(initial=0.0) > WEAK * np.abs(move).max(initial=0.0))
        found[name] = jax.tree.map(lambda *parts, axes=value.shape: np.stack(parts).reshape(*axes, *parts[0].shape), *moved)
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found[name])):
            raise LearningEffortError(f"The optimum has no finite derivative in '{name}' here.")
    if one_sided:
        warnings.warn(
            f"A number of effort is at a bound that hardly holds it: its multiplier is below {WEAK:.0e} of the largest. The "
            "derivatives are one-sided, those of moving off the bound.",
            stacklevel=2,
        )
    return found


def _places(problem: Problem, names: Any) -> dict[str, int]:
    """Where in the problem's tree each of the `names` is. **Raises:** `LearningEffortError` for a name of none."""
    moving, structure = jax.tree.flatten(eqx.filter(problem, eqx.is_inexact_array))
    known = named_numbers(jax.tree.unflatten(structure, range(len(moving))), problem)
    given = members(names, "names", "implicit", "names of numbers, as le.sensitivities has them")
    if not given:
        raise LearningEffortError(f"The 'names' of implicit must name a number at least. There are {', '.join(known)}.")
    found = {}
    for name in given:
        if isinstance(name, str) and name not in known and name.split(".")[-1] in DISCRETE:
            raise LearningEffortError(
                f"'{name}' is a whole number or a choice: V jumps with it, and has no derivative. Compare solutions instead."
            )
        chosen = choice(name, "names", "implicit", tuple(known))
        found[chosen] = known[chosen]
    return found


def _require_room(problem: Problem, which: Places, of: str) -> None:
    """**Raises:** `LearningEffortError` if the derivatives do not fit into memory."""
    entries = sum(value.size for value in _values(problem, which))
    own = problem.space.size if of == "effort" else problem.horizon.length
    if of == "weights":
        own *= sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(lambda: problem.learner.init({}))))
    what = f"The derivatives of {own:,} numbers with respect to {entries:,}"
    memory.require(2 * own * entries, what, "Try names of fewer numbers.")


def _units(problem: Problem, which: Places, place: int) -> Iterator[Values]:
    """A unit change of each entry of one of the numbers, the others staying."""
    still = [jnp.zeros_like(value) for value in _values(problem, which)]
    for entry in range(still[place].size):
        own = still[place].ravel().at[entry].set(1.0).reshape(still[place].shape)
        yield (*still[:place], own, *still[place + 1 :])


def _move(problem: Problem, optimum: Optimum, which: Places, changes: Values) -> Numbers:
    """dx/dθ along `changes`: what is held moves with its bound, and the rest as it must for the gradient to stay zero."""
    lower, upper = (raveled(bound) for bound in _bounds(problem, which, changes))
    fixed = np.where(optimum.below, lower, np.where(optimum.above, upper, 0.0))
    bend = np.asarray(_bend(problem, optimum.effort, which, changes, unraveled(fixed, optimum.effort)))
    return fixed + optimum.inverse(np.where(optimum.below | optimum.above, 0.0, bend))


def _values(problem: Problem, which: Places) -> Values:
    """The numbers at these places."""
    leaves = jax.tree.leaves(eqx.filter(problem, eqx.is_inexact_array))
    return tuple(leaves[place] for place in which)


def _with(problem: Problem, which: Places, values: Values) -> Problem:
    """The problem with other numbers at these places."""
    moving, rest = eqx.partition(problem, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(moving)
    for place, value in zip(which, values, strict=True):
        leaves[place] = value
    return eqx.combine(jax.tree.unflatten(structure, leaves), rest)


@eqx.filter_jit
def _bounds(problem: Problem, which: Places, changes: Values) -> tuple[Effort, Effort]:
    """How the bounds move along `changes`."""
    return jax.jvp(lambda v: _with(problem, which, v).bounds(), (_values(problem, which),), (changes,))[1]


@eqx.filter_jit
def _bend(problem: Problem, effort: Effort, which: Places, changes: Values, along: Effort) -> Float[Array, " n"]:
    """How ∂V/∂effort moves as numbers move along `changes` and effort moves `along`."""

    def gradient(values, effort):
        return ravel_pytree(_with(problem, which, values).value_and_gradient(effort)[1])[0]

    return jax.jvp(gradient, (_values(problem, which), effort), (changes, along))[1]


@eqx.filter_jit
def _observed(problem: Problem, effort: Effort, which: Places, changes: Values, along: Effort, of: str) -> PyTree:
    """How a curve of learning moves as numbers move along `changes` and effort moves `along`."""

    def curve(values, effort):
        return getattr(_with(problem, which, values).rollout(effort), of)

    return jax.jvp(curve, (_values(problem, which), effort), (changes, along))[1]
