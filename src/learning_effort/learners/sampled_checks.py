"""Whether a module, an optimiser, a loss and a task go together; tried out on shapes alone, before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import losses
from ..errors import LearningEffortError, first_line, is_traced
from ..runtime.optimizers import require_exact
from ..runtime.random_keys import key as key_of
from ..tasks.datasets import drawing

#: Targets of a task without data are looked at in so many draws.
DRAWN = 64
#: An optimiser is tried for so many steps, on gradients of about this size and some so many times as large; its steps are
#: the same if they differ by less than this share.
TRIED, SIZE, LARGER, ALIKE = 3, 0.03, 3.0, 0.05


def check_trainable(learner: Any, module: Any) -> None:
    """`learner`, a `SampledNetwork` with all its fields, and the module it was given.

    **Raises:** `LearningEffortError` if module, optimiser, loss and task do not go together.
    """
    inputs, outputs = learner.task.input_size, learner.task.output_size
    if not learner.initial_weights:
        raise LearningEffortError(
            "The 'module' of SampledNetwork must be an Equinox module with arrays to train, such as "
            f"equinox.nn.MLP({inputs}, {outputs}, 30, 1, key=key). Got {module!r} instead."
        )
    others = {str(w.dtype) for w in learner.initial_weights} - {"float64"}
    if others:
        raise LearningEffortError(
            f"The 'module' of SampledNetwork must hold float64 numbers. Got {', '.join(sorted(others))}; make it after "
            "'import learning_effort', or give its arrays dtype=float."
        )
    if any(not jnp.isfinite(w).all() for w in learner.initial_weights if not is_traced(w)):
        raise LearningEffortError("The arrays in the 'module' of SampledNetwork must be finite. Got some that are not.")
    if not (callable(getattr(learner.optimizer, "init", None)) and callable(getattr(learner.optimizer, "update", None))):
        raise LearningEffortError(
            "The 'optimizer' of SampledNetwork must be an Optax optimiser, such as optax.sgd(5e-3). "
            f"Got {learner.optimizer!r} instead."
        )
    compiled = {"module": (learner.structure, learner.roles), "loss": learner.terms, "optimizer": learner.optimizer}
    for what, value in compiled.items():
        try:
            hash(value)
        except TypeError as error:
            raise LearningEffortError(
                f"The '{what}' of SampledNetwork must be hashable besides its arrays, so that it can be compiled: {error}. "
                "Use plain functions and tuples in place of lists and of objects with arrays inside."
            ) from None
    jax.eval_shape(lambda: jax.tree.leaves(learner.prepared()))
    shape = _shape(lambda x: module(x), (inputs,), "module", f"one input of shape ({inputs},)")
    if shape != (outputs,):
        raise LearningEffortError(
            f"The 'module' of SampledNetwork must map one input of shape ({inputs},) to one output of shape ({outputs},), "
            f"those of its task. It gives {shape}."
        )
    terms = _shape(lambda y: learner.terms(y, y), (7, outputs), "loss", f"predictions and targets of shape (7, {outputs})")
    if terms != (7, outputs):
        raise LearningEffortError(
            "The 'loss' of SampledNetwork must give one term per sample and output: (7, "
            f"{outputs}) for predictions and targets of shape (7, {outputs}). It gives {terms}; do not sum or average in it."
        )
    require_exact(learner.optimizer, learner._tree(learner.initial_weights), "SampledNetwork")


def check_targets(learner: Any) -> None:
    """`learner`, a `SampledNetwork` with all its fields.

    **Raises:** `LearningEffortError` if a loss of this package has no meaning for the targets that are learned or judged."""
    for what in ("task", "evaluation"):
        task = getattr(learner, what)
        if task is None or learner.terms not in (losses.cross_entropy, losses.binary_cross_entropy):
            continue
        targets = task.samples(drawing(key_of(0), DRAWN)).y
        if is_traced(targets):
            continue
        why = losses.refusal(learner.terms, np.asarray(targets).reshape(-1, targets.shape[-1]))
        if why is not None:
            raise LearningEffortError(f"The 'loss' of SampledNetwork does not fit its {what}: {why}.")


def ignores_scale(learner: Any) -> bool:
    """Whether the optimiser of a `SampledNetwork` takes nearly the same steps from gradients that are `LARGER` times as large.

    It is asked for a few steps, from gradients drawn at random.
    """
    weights, kept = learner.init({})
    if learner.task.is_set:
        weights, kept = jax.tree.map(lambda leaf: leaf[0], (weights, kept))
    begun, random = learner._unpacked(kept), np.random.default_rng(0)
    slopes = [[jnp.asarray(random.normal(size=w.shape)) for w in weights] for _ in range(TRIED)]

    def last(scale):
        state, after = begun, weights
        updates = weights
        for slope in slopes:
            change, state = learner.optimizer.update(learner._tree([scale * s for s in slope]), state, learner._tree(after))
            updates = jax.tree.leaves(change)
            after = [w + u for w, u in zip(after, updates, strict=True)]
        return np.concatenate([np.ravel(u) for u in updates])

    small, large = last(SIZE), last(SIZE * LARGER)
    return bool(np.linalg.norm(large - small) <= ALIKE * np.linalg.norm(small) > 0)


def _shape(function: Callable, given: tuple[int, ...], what: str, words: str) -> Any:
    """The shape of what a function of one array gives, None if that is no array. **Raises:** `LearningEffortError` if it
    fails."""
    try:
        return getattr(jax.eval_shape(function, jax.ShapeDtypeStruct(given, jnp.float64)), "shape", None)
    except Exception as error:
        raise LearningEffortError(
            f"The '{what}' of SampledNetwork could not be called with {words}: {type(error).__name__}: {first_line(error)}"
        ) from None
