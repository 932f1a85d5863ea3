"""The figure of optimised initial weights (paper, figure 3a,b and appendix)."""

from __future__ import annotations

import numpy as np

from ..style import BASELINE, CONTROL, RISING, label, panels

SPLITS = (("training", CONTROL, "o"), ("test", BASELINE, "s"))


def maml_figure(result):
    """Against the steps optimised over, the loss of start and one step ahead, and the sum over the evaluation; the courses of
    L, coloured by them: a row for the paper's ascent, a row for converged weights."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    dataset = result.dataset
    lengths, at = dataset["n"].values, dataset["step"].values
    step = dataset.attrs["learning_rate"]
    norm = Normalize(lengths.min(), lengths.max())
    shown = np.unique(np.geomspace(1, at.size, 600).round().astype(int)) - 1
    optimised = "steps optimised over, n"
    titles = {"ascent": f"{dataset.attrs['iterations']} iterations of ascent", "converged": "converged"}
    figure, axes = panels(len(titles), 4)
    for row, (method, title) in zip(axes.reshape(-1, 4), titles.items(), strict=True):
        for (name, colour, marker), axis in zip(SPLITS, row[1:3], strict=True):
            losses = dataset[f"loss_{name}"].sel(found=method).values
            drawn = dataset[f"loss_{name}_drawn"].values
            line = {"color": colour, "marker": marker, "markersize": 3.5, "label": name}
            row[0].plot(lengths, losses[:, :2].mean(1), **line)
            row[3].plot(lengths, losses.sum(1) * step, **line)
            row[3].axhline(drawn.sum() * step, color=colour, linestyle="--", label=f"drawn, {name}")
            for n, curve in zip(lengths, losses, strict=True):
                axis.plot(at[shown] + 1, curve[shown], color=colormaps[RISING](norm(n)), linewidth=1.0)
            axis.plot(at[shown] + 1, drawn[shown], color="0.4", linestyle="--", label="drawn weights")
            axis.set(xscale="log", yscale="log")
            label(axis, "state of learning (first is 1)", "mean loss L", f"{name}, {title}")
        label(row[0], optimised, "loss, start and one step ahead", f"one step, {title}")
        label(row[3], optimised, "cumulative loss (loss × time)", f"sum over {at.size} steps, {title}")
    figure.colorbar(ScalarMappable(norm, RISING), ax=list(axes), label=optimised, aspect=40)
    return figure
