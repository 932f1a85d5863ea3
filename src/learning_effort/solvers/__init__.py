"""Solvers: from a problem to the effort that is worth most."""

from .ascent import GradientAscent, amsgrad
from .exact import Exact, Policy
from .front import solve, solve_many
from .levels import CoarseToFine
from .quasi_newton import QuasiNewton

__all__ = ["CoarseToFine", "Exact", "GradientAscent", "Policy", "QuasiNewton", "amsgrad", "solve", "solve_many"]
