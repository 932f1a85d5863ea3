"""Whether this process was forked from one that had used JAX, whose threads did not come along: what it computes would hang."""

from __future__ import annotations

import os

from ..errors import LearningEffortError

_forked = False


def _mark() -> None:
    global _forked
    _forked = True


def require_not_forked() -> None:
    """**Raises:** `LearningEffortError` in a process that was forked after this package had begun to compute."""
    if _forked:
        raise LearningEffortError(
            "This process was forked from one that had used learning-effort, and JAX hangs in such processes. Start them by "
            "'spawn': multiprocessing.get_context('spawn').Pool(), or ProcessPoolExecutor(mp_context=get_context('spawn')). "
            "le.solve_many uses all processors without any."
        )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark)
