"""Whole samples in place of shares: sum-up rounding, and swaps of updates that raise V (theory.md §7.10)."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..controls.base import Control
from ..controls.mixture import MixtureControl
from ..controls.shares import Shares
from ..errors import LearningEffortError, choice
from ..runtime.modules import replaced
from . import unrolled
from .effort import Effort
from .problem import Problem
from .whole_samples import Choice, Moves, WholeSamples, changes

#: What a step makes of the mean of whole samples may differ from the mean of what it makes of each, by this share of what they
#: differ: Runge-Kutta is linear in a share to first order in the length of a step only. So many steps are looked at.
LINEAR, LOOKED_AT = 0.03, 16
#: Sums of shares are known to this; a value is higher if it is by this share of it.
SUMMED, HIGHER = 1e-9, 1e-13
#: At most so many swaps are ranked, of the updates that the gradient favours.
RANKED = 2**18


class Found(NamedTuple):
    """What rounding came to.

    `samples`, of which `choice` gives each update one; V as it was `rounded`, and its `value` after so many `swaps`; how many
    `evaluations` of V and `gradients` that took; whether the search `ended` with no swap left that raises V.
    """

    samples: WholeSamples
    choice: Choice
    rounded: float
    value: float
    swaps: int
    evaluations: int
    gradients: int
    ended: bool


def whole(problem: Problem, effort: Effort, of: str | None, most: int) -> Found:
    """`effort` with whole samples in place of the shares of control `of` (None: the only one that can be rounded), found in at
    most so many evaluations of V."""
    control, pure = _control(problem, of)
    effort = problem.check_effort(effort)
    shares = _shares(problem, effort, control)
    problem, effort = _one_a_step(problem, effort, control)
    samples = WholeSamples.of(problem, effort, control.name, pure)
    chosen = summed_up(shares[: samples.spending.shape[1]])
    _require_linear(samples, chosen)
    return _swapped(samples, _within_budgets(samples, chosen), most)


def summed_up(shares: Float[np.ndarray, "updates samples"]) -> Choice:
    """A sample for each update: always the one furthest behind the sum of its shares, the first of those equally far."""
    behind, chosen = np.zeros(shares.shape[1]), np.zeros(len(shares), int)
    for k, share in enumerate(shares):
        behind += share
        chosen[k] = int(np.argmax(behind >= behind.max() - SUMMED))
        behind[chosen[k]] -= 1.0
    return chosen


# What can be rounded --------------------------------------------------------------------------------------------------


def _control(problem: Problem, of: str | None) -> tuple[Control, Float[np.ndarray, "samples *E"]]:
    """The control to be rounded, and its parameters for each whole sample. **Raises:** `LearningEffortError`."""
    controls = {c.name: c for c in problem.controls}
    if of is not None:
        choice(of, "of", "rounded", tuple(controls))
    why_not = {c.name: _why_not(problem, c) for c in problem.controls if of in (None, c.name)}
    fit = [name for name, why in why_not.items() if not why]
    if len(fit) > 1:
        raise LearningEffortError(f"The 'of' of rounded must say which control to round, one of {fit}.")
    if not fit:
        whys = " ".join(f"'{name}' {why}" for name, why in why_not.items())
        raise LearningEffortError(f"Only shares become whole samples: le.Shares, or one number in [0, 1]. {whys}")
    control = controls[fit[0]]
    if isinstance(control, Shares):
        return control, np.eye(control.start_parameters(problem.learner).size)
    return control, np.array([1.0, 0.0])


def _why_not(problem: Problem, control: Control) -> str:
    """Why a control cannot be rounded, in words; nothing if it can."""
    if control.static:
        return "is one value for all of learning."
    if isinstance(control, MixtureControl):
        return "is a softmax, which gives every part some; le.Shares() may be pure."
    shape = control.parameter_shapes(problem.learner)
    if shape != () and not isinstance(control, Shares):
        return f"has numbers of shape {shape} at an update, which are no shares of one whole."
    lower, upper = control.box(problem.learner, problem.space.knots(control))
    if np.any(np.asarray(lower) != 0) or np.any(np.asarray(upper) != 1):
        return "has other bounds than (0, 1)."
    return ""


def _shares(problem: Problem, effort: Effort, control: Control) -> Float[np.ndarray, "N samples"]:
    """The share of each whole sample at every step."""
    own = problem.parameters_at(effort, np.arange(problem.horizon.length))[control.name]
    if not isinstance(control, Shares):
        ones = np.clip(np.asarray(own), 0.0, 1.0)
        return np.stack([ones, 1.0 - ones], -1)
    return np.asarray(jax.vmap(lambda s: control.signal(s, problem.learner))(jnp.asarray(own)))


def _one_a_step(problem: Problem, effort: Effort, control: Control) -> tuple[Problem, Effort]:
    """The same problem and effort with one value a step for `control`; as they are if it has."""
    steps = problem.horizon.length
    if problem.space.knots(control).one_a_step:
        return problem, effort
    finer = replaced(control, knots=steps, interpolation="hold")
    own = problem.parameters_at(effort, np.arange(steps))[control.name]
    others = tuple(finer if c is control else c for c in problem.controls)
    return replaced(problem, controls=others), effort | {control.name: jnp.asarray(own)}


def _require_linear(samples: WholeSamples, chosen: Choice) -> None:
    """**Raises:** `LearningEffortError` if a share of a sample is something else than so much of the sample."""
    steps = jnp.asarray(np.unique(np.linspace(0, len(chosen) - 1, LOOKED_AT).astype(int)))
    effort = samples.effort_of(chosen)
    apart = float(_nonlinearity(samples.problem, effort, samples.name, jnp.asarray(samples.pure), steps))
    if not apart <= LINEAR:
        raise LearningEffortError(
            f"'{samples.name}' does not enter learning linearly: half of it does not do half of what all of it does (a step is "
            f"{apart:.0%} off), so that whole samples in turn are no substitute for it. Only shares of samples can be rounded."
        )


@eqx.filter_jit
def _nonlinearity(
    problem: Problem, effort: Effort, name: str, pure: Float[Array, "samples *E"], steps: Int[Array, " S"]
) -> Float[Array, ""]:
    """By how much the steps differ, at the mean of all samples, from their mean, as a share of what the samples differ in."""
    learner = problem.learner.prepared()
    states = unrolled.unroll(problem.space, problem.objective, effort, steps).states

    def after(parameters):
        own = effort | {name: jnp.broadcast_to(parameters, effort[name].shape)}
        states_after, losses = jax.vmap(learner.advance)(states, steps, problem.signals_at(own, steps))
        leaves = [leaf.reshape(steps.size, -1) for leaf in jax.tree.leaves((states_after, losses))]
        return jnp.concatenate(leaves, 1)

    each = jax.lax.map(after, pure)
    mean = each.mean(0)
    apart, off = jnp.ptp(each, 0).max(1), jnp.abs(after(pure.mean(0)) - mean).max(1)
    return (off / (apart + 1e-9 * jnp.abs(mean).max(1) + 1e-300)).max()


# Swaps ------------------------------------------------------------------------------------------------------------------


def _alone(choice: Choice, samples: int) -> Moves:
    """Every change of one update."""
    update, sample = (part.ravel() for part in np.indices((len(choice), samples)))
    moves = Moves(update, sample, update, sample)
    return moves.some(choice[update] != sample)


def _ranked(samples: WholeSamples, choice: Choice) -> tuple[Moves, bool]:
    """Moves from a choice that keep within the budgets, changes of one update and swaps of two; and whether these are all.

    First come the changes, and the swaps of the two updates that gain most by it, of the next two, and so on, many of which
    can be made at once; then all others. Among these and among those the ones are first that promise most to first order.
    """
    slopes = changes(samples.slopes(choice), choice)
    number = slopes.shape[1]
    most = int((RANKED // max(number * (number - 1) // 2, 1)) ** 0.5)
    alone, complete = _alone(choice, number), True
    found, later = [alone], [np.zeros(len(alone.first), bool)]
    for one in range(number):
        for other in range(one):
            # Updates that have the one and would get the other, and the other way round.
            sides = [np.flatnonzero(choice == own) for own in (one, other)]
            complete &= all(side.size <= most for side in sides)
            best = [side[np.argsort(-slopes[side, to])[:most]] for side, to in zip(sides, (other, one), strict=True)]
            first, second = (place.ravel() for place in np.indices([side.size for side in best]))
            pairs = np.full(first.size, other), best[1][second], np.full(first.size, one)
            found.append(Moves(best[0][first], *pairs))
            later.append(first != second)
    moves = Moves(*(np.concatenate(fields) for fields in zip(*found, strict=True)))
    moves = moves.some(np.lexsort((-moves.worth(slopes), np.concatenate(later))))
    return moves.some(samples.off_after(choice, moves) == 0), complete


def _within_budgets(samples: WholeSamples, choice: Choice) -> Choice:
    """A choice near to this one that keeps within the budgets: updates change one by one, those that cost the least value for
    what they bring. **Raises:** `LearningEffortError` if that does not lead there."""
    spent = samples.spent(choice)
    if samples.off(spent) == 0:
        return choice
    slopes, choice = samples.slopes(choice), choice.copy()
    while (off := samples.off(samples.spent(choice))) > 0:
        moves = _alone(choice, slopes.shape[1])
        brings = off - samples.off_after(choice, moves)
        if not (brings > 0).any():
            amounts = ", ".join(f"{float(b.amount):.6g}" for b in samples.problem.budget or ())
            raise LearningEffortError(
                f"Whole samples spend {', '.join(f'{s:.6g}' for s in spent)} of budgets of {amounts}, and no change of one "
                "update brings that nearer. Give amounts that whole samples can spend, or budgets of which some may be left "
                "(exact=False)."
            )
        moves = moves.some(brings > 0)
        best = int(np.argmax(moves.worth(changes(slopes, choice)) / brings[brings > 0]))
        choice[moves.first[best]] = moves.one[best]
    return choice


def _swapped(samples: WholeSamples, choice: Choice, most: int) -> Found:
    """What moves make of a choice, until none raises V, or V was evaluated so often."""
    rounded = value = float(samples.values(choice[None])[0])
    if not np.isfinite(rounded):
        raise LearningEffortError("Learning diverges under whole samples. Try a smaller learning rate.")
    swaps, evaluations, gradients = 0, 1, 0
    while evaluations < most:
        moves, complete = _ranked(samples, choice)
        choice, value, made, evaluated = _better(samples, choice, value, moves, most - evaluations)
        swaps, evaluations, gradients = swaps + made, evaluations + evaluated, gradients + 1
        if not made:
            ended = complete and evaluated == len(moves.first)
            return Found(samples, choice, rounded, value, swaps, evaluations, gradients, ended)
    return Found(samples, choice, rounded, value, swaps, evaluations, gradients, False)


def _better(samples: WholeSamples, choice: Choice, value: float, moves: Moves, most: int) -> tuple[Choice, float, int, int]:
    """A better choice, by the best of the first moves some of which raise V, together with others of these where that is better
    still: the choice, its value, how many moves it is away (0: none was found), and how often V was evaluated."""
    evaluated = 0
    while evaluated < min(len(moves.first), most):
        some = moves.some(slice(evaluated, min(evaluated + samples.together, most)))
        values = samples.values(some.made(choice))
        evaluated += len(values)
        higher = np.flatnonzero(values > value + HIGHER * abs(value))
        if higher.size:
            higher = higher[np.argsort(-values[higher], kind="stable")]
            courses = _at_once(samples, choice, some.some(higher))
            worth = values[higher[:1]]
            if more := min(len(courses) - 1, most - evaluated):
                worth = np.concatenate([worth, samples.values(courses[1 : more + 1])])
                evaluated += more
            best = int(np.nanargmax(worth))
            return courses[best], float(worth[best]), best + 1, evaluated
    return choice, value, 0, evaluated


def _at_once(samples: WholeSamples, choice: Choice, moves: Moves) -> Int[np.ndarray, "courses updates"]:
    """What the first of some moves makes of a choice, and then each more of them that touches no update of those before, as
    far as budgets allow."""
    courses, touched = [choice], np.zeros(len(choice), bool)
    for place in range(len(moves.first)):
        own = moves.some(slice(place, place + 1))
        updates = [own.first[0], own.second[0]]
        after = own.made(courses[-1])[0]
        if not touched[updates].any() and samples.off(samples.spent(after)) == 0:
            touched[updates] = True
            courses.append(after)
    return np.stack(courses[1:])
