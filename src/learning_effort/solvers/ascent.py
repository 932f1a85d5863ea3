"""Algorithm 1 of the paper: projected gradient ascent, g ← clip(g + α ∂V/∂g) (theory.md §7).

Weakness: slow, with a step size to choose and no test of convergence. It is here for comparison; `QuasiNewton` is
recommended.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float, PyTree

from ..errors import Given, LearningEffortError, count, number
from ..files import disk
from ..files.reading import reading
from ..problem.box import scaled_residual
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.certificate import Method, Status
from ..results.solution import History
from ..runtime.optimizers import require_exact
from .outcome import Outcome, stopped_after
from .progress import Progress


def projected(rule: optax.GradientTransformation, problem: Problem, scale: Effort | None = None) -> Callable:
    """The compiled update of `rule` in the box: (problem, effort, rule's state) to (V, scaled residual, effort after, state
    after). `scale` is the metric D; without it there is no residual. The box leaves the rule's state alone."""
    lower, upper = problem.bounds()

    @eqx.filter_jit
    def advance(problem: Problem, effort: Effort, state: PyTree) -> tuple[Any, Any, Effort, PyTree]:
        value, gradient = problem.value_and_gradient(effort)
        residual = jnp.nan if scale is None else scaled_residual(problem, effort, gradient, scale)
        updates, state = rule.update(jax.tree.map(jnp.negative, gradient), state, effort)
        return value, residual, jax.tree.map(jnp.clip, optax.apply_updates(effort, updates), lower, upper), state

    return advance


@dataclasses.dataclass(frozen=True)
class GradientAscent:
    """A fixed number of projected ascent steps (paper, Algorithm 1).

    **Arguments:** `step` α > 0; `iterations` ≥ 1; `optimizer`, None for the plain rule, an Optax transformation (which
    is given the gradient of −V and whose updates are added; it carries its own step size), or a function of `step` that
    makes one, such as `optax.adam`. The box is applied after each update and leaves the optimiser's moments alone.

    **Raises:** `LearningEffortError` for numbers out of range, and in `run` for something that is no optimiser.
    """

    step: Given[float]
    iterations: Given[int]
    optimizer: Any = None

    def __post_init__(self) -> None:
        if self.optimizer is None or callable(self.optimizer):
            number(self.step, "step", "GradientAscent", 0.0, open_low=True)
        count(self.iterations, "iterations", "GradientAscent")

    @property
    def name(self) -> str:
        """What it is, in words."""
        return "gradient ascent (Algorithm 1)" + (" with an Optax optimiser" if self.optimizer else "")

    @property
    def rule(self) -> optax.GradientTransformation:
        """The Optax transformation that it follows."""
        rule = optax.sgd(self.step) if self.optimizer is None else self.optimizer
        rule = rule(self.step) if callable(rule) else rule
        if not hasattr(rule, "update"):
            raise LearningEffortError(
                f"The 'optimizer' of GradientAscent must be an Optax transformation. Got {rule!r} instead."
            )
        return rule

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D, for the residual. The best effort met is handed back."""
        require_exact(self.rule, effort, "GradientAscent")
        advance, state = projected(self.rule, problem, scale), self.rule.init(effort)
        progress.begin(self.iterations + 1)
        best, best_value = effort, -np.inf
        values, residuals, seconds = [], [], []
        started = time.perf_counter()
        status = Status.LIMIT
        try:
            for iteration in range(self.iterations + 1):
                value, residual, after, state = advance(problem, effort, state)
                if not np.isfinite(float(value)):
                    status = Status.NOT_FINITE
                    break
                values.append(float(value))
                residuals.append(float(residual))
                seconds.append(time.perf_counter() - started)
                if values[-1] > best_value:
                    best, best_value = effort, values[-1]
                effort = after
                progress(iteration, values[-1], residuals[-1], iteration + 1)
        except KeyboardInterrupt as error:
            if not values:
                raise
            status = progress.status_of(error)
        if not values:
            raise LearningEffortError("The value at the start is not finite: there is nothing to ascend from.")
        reason = _reason(status, self.iterations, len(values), progress, "the best effort so far is kept")
        if status is Status.NOT_FINITE:
            reason = (
                f"The value is no longer finite after {len(values)} iterations: the step {self.step:g} is too large. The best "
                "effort met before is kept; try a smaller step."
            )
        return _outcome(problem, best, values, residuals, seconds, status, reason)


def _reason(status: Status, iterations: int, done: int, progress: Progress, kept: str) -> str:
    """What to say of a run that made all its `iterations`, or was stopped when so many gradients were `done`."""
    if status in (Status.INTERRUPTED, Status.TIME):
        return stopped_after(status, done, progress.stop.max_seconds, kept)
    return f"It made the {iterations} iterations it was asked for, whether or not it has converged."


def _outcome(
    problem: Problem,
    effort: Effort,
    values: list[float],
    residuals: list[float],
    seconds: list[float],
    status: Status,
    reason: str,
) -> Outcome:
    """The outcome of a run of one gradient an iteration."""
    course = (np.array(values), np.array(residuals), np.arange(1, len(values) + 1), np.array(seconds))
    return Outcome(effort, *course, status, reason).staged(Method.ASCENT, problem.horizon.length)


# Judged by another problem ------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class JudgedHistory(History):
    """A solver's course with `judged`: V of another problem, the judge, at each iteration."""

    judged: Float[np.ndarray, " iterations"]

    @classmethod
    def of(cls, history: History, judged: list[float]) -> JudgedHistory:
        """A `history` with what the judge said at each iteration."""
        return cls(history.value, history.residual, history.gradients, history.seconds, np.array(judged))


