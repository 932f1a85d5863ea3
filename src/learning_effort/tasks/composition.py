"""Tasks made of tasks: concatenated, switching, mixed, blended, or learned one by one from one start (theory.md §2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..errors import Given, LearningEffortError, Numbers, array, count, is_traced
from ..runtime.modules import replaced
from .base import Moments, Proportions, Samples, Step, Task
from .datasets import MOST_ROWS, Draw, refuse


class _Composition(Task):
    """Several tasks, with their stacked moments kept once `prepared`.

    `parts_meet`: whether a sample has something of every part, so that every row of one meets every row of the others.
    """

    parts_meet: ClassVar[bool] = False

    tasks: tuple[Task, ...]
    stacked: Moments | None

    def _keep(self, tasks: Any, same_sizes: bool) -> None:
        name = type(self).__name__
        tasks = tuple(tasks) if isinstance(tasks, (list, tuple)) else (tasks,)
        wrong = [t for t in tasks if not isinstance(t, Task)]
        if not tasks or wrong:
            given = f"{wrong[0]!r} among them" if wrong else "none"
            raise LearningEffortError(f"The 'tasks' of {name} must be a list of at least one task. Got {given}.")
        if any(t.is_set or not t.is_stationary for t in tasks):
            raise LearningEffortError(f"The 'tasks' of {name} must not be task sets or switching tasks themselves.")
        sizes = {(t.input_size, t.output_size) for t in tasks}
        if same_sizes and len(sizes) > 1:
            raise LearningEffortError(
                f"The 'tasks' of {name} must all have the same numbers of inputs and outputs. Got (inputs, outputs) "
                f"{sorted(sizes)}. Concatenated(tasks) takes tasks of different sizes."
            )
        self.tasks = tasks
        self.stacked = None

    @property
    def input_size(self) -> int:
        """I, of every part."""
        return self.tasks[0].input_size

    @property
    def output_size(self) -> int:
        """O, of every part."""
        return self.tasks[0].output_size

    @property
    def rows(self) -> int | None:
        """The rows of all parts together, or of their combinations; None where one has no data set."""
        sizes = [rows for t in self.tasks if (rows := t.rows) is not None]
        if len(sizes) < len(self.tasks):
            return None
        return math.prod(sizes) if self.parts_meet else sum(sizes)

    def _settled(self, draw: Draw) -> list[Samples]:
        """Each part's own samples."""
        return [t.in_force(t.samples(draw)) for t in self.tasks]

    def _side_by_side(self, draw: Draw) -> Samples:
        """Each part's samples, stacked; the shorter are filled up with copies of their last row, which weigh nothing."""
        parts = self._settled(draw)
        longest = max(p.weights.size for p in parts)

        def padded(part: Samples) -> Samples:
            more = longest - part.weights.size
            x, y = (jnp.pad(a, ((0, more), (0, 0)), mode="edge") for a in (part.x, part.y))
            return Samples(x, y, jnp.pad(part.weights, (0, more)))

        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(padded, parts))

    def _independent(self, draw: Draw) -> tuple[list[Samples], Float[Array, " n"]]:
        """Each part's samples, every row beside every row of the others', and the rows' weights; drawn where they are many."""
        size = math.prod(t.rows or 0 for t in self.tasks)
        if not 0 < size <= MOST_ROWS:
            if draw is refuse:
                refuse(self)
            parts = [draw(t) for t in self.tasks]
            return parts, parts[0].weights
        parts = self._settled(draw)
        places = np.indices([p.weights.size for p in parts]).reshape(len(parts), -1)
        parts = [jax.tree.map(lambda leaf, at=at: leaf[at], p) for p, at in zip(parts, places, strict=True)]
        return parts, jnp.asarray(math.prod(p.weights for p in parts))

    def _stacked(self) -> Moments:
        """The parts' moments, each with a leading axis of parts."""
        if self.stacked is not None:
            return self.stacked
        return jax.tree.map(lambda *m: jnp.stack(m), *(t.moments() for t in self.tasks))

    def prepared(self) -> Task:
        """The same composition with its parts' moments computed once."""
        return replaced(self, stacked=self._stacked())


