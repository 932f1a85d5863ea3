"""Work on several problems at once, in threads: compiled code holds no lock, and what one thread compiles all can use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    function: Callable[[Item], Answer], items: Iterable[Item], stop: Callable[[], object] = lambda: None
) -> list[Answer]:
    """`function` of each item, in order, as many at once as there are processors.

    The first error ends what has not begun, calls `stop`, which should end what runs, and is raised when that is done. Ctrl-C,
    which only the thread that waits here hears of, is raised at once.
    """
    pool = ThreadPoolExecutor(processors())
    try:
        futures = [pool.submit(function, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        failed = next((f for f in futures if f.done() and f.exception() is not None), None)
        answers = [] if failed else [future.result() for future in futures]
    except BaseException:
        stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    if failed:
        stop()
    pool.shutdown(cancel_futures=True)
    return failed.result() if failed else answers  # type: ignore[return-value]  # what failed raises its error
