"""Solvers: from a problem to the effort that is worth most."""

from .ascent import GradientAscent, amsgrad
from .front import solve, solve_many
from .quasi_newton import QuasiNewton

__all__ = ["GradientAscent", "QuasiNewton", "amsgrad", "solve", "solve_many"]