class Concatenated(_Composition):
    """All tasks at once, inputs and outputs side by side; different tasks are independent.

    **Arguments:** `tasks`, of any sizes. Off-diagonal blocks of the moments are products of means.
    """

    parts_meet = True

    def __init__(self, tasks: Given[Sequence[Task]]):
        self._keep(tasks, same_sizes=False)

    @property
    def input_size(self) -> int:
        """I, of all parts together."""
        return sum(t.input_size for t in self.tasks)

    @property
    def output_size(self) -> int:
        """O, of all parts together."""
        return sum(t.output_size for t in self.tasks)

    @property
    def output_groups(self) -> tuple[int, ...]:
        """The number of outputs of each part."""
        return tuple(t.output_size for t in self.tasks)

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """Each part's own on the diagonal, products of means beside it."""
        self.refuse_proportions(proportions)
        parts = [t.moments() for t in self.tasks]
        input_mean = jnp.concatenate([m.input_mean for m in parts])
        output_mean = jnp.concatenate([m.output_mean for m in parts])
        input_moment = jnp.outer(input_mean, input_mean)
        cross_moment = jnp.outer(input_mean, output_mean)
        output_moment = jnp.outer(output_mean, output_mean)
        i = o = 0
        for m in parts:
            inputs, outputs = m.cross_moment.shape
            rows, columns = slice(i, i + inputs), slice(o, o + outputs)
            input_moment = input_moment.at[rows, rows].set(m.input_moment)
            cross_moment = cross_moment.at[rows, columns].set(m.cross_moment)
            output_moment = output_moment.at[columns, columns].set(m.output_moment)
            i, o = i + inputs, o + outputs
        return Moments(input_moment, cross_moment, output_moment, input_mean, output_mean)

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """Samples of all parts side by side, drawn independently."""
        self.refuse_proportions(proportions)
        keys = jax.random.split(key, len(self.tasks))
        x, y = zip(*(t.sample(k, batch) for t, k in zip(self.tasks, keys, strict=True)), strict=True)
        return jnp.concatenate(x, axis=1), jnp.concatenate(y, axis=1)

    def samples(self, draw: Draw) -> Samples:
        """Inputs and targets of all parts side by side."""
        parts, weights = self._independent(draw)
        x, y = (jnp.concatenate([getattr(p, name) for p in parts], axis=1) for name in ("x", "y"))
        return Samples(x, y, weights)

    def prepared(self) -> Task:
        """As of any stationary task: the moments alone."""
        return Task.prepared(self)


