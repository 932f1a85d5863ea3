"""What it is worth to look ahead, and what agents do that look some steps ahead."""

from __future__ import annotations

import matplotlib
import numpy as np

from .effort import TIME, layers
from .style import BASELINE, RISING, label, legend_below, panels


def look_ahead_figure(agents):
    """The share of the full gain against the states seen, and a panel a control with each agent's effort and the optimum's.

    A control of several numbers is drawn by the norm of all of them.
    """
    names = list(agents.optimum.effort)
    figure, axes = panels(1, 1 + len(names), width=4.0, height=3.2)
    seen, share = agents.look_ahead, agents.share
    order = np.argsort(seen)
    axes[0].plot(seen[order], share[order], marker="o", markersize=4, color=BASELINE)
    axes[0].axhline(1.0, color="0.5", linewidth=0.7, zorder=0)
    axes[0].set_xscale("log")
    if len(set(seen)) <= 12:
        axes[0].set_xticks(np.unique(seen), [f"{h}" for h in np.unique(seen)], fontsize=8)
        axes[0].minorticks_off()
    label(axes[0], "states seen ahead", "share of the full gain", "what looking ahead is worth", legend=False)
    colours = matplotlib.colormaps[RISING](np.linspace(0.0, 0.9, len(order)))
    for axis, name in zip(axes[1:], names, strict=True):
        several = False
        for colour, i in zip(colours, order, strict=True):
            own = agents.replanned[i]
            course, several = _course(own, name)
            axis.plot(own.rollout.times, course, color=colour, drawstyle="steps-post", label=f"{seen[i]}")
        axis.plot(agents.optimum.rollout.times, _course(agents.optimum, name)[0], color="black", linestyle=":", label="optimum")
        text = name.replace("_", " ")
        label(axis, TIME, f"norm of {text}" if several else text, f"effort by states seen: {text}", legend=False)
        legend_below(axis)
    return figure


def _course(solution, name: str) -> tuple[np.ndarray, bool]:
    """A control's number at every step, or the norm of its numbers, and whether there are several."""
    numbers = np.concatenate([part.reshape(len(part), -1) for _, part in layers(solution, name)], axis=1)
    return (numbers[:, 0], False) if numbers.shape[1] == 1 else (np.linalg.norm(numbers, axis=1), True)
