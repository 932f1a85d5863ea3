"""How a solver shows its progress, one line a stage, and hears that it is to stop."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ..errors import choice
from ..results.certificate import Status
from ..results.solution import Solution
from ..runtime.interruption import Stop, Stopped

#: Whether progress is shown; or a callable of (iteration, value, residual), which hears of it, and stops it by `StopIteration`.
Show = bool | Callable[[int, float, float], object]
#: What a stage is called where nothing else is said: its steps are the learner's own, and so are its values.
OWN_STEPS = "own steps"


def _shown(show: object) -> bool:
    """Whether lines are written. **Raises:** `LearningEffortError` for what neither says so nor can be called."""
    if callable(show):
        return False
    return bool(choice(show, "progress", "solve", (True, False)))


class Progress:
    """Where a solver is: shown in one line a stage, or passed on to a callable; and whether it is to stop.

    **Arguments:** `show`: True, False, or a callable of (iteration, value, residual); `stop`, when to stop (None: never).

    `stage` and `start` name what comes next: of what the values are.
    """

    def __init__(self, show: Show = False, stop: Stop | None = None):
        self._call = show if callable(show) else None
        self.stop = Stop() if stop is None else stop
        self.stage, self.start = OWN_STEPS, ""
        self._line = Line(_shown(show))
        self._limit: int | None = None

    def begin(self, limit: int | None = None) -> None:
        """A stage begins, of at most `limit` gradients. The first of them has to be compiled."""
        self._limit = limit
        self._line.begin(f"{self._name}: compiling …")

    def __call__(self, iteration: int, value: float, residual: float, gradients: int | None = None) -> None:
        """Say, or pass on, where the solver is; `gradients`, used so far in this stage.

        **Raises:** `Stopped` if the solver is to hand back the best it has: after Ctrl-C or SIGTERM, `StopIteration` in the
        callable, or when the time allowed is over.
        """
        self._heard(iteration, value, residual)
        self._line.write(f"{self._at(iteration, gradients)}   value {value:.9g}   scaled residual {residual:.1e}", iteration)
        self.stop.check()

    def looking(self, where: str, gradients: int, best: float) -> None:
        """Say where a search of other starts is: how many `gradients` it took, and the `best` value so far.

        **Raises:** `Stopped` as when called.
        """
        self._line.write(f"{self._name}: {where}, {gradients} gradients{self._left}   best value {best:.9g}", gradients)
        self.stop.check()

    def together(
        self,
        iteration: int,
        values: Float[np.ndarray, " problems"],
        residuals: Float[np.ndarray, " problems"],
        converged: int,
        gradients: int,
    ) -> None:
        """The same of several problems solved as one. A callable hears of the mean value and the largest residual."""
        worst = float(residuals.max())
        self._heard(iteration, float(values.mean()), worst)
        text = f"{converged} of {len(values)} converged   largest scaled residual {worst:.1e}"
        self._line.write(f"{self._at(iteration, gradients)}   {text}", iteration)
        self.stop.check()

    def status_of(self, error: KeyboardInterrupt) -> Status:
        """The status of a run that `error` ended. **Raises:** `error` if it is a second Ctrl-C, which ends all at once."""
        if isinstance(error, Stopped):
            return Status.TIME if error.out_of_time else Status.INTERRUPTED
        if self.stop.requested:
            raise error
        self.stop.request()
        return Status.INTERRUPTED

    def close(self) -> None:
        """End the line."""
        self._line.end()

    @property
    def _name(self) -> str:
        """What the stage is called."""
        return f"  {self.start}{self.stage}"

    def _at(self, iteration: int, gradients: int | None) -> str:
        """The stage and how far it is, with the time left."""
        limit = "" if self._limit is None else f" of {self._limit}"
        at = f"iteration {iteration}" if gradients is None else f"gradient {gradients}{limit}"
        return f"{self._name}: {at}{self._left}"

    @property
    def _left(self) -> str:
        """The time left, if it is limited."""
        left = self.stop.seconds_left
        return "" if left is None else f"   {left:.0f} s left"

    def _heard(self, iteration: int, value: float, residual: float) -> None:
        """There is something to keep now; the callable hears of it."""
        self.stop.something_to_keep = True
        if self._call:
            _call(self._call, self.stop, iteration, value, residual)


class Counted:
    """A line on standard error for every problem solved of several, by any thread.

    **Arguments:** `show` as for `Progress`, a callable being called with (problems done, value, residual); their `total`.
    """

    def __init__(self, show: Show, total: int, stop: Stop):
        self._call = show if callable(show) else None
        self._line = Line(_shown(show))
        self._total, self._stop = total, stop
        self._done, self._lock = 0, threading.Lock()

    def __call__(self, answer: Solution | str) -> None:
        """Count a problem as done: a solution, or in words why there is none."""
        with self._lock:
            self._done += 1
            value, residual, text = np.nan, np.nan, str(answer)
            if isinstance(answer, Solution):
                value, residual = answer.value, answer.certificate.residual
                took = f"{answer.gradients} gradients, {answer.seconds:.0f} s"
                text = f"value {value:.9g}, {took}, scaled residual {residual:.1e}"
            self._line.begin(f"  {self._done} of {self._total}: {text}")
            self._line.end()
            if self._call:
                _call(self._call, self._stop, self._done, value, residual)


class Line:
    """A line on standard error, rewritten on a terminal; elsewhere a line every so often, and the last."""

    def __init__(self, shown: bool):
        self._stream = sys.stderr if shown else None
        try:
            self._terminal = self._stream is not None and self._stream.isatty()
        except ValueError:  # it is closed
            self._stream, self._terminal = None, False
        self._text, self._said, self._next = "", True, 0
        self._fresh = False  # nothing but its beginning has been said

    def begin(self, text: str) -> None:
        """Begin another line; what said no more than its beginning is written over."""
        if not self._fresh:
            self.end()
        self._next = 0
        self.write(text, 0)
        self._next, self._fresh = 0, True

    def write(self, text: str, iteration: int) -> None:
        """Say `text` instead of what the line says."""
        due = self._terminal or iteration >= self._next
        if due and not self._terminal:
            self._next = max(iteration + 1, int(iteration * 1.6))
        if due:
            self._print("\r" + text.ljust(len(self._text)) if self._terminal else text + "\n")
        self._text, self._said, self._fresh = text, due, False

    def end(self) -> None:
        """End the line."""
        if self._text and self._terminal:
            self._print("\n")
        elif not self._said:
            self._print(self._text + "\n")
        self._text, self._said, self._fresh = "", True, False

    def _print(self, text: str) -> None:
        """Write, as long as somebody reads it."""
        if self._stream is not None:
            try:
                print(text, end="", file=self._stream, flush=True)
            except (OSError, ValueError):
                self._stream = None


def _call(call: Callable[[int, float, float], object], stop: Stop, count: int, value: float, residual: float) -> None:
    """Call the user's callable; `StopIteration`, and Ctrl-C in it, request `stop`. **Raises:** what else it raises."""
    try:
        call(count, value, residual)
    except StopIteration:
        stop.request()
    except KeyboardInterrupt:
        if stop.requested:
            raise
        stop.request()
