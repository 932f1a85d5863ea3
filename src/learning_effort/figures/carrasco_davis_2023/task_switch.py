"""The figure of two tasks that take turns (paper, figure 5e–g and appendix)."""

from __future__ import annotations

import numpy as np

from ...measures import at_switches
from ..style import BASELINE, CONTROL, CYCLE, band, label, panels

TIME = "time (learning rate × steps)"


def switch_figure(result):
    """L(t); its peak and the cost at each switch; a zoom on the last switches, with the cost; the gains' norms.

    Bands are the mean over seeds ± one standard deviation.
    """
    d = result.dataset
    every, times = int(d.attrs["every"]), d["time"].values
    figure, axes = panels(2, 3)
    zoom = slice(max(len(times) - 3 * every - every // 2, 0), None)
    for kind, colour in (("baseline", BASELINE), ("control", CONTROL)):
        loss = d[f"loss_{kind}"].values
        band(axes[0], times, loss, colour, kind, linewidth=0.9)
        band(axes[3], times[zoom], loss[:, zoom], colour, f"L, {kind}")
        peaks = at_switches(loss, every)[0]
        band(axes[1], np.arange(1, peaks.shape[-1] + 1), peaks, colour, kind, marker="o", markersize=4)
    cost = d["cost_control"].values
    spent = at_switches(cost, every)[1]
    band(axes[2], np.arange(1, spent.shape[-1] + 1), spent, CONTROL, marker="o", markersize=4)
    band(axes[4], times[zoom], cost[:, zoom], CONTROL)
    for i, norm in enumerate(np.moveaxis(d["layer_norm"].values, -1, 0)):
        band(axes[5], times, norm, CYCLE[2 + i], f"‖G{i + 1}‖", linewidth=0.9, linestyle=("-", "--")[i])
    label(axes[0], TIME, "loss L", "a  loss", legend=False)
    label(axes[1], "switch", "largest loss after it", "b  loss at the switches", legend=False)
    label(axes[2], "switch", "mean cost C after it (loss)", "c  effort at the switches")
    label(axes[3], TIME, "loss L", "d  loss, the last switches")
    label(axes[4], TIME, "cost C (loss)", "e  cost, the last switches")
    label(axes[5], TIME, "norm of the gains", "f  effort")
    for axis in axes[:2]:
        axis.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    for axis in axes[1:3]:
        axis.xaxis.get_major_locator().set_params(integer=True)
    return figure
