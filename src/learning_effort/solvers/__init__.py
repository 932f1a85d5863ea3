"""Solvers: from a problem to the effort that is worth most."""

from .ascent import GradientAscent, amsgrad
from .coarse_to_fine import CoarseToFine
from .exact import Exact, Policy
from .many import solve_many
from .one import solve
from .quasi_newton import QuasiNewton

__all__ = ["CoarseToFine", "Exact", "GradientAscent", "Policy", "QuasiNewton", "amsgrad", "solve", "solve_many"]
