"""The paper's experiments, by name."""

from .base import Experiment, Finding, Result
from .gain import GainGaussians, GainMnist, GainSemantic
from .single_neuron import SingleNeuron
from .single_neuron_sweeps import SingleNeuronSweeps

#: Every experiment by the name it has on the command line, in the paper's order.
registry = {e.name: e for e in (SingleNeuron, SingleNeuronSweeps, GainGaussians, GainSemantic, GainMnist)}

__all__ = [
    "Experiment",
    "Finding",
    "GainGaussians",
    "GainMnist",
    "GainSemantic",
    "Result",
    "SingleNeuron",
    "SingleNeuronSweeps",
    "registry",
]
