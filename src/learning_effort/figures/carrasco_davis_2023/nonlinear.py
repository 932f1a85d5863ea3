"""The tanh network's figure (paper, appendix)."""

from __future__ import annotations

from ..style import BASELINE, CONTROL, panels
from .gain import course_panels

TITLES = {"gaussians": "correlated Gaussians", "semantic": "semantic hierarchy", "mnist": "digits 1 and 3"}


def nonlinear_figure(result):
    """A row a task: v(t); L(t) with the simulations behind; size of the weights; dL/dt beside the gains' norms.

    Bands are the mean over seeds ± one standard deviation.
    """
    d = result.dataset
    figure, axes = panels(len(TITLES), 4)
    for row, (part, title) in zip(axes.reshape(len(TITLES), 4), TITLES.items(), strict=True):
        for kind, colour in (("baseline", BASELINE), ("control", CONTROL)):
            mean = d[f"{part}_simulated_{kind}"].values.mean(0)
            row[1].plot(d[f"{part}_time"], mean, color=colour, alpha=0.35, linewidth=2.5, zorder=0, label=f"{kind}, simulated")
        course_panels(row, d, part)
        titles = (f"{title}: net reward", "loss, theory and samples", "weights: L1 (mean), L2 (rms)", "speed and effort")
        for axis, text in zip(row, titles, strict=True):
            axis.set_title(text, loc="left", fontsize=10)
    return figure
