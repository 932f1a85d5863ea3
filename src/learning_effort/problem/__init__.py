"""The controlled learning problem: effort, learning under it, value and gradient."""

from .effort import Effort
from .horizon import Steps
from .problem import Problem, Rollout

__all__ = ["Effort", "Problem", "Rollout", "Steps"]
