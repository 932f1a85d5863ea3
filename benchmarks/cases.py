"""The problems that are timed: settings of the paper, at chosen sizes."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import learning_effort as le

ORACLES = Path(__file__).parents[1] / "tests" / "oracles"


def semantic(steps: int, knots: int | None = None, hidden: tuple[int, ...] = (30,)) -> le.Problem:
    """`gain-semantic`; `knots` linearly interpolated, None for one control a step."""
    learner = le.LinearNetwork(le.tasks.SemanticHierarchy(4), hidden=hidden, weight_decay=0.01, init_scale=1e-2)
    return le.Problem(learner, _gain(knots), le.Steps(steps), discount=0.99)


def known_optimum(steps: int, knots: int | None = None) -> tuple[le.Problem, float]:
    """`gain-semantic` from the initial weights whose optimum is known, and the best value known (at 12,000 steps)."""
    with np.load(ORACLES / "s11_known_optima_semantic_h4.npz") as known:
        weights, best = [known["W1_0"], known["W2_0"]], float(known["gain_V_best"])
    learner = le.LinearNetwork(le.tasks.SemanticHierarchy(4), hidden=(30,), weight_decay=0.01, weights=weights)
    return le.Problem(learner, _gain(knots), le.Steps(steps), discount=0.99), best


def digits(steps: int, size: int = 5, knots: int | None = None, learning_rate: float = 5e-2) -> le.Problem:
    """Engagement with each of ten MNIST digits of `size` × `size` pixels, 50 hidden units."""
    learner = le.LinearNetwork(le.tasks.Digits(tuple(range(10)), size), hidden=(50,), learning_rate=learning_rate)
    held = {} if knots is None else {"knots": knots, "interpolation": "linear"}
    control = le.Engagement((0.0, 2.0), over="outputs", squared=True, cost=le.costs.NormDeviation(5.0), **held)
    return le.Problem(learner, control, le.Steps(steps), discount=0.99)


def gaussians(steps: int, seeds: int = 1) -> list[le.Problem]:
    """`gain-gaussians`, as many seeds."""
    return list(le.experiments.GainGaussians(steps=steps, seeds=seeds).problems().values())


def single_neuron(steps: int = 600) -> le.Problem:
    """`single-neuron`."""
    return le.experiments.SingleNeuron(steps=steps).problem()


def some_effort(problem: le.Problem):
    """An effort away from the start, where no term of the gradient vanishes."""
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda e: jnp.asarray(e + 0.1 * rng.uniform(-1, 1, e.shape)), problem.initial_effort())


def _gain(knots: int | None) -> le.Gain:
    return le.Gain() if knots is None else le.Gain(knots=knots, interpolation="linear")