class Switching(_Composition):
    """One task after another: task ⌊k/every⌋ mod n is in force at step k, for learning and for performance.

    **Arguments:** `tasks` of equal sizes; `every` ≥ 1, in steps.
    """

    every: int = eqx.field(static=True)

    def __init__(self, tasks: Given[Sequence[Task]], every: Given[int] = 1800):
        self._keep(tasks, same_sizes=True)
        self.every = count(every, "every", "Switching")

    @property
    def is_stationary(self) -> bool:
        """False, unless there is a single task."""
        return len(self.tasks) == 1

    def with_longer_steps(self, factor: int) -> Task | None:
        """The same tasks, switching `factor` times as often; None where `every` is no multiple of it."""
        return None if self.every % factor else replaced(self, every=self.every // factor)

    def task_at(self, step: Step | None) -> Step:
        """The index of the task in force at a step (None: step 0)."""
        return (0 if step is None else step) // self.every % len(self.tasks)

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """Those of the task in force."""
        self.refuse_proportions(proportions)
        return jax.tree.map(lambda m: m[self.task_at(step)], self._stacked())

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """Samples of the task in force."""
        self.refuse_proportions(proportions)
        branches = [lambda k, t=t: t.sample(k, batch) for t in self.tasks]
        return jax.lax.switch(self.task_at(step), branches, key)

    def samples(self, draw: Draw) -> Samples:
        """Those of all tasks, stacked."""
        return self._side_by_side(draw)

    def in_force(self, samples: Samples, step: Step | None = None, proportions: Proportions | None = None) -> Samples:
        """Those of the task in force."""
        return jax.tree.map(lambda leaf: leaf[self.task_at(step)], samples)


class _Proportioned(_Composition):
    """A composition whose parts have proportions (parts,) that sum to one."""

    proportions: Float[Array, " parts"]
    neutral: Moments | None

    def _keep_proportions(self, proportions: Any) -> None:
        name, parts = type(self).__name__, len(self.tasks)
        if proportions is None:
            proportions = np.full(parts, 1 / parts)
        self.proportions = array(proportions, "proportions", name, (parts,))
        if not is_traced(proportions):
            p = np.asarray(proportions, dtype=float)
            if (p < 0).any() or abs(p.sum() - 1) > 1e-9:
                raise LearningEffortError(
                    f"The 'proportions' of {name} must not be negative and must sum to 1. Got {p.tolist()}, "
                    f"which sum to {p.sum():g}."
                )
        self.neutral = None

    @property
    def parts(self) -> int:
        """The number of tasks."""
        return len(self.tasks)

    def neutral_proportions(self) -> Proportions:
        """Its own (parts,)."""
        return self.proportions

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """Those of the composition at `proportions` (parts,), its own if None."""
        if proportions is None:
            return self.neutral if self.neutral is not None else self._composed(self.proportions)
        return self._composed(proportions)

    def _composed(self, proportions: Proportions) -> Moments:
        """The moments at these proportions."""
        raise NotImplementedError

    def prepared(self) -> Task:
        """The same composition with its parts' moments, and its own at its own proportions, computed once."""
        return replaced(self, stacked=self._stacked(), neutral=self.moments())


class Mixture(_Proportioned):
    """Every sample comes from one part, part c with probability p_c: the moments are averages, Σ = Σ_c p_c Σ⁽ᶜ⁾.

    **Arguments:** `tasks` of equal sizes (for the classes of one data set, `Digits.by_class()`); `proportions`
    (parts,), not negative, summing to 1 (None: uniform).
    """

    def __init__(self, tasks: Given[Sequence[Task]], proportions: Numbers | None = None):
        self._keep(tasks, same_sizes=True)
        self._keep_proportions(proportions)

    def _composed(self, proportions: Proportions) -> Moments:
        return jax.tree.map(lambda m: jnp.tensordot(proportions, m, 1), self._stacked())

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """Samples, each of a part drawn with probability p_c."""
        return self._drawn(key, batch, self.proportions if proportions is None else proportions)[:2]

    def _drawn(
        self, key: PRNGKeyArray, batch: int, proportions: Proportions
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"], Int[Array, "{batch}"]]:
        """x, y, and which part each sample comes from."""
        part_key, *keys = jax.random.split(key, len(self.tasks) + 1)
        part = jax.random.choice(part_key, len(self.tasks), (batch,), p=proportions)
        x, y = zip(*(t.sample(k, batch) for t, k in zip(self.tasks, keys, strict=True)), strict=True)
        rows = jnp.arange(batch)
        return jnp.stack(x)[part, rows], jnp.stack(y)[part, rows], part

    def draw(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> Samples:
        """Drawn at its own proportions q and weighted by p_c/q_c, so that the same samples are drawn whatever the p."""
        x, y, part = self._drawn(key, batch, self.proportions)
        weights = jnp.full(batch, 1 / batch)
        if proportions is not None:
            weights = weights * proportions[part] / self.proportions[part]
        return Samples(x, y, weights)

    def samples(self, draw: Draw) -> Samples:
        """The samples of all parts, with a row of weights for each part."""
        parts = self._settled(draw)
        weights = jax.scipy.linalg.block_diag(*(p.weights for p in parts))
        return Samples(jnp.concatenate([p.x for p in parts]), jnp.concatenate([p.y for p in parts]), weights)

    def in_force(self, samples: Samples, step: Step | None = None, proportions: Proportions | None = None) -> Samples:
        """The weights of part c times p_c."""
        return samples._replace(weights=(self.proportions if proportions is None else proportions) @ samples.weights)


class Blend(_Proportioned):
    """Superposed tasks: the network sees x = Σ p_i x_i and is taught y = Σ p_i y_i, the parts drawn independently.

    **Arguments:** as for `Mixture`. (The published average dynamics of task modulation are a blend, its simulation
    is a mixture.)
    """

    parts_meet = True

    def __init__(self, tasks: Given[Sequence[Task]], proportions: Numbers | None = None):
        self._keep(tasks, same_sizes=True)
        self._keep_proportions(proportions)

    def _composed(self, proportions: Proportions) -> Moments:
        m, p = self._stacked(), proportions
        x, y = jnp.tensordot(p, m.input_mean, 1), jnp.tensordot(p, m.output_mean, 1)

        def second(
            own: Float[Array, "parts A B"],
            left: Float[Array, "parts A"],
            right: Float[Array, "parts B"],
            left_mean: Float[Array, " A"],
            right_mean: Float[Array, " B"],
        ) -> Float[Array, "A B"]:
            # E[Σ_i p_i a_i Σ_j p_j b_jᵀ]: products of means, plus each part's own covariance.
            centred = own - left[:, :, None] * right[:, None, :]
            return jnp.outer(left_mean, right_mean) + jnp.tensordot(p**2, centred, 1)

        return Moments(
            second(m.input_moment, m.input_mean, m.input_mean, x, x),
            second(m.cross_moment, m.input_mean, m.output_mean, x, y),
            second(m.output_moment, m.output_mean, m.output_mean, y, y),
            x,
            y,
        )

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """x = Σ p_i x_i and y = Σ p_i y_i of samples of the parts, drawn independently."""
        p = self.proportions if proportions is None else proportions
        keys = jax.random.split(key, len(self.tasks))
        x, y = zip(*(t.sample(k, batch) for t, k in zip(self.tasks, keys, strict=True)), strict=True)
        return jnp.tensordot(p, jnp.stack(x), 1), jnp.tensordot(p, jnp.stack(y), 1)

    def samples(self, draw: Draw) -> Samples:
        """The samples of each part, stacked: `in_force` superposes them."""
        parts, weights = self._independent(draw)
        return Samples(jnp.stack([p.x for p in parts]), jnp.stack([p.y for p in parts]), weights)

    def in_force(self, samples: Samples, step: Step | None = None, proportions: Proportions | None = None) -> Samples:
        """x = Σ p_i x_i and y = Σ p_i y_i."""
        p = self.proportions if proportions is None else proportions
        return samples._replace(x=jnp.tensordot(p, samples.x, 1), y=jnp.tensordot(p, samples.y, 1))


class TaskSet(_Composition):
    """Several tasks, one network started on each from the same weights; the loss is the mean over tasks.

    **Arguments:** `tasks` of equal sizes. Moments and samples carry a leading axis of tasks.
    """

    def __init__(self, tasks: Given[Sequence[Task]]):
        self._keep(tasks, same_sizes=True)

    @property
    def is_set(self) -> bool:
        """True."""
        return True

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """Those of each task: a leading axis of tasks."""
        self.refuse_proportions(proportions)
        return self._stacked()

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "tasks {batch} I"], Float[Array, "tasks {batch} O"]]:
        """Samples of each task: x (tasks, batch, I), y (tasks, batch, O)."""
        self.refuse_proportions(proportions)
        keys = jax.random.split(key, len(self.tasks))
        x, y = zip(*(t.sample(k, batch) for t, k in zip(self.tasks, keys, strict=True)), strict=True)
        return jnp.stack(x), jnp.stack(y)

    def samples(self, draw: Draw) -> Samples:
        """Those of all tasks, stacked."""
        return self._side_by_side(draw)
