"""What is known about an answer, examined (theory.md §8)."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Array, Float

from ..errors import Given, LearningEffortError, count, instance
from ..problem.box import scaled_residual, share_at_bounds
from ..problem.metric import metric
from ..results.certificate import PLATEAU, Certificate, Examination
from ..results.solution import Solution
from ..solvers.budgets import priced
from .comparisons import best_constant_value, exact_value, never_learn_value
from .curvature import smallest_curvature
from .hamiltonian import hamiltonian_variation, why_not


def certify(solution: Given[Solution], products: Given[int] = 40) -> Certificate:
    """A fuller certificate of a `Solution`: is it a maximum, does its Hamiltonian balance, what do others reach?

    **Arguments:** `solution`; `products`, the most Hessian-vector products spent on its curvature, each at the cost of
    about three gradients. The best constant effort is solved for, and the exact optimum where there is one.

    **Returns:** the certificate, which is from then on the solution's own: `solution.certificate`, its summary and its file.

    **Raises:** `LearningEffortError` if the solution has no problem (bind one with `le.load(path, problem=…)`).
    """
    problem = instance(solution, Solution, "solution", "certify").problem
    if problem is None:
        raise LearningEffortError("This solution has no problem to certify it against. Bind it with le.load(path, problem=…).")
    count(products, "products", "certify")
    problem = priced(problem, solution.certificate.budgets)
    scale = metric(problem)
    value, gradient = problem.value_and_gradient(solution.effort)
    curvature = smallest_curvature(problem, solution.effort, products, scale=scale)
    constant, no_constant = best_constant_value(problem)
    never, no_never = never_learn_value(problem)
    exact, no_exact = exact_value(solution)
    why_absent = {
        "constant_value": no_constant,
        "never_learn_value": no_never,
        "exact_value": no_exact,
        "hamiltonian": why_not(problem),
        "curvature": "every number of effort is held at a bound" if curvature.smallest is None else None,
        "curvature_stretches": "all directions were examined" if curvature.stretches is None else None,
    }
    certificate = dataclasses.replace(
        solution.certificate,
        residual=float(scaled_residual(problem, problem.check_effort(solution.effort), gradient, scale)),
        share_at_bounds=share_at_bounds(problem, solution.effort),
        value=float(solution.value) if problem.budget else float(value),
        examination=Examination(
            curvature=curvature,
            hamiltonian=hamiltonian_variation(problem, solution.effort),
            undiscounted=float(problem.discount) == 1.0,
            constant_value=constant,
            neutral_value=float(solution.neutral_value),
            never_learn_value=never,
            exact_value=exact,
            plateau=all(_share_moved(r.loss) < PLATEAU for r in (solution.rollout, solution.baseline)),
            absent={name: reason for name, reason in why_absent.items() if reason is not None},
        ),
    )
    solution.keep(certificate)
    return certificate


def _share_moved(loss: Float[Array | np.ndarray, " N"]) -> float:
    """The range of a loss, as a share of its largest value."""
    return float((loss.max() - loss.min()) / max(np.abs(loss).max(), 1e-300))
