"""When to drop hidden units."""

from __future__ import annotations

from ..style import CYCLE, label, legend_below, panels
from .simulations import simulated_panel


def dropout_figure(result):
    """Activation and error at each noise, learning rates, and simulations behind theory."""
    data = result.dataset
    noises = data["noise"].values
    time = data["time"].values
    figure, axes = panels(2, len(noises) + 1)
    top, bottom = axes[: len(noises) + 1], axes[len(noises) + 1 :]
    for axis, below, noise in zip(top, bottom, noises, strict=False):
        for colour, protocol in zip(CYCLE, data["protocol"].values, strict=False):
            own = data.sel(noise=noise, protocol=protocol)
            axis.step(time, own["activation"], where="post", color=colour)
            below.plot(time, own["error"], color=colour, label=f"{protocol}: {float(own['error'][-1]):.5f}")
        label(axis, "samples / N", "probability to be active", f"noise {noise:g}: dropout", legend=False)
        below.set_yscale("log")
        label(below, "samples / N", "test error J", f"noise {noise:g}: error", legend=False)
        legend_below(below)
    for i, name in enumerate(data["rates"].values):
        own = data.sel(rates=name)
        top[-1].step(
            time[:-1], own["rate"][:-1], where="post", color=CYCLE[i], label=f"{name}: {float(own['rate_error'][-1]):.5f}"
        )
    label(top[-1], "samples / N", "learning rate κ", "κ controlled: J at the end")
    top[-1].set_ylim(bottom=0)
    simulated_panel(bottom[-1], data, "test error J")
    bottom[-1].set_yscale("log")
    return figure
