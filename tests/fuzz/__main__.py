"""python -m tests.fuzz [--share 0.1] [--kind file]: how many cases were solved, how many refused, and which were neither."""

from __future__ import annotations

import argparse
import collections
import multiprocessing
import os
import sys
import time

CHUNK = 50


def main() -> int:
    """The exit status: 1 if a case was neither."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases, evenly")
    parser.add_argument("--kind", help="one kind only")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    os.environ.setdefault("MPLBACKEND", "Agg")
    os.environ.setdefault("LEARNING_EFFORT_CACHE", "off")
    from .kinds import KINDS, REFUSED, SOLVED, named
    from .worker import work

    chunks = []
    for function, many in KINDS.items():
        if asked.kind in (None, function.__name__):
            numbers = list(range(0, many, max(round(1 / asked.share), 1)))
            chunks += [(function.__name__, numbers[i : i + CHUNK]) for i in range(0, len(numbers), CHUNK)]
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    begun, neither = time.perf_counter(), []
    with multiprocessing.get_context("spawn").Pool(asked.processes) as pool:
        for done, chunk in enumerate(pool.imap_unordered(work, chunks), 1):
            for kind, number, came in chunk:
                counts[kind][came if came in (SOLVED, REFUSED) else "neither"] += 1
                if came not in (SOLVED, REFUSED):
                    neither.append(f"{named(kind, number)}: {came}")
                    print(neither[-1], flush=True)
            if done % 20 == 0:
                print(f"{done} of {len(chunks)} chunks, {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)
    total = sum(counts.values(), collections.Counter())
    for kind, count in [*counts.items(), ("all", total)]:
        row = "  ".join(f"{count[what]:6d} {what}" for what in (SOLVED, REFUSED, "neither"))
        print(f"{kind:15s}{sum(count.values()):7d} cases: {row}")
    return 1 if neither else 0


if __name__ == "__main__":
    sys.exit(main())
