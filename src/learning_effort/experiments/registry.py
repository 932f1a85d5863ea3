"""Every experiment by its name."""

from __future__ import annotations

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
from .mignacco_mori_2025.denoising_schedule import DenoisingSchedule
from .mignacco_mori_2025.optimal_curriculum import OptimalCurriculum
from .mignacco_mori_2025.optimal_dropout import OptimalDropout

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
    OptimalCurriculum,
    OptimalDropout,
    DenoisingSchedule,
)
#: Every experiment by the name it has on the command line, in the papers' order.
registry = {e.name: e for e in _experiments}