@dataclasses.dataclass(frozen=True)
class JudgedAscent:
    """Algorithm 1 with every effort on the way judged by another problem, for comparisons of what is ascended.

    Learning on samples gets fresh batches at every iteration. Its seconds leave compiling and judging out; the last effort
    is handed back. `judged` is filled as it runs.
    """

    step: float
    iterations: int
    judge: Problem
    judged: list[float] = dataclasses.field(default_factory=list)

    name = "gradient ascent (Algorithm 1)"

    def run(self, problem: Problem, effort: Effort, scale: Effort, progress: Progress) -> Outcome:
        """Ascend from `effort`; `scale` is the metric D, for the residual."""
        rule = optax.sgd(self.step)
        advance, state = projected(rule, problem, scale), rule.init(effort)

        def fresh(iteration: int) -> Problem:
            if not hasattr(problem.learner, "batch_size"):
                return problem
            learner: Any = problem.learner
            return eqx.tree_at(lambda p: p.learner.seed, problem, learner.seed + iteration)

        progress.begin(self.iterations + 1)
        jax.block_until_ready(advance(fresh(0), effort, state))
        values, residuals, seconds = [], [], [0.0]
        status = Status.LIMIT
        last = effort
        try:
            for iteration in range(self.iterations + 1):
                judged = float(self.judge.value(effort))
                begun = time.perf_counter()
                value, residual, after, state = jax.block_until_ready(advance(fresh(iteration), effort, state))
                seconds.append(seconds[-1] + time.perf_counter() - begun)
                values.append(float(value))
                residuals.append(float(residual))
                self.judged.append(judged)
                last, effort = effort, after
                progress(iteration, values[-1], residuals[-1], iteration + 1)
        except KeyboardInterrupt as error:
            if not values:
                raise
            status = progress.status_of(error)
        reason = _reason(status, self.iterations, len(values), progress, "the last effort is kept")
        return _outcome(problem, last, values, residuals, seconds[: len(values)], status, reason)


# With checkpoints -----------------------------------------------------------------------------------------------------

#: Iterations between checkpoints.
EVERY = 100


