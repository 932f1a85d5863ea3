"""A learner that goes on from a state it has reached, at the step at which it reached it (theory.md §7.11)."""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, Float, Int, PyTree

from ..tasks.base import Step, Task
from .base import Learner, Signals, Weights
from .ports import Port


class Continued(Learner):
    """`learner` from `state` on, its step k being step `first` + k: what it learns may change with the step.

    `ready` is the learner prepared, once for all windows. Made by `le.replan`; static signals are not heard any more.
    """

    learner: Learner
    ready: Learner
    state: PyTree
    first: Int[Array, ""]

    @property
    def step_size(self) -> Float[Array, ""]:
        """Δt, of the learner."""
        return self.learner.step_size

    @property
    def ports(self) -> dict[str, Port]:
        """Those of the learner."""
        return self.learner.ports

    @property
    def task(self) -> Task | None:
        """What it learns, if it has a task."""
        return getattr(self.learner, "task", None)

    @property
    def evaluation(self) -> Task | None:
        """What it is judged on (None: the task)."""
        return getattr(self.learner, "evaluation", None)

    def init(self, static: Signals) -> PyTree:
        """The state it goes on from."""
        return self.state

    def step(self, state: PyTree, k: Step, signals: Signals) -> PyTree:
        """The learner's."""
        return self.ready.step(state, self.first + k, signals)

    def loss(self, state: PyTree, k: Step, signals: Signals) -> Float[Array, ""]:
        """The learner's."""
        return self.ready.loss(state, self.first + k, signals)

    def weights(self, state: PyTree) -> Weights:
        """The learner's."""
        return self.ready.weights(state)

    def observables(self, state: PyTree, k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """The learner's."""
        return self.ready.observables(state, self.first + k, signals)

    def advance(self, state: PyTree, k: Step, signals: Signals) -> tuple[PyTree, Float[Array, ""]]:
        """The learner's."""
        return self.ready.advance(state, self.first + k, signals)

    def record(self, state: PyTree, k: Step, signals: Signals) -> tuple[PyTree, Float[Array, ""], PyTree]:
        """The learner's."""
        return self.ready.record(state, self.first + k, signals)

    def pullback(
        self, record: PyTree, k: Step, signals: Signals, state_cotangent: PyTree, loss_cotangent: Float[Array, ""]
    ) -> tuple[PyTree, Any]:
        """The learner's."""
        return self.ready.pullback(record, self.first + k, signals, state_cotangent, loss_cotangent)

    def notes(self, driven: frozenset[str]) -> tuple[str, ...]:
        """The learner's."""
        return self.learner.notes(driven)

    def explain_nonfinite_gradient(self) -> str:
        """The learner's."""
        return self.learner.explain_nonfinite_gradient()
