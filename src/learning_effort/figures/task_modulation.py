"""Task modulation's figure (paper, appendix)."""

from __future__ import annotations

from .style import BASELINE, CONTROL, CYCLE, band, label, panels

TIME = "time (learning rate × steps)"


def modulation_figure(result):
    """L(t) above and p_τ(t) below: a column for each composition and what it is judged on. Bands are the mean over seeds ± one
    standard deviation."""
    dataset = result.dataset
    times, kept = dataset["time"].values, dataset["weight_time"].values
    variants = [(c, j) for c in range(dataset.sizes["composition"]) for j in range(dataset.sizes["judged"])]
    figure, axes = panels(2, len(variants), width=3.1)
    for column, (c, j) in enumerate(variants):
        above, below = axes[column], axes[column + len(variants)]
        for kind, colour in (("baseline", BASELINE), ("control", CONTROL)):
            band(above, times, dataset[f"loss_{kind}"].values[c, j], colour, kind)
        for i, task in enumerate(dataset["task"].values):
            band(below, kept, dataset["share"].values[c, j, ..., i], CYCLE[i], f"digits {task}")
        judged = {"first": f"digits {dataset['task'].values[0]}", "all": "all"}[str(dataset["judged"].values[j])]
        letters = "abcdefgh"
        label(above, TIME, "loss L", f"{letters[column]}  {dataset['composition'].values[c]}, judged on {judged}")
        label(below, TIME, "proportion p", f"{letters[column + len(variants)]}  proportions")
    return figure
