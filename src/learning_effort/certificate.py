"""What is known about an answer (mathematics.md §4)."""

from __future__ import annotations

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._modules import replaced
from .controls import Control
from .errors import LearningEffortError
from .metric import metric, scaled_residual
from .problem import Effort, Problem


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What is known about an effort.

    - `converged`: whether the solver met its tolerance. `residual`: the scaled residual, in units of effort.
    - `share_at_bounds`: the share of effort's numbers on a bound.
    - `gain_over_baseline`: V − V of the uncontrolled learner.
    - `constant_value`: V of the best effort that is constant in time, found by the same solver; None where it was not
      sought (`le.certify` does).
    - `sentence`: all of it in words.
    """

    converged: bool
    residual: float
    share_at_bounds: float
    gain_over_baseline: float
    constant_value: float | None
    sentence: str


def basic_certificate(problem: Problem, effort: Effort, converged: bool, scale: Effort | None = None) -> Certificate:
    """The certificate that costs one gradient; `scale` is the metric D, if it is at hand."""
    if scale is None:
        scale = eqx.filter_jit(metric)(problem)
    value, gradient = problem.value_and_gradient(effort)
    residual = float(scaled_residual(problem, problem.check_effort(effort), gradient, scale))
    gain = float(value - problem.baseline_value())
    return _worded(Certificate(converged, residual, _share_at_bounds(problem, effort), gain, None, ""), float(value))


def certify(solution) -> Certificate:
    """A fuller certificate of a `Solution`: also its comparison with the best constant effort.

    **Raises:** `LearningEffortError` if the solution has no problem (bind one with `le.load(path, problem=…)`).
    """
    problem = solution.problem
    if problem is None:
        raise LearningEffortError("This solution has no problem to certify it against. Bind it with le.load(path, problem=…).")
    certificate = basic_certificate(problem, solution.effort, solution.certificate.converged)
    return _worded(dataclasses.replace(certificate, constant_value=best_constant_value(problem)), float(solution.value))


def best_constant_value(problem: Problem) -> float:
    """V of the best effort that is constant in time."""
    from .solvers.front import solve

    solution = solve(with_knots(problem, 1), progress=False)
    if solution.reason.startswith("Interrupted"):
        raise KeyboardInterrupt
    return float(solution.value)


def with_knots(problem: Problem, knots: int | None, interpolation: str = "hold") -> Problem:
    """The same problem with `knots` values for each control that varies in time."""

    def changed(control: Control) -> Control:
        return control if control.static else replaced(control, knots=knots, interpolation=interpolation)

    return replaced(problem, controls=tuple(changed(c) for c in problem.controls))


def _share_at_bounds(problem: Problem, effort: Effort) -> float:
    lower, upper = problem.bounds()
    at = jax.tree.map(lambda e, low, high: jnp.sum((e <= low) | (e >= high)), effort, lower, upper)
    return float(sum(jax.tree.leaves(at)) / sum(np.size(leaf) for leaf in jax.tree.leaves(effort)))


def _worded(certificate: Certificate, value: float) -> Certificate:
    c = certificate
    first = (
        f"{'Stationary' if c.converged else 'NOT CONVERGED'}: the scaled residual is {c.residual:.1e}; "
        f"{c.share_at_bounds:.1%} of the control is at its bounds."
    )
    second = f" It is worth {c.gain_over_baseline:.6g} more than no control"
    if c.constant_value is not None:
        second += f", and {value - c.constant_value:.6g} more than the best constant control"
    return dataclasses.replace(c, sentence=first + second + ".")
