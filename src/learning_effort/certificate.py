"""What is known about an answer (mathematics.md §4)."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._modules import replaced
from .controls import Control, LearningRate
from .curvature import FLAT, at_bounds, smallest_curvature
from .errors import LearningEffortError
from .hamiltonian import hamiltonian_variation
from .metric import metric, scaled_residual
from .problem import Effort, Problem

#: Learning in which the loss varies by less than this share of its largest value is called a plateau.
PLATEAU = 1e-2


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What is known about an effort. `le.solve` gives the first four; the others are None until `le.certify`.

    - `converged`: whether the solver met its tolerance. `residual`: the scaled residual, in units of effort.
    - `share_at_bounds`: the share of effort's numbers on a bound.
    - `gain_over_baseline`: V − V of the uncontrolled learner.
    - `constant_value`: V of the best effort that is constant in time, found by the same solver; None also where no
      control varies in time.
    - `sentence`: all of it in words.
    - `curvature`: the smallest curvature of −V found, over directions no bound forbids, in units of the cost's own at
      rest: positive at a maximum, negative at a saddle. None also where every number is held at a bound.
      `curvature_error`: the curvature is the true one within this. `flat_directions`: how many directions of a curvature
      within 10⁻⁴ of zero were found. `curvature_stretches`: of time, over which the directions examined are held; None
      if all directions were. `hessian_products`: how many Hessian-vector products it took.
    - `hamiltonian`: how far the Hamiltonian is from its balance (constant for γ = 1), over the largest |v|; of the order
      of Δt at an optimum. None also where the problem is not autonomous or controls are coarse in time.
    - `neutral_value`: V of the neutral effort, paid for. `never_learn_value`: V of not learning at all (rate −1
      throughout, other controls at rest); None also where no rate is controlled or the box has no −1.
    - `plateau`: whether the loss varies by less than 1% over the horizon, both with control and without.
    - `exact_value`: V under the exact solution, where there is one (`le.Exact`) and another method was used. One that is
      exact for the flow may be worth less on the learner's steps, by an amount of the order of Δt.
    """

    converged: bool
    residual: float
    share_at_bounds: float
    gain_over_baseline: float
    constant_value: float | None
    sentence: str
    curvature: float | None = None
    curvature_error: float | None = None
    flat_directions: int | None = None
    curvature_stretches: int | None = None
    hessian_products: int | None = None
    hamiltonian: float | None = None
    neutral_value: float | None = None
    never_learn_value: float | None = None
    plateau: bool | None = None
    exact_value: float | None = None


def first_certificate(problem, effort, converged, residual, value, baseline_value) -> Certificate:
    """The certificate that costs nothing: from the scaled `residual` and the values at hand."""
    share = _share_at_bounds(problem, effort)
    return _worded(Certificate(converged, residual, share, value - baseline_value, None, ""), value)


def certify(solution, products: int = 40) -> Certificate:
    """A fuller certificate of a `Solution`: is it a maximum, does its Hamiltonian balance, what do others reach?

    **Arguments:** `solution`; `products`, the most Hessian-vector products spent on its curvature, each at the cost of
    about three gradients. The best constant effort is solved for, and the exact optimum where there is one.

    **Raises:** `LearningEffortError` if the solution has no problem (bind one with `le.load(path, problem=…)`).
    """
    problem = solution.problem
    if problem is None:
        raise LearningEffortError("This solution has no problem to certify it against. Bind it with le.load(path, problem=…).")
    scale = eqx.filter_jit(metric)(problem)
    value, gradient = problem.value_and_gradient(solution.effort)
    residual = float(scaled_residual(problem, problem.check_effort(solution.effort), gradient, scale))
    certificate = first_certificate(
        problem, solution.effort, solution.certificate.converged, residual, float(value), solution.baseline_value
    )
    curvature = smallest_curvature(problem, solution.effort, products, scale=scale)
    certificate = dataclasses.replace(
        certificate,
        constant_value=None if all(c.static for c in problem.controls) else best_constant_value(problem),
        curvature=curvature.smallest,
        curvature_error=curvature.error,
        flat_directions=curvature.flat,
        curvature_stretches=curvature.stretches,
        hessian_products=curvature.products,
        hamiltonian=hamiltonian_variation(problem, solution.effort),
        neutral_value=float(solution.neutral_value),
        never_learn_value=never_learn_value(problem),
        plateau=all(_share_moved(r.loss) < PLATEAU for r in (solution.rollout, solution.baseline)),
        exact_value=exact_value(solution),
    )
    return _worded(certificate, float(solution.value), solution)


def best_constant_value(problem: Problem) -> float:
    """V of the best effort that is constant in time."""
    from .solvers.front import solve

    solution = solve(with_knots(problem, 1), progress=False)
    if solution.reason.startswith("Interrupted"):
        raise KeyboardInterrupt
    return float(solution.value)


