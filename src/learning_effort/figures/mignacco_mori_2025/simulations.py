"""Simulations behind theory, in one panel."""

from __future__ import annotations

from ..style import CYCLE, label, legend_below


def simulated_panel(axis, data, quantity: str, first: int = 0) -> None:
    """`theory` (simulated protocol, time) as lines from index `first` on, `simulated` as bands of ± one standard error, and
    dots."""
    time = data["time"].values[first:]
    every = max(len(time) // 12, 1)
    for i, protocol in enumerate(data["simulated_protocol"].values):
        own = data.sel(simulated_protocol=protocol)
        theory, mean, error = (own[name].values[first:] for name in ("theory", "simulated", "simulated_error"))
        axis.plot(time, theory, color=CYCLE[i], label=str(protocol))
        axis.fill_between(time, mean - error, mean + error, color=CYCLE[i], alpha=0.3, linewidth=0)
        axis.plot(time[::every], mean[::every], ".", color=CYCLE[i], markersize=4)
    label(axis, data["time"].attrs.get("long_name", "samples / N"), quantity, "theory (lines), networks (dots)", legend=False)
    legend_below(axis)
