"""Gain modulation's figure (paper, figure 5a–d and appendix)."""

from __future__ import annotations

import numpy as np

from .style import BASELINE, CONTROL, CYCLE, label, panels

TIME = "time (learning rate × steps)"


def gain_figure(result):
    """v(t); L(t); size of the weights; dL/dt beside the gains' norms; the ten weights with the largest gains."""
    solution = result.solutions["control"]
    figure, axes = panels(2, 3)
    times, at = solution.rollout.times, solution.weight_times
    for kind, rollout, colour in (("baseline", solution.baseline, BASELINE), ("control", solution.rollout, CONTROL)):
        axes[0].plot(times, rollout.reward, color=colour, label=kind)
        axes[1].plot(times, rollout.loss, color=colour, label=kind)
        flat = np.hstack([w.reshape(len(w), -1) for w in rollout.weights])
        axes[2].plot(at, np.abs(flat).mean(1), color=colour, label=f"L1, {kind}")
        axes[2].plot(at, np.sqrt((flat**2).mean(1)), color=colour, linestyle="--", label=f"L2, {kind}")
    speed = -np.diff(solution.rollout.loss)
    axes[3].plot(times[1:], speed / speed.max(), color="0.5", label="−dL/dt")
    gains = [g.reshape(len(g), -1) for g in solution.effort["gain"]]
    shown = np.argsort(-np.abs(np.hstack(gains)).max(0))[:10]
    axes[4].plot(at, flat[:, shown], linewidth=0.9)
    knots = np.linspace(times[0], times[-1], len(gains[0]))
    for i, gain in enumerate(gains):
        norm = np.linalg.norm(gain, axis=1)
        axes[3].plot(knots, norm / max(norm.max(), 1e-300), color=CYCLE[i], label=f"‖G{i + 1}‖")
    axes[5].plot(knots, np.hstack(gains)[:, shown], linewidth=0.9)
    label(axes[0], TIME, "net reward v (loss)", "a  net reward")
    label(axes[1], TIME, "loss L", "b  loss")
    label(axes[2], TIME, "size of the weights", "c  weights: L1 (mean), L2 (rms)", legend=False)
    axes[2].legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    label(axes[3], TIME, "share of its maximum", "d  speed of learning and effort")
    label(axes[4], TIME, "weight", "e  ten weights, control", legend=False)
    label(axes[5], TIME, "gain", "f  their gains", legend=False)
    return figure
