"""Samples to learn from: a task's whole data set, or a batch of draws, each sample with a weight (mathematics.md §2, §6).

Compositions follow from their parts. A mixture weights the samples of part c by p_c; a blend superposes its parts; in
a concatenation and a blend the parts are independent, so that every row of one meets every row of the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import singledispatch
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..errors import LearningEffortError
from ..tasks import Arrays, Blend, Concatenated, Mixture, SemanticHierarchy, Switching, Task, TaskSet

#: The most rows that independent parts may have together, every row of one with every row of the others.
MOST_ROWS = 20_000


class Samples(NamedTuple):
    """n samples, x (n, I) and y (n, O), with weights (n,) that sum to 1. Until `in_force` has chosen, they may carry a
    leading axis of the composition's parts."""

    x: Float[Array, "*parts n I"]
    y: Float[Array, "*parts n O"]
    weights: Float[Array, "*parts n"]


#: Samples of a task that has no data set of its own.
Draw = Callable[[Task], Samples]


def refuse(task: Task) -> Samples:
    """**Raises:** `LearningEffortError`: the task has no data set, and none may be drawn."""
    size = rows(task)
    why = f"that of this {type(task).__name__} has {size} rows, every row of one part with every row of the others"
    raise LearningEffortError(
        "batch_size=None learns from the full data set, but "
        + (why if size else f"{type(task).__name__} has no finite one")
        + ". Give SampledNetwork a batch_size, such as batch_size=32, to learn from samples; or a task with data, such as "
        "le.tasks.Arrays(x, y)."
    )


def drawing(key: PRNGKeyArray, batch: int) -> Draw:
    """A `Draw` of `batch` samples, others at every call."""
    calls = itertools.count()

    def draw(task: Task) -> Samples:
        x, y = task.sample(jax.random.fold_in(key, next(calls)), batch)
        return Samples(x, y, jnp.full(batch, 1 / batch))

    return draw


def rows(task: Task) -> int | None:
    """The rows of a task's whole data set; None where it has none."""
    if isinstance(task, Arrays):
        return task.x.shape[0]
    if isinstance(task, SemanticHierarchy):
        return task.input_size
    if not isinstance(task, (Blend, Concatenated, Mixture, Switching, TaskSet)):
        return None
    sizes = [rows(t) for t in task.tasks]
    if None in sizes:
        return None
    return math.prod(sizes) if isinstance(task, (Blend, Concatenated)) else sum(sizes)


@singledispatch
def gathered(task: Task, draw: Draw) -> Samples:
    """All samples that learning may need, with `draw` for tasks without data; `in_force` chooses among them."""
    return draw(task)


@gathered.register
def _(task: Arrays, draw):
    return Samples(task.x, task.y, jnp.full(task.x.shape[0], 1 / task.x.shape[0]))


@gathered.register
def _(task: SemanticHierarchy, draw):
    items = task.input_size
    return Samples(jnp.eye(items), jnp.asarray(task.properties), jnp.full(items, 1 / items))


@gathered.register
def _(task: Mixture, draw):
    parts = [_settled(t, draw) for t in task.tasks]
    weights = jax.scipy.linalg.block_diag(*(p.weights for p in parts))
    return Samples(jnp.concatenate([p.x for p in parts]), jnp.concatenate([p.y for p in parts]), weights)


@gathered.register(Switching)
@gathered.register(TaskSet)
def _(task, draw):
    parts = [_settled(t, draw) for t in task.tasks]
    longest = max(p.weights.size for p in parts)

    def padded(part: Samples) -> Samples:
        # Copies of the last row, which weigh nothing.
        more = longest - part.weights.size
        x, y = (jnp.pad(a, ((0, more), (0, 0)), mode="edge") for a in (part.x, part.y))
        return Samples(x, y, jnp.pad(part.weights, (0, more)))

    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(padded, parts))


@gathered.register
def _(task: Concatenated, draw):
    parts, weights = _independent(task, draw)
    x, y = (jnp.concatenate([getattr(p, name) for p in parts], axis=1) for name in ("x", "y"))
    return Samples(x, y, weights)


@gathered.register
def _(task: Blend, draw):
    parts, weights = _independent(task, draw)
    return Samples(jnp.stack([p.x for p in parts]), jnp.stack([p.y for p in parts]), weights)


def in_force(task: Task, samples: Samples, k=None, proportions=None) -> Samples:
    """The samples of step `k`, at `proportions` (None: the task's own), from what `gathered` gave."""
    if isinstance(task, Switching):
        return jax.tree.map(lambda leaf: leaf[task.task_at(k)], samples)
    if not isinstance(task, (Mixture, Blend)):
        return samples
    p = task.proportions if proportions is None else proportions
    if isinstance(task, Mixture):
        return samples._replace(weights=p @ samples.weights)
    return samples._replace(x=jnp.tensordot(p, samples.x, 1), y=jnp.tensordot(p, samples.y, 1))


def drawn(task: Task, key: PRNGKeyArray, batch: int, k, proportions=None) -> Samples:
    """`batch` samples drawn at step `k`. Those of a mixture are drawn at its own proportions q and weighted by p_c/q_c, so
    that the same samples are drawn whatever the proportions p."""
    weights = jnp.full(batch, 1 / batch)
    if isinstance(task, Mixture):
        part_key, *keys = jax.random.split(key, len(task.tasks) + 1)
        part = jax.random.choice(part_key, len(task.tasks), (batch,), p=task.proportions)
        x, y = (jnp.stack(a) for a in zip(*(t.sample(i, batch) for t, i in zip(task.tasks, keys, strict=True)), strict=True))
        if proportions is not None:
            weights = weights * proportions[part] / task.proportions[part]
        return Samples(x[part, jnp.arange(batch)], y[part, jnp.arange(batch)], weights)
    x, y = task.sample(key, batch, k, proportions)
    return Samples(x, y, jnp.broadcast_to(weights, x.shape[:-1]))


def _settled(task: Task, draw: Draw) -> Samples:
    return in_force(task, gathered(task, draw))


def _independent(task, draw: Draw) -> tuple[list[Samples], Float[Array, " n"]]:
    """Each part's samples, row by row beside the others', and the rows' weights."""
    size = rows(task)
    if size is None or size > MOST_ROWS:
        if draw is refuse:
            refuse(task)
        parts = [draw(t) for t in task.tasks]
        return parts, parts[0].weights
    parts = [_settled(t, draw) for t in task.tasks]
    places = np.indices([p.weights.size for p in parts]).reshape(len(parts), -1)
    parts = [jax.tree.map(lambda leaf, at=at: leaf[at], p) for p, at in zip(parts, places, strict=True)]
    return parts, math.prod(p.weights for p in parts)
