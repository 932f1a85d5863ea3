"""Tasks from the user's own data or moments (theory.md §2)."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from ..errors import LearningEffortError, Numbers, array, is_traced, shown
from .base import Moments, Proportions, Step, Task


class Arrays(Task):
    """A data set: moments are its averages, samples are its rows drawn with replacement.

    **Arguments:** `x` inputs (n, I), `y` targets (n, O); a one-dimensional array is one column. Nothing is added
    or scaled: append a constant column to x for a bias.
    """

    x: Float[Array, "n I"]
    y: Float[Array, "n O"]

    def __init__(self, x: Numbers, y: Numbers):
        self.x, self.y = (_columns(value, name, type(self).__name__) for value, name in ((x, "x"), (y, "y")))
        if self.x.shape[0] != self.y.shape[0] or self.x.shape[0] == 0:
            raise LearningEffortError(
                f"'x' and 'y' of {type(self).__name__} must have the same number of rows, at least one. "
                f"Got {self.x.shape[0]} rows of x and {self.y.shape[0]} of y."
            )

    @classmethod
    def from_labels(cls, x: Numbers, labels: Any, classes: Any = None) -> Arrays:
        """Inputs with one-hot targets, as `le.losses.cross_entropy` takes them.

        **Arguments:** `x` (n, I); `labels` (n,), of any kind; `classes`, the labels that the outputs stand for, in order (None:
        those there are, sorted).

        **Raises:** `LearningEffortError` if a label is none of the classes, or there are fewer than two classes.
        """
        try:
            given, stated = np.asarray(labels), None if classes is None else np.asarray(classes)
        except ValueError as error:
            raise LearningEffortError(f"The 'labels' and 'classes' of Arrays.from_labels must be lists: {error}.") from None
        if given.ndim != 1 or np.ma.is_masked(labels):
            raise LearningEffortError(f"The 'labels' of Arrays.from_labels must be one for each row. Got shape {given.shape}.")
        if stated is not None and stated.ndim != 1:
            raise LearningEffortError(f"The 'classes' of Arrays.from_labels must be a list of labels. Got {shown(classes)}.")
        try:
            kinds = np.unique(given) if stated is None else stated
            set(given.tolist()), set(kinds.tolist())
        except TypeError as error:
            raise LearningEffortError(f"The 'labels' of Arrays.from_labels must be of one kind: {error}.") from None
        strange = set(given.tolist()) - set(kinds.tolist())
        if strange or kinds.size < 2 or len(set(kinds.tolist())) < kinds.size:
            raise LearningEffortError(
                "The 'classes' of Arrays.from_labels must be at least two different ones that hold every label. "
                f"Got {kinds.tolist()}" + (f", without {sorted(map(str, strange))}." if strange else ".")
            )
        return cls(x, (given[:, None] == kinds).astype(float))

    @property
    def input_size(self) -> int:
        """I, the columns of x."""
        return self.x.shape[-1]

    @property
    def output_size(self) -> int:
        """O, the columns of y."""
        return self.y.shape[-1]

    def dataset(self) -> tuple[Float[Array, "n I"], Float[Array, "n O"]]:
        """x (n, I) and y (n, O)."""
        return self.x, self.y


class FromMoments(Task):
    """A task known only by its moments; it cannot be sampled.

    **Arguments:** `input_moment` E[x xᵀ] (I, I), `cross_moment` E[x yᵀ] (I, O), `output_moment` E[y yᵀ] (O, O),
    `input_mean` (I,) and `output_mean` (O,): second moments not centred.

    **Raises:** `LearningEffortError` if shapes do not fit, or no distribution has these moments (the second moment
    of (x, y) is not symmetric and positive semi-definite).
    """

    input_moment: Float[Array, "I I"]
    cross_moment: Float[Array, "I O"]
    output_moment: Float[Array, "O O"]
    input_mean: Float[Array, " I"]
    output_mean: Float[Array, " O"]
    input_size: int = eqx.field(static=True)
    output_size: int = eqx.field(static=True)

    def __init__(
        self,
        input_moment: Numbers,
        cross_moment: Numbers,
        output_moment: Numbers,
        input_mean: Numbers,
        output_mean: Numbers,
    ):
        name = "FromMoments"
        self.cross_moment = array(cross_moment, "cross_moment", name, ndim=2)
        self.input_size, self.output_size = inputs, outputs = self.cross_moment.shape
        self.input_moment = array(input_moment, "input_moment", name, (inputs, inputs))
        self.output_moment = array(output_moment, "output_moment", name, (outputs, outputs))
        self.input_mean = array(input_mean, "input_mean", name, (inputs,))
        self.output_mean = array(output_mean, "output_mean", name, (outputs,))
        if not any(is_traced(m) for m in (input_moment, cross_moment, output_moment)):
            cross = np.asarray(self.cross_moment)
            joint = np.block([[np.asarray(self.input_moment), cross], [cross.T, np.asarray(self.output_moment)]])
            scale = max(np.abs(joint).max(), 1e-300)
            lowest = np.linalg.eigvalsh((joint + joint.T) / 2).min()
            if np.abs(joint - joint.T).max() > 1e-8 * scale or lowest < -1e-6 * scale:
                raise LearningEffortError(
                    "The moments of FromMoments must be those of some distribution: symmetric, and with "
                    "[[E[xxᵀ], E[xyᵀ]], [E[yxᵀ], E[yyᵀ]]] positive semi-definite. "
                    f"Got a smallest eigenvalue of {lowest:.3g}; check that they are second moments, not centred."
                )

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """Those given, at every step."""
        self.refuse_proportions(proportions)
        return Moments(self.input_moment, self.cross_moment, self.output_moment, self.input_mean, self.output_mean)


def _columns(value: Numbers, name: str, owner: str) -> Float[Array, "n columns"]:
    """Numbers (n, columns); those without columns are one column."""
    given = array(value, name, owner)
    return array(given[:, None] if given.ndim == 1 else given, name, owner, ndim=2)
