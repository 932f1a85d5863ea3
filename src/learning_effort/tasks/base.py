"""A task: what is learned, through its moments and its samples (theory.md §2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..errors import LearningEffortError
from ..files.describe import Described
from ..runtime import precision  # noqa: F401

#: The number of a learning step.
Step = Int[Array | np.ndarray, ""] | int
#: The shares of a composition's parts, which sum to one.
Proportions = Float[Array, " parts"]


class Moments(NamedTuple):
    """Second moments, not centred, and means of inputs x ∈ R^I and targets y ∈ R^O.

    `input_moment` E[x xᵀ] (I, I), `cross_moment` E[x yᵀ] (I, O), `output_moment` E[y yᵀ] (O, O),
    `input_mean` (I,), `output_mean` (O,); over a task set each with a leading axis of tasks.
    """

    input_moment: Float[Array, "*tasks I I"]
    cross_moment: Float[Array, "*tasks I O"]
    output_moment: Float[Array, "*tasks O O"]
    input_mean: Float[Array, "*tasks I"]
    output_mean: Float[Array, "*tasks O"]


class Samples(NamedTuple):
    """n samples, x (n, I) and y (n, O), with weights (n,) that sum to 1. Until `Task.in_force` has chosen, they may carry a
    leading axis of the composition's parts."""

    x: Float[Array, "*parts n I"]
    y: Float[Array, "*parts n O"]
    weights: Float[Array, "*parts n"]

    @classmethod
    def even(cls, x: Float[Array, "n I"], y: Float[Array, "n O"]) -> Samples:
        """Samples that all weigh the same."""
        return cls(x, y, jnp.full(x.shape[0], 1 / x.shape[0]))


class Task(Described):
    """What a learner learns. Subclasses give `input_size` and `output_size`, and either a `dataset`, whose averages the moments
    are and whose rows the samples, or `moments` and, where it makes sense, `sample`.

    A task knows nothing of learners. Its numbers are array leaves; its sizes are static. Compositions override the rest.
    """

    kind = "tasks"

    if TYPE_CHECKING:  # what subclasses give; properties here would be in the way of fields there

        @property
        def input_size(self) -> int:
            """I, the number of inputs."""

        @property
        def output_size(self) -> int:
            """O, the number of outputs."""

        @property
        def tasks(self) -> tuple[Task, ...]:
            """The tasks of a set."""

    @property
    def parts(self) -> int:
        """How many proportions `moments` takes; 0 where there are none."""
        return 0

    @property
    def output_groups(self) -> tuple[int, ...]:
        """The number of outputs of each sub-task, for attention to tasks."""
        return (self.output_size,)

    @property
    def is_set(self) -> bool:
        """Whether moments and samples carry a leading axis of tasks."""
        return False

    @property
    def is_stationary(self) -> bool:
        """Whether moments and samples do not depend on the step."""
        return True

    @property
    def rows(self) -> int | None:
        """The number of rows of its whole data set; None where it has none."""
        own = self.dataset()
        return None if own is None else own[0].shape[0]

    def dataset(self) -> tuple[Float[Array, "n I"], Float[Array, "n O"]] | None:
        """Its whole data set, inputs and targets of equal weight; None where it has none."""
        return None

    def neutral_proportions(self) -> Proportions | None:
        """The composition's own proportions (parts,), or None where the task has none."""
        return None

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """The `Moments` in force.

        **Arguments:** `step`, the learning step k (only switching tasks depend on it; None is step 0);
        `proportions` (parts,), of a mixture or blend (None: its own).

        **Returns:** `Moments`; over a task set each with a leading axis of tasks.

        **Raises:** `LearningEffortError` if proportions are given to a task that has none.
        """
        self.refuse_proportions(proportions)
        own = self.dataset()
        if own is None:
            raise NotImplementedError(f"{type(self).__name__} must say its `moments`, or have a `dataset`.")
        return data_moments(*own)

    def sample(
        self,
        key: PRNGKeyArray,
        batch: int,
        step: Step | None = None,
        proportions: Proportions | None = None,
    ) -> tuple[Float[Array, "*tasks {batch} I"], Float[Array, "*tasks {batch} O"]]:
        """`batch` independent samples x (batch, I) and y (batch, O), drawn with `key`; the rest as for `moments`.

        **Raises:** `LearningEffortError` if the task cannot be sampled.
        """
        self.refuse_proportions(proportions)
        own = self.dataset()
        if own is None:
            raise LearningEffortError(
                f"{type(self).__name__} cannot be sampled. Use a task with data or a distribution, such as Arrays(x, y)."
            )
        return draw_rows(key, batch, *own)

    def draw(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> Samples:
        """As `sample`, each sample with its weight; draws do not depend on `proportions` where weights can."""
        x, y = self.sample(key, batch, step, proportions)
        return Samples(x, y, jnp.broadcast_to(jnp.full(batch, 1 / batch), x.shape[:-1]))

    def samples(self, draw: Callable[[Task], Samples]) -> Samples:
        """All samples that learning on the whole data set may need, with `draw` for what has none; `in_force` chooses among
        them."""
        own = self.dataset()
        return draw(self) if own is None else Samples.even(*own)

    def in_force(self, samples: Samples, step: Step | None = None, proportions: Proportions | None = None) -> Samples:
        """The samples of a step, at `proportions` (None: its own), from what `samples` gave."""
        return samples

    def with_longer_steps(self, factor: int) -> Task | None:
        """The same task for a learner whose steps are `factor` times as long; None where that cannot be."""
        return self

    def prepared(self) -> Task:
        """The same task with everything that does not change during learning computed once, for use in a loop.

        Differentiable in the task's own numbers.
        """
        return Prepared(self.moments(), self.input_size, self.output_size)

    def refuse_proportions(self, proportions: object) -> None:
        """**Raises:** `LearningEffortError` if proportions are given, which this task does not have."""
        if proportions is not None:
            raise LearningEffortError(
                f"{type(self).__name__} takes no proportions. Compose tasks with Mixture(tasks) or Blend(tasks)."
            )


class Prepared(Task):
    """A stationary task reduced to its moments; made by `Task.prepared`, not meant to be built by hand."""

    fixed: Moments
    input_size: int = eqx.field(static=True)
    output_size: int = eqx.field(static=True)

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """Those it was made of."""
        self.refuse_proportions(proportions)
        return self.fixed

    def prepared(self) -> Task:
        """Itself."""
        return self


def data_moments(x: Float[Array, "n I"], y: Float[Array, "n O"]) -> Moments:
    """The averages over the n samples of a data set: x (n, I), y (n, O)."""
    n = x.shape[0]
    return Moments(x.T @ x / n, x.T @ y / n, y.T @ y / n, x.mean(0), y.mean(0))


def draw_rows(
    key: PRNGKeyArray, batch: int, x: Float[Array, "n I"], y: Float[Array, "n O"]
) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
    """`batch` rows of a data set x (n, I), y (n, O), drawn with replacement."""
    rows = jax.random.randint(key, (batch,), 0, x.shape[0])
    return jnp.take(x, rows, axis=0), jnp.take(y, rows, axis=0)
