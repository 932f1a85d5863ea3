"""Easy and hard samples."""

from __future__ import annotations

from ..style import CYCLE, label, legend_below, panels
from .simulations import simulated_panel


def curriculum_figure(result):
    """The best curriculum and errors, where an easy end is worth it, learning rates, paid shares, and simulations behind
    theory."""
    data = result.dataset
    time = data["time"].values
    figure, axes = panels(2, 4)
    errors, best, ends, paid, free, falls, networks, spare = axes
    spare.set_axis_off()
    for i, protocol in enumerate(data["protocol"].values):
        loss = data["loss"].sel(protocol=protocol)
        errors.plot(time, loss, color=CYCLE[i], label=f"{protocol}: {float(loss[-1]):.4f}")
    loss = data["difficulty_loss"]
    errors.plot(time, loss, color=CYCLE[5], label=f"free difficulty: {float(loss[-1]):.4f}")
    label(errors, "samples / N", "probability of error L", f"κ = {data.attrs['kappa']:g}", legend=False)
    share = data["share"].sel(protocol="optimum")
    best.step(time[:-1], share[:-1], where="post", color=CYCLE[4], label="share of easy samples")
    best.step(time[:-1], data["difficulty"][:-1], where="post", color=CYCLE[5], label="free difficulty")
    label(best, "samples / N", "share; variance d", f"κ = {data.attrs['kappa']:g}: the best", legend=False)
    ends.plot(data["kappa"], data["last_block"], "o-", color=CYCLE[3])
    ends.set_ylim(bottom=0)
    label(ends, "learning rate κ", "share of updates", "easy, hard, easy: the last block", legend=False)
    for i, name in enumerate(data["rates"].values):
        own = data.sel(rates=name)
        colour = CYCLE[(2, 0, 1, 2)[i] if i else 6]
        text = str(name).removeprefix("rate, ").replace("constant rate", "constant")
        free.step(time[:-1], own["rate"][:-1], where="post", color=colour, label=text)
        falls.plot(time, own["rate_loss"], color=colour, label=f"{text}: {float(own['rate_loss'][-1]):.4f}")
    label(free, "samples / N", "learning rate κ", "κ controlled", legend=False)
    label(falls, "samples / N", "probability of error L", "κ controlled", legend=False)
    for i, gamma in enumerate(data["gamma"].values):
        paid.step(time[:-1], data["paid_share"].sel(gamma=gamma)[:-1], where="post", color=CYCLE[i], label=f"γ = {gamma:g}")
    label(paid, "samples / N", "share that is easy", "easy samples paid for", legend=False)
    simulated_panel(networks, data, "probability of error L")
    for axis in (errors, best, free, falls, paid):
        legend_below(axis)
    return figure
