"""Task modulation's figure (paper, appendix)."""

from __future__ import annotations

from ..style import BASELINE, CONTROL, CYCLE, band, label, panels

TIME = "time (learning rate × steps)"
STYLES = ("-", "--", "-.")


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
            style = {"linestyle": STYLES[i % len(STYLES)], "linewidth": 1.3}
            band(below, kept, dataset["share"].values[c, j, ..., i], CYCLE[2 + i], f"p, digits {task}", **style)
        judged = {"first": f"digits {dataset['task'].values[0]}", "all": "all"}[str(dataset["judged"].values[j])]
        letters = "abcdefgh"
        label(above, TIME, "loss L", f"{letters[column]}  {dataset['composition'].values[c]}, judged on {judged}", False)
        label(below, TIME, "proportion p", f"{letters[column + len(variants)]}  proportions", False)
    legends = (axis.get_legend_handles_labels() for axis in (above, below))
    entries = [[*upper, *lower] for upper, lower in zip(*legends, strict=True)]
    figure.legend(*entries, loc="outside lower center", ncols=len(entries[0]), frameon=False, fontsize=9)
    return figure
