"""The figure of category assimilation (paper, appendix)."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps

from ...measures import by_level
from ..style import CONTROL, CYCLE, RISING, band, label, panels

TIME = "time (learning rate × steps)"


def assimilation_figure(result):
    """L_baseline − L_control, and ν(t) of each level of the hierarchy and of each digit.

    Bands are the mean over seeds ± one standard deviation.
    """
    d = result.dataset
    figure, axes = panels(2, 2, width=4.4)
    levels = np.moveaxis(by_level(d["semantic_effort"].values), -1, 0)
    digits = np.moveaxis(d["mnist_effort"].values, -1, 0)
    names = ["root", *(f"level {i}" for i in range(2, len(levels))), "leaves"]
    colours = [colormaps[RISING](c / 10) for c in range(10)]
    parts = {
        "semantic": ("semantic hierarchy", zip(levels, names, CYCLE, strict=False)),
        "mnist": ("ten digits", zip(digits, map(str, range(10)), colours, strict=True)),
    }
    for column, (part, (title, lines)) in enumerate(parts.items()):
        above, below = axes[column], axes[2 + column]
        band(above, d[f"{part}_time"].values, (d[f"{part}_loss_baseline"] - d[f"{part}_loss_control"]).values, CONTROL)
        for effort, name, colour in lines:
            band(below, d[f"{part}_weight_time"].values, effort, colour, name)
        label(above, TIME, "L baseline − L control", f"{'ab'[column]}  {title}: loss avoided")
        label(below, TIME, "effort ν on an output", f"{'cd'[column]}  {title}: effort", legend=False)
        below.legend(frameon=False, fontsize=8, ncols=1 + column)
    return figure
