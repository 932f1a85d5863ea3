"""The single neuron's figures (paper, figure 2)."""

from __future__ import annotations

import numpy as np

from ..style import BASELINE, CONTROL, RISING, label, panels

TIME = "time (learning rate × steps)"
SYMBOLS = {
    "gamma": "discount γ",
    "std": "noise σ",
    "beta": "cost β",
    "weight_decay": "weight decay λ",
    "steps": "steps N",
}


def single_neuron_figure(result):
    """v(t), L(t) with the simulations behind, g*(t), and w(t) with the effective weight: control and baseline."""
    d = result.dataset
    figure, axes = panels(1, 4)
    times, kept = d["time"].values, d["weight_time"].values
    for kind, colour in (("baseline", BASELINE), ("control", CONTROL)):
        axes[0].plot(times, d[f"reward_{kind}"], color=colour, label=kind)
        axes[1].plot(times, d[f"simulated_{kind}"].values.T, color=colour, alpha=0.12, linewidth=0.5, zorder=0)
        axes[1].plot(times, d[f"loss_{kind}"], color=colour, label=kind)
        axes[3].plot(kept, d[f"weight_{kind}"], color=colour, label=f"w, {kind}")
    axes[2].plot(times, d["gain"], color=CONTROL)
    axes[3].plot(kept, d["effective_weight"], color=CONTROL, linestyle="--", label="w(1 + g), control")
    label(axes[0], TIME, "net reward v (loss)", "a  net reward")
    label(axes[1], TIME, "loss L", "b  loss, average and samples")
    label(axes[2], TIME, "gain g*", "c  optimal control")
    label(axes[3], TIME, "weight", "d  weight")
    return figure


def sweeps_figure(result):
    """g*(t) above and v_C − v_B below, coloured by the parameter: a column a parameter."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    dataset = result.dataset
    figure, axes = panels(2, len(SYMBOLS), width=3.2)
    axes = axes.reshape(2, -1)
    rate = dataset.attrs["learning_rate"]
    for column, (field, symbol) in enumerate(SYMBOLS.items()):
        values = dataset[field].values
        norm = (LogNorm if field == "gamma" else Normalize)(values.min(), values.max())
        for axis, quantity, text in zip(
            axes[:, column], ("gain", "reward_gained"), ("gain g*", "v control − v baseline (loss)"), strict=True
        ):
            for value, curve in zip(values, dataset[f"{quantity}_{field}"].values, strict=True):
                used = np.isfinite(curve)
                at = np.arange(curve.size)[used] * (1 / value if field == "steps" else rate)
                axis.plot(at, curve[used], color=colormaps[RISING](norm(value)), lw=0.8)
            label(axis, "time / horizon" if field == "steps" else TIME, text, symbol if quantity == "gain" else "")
        figure.colorbar(ScalarMappable(norm, RISING), ax=axes[:, column], label=symbol, location="bottom", aspect=30)
    return figure
