"""Who learns: networks, step by step, with ports where effort can act."""

from .base import GradientLearner, Learner
from .linear import LinearNetwork
from .order_parameters import CurriculumPerceptron, DenoisingAutoencoder, DropoutCommittee
from .sampled import SampledNetwork
from .tanh import TanhNetwork

__all__ = [
    "CurriculumPerceptron",
    "DenoisingAutoencoder",
    "DropoutCommittee",
    "GradientLearner",
    "Learner",
    "LinearNetwork",
    "SampledNetwork",
    "TanhNetwork",
]
