"""A task: what is learned, through its moments and its samples (mathematics.md §2)."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from .. import _precision  # noqa: F401
from ..errors import LearningEffortError


class Moments(NamedTuple):
    """Second moments, not centred, and means of inputs x ∈ R^I and targets y ∈ R^O.

    `input_moment` E[x xᵀ] (I, I), `cross_moment` E[x yᵀ] (I, O), `output_moment` E[y yᵀ] (O, O),
    `input_mean` (I,), `output_mean` (O,).
    """

    input_moment: Float[Array, "I I"]
    cross_moment: Float[Array, "I O"]
    output_moment: Float[Array, "O O"]
    input_mean: Float[Array, " I"]
    output_mean: Float[Array, " O"]


class Task(eqx.Module):
    """What a learner learns. Subclasses give `input_size`, `output_size`, `moments` and, where it makes sense, `sample`.

    A task knows nothing of learners. Its numbers are array leaves; its sizes are static.

    Attributes that compositions override: `parts` is the number of proportions its `moments` take (0: none);
    `output_groups` the number of outputs of each sub-task, for attention per task; `is_set` whether moments carry a
    leading axis of tasks; `is_stationary` whether moments do not depend on the step.
    """

    @property
    def parts(self) -> int:
        return 0

    @property
    def output_groups(self) -> tuple[int, ...]:
        return (self.output_size,)

    @property
    def is_set(self) -> bool:
        return False

    @property
    def is_stationary(self) -> bool:
        return True

    def neutral_proportions(self) -> Float[Array, " parts"] | None:
        """The composition's own proportions (parts,), or None where the task has none."""
        return None

    def moments(self, step: Int[Array, ""] | int | None = None, proportions: Float[Array, " parts"] | None = None):
        """The `Moments` in force.

        **Arguments:** `step`, the learning step k (only switching tasks depend on it; None is step 0);
        `proportions` (parts,), of a mixture or blend (None: its own).

        **Returns:** `Moments`; over a task set each with a leading axis of tasks.

        **Raises:** `LearningEffortError` if proportions are given to a task that has none.
        """
        raise NotImplementedError

    def sample(
        self,
        key: PRNGKeyArray,
        batch: int,
        step: Int[Array, ""] | int | None = None,
        proportions: Float[Array, " parts"] | None = None,
    ) -> tuple[Float[Array, "batch I"], Float[Array, "batch O"]]:
        """`batch` independent samples x (batch, I) and y (batch, O), drawn with `key`; the rest as for `moments`.

        **Raises:** `LearningEffortError` if the task cannot be sampled.
        """
        raise LearningEffortError(
            f"{type(self).__name__} cannot be sampled. Use a task with data or a distribution, such as Arrays(x, y)."
        )

    def with_longer_steps(self, factor: int) -> Task | None:
        """The same task for a learner whose steps are `factor` times as long; None where that cannot be."""
        return self

    def prepared(self) -> Task:
        """The same task with everything that does not change during learning computed once, for use in a loop.

        Differentiable in the task's own numbers.
        """
        return Prepared(self.moments(), self.input_size, self.output_size)

    def refuse_proportions(self, proportions) -> None:
        if proportions is not None:
            raise LearningEffortError(
                f"{type(self).__name__} takes no proportions. Compose tasks with Mixture(tasks) or Blend(tasks)."
            )


class Prepared(Task):
    """A stationary task reduced to its moments; made by `Task.prepared`, not meant to be built by hand."""

    fixed: Moments
    input_size: int = eqx.field(static=True)
    output_size: int = eqx.field(static=True)

    def moments(self, step=None, proportions=None) -> Moments:
        self.refuse_proportions(proportions)
        return self.fixed

    def prepared(self) -> Task:
        return self


def data_moments(x: Float[Array, "n I"], y: Float[Array, "n O"]) -> Moments:
    """The averages over the n samples of a data set: x (n, I), y (n, O)."""
    n = x.shape[0]
    return Moments(x.T @ x / n, x.T @ y / n, y.T @ y / n, x.mean(0), y.mean(0))


def draw_rows(key: PRNGKeyArray, batch: int, x: Float[Array, "n I"], y: Float[Array, "n O"]):
    """`batch` rows of a data set drawn with replacement."""
    rows = jax.random.randint(key, (batch,), 0, x.shape[0])
    return jnp.take(x, rows, axis=0), jnp.take(y, rows, axis=0)
