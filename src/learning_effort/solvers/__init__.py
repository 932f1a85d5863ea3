"""Solvers: from a problem to the effort that is worth most."""

from .ascent import GradientAscent, amsgrad
from .exact import Exact, Policy
from .front import solve, solve_many
from .quasi_newton import QuasiNewton

__all__ = ["Exact", "GradientAscent", "Policy", "QuasiNewton", "amsgrad", "solve", "solve_many"]
