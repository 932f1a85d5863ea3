"""What each amount of a budget is worth (theory.md §1.6)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ..errors import Given, LearningEffortError, array, shown
from ..problem.problem import Problem
from ..results.solution import Solution
from ..runtime.modules import replaced
from ..solvers.one import Solver, solve
from ..solvers.progress import Show


@dataclasses.dataclass(frozen=True, eq=False)
class Frontier:
    """Performance against what may be spent: `amounts`, the `performance` reached, what was `spent`, and the `multiplier`, the
    slope of performance, (amounts,) each; and the `solutions`. It is concave where every optimum is global."""

    amounts: Float[np.ndarray, " amounts"]
    performance: Float[np.ndarray, " amounts"]
    spent: Float[np.ndarray, " amounts"]
    multiplier: Float[np.ndarray, " amounts"]
    solutions: list[Solution]


def frontier(
    problem: Given[Problem],
    amounts: Given[Sequence[float] | Float[np.ndarray, " amounts"]],
    method: Given[Solver | None] = None,
    progress: Show = False,
) -> Frontier:
    """Solve `problem` for each of the `amounts` of its budget, from the smallest up, each from the effort of the one before.

    **Arguments:** `problem`, with one budget, whose own amount is not used; `amounts`, in any order; `method` and `progress` as
    for `le.solve`.

    **Raises:** `LearningEffortError` if the problem has no budget, or several, or an amount cannot be met.
    """
    if not isinstance(problem, Problem) or len(problem.budget or ()) != 1:
        raise LearningEffortError(f"'frontier' takes a Problem with one budget, le.Budget(…). Got {shown(problem)}.")
    wanted = np.asarray(array(amounts, "amounts", "frontier", ndim=1))
    if not (wanted.size and (wanted > 0).all()):
        raise LearningEffortError(f"The 'amounts' of frontier must be greater than 0, at least one. Got {shown(amounts)}.")
    (budget,) = problem.budget or ()
    found: dict[int, Solution] = {}
    effort = None
    for place in np.argsort(wanted):
        own = replaced(problem, budget=(replaced(budget, amount=array(wanted[place], "amounts", "frontier")),))
        found[int(place)] = solve(own, method, effort, progress=progress)
        effort = found[int(place)].effort
    solutions = [found[place] for place in range(wanted.size)]
    known = [solution.certificate.budgets[0] for solution in solutions]
    spent, multipliers = (np.array(numbers) for numbers in ([k.spent for k in known], [k.multiplier for k in known]))
    return Frontier(wanted, np.array([s.value for s in solutions]), spent, multipliers, solutions)
