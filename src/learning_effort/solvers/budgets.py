"""Effort within budgets, by augmented Lagrangians (theory.md §7.9).

Each round solves a problem without budgets whose value is V − Σ [μ(S − E) + ½κ(S − E)²], S being what is spent of E; then
μ ← μ + κ(S − E), and where that did not bring S near to E fast enough, κ grows. What is left over of a budget is worth nothing:
μ is zero there.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..errors import LearningEffortError
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.certificate import Spending, Status
from ..runtime.modules import replaced
from .coarse_to_fine import CoarseToFine
from .outcome import Outcome
from .progress import Progress
from .quasi_newton import QuasiNewton

#: Budgets are kept to this share of them; if not after so many rounds, the answer says so.
KEPT, ROUNDS = 1e-8, 30
#: κ grows so many times where a round left more than this share of what was over, or short, before.
STIFFER, ENOUGH = 10.0, 0.1


def within_budgets(method: Any, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
    """What `method` finds from `effort` for a problem with budgets; `scale` is the metric D.

    The course is that of the last round, at the prices that were found, and `gradients` are those of all rounds.

    **Raises:** `LearningEffortError` if a budget cannot be met at all.
    """
    amounts = np.array([float(b.amount) for b in problem.budget or ()])
    worth = abs(float(problem.value(effort)))
    stiffness = max(worth, 1e-12) / amounts**2
    prices, before = np.zeros_like(amounts), np.full_like(amounts, np.inf)
    stages: list[Any] = []
    gradients, seconds, found, inner = 0, 0.0, None, method
    for _ in range(ROUNDS):
        priced = with_prices(problem, prices, stiffness)
        if found is None or found.pairs is None or not isinstance(inner, QuasiNewton):
            found = inner.run(priced, effort, scale, progress)
        else:
            found = inner.run(priced, effort, scale, progress, found.pairs)
        inner = method.fine if isinstance(method, CoarseToFine) else method
        stages += found.stages
        gradients, seconds = gradients + int(found.gradients[-1]), seconds + float(found.seconds[-1])
        effort = found.effort
        spent = np.asarray(problem.spent(effort))
        after = np.array([float(b.next_price(jnp.asarray(s))) for b, s in zip(priced.budget or (), spent, strict=True)])
        # How far from its budget each is: over or short of it, or, with something left over, still priced.
        off = np.abs(after - prices) / stiffness / amounts
        prices = after
        if off.max() <= KEPT or found.stopped or not np.isfinite(found.value).any():
            break
        stiffness = np.where(off > ENOUGH * before, stiffness * STIFFER, stiffness)
        before = off
    assert found is not None  # there is a round
    if off.max() > 1e-3 and not found.stopped and np.isfinite(found.value).any():
        raise LearningEffortError(
            f"The budget cannot be met, or was not: {spent.tolist()} is spent where {amounts.tolist()} may be. Try another "
            "amount, bounds that allow it, or a start from an effort near to it."
        )
    status, reason = found.status, found.reason
    if off.max() > 100 * KEPT and status is Status.CONVERGED:
        status, reason = Status.LIMIT, f"Not converged: a budget is kept to {off.max():.1e} of it only. {reason}"
    return found._replace(
        gradients=found.gradients + gradients - found.gradients[-1],
        seconds=found.seconds + seconds - found.seconds[-1],
        status=status,
        reason=reason,
        stages=tuple(stages),
        pairs=None,
        prices=(prices, stiffness),
    )


def with_prices(
    problem: Problem, prices: Float[np.ndarray, " budgets"], stiffness: Float[np.ndarray, " budgets"]
) -> Problem:
    """The same problem with its budgets priced, so that its value is an augmented Lagrangian."""
    pairs = zip(problem.budget or (), prices, stiffness, strict=True)
    return replaced(problem, budget=tuple(replaced(b, price=jnp.asarray(p), stiffness=jnp.asarray(k)) for b, p, k in pairs))


def spendings(
    problem: Problem, outcome: Outcome, method: Any, scale: Effort, progress: Progress
) -> tuple[Spending, ...]:
    """What an answer says of each budget. The bound is the most that the Lagrangian reaches from the answer, at its prices."""
    if outcome.prices is None:
        return ()
    prices, stiffness = outcome.prices
    spent = np.asarray(problem.spent(outcome.effort))
    lagrangian = with_prices(problem, prices, np.zeros_like(prices))
    fine = method.fine if isinstance(method, CoarseToFine) else method if isinstance(method, QuasiNewton) else QuasiNewton()
    bound = float(lagrangian.value(outcome.effort))
    if not outcome.stopped:
        bound = max(bound, float(np.nanmax(fine.run(lagrangian, outcome.effort, scale, progress).value)))
    return tuple(
        Spending(", ".join(b.of or [c.name for c in problem.controls]), float(b.amount), float(s), float(p), float(k), bound)
        for b, s, p, k in zip(problem.budget or (), spent, prices, stiffness, strict=True)
    )


def priced(problem: Problem, spendings: tuple[Spending, ...]) -> Problem:
    """`problem` at the prices of an answer; as it is where it has no budgets."""
    if not problem.budget or not spendings:
        return problem
    stiffness = np.array([s.stiffness for s in spendings])
    # μ of the round whose end the answer was: μ + κ(S − E) is the multiplier.
    prices = [s.multiplier + s.stiffness * s.slack if s.multiplier else 0.0 for s in spendings]
    return with_prices(problem, np.array(prices), stiffness)
