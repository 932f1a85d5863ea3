"""The best gain in every state of a single neuron, over time."""

from __future__ import annotations

import numpy as np

from .style import BASELINE, CONTROL, label, panels

TIME = "time (learning rate × steps)"


def policy_figure(policy):
    """g*(w, t) as a heat map, with the optimal course w(t) from the problem's start and that of the uncontrolled neuron."""
    figure, axes = panels(1, 1, width=5.2, height=3.6)
    axis, problem, times = axes[0], policy.problem, policy.times
    inside = (policy.weights >= policy.valid[0]) & (policy.weights <= policy.valid[1])
    some = np.unique(np.linspace(0, len(times) - 1, 400).round().astype(int))
    image = axis.pcolormesh(times[some], policy.weights[inside], policy.gain[some][:, inside].T, shading="nearest")
    image.set_rasterized(True)
    figure.colorbar(image, ax=axis, label="best gain g*(w, t)")
    effort, _ = policy.rollout()
    for text, rollout, colour in (
        ("baseline", problem.baseline(), BASELINE),
        ("optimal course", problem.rollout(effort), CONTROL),
    ):
        axis.plot(times, np.asarray(rollout.weights[0]).ravel(), color=colour, label=text)
    label(axis, TIME, "weight w", "the best effort in every state", legend=False)
    axis.legend(loc="lower right", fontsize=8)
    return figure
