"""The best gain in every state of a single neuron, over time."""

from __future__ import annotations

import numpy as np
from matplotlib.patheffects import withStroke

from .style import BASELINE, CONTROL, DIVERGING, RISING, label, legend_below, panels

TIME = "time (learning rate × steps)"
#: The most moments at which the policy is drawn.
MOMENTS = 400


def policy_figure(policy):
    """g*(w, t) as a heat map, with the optimal course w(t) from the problem's start and that of the uncontrolled neuron.

    The map covers the weights where learning may start (`policy.valid`) and those that the two courses pass.
    """
    figure, axes = panels(1, 1, width=5.2, height=4.0)
    axis, problem, times = axes[0], policy.problem, policy.times
    effort, _ = policy.rollout()
    optimal, alone = (np.ravel(rollout.weights[0]) for rollout in (problem.rollout(effort), problem.baseline()))
    low, high = (edge([*policy.valid, *optimal, *alone]) for edge in (min, max))
    inside = (policy.weights >= low) & (policy.weights <= high)
    some = np.unique(np.linspace(0, len(times) - 1, MOMENTS).round().astype(int))
    gain = np.asarray(policy.gain[some][:, inside]).T
    most = float(np.abs(gain).max())
    signed = {"cmap": DIVERGING, "vmin": -most, "vmax": most} if (gain < 0).any() else {"cmap": RISING}
    image = axis.pcolormesh(times[some], policy.weights[inside], gain, shading="nearest", **signed)
    image.set_rasterized(True)
    figure.colorbar(image, ax=axis, label="best gain g*(w, t)")
    outlined = {"path_effects": [withStroke(linewidth=3.5, foreground="white")]}
    axis.plot(times, optimal, color=CONTROL, label="optimal course", **outlined)
    axis.plot(times, alone, color=BASELINE, linestyle="--", label="baseline", **outlined)
    label(axis, TIME, "weight w", "the best effort in every state", legend=False)
    legend_below(axis)
    return figure
