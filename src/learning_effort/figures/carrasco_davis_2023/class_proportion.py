"""The figures of batches whose composition is chosen (paper, figure 4l,m, and beyond)."""

from __future__ import annotations

import numpy as np

from ..style import BASELINE, CONTROL, CYCLE, band, label, panels

TIME = "time (learning rate × steps)"


def proportion_figure(result):
    """L(t) on each step's batch and on balanced ones; by class, L uniform less L curriculum; the shares; the batches' size."""
    dataset = result.dataset
    times, kept = dataset["time"].values, dataset["kept_time"].values
    figure, axes = panels(2, 2, width=4.4)
    band(axes[0], times, dataset["loss_batch_uniform"].values, BASELINE, "uniform batches")
    band(axes[0], times, dataset["loss_batch_curriculum"].values, CYCLE[4], "curriculum, on its batches")
    band(axes[0], times, dataset["loss_balanced_curriculum"].values, CONTROL, "curriculum, on balanced batches")
    gained = dataset["loss_class_uniform"].values - dataset["loss_class_curriculum"].values
    gained, window = _smoothed(gained)
    for i, digit in enumerate(dataset["digit"].values):
        style = _style(i)
        axes[1].plot(kept[window:][: gained.shape[1]], gained[..., i].mean(0), label=f"{digit}", **style)
        axes[2].plot(kept, dataset["share"].values[..., i].mean(0), label=f"{digit}", **style)
    axes[1].axhline(0, color="0.6", linewidth=0.8)
    band(axes[3], kept, dataset["batch_size"].values, CONTROL)
    label(axes[0], TIME, "loss L", "a  loss")
    label(axes[1], TIME, "L uniform − L curriculum (loss)", "b  by class, on balanced batches", legend=False)
    label(axes[2], TIME, "share of the batch", "c  curriculum", legend=False)
    label(axes[3], TIME, "samples a batch", "d  size of the curriculum's batches", legend=False)
    for axis in axes[1:3]:
        axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def optimal_figure(result):
    """L uniform − L(t), and performance, of the optimal proportions, the best constant ones, and engagement's curriculum; the
    optimal proportions; the curriculum's."""
    dataset = result.dataset
    times, kept, kinds = dataset["time"].values, dataset["weight_time"].values, list(dataset["kind"].values)
    names = {"control": "optimal", "constant": "constant", "curriculum": "curriculum", "uniform": "uniform"}
    colours = {"control": CONTROL, "constant": CYCLE[2], "curriculum": CYCLE[4], "uniform": BASELINE}
    figure, axes = panels(2, 2, width=4.4)
    loss, share = dataset["loss"].values, dataset["share"].values
    for kind in ("control", "constant", "curriculum"):
        axes[0].plot(times, loss[kinds.index("uniform")] - loss[kinds.index(kind)], color=colours[kind], label=names[kind])
    axes[0].axhline(0, color="0.6", linewidth=0.8)
    performance = dataset["performance"].values - dataset["performance"].values[kinds.index("uniform")]
    for i, kind in enumerate(kinds[:3]):
        axes[1].barh(i, performance[i], color=colours[kind])
    axes[1].axvline(0, color="0.6", linewidth=0.8)
    axes[1].set_yticks(range(3), [names[kind] for kind in kinds[:3]])
    for axis, kind in ((axes[2], "control"), (axes[3], "curriculum")):
        for i, digit in enumerate(dataset["digit"].values):
            axis.plot(kept, share[kinds.index(kind), :, i], label=f"{digit}", **_style(i))
    label(axes[0], TIME, "L uniform − L (loss)", "a  ahead of uniform proportions")
    label(axes[1], "performance above uniform (loss × time)", "proportions", "b  discounted performance", legend=False)
    label(axes[2], TIME, "proportion p", "c  optimal", legend=False)
    label(axes[3], TIME, "proportion p", "d  engagement's curriculum", legend=False)
    for axis in axes[2:]:
        axis.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _style(i: int) -> dict:
    return {"color": CYCLE[i % len(CYCLE)], "linestyle": "--" if i >= len(CYCLE) else "-", "linewidth": 1.0}


def _smoothed(curves, window: int = 9):
    """Curves (seeds, T, n) averaged over `window` entries where there are as many, and how many are lost at the start."""
    window = window if curves.shape[1] > 10 * window else 1
    sums = np.cumsum(np.concatenate([np.zeros_like(curves[:, :1]), curves], axis=1), axis=1)
    return (sums[:, window:] - sums[:, :-window]) / window, window // 2
