"""Benchmarks: every figure a ratio or a slope, its sides timed alternately in one run.

python benchmarks/run.py            all of them, as a table
python benchmarks/run.py growth     one of them
"""

import os
import platform
import sys
import time

import jax
import numpy as np

import learning_effort as le


def semantic(steps: int, knots: int | None = None) -> le.Problem:
    """`gain-semantic` of the paper, at some horizon."""
    learner = le.LinearNetwork(le.tasks.SemanticHierarchy(4), hidden=(30,), weight_decay=0.01, init_scale=1e-4)
    return le.Problem(learner, le.Gain(knots=knots), le.Steps(steps), discount=0.99)


def alternate(*functions, rounds: int = 5) -> list[float]:
    """The best time of each function, in seconds, called in turn after one call to compile."""
    best = [np.inf] * len(functions)
    for turn in range(rounds + 1):
        for i, function in enumerate(functions):
            begun = time.perf_counter()
            jax.block_until_ready(function())
            if turn:
                best[i] = min(best[i], time.perf_counter() - begun)
    return best


def growth():
    """Time of one value and gradient against the number of steps: linear has slope 1 in logarithms."""
    lengths = [1000, 2000, 4000, 8000, 16000]
    problems = [semantic(n) for n in lengths]
    efforts = [p.initial_effort() for p in problems]
    functions = [lambda p=p, e=e: p.value_and_gradient(e) for p, e in zip(problems, efforts, strict=True)]
    times = alternate(*functions)
    for n, t in zip(lengths, times, strict=True):
        print(f"  {n:6d} steps: {t * 1e3:8.1f} ms, {t / n * 1e6:5.1f} µs a step, ×{t / times[0]:.2f}")
    slope = np.polyfit(np.log(lengths), np.log(times), 1)[0]
    print(f"  slope in logarithms: {slope:.2f} (1 is linear, 2 quadratic)")


def adjoint():
    """The written-out gradient against plain automatic differentiation of the same value."""
    problem = semantic(4000)
    effort = problem.initial_effort()
    plain = jax.jit(jax.grad(problem.value))
    ours, theirs = alternate(lambda: problem.value_and_gradient(effort), lambda: plain(effort))
    difference = max(
        float(abs(a - b).max() / abs(b).max())
        for a, b in zip(*map(jax.tree.leaves, (problem.value_and_gradient(effort)[1], plain(effort))), strict=True)
    )
    print(f"  plain autodiff takes {theirs / ours:.2f} times as long; largest relative difference {difference:.1e}")


def solvers():
    """Quasi-Newton against Algorithm 1, to the same value of the single neuron."""
    problem = le.experiments.SingleNeuron().problem()
    quick = le.solve(problem, progress=False)
    slow = le.solve(problem, le.GradientAscent(10.0, 700), progress=False)
    reached = np.nonzero(quick.history.value >= slow.value)[0][0]
    print(
        f"  Algorithm 1, 700 iterations: V = {slow.value:.12f}; quasi-Newton passes it after "
        f"{quick.history.gradients[reached]} gradients and ends at {quick.value:.12f} with {quick.gradients}"
    )


BENCHMARKS = {"growth": growth, "adjoint": adjoint, "solvers": solvers}


def main(names):
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, JAX {jax.__version__}")
    for name in names or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].__doc__}")
        BENCHMARKS[name]()


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"No benchmark called {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.")
    main(sys.argv[1:])
