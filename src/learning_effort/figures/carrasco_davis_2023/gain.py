"""Gain modulation's figure (paper, figure 5a–d and appendix)."""

from __future__ import annotations

import numpy as np

from ..style import BASELINE, CONTROL, CYCLE, band, label, panels

TIME = "time (learning rate × steps)"


def gain_figure(result):
    """v(t); L(t); size of the weights; dL/dt beside the gains' norms; ten weights and their gains, of the first seed.

    Bands are the mean over seeds ± one standard deviation.
    """
    d = result.dataset
    figure, axes = panels(2, 3)
    course_panels(axes, d)
    axes[4].plot(d["weight_time"], d["shown_weights"], linewidth=0.9)
    axes[5].plot(d["weight_time"], d["shown_gains"], linewidth=0.9)
    label(axes[4], TIME, "weight", "e  ten weights, control", legend=False)
    label(axes[5], TIME, "gain", "f  their gains", legend=False)
    return figure


def course_panels(axes, dataset, part: str = "") -> None:
    """v, L, size of the weights, and speed beside effort, on four axes: from the variables of one part of an experiment."""
    prefix = f"{part}_" if part else ""

    def of(name):
        return dataset[f"{prefix}{name}"].values

    times, kept = of("time"), of("weight_time")
    for kind, colour in (("baseline", BASELINE), ("control", CONTROL)):
        band(axes[0], times, of(f"reward_{kind}"), colour, kind)
        band(axes[1], times, of(f"loss_{kind}"), colour, kind)
        band(axes[2], kept, of(f"weights_mean_{kind}"), colour, f"L1, {kind}")
        band(axes[2], kept, of(f"weights_rms_{kind}"), colour, f"L2, {kind}", linestyle="--")
    speed = -np.diff(of("loss_control"))
    band(axes[3], times[1:], speed / speed.max(1, keepdims=True), "0.5", "−dL/dt")
    for i, norm in enumerate(np.moveaxis(of("layer_norm"), -1, 0)):
        band(axes[3], times, norm / np.maximum(norm.max(1, keepdims=True), 1e-300), CYCLE[i], f"‖G{i + 1}‖")
    label(axes[0], TIME, "net reward v (loss)", "a  net reward")
    label(axes[1], TIME, "loss L", "b  loss")
    label(axes[2], TIME, "size of the weights", "c  weights: L1 (mean), L2 (rms)", legend=False)
    axes[2].legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    label(axes[3], TIME, "share of its maximum", "d  speed of learning and effort")
