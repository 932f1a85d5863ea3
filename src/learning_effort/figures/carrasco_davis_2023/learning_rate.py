"""The learning rate's figure (paper, figure 3c,d and appendix)."""

from __future__ import annotations

from ..style import BASELINE, RISING, label, panels

TIME = "time (learning rate × steps)"
SYMBOLS = {"gamma": "discount γ", "beta": "cost β"}


def learning_rate_figure(result):
    """The rate in units of its base, 1 + u(t), above and L(t) below, coloured by what is varied: a column a family."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    dataset = result.dataset
    figure, axes = panels(2, 4)
    axes = axes.reshape(2, -1)
    time = dataset["time"].values
    columns = [(field, rest) for field in SYMBOLS for rest in dataset["rest"].values]
    for column, (field, rest) in enumerate(columns):
        values = dataset[field].values
        norm = Normalize(values.min(), values.max())
        for axis, quantity, text in zip(axes[:, column], ("rate", "loss"), ("rate 1 + u (base rates)", "loss L"), strict=True):
            curves = dataset[f"{quantity}_{field}"].sel(rest=rest).values
            for value, curve in zip(values, curves, strict=True):
                shown = 1 + curve if quantity == "rate" else curve
                axis.plot(time, shown, color=colormaps[RISING](norm(value)), linewidth=1.0)
            if quantity == "loss":
                axis.plot(time, dataset["loss_baseline"], color=BASELINE, linestyle="--", label="baseline")
            else:
                axis.axhline(1 + rest, color="0.6", linewidth=0.8, linestyle=":", label="rest")
                axis.set_ylim(0.95 + dataset.attrs["lower"], 1.05 + dataset.attrs["upper"])
            title = f"{'abcd'[column]}  {SYMBOLS[field].split()[1]} varied, rest {rest:g}".replace("-", "−")
            label(axis, TIME, text, title if quantity == "rate" else "")
        figure.colorbar(ScalarMappable(norm, RISING), ax=axes[:, column], label=SYMBOLS[field], location="bottom", aspect=30)
    return figure