def never_learn_value(problem: Problem) -> float | None:
    """V of not learning at all: the rate at −1 throughout, the other controls at rest; None if that is not allowed."""
    rate = next((c for c in problem.controls if isinstance(c, LearningRate)), None)
    if rate is None or not (rate.lower <= -1.0 <= rate.upper):
        return None
    effort = problem.neutral_effort()
    for control in problem.controls:
        if not control.static:
            idle = -1.0 if control is rate else jnp.clip(control.rest, control.lower, control.upper)
            effort[control.name] = jax.tree.map(lambda e, i=idle: jnp.full(e.shape, i), effort[control.name])
    return float(problem.value(effort))


def exact_value(solution) -> float | None:
    """V under the exact solution; None if there is none, or the solution is it."""
    from .solvers.exact import Exact
    from .solvers.front import solve

    exact = Exact()
    if exact.applies(solution.problem) is not None or solution.method.startswith(exact.name):
        return None
    return float(solve(solution.problem, exact, progress=False).value)


def with_knots(problem: Problem, knots: int | None, interpolation: str = "hold") -> Problem:
    """The same problem with `knots` values for each control that varies in time."""

    def changed(control: Control) -> Control:
        return control if control.static else replaced(control, knots=knots, interpolation=interpolation)

    return replaced(problem, controls=tuple(changed(c) for c in problem.controls))


def _share_at_bounds(problem: Problem, effort: Effort) -> float:
    at = jax.tree.map(jnp.logical_or, *at_bounds(problem, problem.check_effort(effort)))
    return float(sum(a.sum() for a in jax.tree.leaves(at)) / sum(a.size for a in jax.tree.leaves(at)))


def _share_moved(loss: np.ndarray) -> float:
    return float((loss.max() - loss.min()) / max(np.abs(loss).max(), 1e-300))


def _verdict(c: Certificate) -> str:
    """What the effort is, in a few words."""
    if not c.converged:
        return "NOT CONVERGED"
    if c.hessian_products is None:
        return "Stationary"
    if c.curvature is None:
        return "A strict local maximum, held at its bounds throughout"
    if c.curvature < -FLAT:
        return "A saddle: there is a direction in which value rises"
    if c.curvature <= FLAT:
        return f"Stationary, with flat directions (at least {max(c.flat_directions, 1)})"
    if c.curvature - c.curvature_error <= FLAT or not np.isfinite(c.curvature):
        return "Stationary; whether a maximum is not settled"
    return "A strict local maximum"


def _worded(certificate: Certificate, value: float, solution=None) -> Certificate:
    c = certificate
    text = f"{_verdict(c)}: the scaled residual is {c.residual:.1e}; {c.share_at_bounds:.1%} of the control is at its bounds."
    if c.curvature is not None:
        where = f" along directions held over {c.curvature_stretches} stretches of time" if c.curvature_stretches else ""
        text += (
            f" The smallest curvature of −V{where} is {c.curvature:.3g} ± {c.curvature_error:.1g}, in units of the cost's own "
            f"({c.hessian_products} Hessian-vector products)."
        )
    text += f" It is worth {c.gain_over_baseline:.6g} more than no control"
    others = {
        "neutral effort, paid for": None if _free_at_neutral(c, value) else c.neutral_value,
        "the best constant control": c.constant_value,
        "never learning": c.never_learn_value,
    }
    compared = [f"{value - other:.6g} more than {name}" for name, other in others.items() if other is not None]
    text += "".join(f", {phrase}" for phrase in compared[:-1]) + "".join(f", and {phrase}" for phrase in compared[-1:]) + "."
    if c.exact_value is not None:
        gap = c.exact_value - value
        text += f" The exact solution is worth {abs(gap):.3g} {'more' if gap > 0 else 'less'}."
    if c.hamiltonian is not None:
        constant = solution is not None and float(solution.problem.discount) == 1.0
        text += f" The Hamiltonian {'is constant' if constant else 'balances'} to {c.hamiltonian:.1g} of the largest reward."
    if c.plateau:
        text += (
            f" Near a saddle of learning: with control and without, the loss varies by less than {PLATEAU:.0%} over the "
            "horizon, so a small residual says little."
        )
    if solution is not None and solution.starts is not None:
        text += f" {solution.starts_in_words()}"
    return dataclasses.replace(c, sentence=text)


def _free_at_neutral(c: Certificate, value: float) -> bool:
    """Whether neutral effort costs nothing, so that it is worth what no control is."""
    baseline = value - c.gain_over_baseline
    return c.neutral_value is None or abs(c.neutral_value - baseline) <= 1e-12 * abs(baseline)
