"""Samples of tasks without a data set of their own: drawn, or refused (theory.md §6)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import jax
from jaxtyping import PRNGKeyArray

from ..errors import LearningEffortError
from .base import Samples, Task

#: The most rows that independent parts may have together, every row of one with every row of the others.
MOST_ROWS = 20_000

#: Samples of a task that has no data set of its own.
Draw = Callable[[Task], Samples]


def refuse(task: Task) -> Samples:
    """**Raises:** `LearningEffortError`: the task has no data set, and none may be drawn."""
    size = task.rows
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
        return Samples.even(x, y)

    return draw
