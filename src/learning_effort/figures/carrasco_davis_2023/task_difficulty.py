"""The figure of how hard pairs of digits are."""

from __future__ import annotations

import numpy as np

from ..style import BASELINE, RISING, label, panels


def difficulty_figure(result):
    """The loss of the best linear map for each pair, as a matrix, and its mean per digit, as bars."""
    d = result.dataset
    loss, digits = d["loss"].values, d["digit"].values
    figure, axes = panels(1, 2, width=4.6, height=3.8)
    image = axes[0].imshow(loss, cmap=RISING)
    places = np.arange(len(digits))
    axes[0].set(xticks=places, xticklabels=digits, yticks=places, yticklabels=digits)
    bar = figure.colorbar(image, ax=axes[0])
    bar.ax.set(xlabel="loss", ylabel="least loss of a linear map")
    axes[1].bar(places, np.nanmean(loss, axis=1), color=BASELINE)
    axes[1].set(xticks=places, xticklabels=digits)
    label(axes[0], "digit", "digit", "a  every pair")
    label(axes[1], "digit", "mean loss over its pairs", "b  each digit")
    return figure
