"""What is waited for before anything is computed: importing and compiling, in fresh processes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from measuring import Row, in_fresh_process, seconds, told_by


def importing(rounds: int = 3) -> Iterator[Row]:
    """Importing the package and listing experiments, against starting Python."""
    calls = {
        "python": ["-c", "pass"],
        "import": ["-c", "import learning_effort"],
        "list": ["-m", "learning_effort", "list"],
        "problem": ["-c", "import learning_effort as le; le.Problem"],
    }
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, arguments in calls.items():
            best[name] = min(best[name], in_fresh_process(arguments)[1])
    bare = best["python"]
    yield Row(
        "importing",
        "a fresh process",
        f"import {seconds(best['import'] - bare)}, list {seconds(best['list'] - bare)}",
        f"on top of the {seconds(bare)} of Python itself, best of {rounds}; {seconds(best['problem'] - bare)} for the first "
        "use of what needs JAX",
    )


def compiling(steps: int = 4000, knots: int = 400) -> Iterator[Row]:
    """The first call less the second: nothing kept, and with the programs that an earlier process kept."""
    case = f"semantic, H = 30, {knots} knots, N = {steps:,}"
    for what, call in CALLS.items():
        code = TIMED.format(steps=steps, knots=knots, call=call)
        with tempfile.TemporaryDirectory() as empty:
            # Where the user's cache folder is, by system.
            place = {"XDG_CACHE_HOME": empty, "LOCALAPPDATA": empty, "HOME": empty, "JAX_COMPILATION_CACHE_DIR": ""}
            none = told_by(code, **place, LEARNING_EFFORT_CACHE="off")
            told_by(code, **place, LEARNING_EFFORT_CACHE="on")
            kept = told_by(code, **place, LEARNING_EFFORT_CACHE="on")
        cold, warm = none["first"] - none["second"], kept["first"] - kept["second"]
        yield Row(
            f"compiling {what}",
            case,
            f"{seconds(cold)}; {seconds(warm)} with the kept programs, ÷{cold / warm:.1f}",
            f"first call {seconds(none['first'])} and {seconds(kept['first'])}, second {seconds(none['second'])} and "
            f"{seconds(kept['second'])}",
        )


CALLS = {"value_and_gradient": "problem.value_and_gradient(effort)", "le.solve": "le.solve(problem, progress=False).effort"}
TIMED = """
import json, time
import jax
import learning_effort as le
from cases import semantic

problem = semantic({steps}, knots={knots})
effort = jax.block_until_ready(problem.initial_effort())
times = []
for _ in range(2):
    begun = time.perf_counter()
    jax.block_until_ready({call})
    times.append(time.perf_counter() - begun)
print(json.dumps({{"first": times[0], "second": times[1]}}))
"""
