"""What a solver says of its run, and how it shows progress."""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np


class Outcome(NamedTuple):
    """What a solver hands back: the best effort it met, the course it took, and why it stopped, in words.

    `value`, `residual`, `gradients` (cumulative count) and `seconds`, one entry an iteration, the start included.
    """

    effort: dict
    value: np.ndarray
    residual: np.ndarray
    gradients: np.ndarray
    seconds: np.ndarray
    reason: str
    converged: bool


class Progress:
    """One line on standard error, rewritten as the solver goes; a callable is called with (iteration, value, residual).

    **Arguments:** `show`: True, False, or a callable. On a stream that is not a terminal nothing is rewritten: a line
    is written every so often instead.
    """

    def __init__(self, show):
        self._call = show if callable(show) else None
        self._show = bool(show) and self._call is None
        self._terminal = sys.stderr.isatty()
        self._next = 1

    def __call__(self, iteration: int, value: float, residual: float) -> None:
        if self._call:
            self._call(iteration, value, residual)
        if not self._show:
            return
        text = f"  iteration {iteration:5d}   value {value:.9g}   scaled residual {residual:.1e}"
        if self._terminal:
            print("\r" + text, end="", file=sys.stderr, flush=True)
        elif iteration >= self._next:
            print(text, file=sys.stderr, flush=True)
            self._next = max(iteration + 1, int(iteration * 1.6))

    def close(self) -> None:
        if self._show and self._terminal:
            print(file=sys.stderr)


def spread_seconds(marks: list[tuple[int, float]], iterations: int) -> np.ndarray:
    """Seconds at each iteration, from (iteration, seconds) marks, straight lines between them."""
    at, seconds = zip(*marks, strict=True)
    return np.interp(np.arange(iterations), at, seconds)
