"""The papers' experiments, by name."""

from .base import Experiment, Finding, Result
from .carrasco_davis_2023.category_assimilation import CategoryAssimilation
from .carrasco_davis_2023.category_engagement import CategoryEngagement
from .carrasco_davis_2023.class_proportion import ClassProportion
from .carrasco_davis_2023.gain import GainGaussians, GainMnist, GainSemantic
from .carrasco_davis_2023.learning_rate import LearningRate
from .carrasco_davis_2023.maml import Maml
from .carrasco_davis_2023.nonlinear import Nonlinear
from .carrasco_davis_2023.optimal_proportion import OptimalProportion
from .carrasco_davis_2023.single_neuron import SingleNeuron
from .carrasco_davis_2023.single_neuron_sweeps import SingleNeuronSweeps
from .carrasco_davis_2023.task_difficulty import TaskDifficulty
from .carrasco_davis_2023.task_engagement import TaskEngagement
from .carrasco_davis_2023.task_modulation import TaskModulation
from .carrasco_davis_2023.task_switch import TaskSwitch
from .carrasco_davis_2023.tractability import Tractability
from .labels import Label, chosen
from .mignacco_mori_2025.denoising_schedule import DenoisingSchedule
from .mignacco_mori_2025.optimal_curriculum import OptimalCurriculum
from .mignacco_mori_2025.optimal_dropout import OptimalDropout
from .registry import registry

__all__ = [
    "CategoryAssimilation",
    "CategoryEngagement",
    "ClassProportion",
    "DenoisingSchedule",
    "Experiment",
    "Finding",
    "GainGaussians",
    "GainMnist",
    "GainSemantic",
    "Label",
    "LearningRate",
    "Maml",
    "Nonlinear",
    "OptimalCurriculum",
    "OptimalDropout",
    "OptimalProportion",
    "Result",
    "SingleNeuron",
    "SingleNeuronSweeps",
    "TaskDifficulty",
    "TaskEngagement",
    "TaskModulation",
    "TaskSwitch",
    "Tractability",
    "chosen",
    "registry",
]
