"""Figures with matplotlib: one function a figure, taking results only."""

from .carrasco_davis_2023.gain import gain_figure
from .carrasco_davis_2023.single_neuron import single_neuron_figure, sweeps_figure
from .policy import policy_figure
from .solution import plot_solution
from .style import save_figure

__all__ = ["gain_figure", "plot_solution", "policy_figure", "save_figure", "single_neuron_figure", "sweeps_figure"]
