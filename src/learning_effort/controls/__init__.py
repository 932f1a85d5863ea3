"""Controls: parameters in a box that drive a learner's port and cost something (theory.md §3).

A control turns its parameters at one instant into a port's signal (`signal`) and into the list of arrays its cost
acts on (`effort_arrays`). Knots, bases, squares and softmax live here and nowhere else. To add one, subclass `Control` and
write `port`, `default_name`, `signal` and, where they are not the port's own, `parameter_shapes` and `neutral`.
"""

from .base import Control
from .engagement import Engagement
from .gain import Gain
from .initial_weights import InitialWeights
from .learning_rate import LearningRate
from .mixture import MixtureControl
from .shares import Shares

__all__ = ["Control", "Engagement", "Gain", "InitialWeights", "LearningRate", "MixtureControl", "Shares"]
