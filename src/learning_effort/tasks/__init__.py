"""What is learned: tasks give the moments a network learns from and, where it makes sense, samples."""

from .arrays import Arrays, FromMoments
from .base import Moments, Task
from .composition import Blend, Concatenated, Mixture, Switching, TaskSet
from .digits import Digits
from .gaussians import ClassGaussians, CorrelatedGaussians, TwoGaussians
from .semantic import SemanticHierarchy

__all__ = [
    "Arrays",
    "Blend",
    "ClassGaussians",
    "Concatenated",
    "CorrelatedGaussians",
    "Digits",
    "FromMoments",
    "Mixture",
    "Moments",
    "SemanticHierarchy",
    "Switching",
    "Task",
    "TaskSet",
    "TwoGaussians",
]
