"""The exact optima: of a learning rate under gradient flow, and of a single neuron's gain."""

from .exact import Exact
from .policy import Policy

__all__ = ["Exact", "Policy"]
