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
            place = _place(empty)
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


FIRST_CASES = {
    "semantic, H = 30, 200 linear knots, N = 12,000": "semantic(12_000, 200)",
    "semantic, H = 30, 50 linear knots, N = 6,000": "semantic(6000, 50)",
    "single neuron, N = 600": "single_neuron(600)",
}


def first_answer(cases: dict[str, str] = FIRST_CASES) -> Iterator[Row]:
    """From import to answer in a fresh process, against one compiled plain gradient; and CasADi's for the single neuron."""
    for case, problem in cases.items():
        plain, solve = (FIRST.format(problem=problem, call=call) for call in (PLAIN, CALLS["le.solve"]))
        with tempfile.TemporaryDirectory() as empty:
            place = _place(empty)
            one = told_by(plain, **place, LEARNING_EFFORT_CACHE="off")
            cold = told_by(solve, **place, LEARNING_EFFORT_CACHE="off")
            told_by(solve, **place, LEARNING_EFFORT_CACHE="on")
            kept = told_by(solve, **place, LEARNING_EFFORT_CACHE="on")
        theirs = _casadi(600) if "neuron" in case else ""
        ratios = (
            f"×{run['clock'] / one['clock']:.1f} (processor ×{run['processor'] / one['processor']:.1f})" for run in (cold, kept)
        )
        yield Row(
            "first answer, import included, of plain jit(value_and_grad)'s time",
            case,
            "{} cold (at most ×4), {} with kept programs; ".format(*ratios) + f"{cold['programs']} programs (at most 40)",
            f"{seconds(cold['clock'])} cold, {seconds(kept['clock'])} kept, against {seconds(one['clock'])} for one plain "
            f"gradient; processor time {seconds(cold['processor'])}, {seconds(kept['processor'])} and "
            f"{seconds(one['processor'])}{theirs}",
        )


def _casadi(steps: int) -> str:
    """What CasADi and IPOPT take for the single neuron, from import to answer, in words."""
    try:
        import casadi  # noqa: F401
    except ImportError:
        return "; CasADi is not installed"
    from solving import transcribed

    told = told_by(INTERIOR.format(given=transcribed(steps)))
    return f"; CasADi and IPOPT {seconds(told['clock'])}, processor time {seconds(told['processor'])}"


def _place(empty: str) -> dict[str, str]:
    """Where the user's cache folder is, by system: in an `empty` folder."""
    return {"XDG_CACHE_HOME": empty, "LOCALAPPDATA": empty, "HOME": empty, "JAX_COMPILATION_CACHE_DIR": ""}


PLAIN = "jax.jit(jax.value_and_grad(problem.value))(problem.initial_effort())"
FIRST = """
import json, time
begun = time.perf_counter(), time.process_time()
import jax
import learning_effort as le
from cases import semantic, single_neuron

programs = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **more: programs.append(event) if event == "/jax/core/compile/backend_compile_duration" else None
)
problem = {problem}
jax.block_until_ready({call})
taken = time.perf_counter() - begun[0], time.process_time() - begun[1]
print(json.dumps({{"clock": taken[0], "processor": taken[1], "programs": len(programs)}}))
"""
INTERIOR = """
import json, time
begun = time.perf_counter(), time.process_time()
import casadi
from interior import transcription

transcription(casadi, **{given})
print(json.dumps({{"clock": time.perf_counter() - begun[0], "processor": time.process_time() - begun[1]}}))
"""
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
