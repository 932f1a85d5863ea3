"""How much time JAX takes to trace and compile, so that what is said of a search tells that from solving."""

from __future__ import annotations

import threading
import time
from typing import Any

import jax

#: How the names of those events begin that JAX tells of when it has traced, lowered or compiled.
EVENTS = "/jax/core/compile/"


class _Spans(threading.local):
    """Spans of time that do not overlap, of the thread that asks."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []
        self.total = 0.0


_own = _Spans()


def compiled_seconds() -> float:
    """The seconds that this thread has spent on tracing and compiling since the program began."""
    return _own.total


def _heard(event: str, duration_secs: float, **_: Any) -> None:
    """Count the span of time that ends now; what was counted within it is not counted twice."""
    if not event.startswith(EVENTS):
        return
    end = time.perf_counter()
    begun = end - duration_secs
    while _own.spans and _own.spans[-1][0] >= begun:
        first, last = _own.spans.pop()
        _own.total -= last - first
    if _own.spans:
        begun = max(begun, _own.spans[-1][1])
    _own.spans.append((begun, end))
    _own.total += end - begun


jax.monitoring.register_event_duration_secs_listener(_heard)
