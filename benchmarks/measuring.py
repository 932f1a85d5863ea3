"""How things are timed, and how a result is written down."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np


class Row(NamedTuple):
    """One line of the table: what was compared, on what, the ratio or slope, and the numbers behind it."""

    measure: str
    case: str
    result: str
    detail: str


class Time(NamedTuple):
    """Seconds on the clock, and seconds that processors spent on it: on a busy machine the second is the steadier one."""

    clock: float
    processor: float


def alternate(*functions: Callable, rounds: int = 5, patience: float = 20.0) -> list[Time]:
    """The best time of each function, called in turn after one call each to compile.

    A function that has been timed for more than `patience` seconds is not called again.
    """
    for function in functions:
        jax.block_until_ready(function())
    times: list[list[Time]] = [[] for _ in functions]
    for _ in range(rounds):
        for function, own in zip(functions, times, strict=True):
            if sum(t.clock for t in own) > patience:
                continue
            begun = _now()
            jax.block_until_ready(function())
            own.append(Time(*(after - before for before, after in zip(begun, _now(), strict=True))))
    return [Time(*map(min, zip(*own, strict=True))) for own in times]


def _now() -> Time:
    return Time(time.perf_counter(), time.process_time())


def against(theirs: Time, ours: Time) -> str:
    """How many times as fast ours is as theirs."""
    return f"×{theirs.clock / ours.clock:.2f} as fast (processor time ×{theirs.processor / ours.processor:.2f})"


def slope(sizes, times) -> float:
    """The slope of time against size in logarithms: 1 is linear, 2 quadratic."""
    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def in_fresh_process(arguments: list[str], **environment: str) -> tuple[str, float]:
    """What Python prints when called with `arguments`, and the seconds it took, start and end included."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"{arguments} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout, seconds


def told_by(code: str, **environment: str) -> dict:
    """The JSON object that `code` prints last, run in a fresh process that finds the benchmarks' cases."""
    here = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    return json.loads(in_fresh_process(["-c", here + code], **environment)[0].splitlines()[-1])


def machine() -> str:
    """The machine and the versions, in one line."""
    versions = f"Python {platform.python_version()}, JAX {jax.__version__}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}; {versions}"


def load() -> str:
    """What else the machine is doing, to follow on `machine()`: a busy one is a noisy one."""
    return f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.is_file():
        for line in described.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


HEAD = "| measure | case | result | in numbers |\n|---|---|---|---|"


def line(row: Row) -> str:
    """`row` as a line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def seconds(time: float) -> str:
    """A time in the unit that suits it."""
    if time >= 1:
        return f"{time:.2f} s" if time < 100 else f"{time:.0f} s"
    return f"{time * 1e3:.1f} ms" if time >= 1e-3 else f"{time * 1e6:.1f} µs"


def write_between_marks(page: Path, text: str, marks: tuple[str, str]) -> None:
    """Replace what `page` has between two `marks` by `text`."""
    before, _, rest = page.read_text(encoding="utf-8").partition(marks[0])
    after = rest.partition(marks[1])[2]
    page.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}", encoding="utf-8")
