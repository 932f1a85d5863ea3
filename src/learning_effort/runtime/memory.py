"""How much memory there is, and what is refused for want of it before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import LearningEffortError

#: Bytes of a float64.
NUMBER = 8
#: Where the system says nothing, so much is taken to be free, in bytes.
UNKNOWN = 8 * 2**30


def available() -> int:
    """The bytes that this process may still use, as far as the system says."""
    meminfo = Path("/proc/meminfo")
    try:
        lines = meminfo.read_text().splitlines() if meminfo.is_file() else []
        free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        return free[0] if free else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError, AttributeError):
        return UNKNOWN


def require(numbers: int | float, what: str, try_: str) -> None:
    """**Raises:** `LearningEffortError` if so many float64 `numbers`, that `what` needs do not fit; `try_` says what would."""
    free = available()
    if numbers * NUMBER > free:
        raise LearningEffortError(f"{what} needs about {_said(numbers * NUMBER)} of memory, and {_said(free)} are free. {try_}")


def _said(size: int | float) -> str:
    """Bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
