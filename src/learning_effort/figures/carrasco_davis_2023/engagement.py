"""Engagement's figures: with tasks, with categories, and the batches it prescribes (paper, figure 4)."""

from __future__ import annotations

import numpy as np

from ..style import BASELINE, CONTROL, CYCLE, band, label, panels

TIME = "time (learning rate × steps)"


def category_figure(result):
    """L_B − L_C and φ_c(t) of the hierarchy, by level, and of the digits. Bands are the mean over seeds ± one standard
    deviation; thin lines are the properties of the first seed."""
    dataset = result.dataset
    parts = [part for part in ("semantic", "mnist") if f"{part}_effort" in dataset]
    figure, axes = panels(len(parts), 2, width=4.6)
    for row, part in enumerate(parts):
        times, kept = dataset[f"{part}_time"].values, dataset[f"{part}_weight_time"].values
        effort = dataset[f"{part}_effort"].values
        name = "semantic hierarchy" if part == "semantic" else "MNIST digits"
        ahead = dataset[f"{part}_loss_baseline"].values - dataset[f"{part}_loss_control"].values
        gained, engaged = axes[2 * row : 2 * row + 2]
        band(gained, times, ahead, CONTROL)
        gained.axhline(0, color="0.6", linewidth=0.8)
        if part == "semantic":
            _levels(engaged, kept, effort)
        else:
            _digits(engaged, kept, effort, dataset["digit"].values)
        label(gained, TIME, "L baseline − L control (loss)", f"{'ac'[row]}  {name}")
        label(engaged, TIME, "engagement φ", f"{'bd'[row]}  engagement", legend=False)
        engaged.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _levels(axis, times, effort) -> None:
    levels = int(np.log2(effort.shape[-1] + 1))
    for level in range(levels):
        own = effort[..., 2**level - 1 : 2 ** (level + 1) - 1]
        axis.plot(times, own[0], color=CYCLE[level], linewidth=0.4, alpha=0.5)
        name = {0: "root", levels - 1: "leaves"}.get(level, f"level {level + 1}")
        band(axis, times, own.mean(-1), CYCLE[level], name)


def _digits(axis, times, effort, digits) -> None:
    for i, digit in enumerate(digits):
        style = {"linestyle": "--"} if i >= len(CYCLE) else {}
        band(axis, times, effort[..., i], CYCLE[i % len(CYCLE)], f"{digit}", **style)


def task_figure(result):
    """L(t) above and ψ_τ(t) below: a column a mode. Bands are the mean over seeds ± one standard deviation; dashed, the mean of
    the answers that stay with the hardest task, where they are others."""
    dataset = result.dataset
    times, kept = dataset["time"].values, dataset["weight_time"].values
    figure, axes = panels(2, dataset.sizes["mode"])
    for m, mode in enumerate(dataset["mode"].values):
        above, below = axes[m], axes[m + dataset.sizes["mode"]]
        for kind, colour in (("baseline", BASELINE), ("control", CONTROL)):
            band(above, times, dataset[f"loss_{kind}"].values[m], colour, kind)
        for i, task in enumerate(dataset["task"].values):
            best, staying = (dataset[name].values[m, ..., i] for name in ("effort", "staying_effort"))
            band(below, kept, best, CYCLE[i], f"digits {task}")
            if np.abs(best - staying).max() > 0.05:
                below.plot(kept, staying.mean(0), color=CYCLE[i], linestyle="--", linewidth=0.9, label=f"{task}, staying on")
        label(above, TIME, "loss L", f"{'abc'[m]}  {mode}: loss")
        label(below, TIME, "engagement ψ", f"{'def'[m]}  {mode}: engagement", legend=False)
        below.legend(frameon=False, fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.25))
    return figure
