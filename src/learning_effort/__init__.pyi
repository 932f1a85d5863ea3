"""The public names of learning-effort, for type checkers; `__init__.py` imports each when it is first used."""

from . import controls as controls
from . import costs as costs
from . import experiments as experiments
from . import figures as figures
from . import learners as learners
from . import losses as losses
from . import tasks as tasks
from .analysis.certify import certify as certify
from .analysis.frontier import Frontier as Frontier
from .analysis.frontier import frontier as frontier
from .analysis.sensitivity import sensitivities as sensitivities
from .analysis.simulation import Simulation as Simulation
from .analysis.simulation import simulate as simulate
from .controls.base import Control as Control
from .controls.engagement import Engagement as Engagement
from .controls.gain import Gain as Gain
from .controls.initial_weights import InitialWeights as InitialWeights
from .controls.learning_rate import LearningRate as LearningRate
from .controls.mixture import MixtureControl as MixtureControl
from .controls.shares import Shares as Shares
from .errors import DivergenceError as DivergenceError
from .errors import LearningEffortError as LearningEffortError
from .learners.linear import LinearNetwork as LinearNetwork
from .learners.order_parameters import CurriculumPerceptron as CurriculumPerceptron
from .learners.order_parameters import DenoisingAutoencoder as DenoisingAutoencoder
from .learners.order_parameters import DropoutCommittee as DropoutCommittee
from .learners.sampled import SampledNetwork as SampledNetwork
from .learners.tanh import TanhNetwork as TanhNetwork
from .problem.budget import Budget as Budget
from .problem.horizon import Steps as Steps
from .problem.problem import Problem as Problem
from .problem.problem import Rollout as Rollout
from .results.certificate import Certificate as Certificate
from .results.citation import citation as citation
from .results.solution import Solution as Solution
from .results.solution import load as load
from .solvers.ascent import GradientAscent as GradientAscent
from .solvers.coarse_to_fine import CoarseToFine as CoarseToFine
from .solvers.exact.exact import Exact as Exact
from .solvers.exact.policy import Policy as Policy
from .solvers.many import Failure as Failure
from .solvers.many import solve_many as solve_many
from .solvers.one import solve as solve
from .solvers.quasi_newton import QuasiNewton as QuasiNewton

__version__: str
