"""Algorithm 1 as the paper ran it on an experiment, with checkpoints: for comparison with a converged solver."""

from __future__ import annotations

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from .. import storage
from .._modules import replaced
from ..certificate import with_knots
from ..errors import LearningEffortError
from ..horizon import Steps
from ..problem import Problem
from ..solvers.ascent import amsgrad
from .base import Experiment

EVERY = 100
FILE = "ascent.nc"

#: The update rules that the paper used, by the name an experiment's `ascent` gives.
RULES = {"plain": optax.sgd, "amsgrad": amsgrad, "adam": lambda step: amsgrad(step, maximum=False)}


def best_value(experiment: Experiment, path, report=lambda text: None) -> float:
    """The best V that Algorithm 1 met on the experiment's first problem, with one control a step.

    Its state is kept in the file `path` every hundred iterations; called again, it goes on from there.

    **Arguments:** `report`, called with a line of text at every checkpoint.
    """
    step, iterations, rule = (*experiment.ascent, "plain")[:3]
    problem = with_knots(next(iter(experiment.problems().values())), None)
    problem = replaced(problem, horizon=Steps(problem.horizon.length))
    return ascend(problem, RULES[rule](step), iterations, path, report)


def described(experiment: Experiment, path) -> str:
    """The best V in the file `path`, and how far Algorithm 1 has come if it has not come to its end; "" without a file."""
    if not Path(path).is_file():
        return ""
    values = storage.read(path)["values"].values
    done, wanted = len(values) - 1, experiment.ascent[1]
    return f"{np.nanmax(values):.9g}" + ("" if done >= wanted else f" ({done} of {wanted} iterations)")


def ascend(problem: Problem, rule: optax.GradientTransformation, iterations: int, path, report=lambda text: None) -> float:
    """The best V met from the problem's start in `iterations` updates g ← clip(g + rule(∂V/∂g)); as `best_value`."""
    lower, upper = problem.bounds()
    start = problem.initial_effort()
    start = (start, rule.init(start))
    values = np.zeros(0)
    if Path(path).is_file():
        start, values = _restored(path, start)

    @eqx.filter_jit
    def advance(problem, effort, state):
        value, gradient = problem.value_and_gradient(effort)
        updates, state = rule.update(jax.tree.map(jnp.negative, gradient), state, effort)
        return value, jax.tree.map(jnp.clip, optax.apply_updates(effort, updates), lower, upper), state

    effort, state = start
    while len(values) <= iterations and np.isfinite(values).all():
        value, effort, state = advance(problem, effort, state)
        values = np.append(values, float(value))
        if len(values) % EVERY == 0 or len(values) > iterations:
            _keep(path, (effort, state), values)
            report(f"  Algorithm 1: {len(values)} values, the best {np.nanmax(values):.9g}")
    return float(np.nanmax(values))


def _keep(path, tree, values) -> None:
    import xarray as xr

    variables = {"values": ("iteration", values)}
    for i, leaf in enumerate(jax.tree.leaves(tree)):
        variables[f"leaf_{i}"] = ([f"leaf_{i}_{j}" for j in range(np.ndim(leaf))], np.asarray(leaf))
    storage.write(xr.Dataset(variables), path)


def _restored(path, like):
    dataset = storage.read(path)
    leaves, structure = jax.tree.flatten(like)
    kept = [dataset[name].values for name in sorted(dataset, key=lambda n: (len(n), n)) if name.startswith("leaf_")]
    if [x.shape for x in kept] != [np.shape(x) for x in leaves]:
        raise LearningEffortError(f"{path} is the course of another problem. Remove it, or choose another folder.")
    return jax.tree.unflatten(structure, [jnp.asarray(x) for x in kept]), dataset["values"].values
