"""What a process of the fuzz does."""

from __future__ import annotations

import signal
import warnings
from pathlib import Path

import jax

from .kinds import outcome

#: A case may take so long (the first of files solves what it saves), and a process may have so many memory maps before
#: it forgets its compiled programs.
SECONDS, MAPS = 600, 20_000


class TooLong(Exception):
    """A case that seems to hang."""


def _too_long(*_: object) -> None:
    raise TooLong(f"it took more than {SECONDS} seconds")


def work(chunk: tuple[str, list[int]]) -> list[tuple[str, int, str]]:
    """What came of some cases of a kind."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _too_long)
    kind, numbers = chunk
    found = []
    for number in numbers:
        signal.alarm(SECONDS)
        found.append((kind, number, outcome(kind, number)))
        signal.alarm(0)
    if len(Path("/proc/self/maps").read_bytes().splitlines()) > MAPS:
        jax.clear_caches()
    return found
