"""Ending a search early and keeping what there is: Ctrl-C, SIGTERM, and time that is over.

While a search runs, the first signal only asks it to stop, which it does between two gradients; JAX is not torn out of its
work. From then on signals do what they do anywhere else, so that a second one ends at once.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

#: A handler of Python's own that ours may stand in for, by the signal. A user's handler is left alone.
OURS_TO_HANDLE = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}


class Stopped(KeyboardInterrupt):
    """Raised to a solver between two gradients: it is to hand back the best it has. `out_of_time`: nobody interrupted it."""

    def __init__(self, out_of_time: bool = False):
        super().__init__("the time allowed is over" if out_of_time else "interrupted")
        self.out_of_time = out_of_time


class Stop:
    """When to stop: once it is `requested`, or `max_seconds` from now. All threads that work for one call share it.

    `something_to_keep` says whether stopping leaves anything; as long as it does not, the first signal is not put off.
    """

    def __init__(self, max_seconds: float | None = None, something_to_keep: bool = False):
        self.max_seconds, self.something_to_keep = max_seconds, something_to_keep
        self.requested = False
        self._begun = time.perf_counter()

    def request(self) -> None:
        """Ask everything that shares this to stop."""
        self.requested = True

    @property
    def seconds_left(self) -> float | None:
        """How much of the time allowed is left; None if any amount is allowed."""
        return None if self.max_seconds is None else max(self.max_seconds - (time.perf_counter() - self._begun), 0.0)

    @property
    def due(self) -> bool:
        """Whether it is time to stop."""
        return self.requested or self.seconds_left == 0.0

    def check(self) -> None:
        """**Raises:** `Stopped` if it is time to stop."""
        if self.due:
            raise Stopped(out_of_time=not self.requested)


@contextlib.contextmanager
def signals_request(stop: Stop) -> Iterator[None]:
    """While it lasts, the first Ctrl-C or SIGTERM requests `stop`, and raises `KeyboardInterrupt` if there is nothing to keep.

    Only in the main thread, where Python handles signals, and only in place of Python's own handlers.
    """
    replaced: dict[signal.Signals, object] = {}

    def restore() -> None:
        for number, before in replaced.items():
            if signal.getsignal(number) is handler:
                signal.signal(number, before)  # type: ignore[arg-type]

    def handler(number: int, frame: FrameType | None) -> None:
        restore()
        stop.request()
        if not stop.something_to_keep:
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number, own in OURS_TO_HANDLE.items():
            if signal.getsignal(number) is own:
                replaced[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        restore()
