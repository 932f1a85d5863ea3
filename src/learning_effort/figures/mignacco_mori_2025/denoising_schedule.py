"""How much noise to learn with."""

from __future__ import annotations

from ..style import CONTROL, CYCLE, label, legend_below, panels
from .simulations import simulated_panel


def denoising_figure(result):
    """Schedules with each objective, losses beyond the first quarter, the learning rate, and simulations behind theory."""
    data = result.dataset
    time = data["time"].values
    late = len(time) // 4
    noises, span = data["noise"].values, data["time"].attrs["long_name"]
    figure, axes = panels(2, len(noises) + 1)
    top, bottom = axes[: len(noises) + 1], axes[len(noises) + 1 :]
    for axis, below, noise in zip(top, bottom, noises, strict=False):
        for objective, line in zip(data["objective"].values, ("--", "-"), strict=True):
            own = data["schedule"].sel(noise=noise, objective=objective, protocol="optimum")
            axis.step(time[:-1], own[:-1], where="post", color=CONTROL, linestyle=line, label=f"{objective} objective")
        axis.axhline(noise, color="grey", linewidth=0.8)
        axis.set_ylim(0, 1)
        label(axis, span, "noise D", f"test noise {noise:g}: schedule")
        for colour, protocol in zip(CYCLE, data["protocol"].values, strict=False):
            own = data["loss"].sel(noise=noise, objective="exact", protocol=protocol)
            below.plot(time[late:], own[late:], color=colour, label=f"{protocol}: {float(own[-1]):.5f}")
        label(below, span, "squared error L, exact", f"test noise {noise:g}: error", legend=False)
        legend_below(below)
    top[-1].step(time[:-1], data["rate"][:-1], where="post", color=CYCLE[0], label="learning rate κ")
    top[-1].step(time[:-1], 10 * data["rate_schedule"][:-1], where="post", color=CONTROL, label="10 × noise D")
    label(top[-1], span, "κ, 10 D", f"κ controlled too: L = {float(data['rate_loss'][-1]):.5f}", legend=False)
    legend_below(top[-1])
    simulated_panel(bottom[-1], data, "squared error L, exact", late)
    gain, optimum = data["gain"].values, data["theory"].values[:, -1]
    bottom[-1].set_title(
        f"N = {data.attrs['dimension']}: {gain.mean():.4f} of {optimum[1] - optimum[2]:.4f} gained", loc="left", fontsize=10
    )
    return figure
