"""What all figures share: colours that the colour-blind tell apart (Okabe & Ito 2008), sizes, saving."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib import figure as matplotlib_figure

from ..files.disk import replace_file

CONTROL, BASELINE = "#D55E00", "#0072B2"
CYCLE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
#: Colours of numbers with a sign, and of numbers without.
DIVERGING, RISING = "RdBu_r", "viridis"


class Figure(matplotlib_figure.Figure):
    """A figure that notebooks show by themselves, once, whether or not pyplot is there: pyplot does not know of it."""

    def _repr_png_(self) -> bytes:
        """The figure as notebooks show it."""
        return as_png(self, 100)


def as_png(figure: matplotlib_figure.Figure, dots: float = 55) -> bytes:
    """A figure as PNG, with so many dots an inch."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=dots)
    return content.getvalue()


def panels(rows: int, columns: int, width: float = 3.4, height: float = 2.6):
    """A figure and its axes, flat, without the box's top and right sides; ticks say what they are, without an offset."""
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        plain(axis)
    return figure, axes


def plain(axis) -> None:
    """Axes without the box's top and right sides, whose ticks say what they are, without an offset."""
    axis.spines[["top", "right"]].set_visible(False)
    for side in (axis.xaxis, axis.yaxis):
        if hasattr(side.get_major_formatter(), "set_useOffset"):
            side.get_major_formatter().set_useOffset(False)


def label(axis, x: str, y: str, title: str, legend: bool = True) -> None:
    """Axes with units, a title, and a legend if there is anything to tell apart."""
    axis.set(xlabel=x, ylabel=y)
    axis.set_title(title, loc="left", fontsize=10)
    if legend and axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, fontsize=8)


def legend_below(axis) -> int:
    """A legend below an axis, where it hides no curve, if there is anything to tell; how many rows it has."""
    texts = axis.get_legend_handles_labels()[1]
    if not texts:
        return 0
    columns = 4 if max(map(len, texts)) <= 8 else 2
    place = {"loc": "upper center", "bbox_to_anchor": (0, 0, 1, 0), "borderaxespad": 4.6}
    axis.legend(frameon=False, fontsize=8, ncols=columns, columnspacing=1.2, **place)
    return -(-len(texts) // columns)


def cycled(i: int) -> dict:
    """The colour of the i-th of many curves and its line, which changes when the colours begin again."""
    return {"color": CYCLE[i % len(CYCLE)], "linestyle": ("-", "--", "-.", ":")[i // len(CYCLE) % 4]}


def save_figure(figure: Figure, folder, stem: str = "figure") -> list[Path]:
    """Write a figure as PNG and PDF, each whole or not at all; their paths."""
    paths = [Path(folder) / f"{stem}{ending}" for ending in (".png", ".pdf")]
    for path in paths:
        replace_file(path, lambda name: figure.savefig(name, dpi=160))
    return paths


def band(axis, x, curves, color, text=None, **line) -> None:
    """The mean of `curves` (seeds, N) over `x` (N,), with ± one standard deviation shaded where there are several seeds."""
    mean, spread = curves.mean(0), curves.std(0)
    axis.plot(x, mean, color=color, label=text, **line)
    if len(curves) > 1:
        axis.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
