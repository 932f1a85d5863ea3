"""Solvers: against Algorithm 1, in units of gradients, many problems at once, and beside an interior-point solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from cases import gaussians, known_optimum, single_neuron
from interior import transcription
from measuring import Row, Time, against, alternate, seconds

import learning_effort as le


def solvers(neuron_steps: int = 600, steps: int = 4000, iterations=(700, 300)) -> Iterator[Row]:
    """Quasi-Newton against Algorithm 1 with the paper's step, from the same start to the same value."""
    cases = {
        f"single neuron, N = {neuron_steps:,}": single_neuron(neuron_steps),
        f"gain-gaussians, N = {steps:,}": gaussians(steps)[0],
    }
    for (case, problem), most in zip(cases.items(), iterations, strict=True):
        slow = le.solve(problem, le.GradientAscent(10.0, most), progress=False)
        for _ in range(2):  # once to compile
            scratch = le.solve(problem, le.QuasiNewton(), progress=False)
            quick = le.solve(problem, progress=False)
        target = min(slow.value, scratch.value, quick.value)
        target -= 1e-9 * (target - slow.baseline_value)
        ascents, own, fine = (int(s.history.gradients[np.argmax(s.history.value >= target)]) for s in (slow, scratch, quick))
        # The first of its iterations compiles, so it is left out and the others stand for it.
        taken = (slow.history.seconds[-1] - slow.history.seconds[0]) * ascents / (slow.gradients - 1)
        yield Row(
            "quasi-Newton against Algorithm 1",
            case,
            f"÷{ascents / own:.0f} gradients; whole le.solve ÷{taken / quick.seconds:.1f} time",
            f"to V = {target:.10f}: Algorithm 1 {ascents} gradients in {seconds(taken)}; le.QuasiNewton() from the same start "
            f"{own} of its {scratch.gradients}, all in {seconds(scratch.seconds)}; le.solve {fine} of its {quick.gradients}, "
            f"all in {seconds(quick.seconds)}, {quick.value - slow.value:.1e} above Algorithm 1's end. "
            f"{_before(quick)}",
        )


def _before(solution: le.Solution) -> str:
    """What came before the learner's own steps."""
    earlier = (f"{stage.steps} steps, {stage.gradients} gradients" for stage in solution.stages[:-1])
    text = ", and ".join(earlier)
    return f"{text}, came first." if text else ""


def optimum(steps: int = 12_000, knots: int = 200, rounds: int = 2) -> Iterator[Row]:
    """A known optimum: the value reached, and how many exact gradients' time it takes."""
    for count in (None, knots):
        problem, best = known_optimum(steps, count)
        effort = problem.initial_effort()
        found: list[le.Solution] = []
        solve, *single = alternate(
            lambda p=problem, f=found: f.append(le.solve(p, progress=False)),
            *[lambda p=problem, e=effort: p.value_and_gradient(e)] * 3,
            rounds=rounds,
        )
        one, solution = Time(*map(min, zip(*single, strict=True))), found[-1]
        yield Row(
            "le.solve to a known optimum",
            f"gain-semantic, N = {steps:,}, " + ("one control a step" if count is None else f"{count} linear knots"),
            f"{solve.clock / one.clock:.0f} gradients' time (at most 40; processor time {solve.processor / one.processor:.0f})",
            f"V = {solution.value:.9f} (best known with one control a step {best:.9f}), scaled residual "
            f"{solution.certificate.residual:.1e}; {solution.gradients} exact gradients; {seconds(solve.clock)}, of which the "
            f"search {seconds(solution.seconds)}; one gradient {seconds(one.clock)}. {_before(solution)}",
        )


def batch(every: int = 7, seeds: int = 4, steps: int = 4000) -> Iterator[Row]:
    """Many problems at once against one after another, both compiled before."""
    problems = list(le.experiments.SingleNeuronSweeps().problems().values())
    yield _batch(f"{len(problems)} single neurons", problems, every, le.QuasiNewton())
    yield _batch(f"gain-gaussians, {seeds} seeds, N = {steps:,}", gaussians(steps, seeds), 1, None)


def _batch(case: str, problems, every: int, method) -> Row:
    """`problems` together against one in `every` of them one by one, their time scaled up."""
    some = problems[::every]
    together, alone = [], []

    def many():
        together[:] = le.solve_many(problems, progress=False)

    def one_by_one():
        alone[:] = [le.solve(problem, method, progress=False) for problem in some]

    at_once, single = alternate(many, one_by_one, rounds=2)
    differ = max(abs(a.value - b.value) for a, b in zip(together[::every], alone, strict=True))
    scaled = Time(*(time * len(problems) / len(some) for time in single))
    searched = sum(s.seconds for s in together), sum(s.seconds for s in alone) * len(problems) / len(some)
    counted = "" if every == 1 else f" ({len(some)} of them took {seconds(single.clock)})"
    return Row(
        "together against one by one",
        case,
        against(scaled, at_once),
        f"{seconds(at_once.clock)} against {seconds(scaled.clock)}{counted}; the searches' own times add up to "
        f"{seconds(searched[0])} and {seconds(searched[1])}; values differ by at most {differ:.1e}",
    )


def interior_point(steps: int = 600, rounds: int = 5) -> Iterator[Row]:
    """le.solve against CasADi with IPOPT on the same steps and the same value."""
    measure, case = "le.solve against CasADi and IPOPT", f"single neuron, N = {steps:,}"
    try:
        import casadi
    except ImportError:
        yield Row(measure, case, "not measured", "CasADi is not installed; pip install casadi")
        return
    problem = single_neuron(steps)
    call, value = transcription(casadi, **transcribed(steps))
    every: list[le.Solution] = []
    ours, theirs = alternate(lambda: every.append(le.solve(problem, progress=False)), call, rounds=rounds)
    found = min(every, key=lambda solution: solution.seconds)
    yield Row(
        measure,
        case,
        f"{against(theirs, ours)}; values differ by {abs(found.value - value):.1e} (at most 1e-9)",
        f"{seconds(ours.clock)} (the search {seconds(found.seconds)}, the rest checks and rollouts) against "
        f"{seconds(theirs.clock)} (the program built before, exact "
        f"Hessian); V = {found.value:.13f} and {value:.13f}; {found.gradients} gradients",
    )


def transcribed(steps: int) -> dict:
    """What `transcription` takes of `single-neuron`: its numbers, and its weights without control."""
    e = le.experiments.SingleNeuron(steps=steps)
    names = ("steps", "mean", "std", "weight_decay", "gamma", "learning_rate", "beta", "lower", "upper")
    uncontrolled = e.problem().baseline()
    return {name: getattr(e, name) for name in names} | {"weights": np.ravel(uncontrolled.weights[0]).tolist()}
