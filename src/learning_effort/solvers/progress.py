"""How a solver shows its progress: one line, rewritten as it goes, or a line a problem of several."""

from __future__ import annotations

import sys
import threading

import numpy as np


class Progress:
    """One line on standard error, rewritten as the solver goes; a callable is called with (iteration, value, residual).

    **Arguments:** `show`: True, False, or a callable. On a stream that is not a terminal nothing is rewritten: a line
    is written every so often instead.
    """

    def __init__(self, show):
        self._call = show if callable(show) else None
        self.followed = self._call is not None  # somebody wants to hear of every iteration
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


class Counted:
    """A line on standard error for every problem solved of several; `show` as for `Progress`, a callable is not called."""

    def __init__(self, show, total: int):
        self._show, self._total, self._done, self._lock = show is True, total, 0, threading.Lock()

    def __call__(self, solution) -> None:
        with self._lock:
            self._done += 1
            if self._show:
                print(
                    f"  {self._done} of {self._total}: value {solution.value:.9g}, {solution.gradients} gradients, "
                    f"{solution.seconds:.0f} s, scaled residual {solution.certificate.residual:.1e}",
                    file=sys.stderr,
                    flush=True,
                )


def spread_seconds(marks: list[tuple[int, float]], iterations: int) -> np.ndarray:
    """Seconds at each iteration, from (iteration, seconds) marks, straight lines between them."""
    at, seconds = zip(*marks, strict=True)
    return np.interp(np.arange(iterations), at, seconds)
