"""All figures of a folder in one image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..files import disk


def is_whole(path) -> bool:
    """Whether there is an image at `path` that can be read to its end."""
    from matplotlib.image import imread

    try:
        return imread(path).size > 0
    except Exception:  # what an image is damaged by decides what is raised
        return False


def contact_sheet(figures: dict[str, Path], path: Path, columns: int = 2, width: float = 11.0) -> None:
    """Write the images of `figures`, {title: file}, into one at `path`, `columns` side by side, each `width` inches wide."""
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    images = {title: imread(file) for title, file in figures.items()}
    rows = -(-len(images) // columns)
    shapes = np.array([image.shape[0] / image.shape[1] for image in images.values()])
    heights = [width * shapes[i * columns : (i + 1) * columns].max() + 0.5 for i in range(rows)]
    sheet = Figure(figsize=(width * columns, sum(heights)), layout="constrained")
    axes = sheet.subplots(rows, columns, squeeze=False, gridspec_kw={"height_ratios": heights}).ravel()
    for axis in axes:
        axis.set_axis_off()
    for axis, (title, image) in zip(axes, images.items(), strict=False):
        axis.imshow(image)
        axis.set_title(title, fontsize=16)
    disk.replace_file(path, lambda name: sheet.savefig(name, dpi=100))