def ascend(
    problem: Problem,
    rule: optax.GradientTransformation,
    iterations: int,
    path: str | Path,
    report: Callable[[str], object] = lambda text: None,
) -> float:
    """The best V met from the problem's start in `iterations` updates g ← clip(g + rule(∂V/∂g)).

    Its state is kept in the file `path` every hundred iterations; called again, it goes on from there.

    **Arguments:** `report`, called with a line of text at every checkpoint.

    **Raises:** `LearningEffortError` if the file is of another problem.
    """
    effort = problem.initial_effort()
    state, values = rule.init(effort), np.zeros(0)
    if Path(path).is_file():
        (effort, state), values = _restored(path, (effort, state))
    advance = projected(rule, problem)
    while len(values) <= iterations and np.isfinite(values).all():
        value, _, effort, state = advance(problem, effort, state)
        values = np.append(values, float(value))
        if len(values) % EVERY == 0 or len(values) > iterations:
            _keep(path, (effort, state), values)
            report(f"  Algorithm 1: {len(values)} values, the best {np.nanmax(values):.9g}")
    return float(np.nanmax(values))


def _keep(path: str | Path, tree: PyTree, values: np.ndarray) -> None:
    """Write the leaves of `tree` and the `values` so far."""
    import xarray as xr

    variables: dict[str, Any] = {"values": ("iteration", values)}
    for i, leaf in enumerate(jax.tree.leaves(tree)):
        variables[f"leaf_{i}"] = ([f"leaf_{i}_{j}" for j in range(np.ndim(leaf))], np.asarray(leaf))
    disk.write(xr.Dataset(variables), path)


def _restored(path: str | Path, like: PyTree) -> tuple[PyTree, np.ndarray]:
    """What `_keep` wrote, in the tree of `like`. **Raises:** `LearningEffortError` if it is of another problem."""
    leaves, structure = jax.tree.flatten(like)
    with reading(Path(path)):
        dataset = disk.read(path)
        kept = [dataset[f"leaf_{i}"].values for i in range(sum(str(name).startswith("leaf_") for name in dataset))]
        values = np.asarray(dataset["values"].values, float)
    if [x.shape for x in kept] != [np.shape(x) for x in leaves]:
        raise LearningEffortError(f"{path} is the course of another problem. Remove it, or choose another folder.")
    return jax.tree.unflatten(structure, [jnp.asarray(x) for x in kept]), values


def amsgrad(step: float, maximum: bool = True) -> optax.GradientTransformation:
    """Adam as the paper's code ran it: the maximum taken of the raw second moment, before its bias is corrected.

    With gradient h at update j: m ← 0.9m + 0.1h, s ← 0.999s + 0.001h², ŝ ← max(ŝ, s),
    x ← x − α m/(1−0.9ʲ) / (√ŝ/√(1−0.999ʲ) + 10⁻⁸). (`optax.amsgrad` takes the maximum after the correction.)

    **Arguments:** `step` α; `maximum=False` is plain Adam, ŝ = s.
    """

    def init(parameters: PyTree) -> PyTree:
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        return jnp.zeros(()), zeros, zeros, zeros

    def update(gradient: PyTree, state: PyTree, parameters: PyTree | None = None) -> tuple[PyTree, PyTree]:
        j, first, second, top = state
        j = j + 1
        first = jax.tree.map(lambda m, h: 0.9 * m + 0.1 * h, first, gradient)
        second = jax.tree.map(lambda s, h: 0.999 * s + 0.001 * h**2, second, gradient)
        top = jax.tree.map(jnp.maximum, top, second) if maximum else second

        def change(m, s):
            return -step * m / (1 - 0.9**j) / (jnp.sqrt(s) / jnp.sqrt(1 - 0.999**j) + 1e-8)

        return jax.tree.map(change, first, top), (j, first, second, top)

    return optax.GradientTransformation(init, update)


#: The update rules that the paper used, by the name an experiment's `ascent` gives.
RULES = {"plain": optax.sgd, "amsgrad": amsgrad, "adam": lambda step: amsgrad(step, maximum=False)}
