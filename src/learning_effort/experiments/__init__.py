"""The paper's experiments, by name."""

from .base import Experiment, Finding, Result
from .category_assimilation import CategoryAssimilation
from .category_engagement import CategoryEngagement
from .class_proportion import ClassProportion
from .gain import GainGaussians, GainMnist, GainSemantic
from .learning_rate import LearningRate
from .maml import Maml
from .nonlinear import Nonlinear
from .optimal_proportion import OptimalProportion
from .single_neuron import SingleNeuron
from .single_neuron_sweeps import SingleNeuronSweeps
from .task_difficulty import TaskDifficulty
from .task_engagement import TaskEngagement
from .task_modulation import TaskModulation
from .task_switch import TaskSwitch
from .tractability import Tractability

_experiments = (
    SingleNeuron,
    SingleNeuronSweeps,
    GainGaussians,
    GainSemantic,
    GainMnist,
    CategoryAssimilation,
    LearningRate,
    Maml,
    TaskEngagement,
    CategoryEngagement,
    ClassProportion,
    OptimalProportion,
    TaskSwitch,
    TaskModulation,
    Nonlinear,
    TaskDifficulty,
    Tractability,
)

#: Every experiment by the name it has on the command line, in the paper's order.
registry = {e.name: e for e in _experiments}

__all__ = [
    "CategoryAssimilation",
    "CategoryEngagement",
    "ClassProportion",
    "Experiment",
    "Finding",
    "GainGaussians",
    "GainMnist",
    "GainSemantic",
    "LearningRate",
    "Maml",
    "Nonlinear",
    "OptimalProportion",
    "Result",
    "SingleNeuron",
    "SingleNeuronSweeps",
    "TaskDifficulty",
    "TaskEngagement",
    "TaskModulation",
    "TaskSwitch",
    "Tractability",
    "registry",
]
