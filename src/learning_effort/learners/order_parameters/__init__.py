"""Networks that learn from one fresh sample at a time, by the overlaps of their weights (theory.md §9)."""

from .base import OrderParameterLearner
from .curriculum_perceptron import CurriculumPerceptron
from .denoising_autoencoder import DenoisingAutoencoder
from .dropout_committee import DropoutCommittee

__all__ = ["CurriculumPerceptron", "DenoisingAutoencoder", "DropoutCommittee", "OrderParameterLearner"]
