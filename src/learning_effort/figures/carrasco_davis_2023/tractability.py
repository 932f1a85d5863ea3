"""The figure of what average dynamics save (paper, appendix)."""

from __future__ import annotations

from ..style import BASELINE, CONTROL, CYCLE, label, panels

STYLES = {"average": (CONTROL, "Algorithm 1, average dynamics"), "samples": (BASELINE, "Algorithm 1, samples")}


def tractability_figure(result):
    """Value by each objective against iterations; value to the average learner against iterations, and against seconds."""
    dataset = result.dataset
    figure, axes = panels(1, 3, height=3.2)
    for name, (colour, text) in STYLES.items():
        course = dataset.sel(ascent=name)
        axes[0].plot(course["iteration"], course["value"], color=colour, label=text)
        axes[1].plot(course["iteration"], course["judged"], color=colour, label=text)
        axes[2].plot(course["seconds"], course["judged"], color=colour, label=text)
    solver = {"color": CYCLE[2], "label": "quasi-Newton, average dynamics"}
    last = int(dataset["iteration"][-1])
    shown = dataset["solver_gradients"].values <= last
    axes[1].plot(dataset["solver_gradients"].values[shown], dataset["solver_value"].values[shown], **solver)
    axes[2].plot(dataset["solver_seconds"], dataset["solver_value"], **solver)
    judged = "average learner's V (loss × time)"
    for axis in axes[1:]:
        axis.axhline(dataset.attrs["baseline_value"], color="0.5", linestyle=":", label="baseline")
    label(axes[0], "iteration", "its own V (loss × time)", "a  what each ascends", legend=False)
    label(axes[1], "iteration, or gradient", judged, "b  by iterations", legend=False)
    label(axes[2], "seconds, compiling left out", judged, "c  by seconds", legend=False)
    figure.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure
