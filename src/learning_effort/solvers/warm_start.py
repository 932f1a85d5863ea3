"""Where a search begins: an effort, as it may be given (theory.md §7)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..controls.base import Control
from ..controls.knots import Knots
from ..errors import LearningEffortError, NotNumbers, floats, shown
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.solution import Solution


def effort_to_start_from(problem: Problem, init: Any) -> Effort:
    """The effort of `problem` that `init` says, in its own tree, inside bounds that vary in time.

    **Arguments:** `problem`; `init`: None, the controls' starts; a `Solution`, of a problem that may have other knots, another
    horizon or other steps: its effort at the times of this one's knots, the last value beyond its end; an effort, in which
    arrays may have another number of knots, that lie in time as the control's own do; or a number or a function of time, for
    all of it.

    **Raises:** `LearningEffortError` for other controls, or elements of other shapes.
    """
    if init is None:
        return problem.initial_effort()
    if isinstance(init, Solution):
        given = _of_solution(problem, init)
    elif isinstance(init, dict):
        controls = {c.name: c for c in problem.controls}
        given = {name: _moved(problem, controls.get(name), part) for name, part in init.items()}
    else:
        return problem.check_effort(init)
    effort = problem.check_effort(given)
    for control in problem.controls:
        name = control.name
        if control.box_in_time and given[name] is not (init.effort if isinstance(init, Solution) else init)[name]:
            effort[name] = jax.tree.map(jnp.clip, effort[name], *control.box(problem.learner, problem.space.knots(control)))
    return effort


def _of_solution(problem: Problem, solution: Solution) -> Effort:
    """The effort of a solution at the times of the knots of `problem`."""
    names = {c.name for c in problem.controls}
    if set(solution.effort) != names:
        raise LearningEffortError(
            f"The 'init' of solve is a Solution for the controls {sorted(solution.effort)}. Those of the problem are "
            f"{sorted(names)}: give an effort with a part for each of them."
        )
    times = np.asarray(solution.rollout.times)
    step = float(times[1] - times[0]) / float(problem.learner.step_size)
    effort = {}
    for control in problem.controls:
        parts, source = solution.effort[control.name], solution.knots[control.name]
        if (source is None) != control.static:
            raise LearningEffortError(
                f"'{control.name}' varies in time in only one of the problem and the Solution that is 'init' of solve."
            )
        if source is not None:
            parts = _at(parts, source, problem.space.knots(control), step)
        effort[control.name] = parts
    return effort


def _moved(problem: Problem, control: Control | None, part: Any) -> Any:
    """A control's part of an effort, on the control's own knots; as it is where it is no array on other ones."""
    if control is None or control.static or not isinstance(part, (list, tuple, np.ndarray, jax.Array)):
        return part
    shapes = control.parameter_shapes(problem.learner)
    targets = [shapes] if isinstance(shapes, tuple) else shapes
    try:
        arrays = [floats(a) for a in ([part] if isinstance(shapes, tuple) else part)]
    except (NotNumbers, TypeError):
        return part  # the check says what is wrong with it
    own = problem.space.knots(control)
    lengths = {a.shape[0] for a in arrays if a.ndim}
    if len(lengths) != 1 or [a.shape[1:] for a in arrays] != list(targets) or lengths == {own.number}:
        return part
    (number,) = lengths
    if not 1 <= number <= own.steps:
        raise LearningEffortError(
            f"The 'init' of solve has {number} values of '{control.name}' in time, on a horizon of {own.steps} steps. Got "
            f"{shown(part)}; give at most one a step, or the Solution that it is of."
        )
    moved = _at(arrays, Knots(number, own.steps, control.interpolation), own, 1.0)
    return moved[0] if isinstance(shapes, tuple) else moved


def _at(parts: Any, source: Knots, target: Knots, step: float) -> Any:
    """Values on knots `source`, at knots `target`, whose steps are 1/`step` as long as those of the source."""
    if source == target and step == 1.0:
        return parts
    places = np.minimum(target.positions / step, source.steps - 1)
    if source.held:
        # A step that rounding puts just before a knot is the knot's own.
        ks = np.floor(places + 1e-9).astype(int)
        return jax.tree.map(lambda values: jnp.asarray(values)[source.places(ks)[0]], parts)
    return jax.tree.map(lambda values: source.at(jnp.asarray(values), places), parts)
