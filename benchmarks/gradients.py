"""The exact gradient: against plain autodiff, as sizes grow, and the memory it takes."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
from cases import digits, semantic, some_effort
from measuring import Row, against, alternate, seconds, slope, told_by


def gradient(lengths=(4000, 12000), rounds: int = 4) -> Iterator[Row]:
    """value_and_gradient, written out in blocks, against jax.jit(jax.grad(problem.value))."""
    cases = {
        "semantic, H = 30, one control a step": semantic,
        "semantic, H = 30, 200 linear knots": lambda steps: semantic(steps, knots=min(200, steps)),
        "ten digits, H = 50, engagement a step": digits,
    }
    for case, build in cases.items():
        for steps in lengths:
            problem = build(steps)
            effort = some_effort(problem)
            plain = jax.jit(jax.grad(problem.value))
            ours, theirs = alternate(
                lambda p=problem, e=effort: p.value_and_gradient(e), lambda f=plain, e=effort: f(e), rounds=rounds
            )
            difference = _difference(problem.value_and_gradient(effort)[1], plain(effort))
            yield Row(
                "exact gradient against plain autodiff",
                f"{case}, N = {steps:,}",
                against(theirs, ours),
                f"{seconds(ours.clock)} ({ours.clock / steps * 1e6:.1f} µs a step) against {seconds(theirs.clock)}; "
                f"largest relative difference {difference:.1e} (at most 1e-10)",
            )


def growth(
    lengths=(1000, 10_000, 100_000, 1_000_000),
    widths=(10, 20, 50, 100, 200),
    depths=(1, 2, 3, 4),
    sizes=(5, 10, 14, 20, 28),
    steps: int = 2000,
    rounds: int = 5,
) -> Iterator[Row]:
    """How the time of value and gradient grows with steps, hidden units, layers and inputs."""
    knots = min(100, steps, *lengths)
    yield _growth("steps N", f"semantic, H = 30, {knots} linear knots", lengths, [semantic(n, knots) for n in lengths], rounds)
    problems = [semantic(steps, knots, hidden=(h,)) for h in widths]
    yield _growth("hidden units H", f"semantic, {knots} knots, N = {steps:,}", widths, problems, rounds)
    problems = [semantic(steps, knots, hidden=(30,) * (layers - 1)) for layers in depths]
    yield _growth("layers", f"semantic, H = 30, {knots} knots, N = {steps:,}", depths, problems, rounds)
    few = max(steps // 4, 2)
    problems = [digits(few, size, knots=min(20, few), learning_rate=1e-3) for size in sizes]
    inputs = [size**2 + 1 for size in sizes]
    yield _growth("inputs I", f"ten digits, H = 50, 20 knots, N = {few:,}", inputs, problems, rounds)


def _growth(what: str, case: str, sizes, problems, rounds: int) -> Row:
    efforts = [some_effort(problem) for problem in problems]
    calls = [lambda p=p, e=e: p.value_and_gradient(e) for p, e in zip(problems, efforts, strict=True)]
    times = [time.clock for time in alternate(*calls, rounds=rounds, patience=12.0)]
    last = slope(sizes[-2:], times[-2:])
    return Row(
        f"growth with {what}",
        case,
        f"slope {slope(sizes, times):.2f}",
        ", ".join(f"{n:,}: {seconds(t)}" for n, t in zip(sizes, times, strict=True)) + f"; between the last two {last:.2f}",
    )


def memory(lengths=(10_000, 100_000, 1_000_000)) -> Iterator[Row]:
    """The peak of a fresh process's memory with value and gradient, less its peak just before them."""
    peaks = [told_by(MEASURED.format(steps=steps), LEARNING_EFFORT_CACHE="off") for steps in lengths]
    rise = [peak["after"] - peak["before"] for peak in peaks]
    yield Row(
        "peak memory of value and gradient",
        "semantic, H = 30, 100 linear knots",
        f"{rise[-1]:.0f} MB at N = {lengths[-1]:,} (less than 1000)",
        ", ".join(f"N = {n:,}: {r:.0f} MB" for n, r in zip(lengths, rise, strict=True))
        + f", compiling included, on top of the {peaks[-1]['before']:.0f} MB of the process before",
    )


MEASURED = """
import json, pathlib, resource, sys
import jax
from cases import semantic, some_effort

def peak():
    "Of this process's memory, in MB. Linux's getrusage would count the parent's."
    status = pathlib.Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)

problem = semantic({steps}, knots=100)
effort = jax.block_until_ready(some_effort(problem))
before = peak()
jax.block_until_ready(problem.value_and_gradient(effort))
print(json.dumps({{"before": before, "after": peak()}}))
"""


def _difference(ours, theirs) -> float:
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)
