"""Effort drawn: over time, in numbers or in norms, with its bounds; where it is constant in time; and as a map with its sign.

A *shown* solution is a `Shown`: the solution, what it is called beside others ("" where it is alone), and its place among them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.colors import Normalize

from .style import CYCLE, DIVERGING, cycled, label

TIME = "time (learning rate × steps)"
#: A control with no more numbers than this is drawn number by number.
FEW = len(CYCLE)
#: Between two knots, the norm of straight lines is drawn at so many places.
PIECES = 8
#: A map shows no more moments than this.
MOMENTS = 400


class Shown(NamedTuple):
    """A solution in a figure, its name beside others there, and its place among them."""

    solution: Any
    name: str = ""
    place: int = 0

    def look(self, i: int, alone: bool = False) -> dict:
        """Colour and line of the i-th of its curves: the colour says which curve, and the line which solution; where there is
        but one curve a solution the colour says which solution."""
        if not self.name:
            return cycled(i)
        if alone:
            return cycled(self.place + 1)
        return cycled(i) | {"linestyle": ("-", "--", "-.", ":")[self.place % 4]}

    def called(self, text: str) -> str:
        """What the legend calls a curve of it."""
        return ", ".join(filter(None, (self.name, text)))


def draw_effort(axis, shown: list[Shown], name: str) -> None:
    """A control's effort: its numbers if few, else its norm by layer; bounds as thin lines.

    Held values are drawn as steps, from the step that first uses them to the end of the last one, the others as lines between
    their knots; a control that does not vary in time as bars, or sorted by layer if it has many numbers.
    """
    for one in shown:
        draw = _fixed if one.solution.knots[name] is None else _varying
        draw(axis, one, name)
    draw_bounds(axis, shown[0].solution, name)


def has_map(solution, name: str) -> bool:
    """Whether a control has more numbers than are drawn one by one, and varies in time."""
    return solution.knots[name] is not None and sum(part[0].size for _, part in layers(solution, name)) > FEW


def draw_map(axis, solution, name: str) -> None:
    """Every number of a control over time, layer by layer, in colours that diverge from what leaves the learner alone."""
    knots, text, own = solution.knots[name], name.replace("_", " "), layers(solution, name)
    numbers = np.concatenate([part.reshape(len(part), -1) for _, part in own], axis=1)
    times, control = np.asarray(solution.rollout.times), control_of(solution, name)
    some = np.unique(np.linspace(0, knots.steps - 1, MOMENTS).round().astype(int))
    centre = 0.0
    if control is not None:
        neutral = control.neutral_parameters(solution.problem.learner)
        centre = float(np.mean([np.mean(n) for n in (neutral if isinstance(neutral, list) else [neutral])]))
    width = float(np.abs(numbers - centre).max()) or 1.0
    values = np.asarray(knots.at(numbers, some))
    scale = Normalize(centre - width, centre + width)
    image = axis.pcolormesh(
        times[some], np.arange(numbers.shape[1]) + 1, values.T, norm=scale, cmap=DIVERGING, shading="nearest"
    )
    image.set_rasterized(True)
    sizes = [part[0].size for _, part in own]
    for edge in np.cumsum(sizes)[:-1]:
        axis.axhline(edge + 0.5, color="0.3", linewidth=0.7)
    if len(own) > 1:
        axis.set_yticks(np.cumsum(sizes) - np.array(sizes) / 2 + 0.5, [layer for layer, _ in own], fontsize=8)
    axis.invert_yaxis()
    axis.figure.colorbar(image, ax=axis, label=text, fraction=0.06, pad=0.02)
    label(axis, TIME, "numbers by layer" if len(own) > 1 else "number", f"{text}, every number", legend=False)


def _varying(axis, one: Shown, name: str) -> None:
    """A control's effort over time."""
    solution = one.solution
    knots, text, own = solution.knots[name], name.replace("_", " "), layers(solution, name)
    if sum(part[0].size for _, part in own) <= FEW:
        named = [f"{layer}: {place}".strip(": ") for layer, part in own for place in _places(part.shape[1:])]
        courses = np.concatenate([part.reshape(len(part), -1) for _, part in own], axis=1).T
        for i, course in enumerate(courses):
            look = one.look(i, alone=len(courses) == 1)
            draw_course(axis, solution, knots, knots.positions, course, label=one.called(named[i]) or None, **look)
        label(axis, TIME, text, f"effort: {text}", legend=False)
        return
    for i, (layer, part) in enumerate(own):
        at, norms = _norms(knots, part.reshape(len(part), -1))
        called = one.called(f"{layer} ({_size(part[0])})".strip())
        draw_course(axis, solution, knots, at, norms, label=called, **one.look(i, alone=len(own) == 1))
    label(axis, TIME, f"norm of {text}", f"effort: {text}, norm{' by layer' if len(own) > 1 else ''}", legend=False)


def draw_course(axis, solution, knots, positions, values, **style) -> None:
    """`values` at `positions`, in steps of the learner: held to the end of the last step, or joined by lines."""
    if knots.held:
        positions, values = np.append(positions, knots.steps), np.append(values, values[-1])
        style["drawstyle"] = "steps-post"
    times = solution.rollout.times
    axis.plot(positions * (times[1] - times[0]), values, **style)


def _fixed(axis, one: Shown, name: str) -> None:
    """A control that does not vary in time, beside what leaves the learner alone where that is known."""
    solution = one.solution
    text, control, own = name.replace("_", " "), control_of(solution, name), layers(solution, name)
    alone = None if control is None or one.place else control.neutral_parameters(solution.problem.learner)
    alone = alone if isinstance(alone, list) else [alone] * len(own)
    few = sum(part.size for _, part in own) <= FEW and not one.name
    draw = _bars if few else _sorted
    draw(axis, one, own, alone)
    label(axis, "place" if few else "share of the numbers, sorted", text, f"effort: {text}, constant in time", legend=False)


def _bars(axis, one: Shown, own, alone) -> None:
    """A bar a number, in the colours of the layers, and black marks where the uncontrolled learner has it, if known."""
    places: list[str] = []
    for i, ((layer, part), neutral) in enumerate(zip(own, alone, strict=True)):
        at = np.arange(len(places), len(places) + part.size)
        places += _places(part.shape)
        axis.bar(at, part.ravel(), color=CYCLE[i], label=one.called(layer) or "control")
        if neutral is not None:
            style = {"color": "black", "linestyle": "", "marker": "_", "markersize": 14}
            axis.plot(at, np.ravel(neutral), label=None if i else "baseline", **style)
    axis.set_xticks(range(len(places)), places, fontsize=8)


def _sorted(axis, one: Shown, own, alone) -> None:
    """The numbers of each layer in rising order; dotted those of the uncontrolled learner, if known."""
    for i, ((layer, part), neutral) in enumerate(zip(own, alone, strict=True)):
        share = (np.arange(part.size) + 0.5) / part.size
        axis.plot(share, np.sort(part, axis=None), label=one.called(f"{layer} ({_size(part)})".strip()), **one.look(i))
        if neutral is not None:
            kind = f"{layer}, baseline".strip(", ")
            axis.plot(share, np.sort(neutral, axis=None), label=kind, **cycled(i) | {"linestyle": ":"})


def _norms(knots, numbers):
    """Where the norms of `numbers` (K, n) are drawn, in steps, and the norms there.

    They are those at the knots and, since a norm between knots that straight lines join is curved, some between.
    """
    if knots.held:
        return knots.positions, np.linalg.norm(numbers, axis=1)
    before, after = numbers[:-1], numbers[1:]
    between = [np.linalg.norm(before * (1 - x) + after * x, axis=1) for x in np.arange(PIECES) / PIECES]
    norms = np.append(np.stack(between, axis=1), np.linalg.norm(numbers[-1]))
    return np.linspace(0, knots.positions[-1], norms.size), norms


def draw_bounds(axis, solution, name: str) -> None:
    """The finite bounds of a control as thin lines, in view if no further away than what is drawn is wide; not where its norm
    is drawn."""
    control, knots = control_of(solution, name), solution.knots[name]
    if control is None or (knots is not None and has_map(solution, name)):
        return
    low, high = axis.get_ylim()
    width, view = high - low, [low, high]
    boxes = control.box(solution.problem.learner, solution.problem.space.knots(control))
    style = {"color": "0.5", "linewidth": 0.7, "zorder": 0}
    for bounds in boxes:
        parts = [np.asarray(b, float) for b in (bounds if isinstance(bounds, list) else [bounds])]
        numbers = np.concatenate([b.reshape(1 if knots is None else len(b), -1) for b in parts], axis=1)
        for i in sorted(set(np.unique(numbers, axis=1, return_index=True)[1])):
            course = numbers[:, i]
            if not np.isfinite(course).all():
                continue
            near = low - width <= course.max() and course.min() <= high + width
            called = "bounds" if near and len(view) == 2 else None
            if np.ptp(course) == 0:
                axis.axhline(course[0], label=called, **style)
            else:
                draw_course(axis, solution, knots, knots.positions, course, label=called, **style)
            if near:
                view += [max(course.min(), low - width) - 0.05 * width, min(course.max(), high + width) + 0.05 * width]
    axis.set_ylim(min(view), max(view))


def control_of(solution, name: str):
    """The control of a name; None if the solution has no problem."""
    controls = () if solution.problem is None else solution.problem.controls
    return next((control for control in controls if control.name == name), None)


def layers(solution, name: str) -> list[tuple[str, np.ndarray]]:
    """The arrays of a control's effort, each with the name of its layer; no name where there is but one."""
    parts, control, depth = solution.effort[name], control_of(solution, name), len(solution.rollout.weights)
    if not isinstance(parts, list):
        return [("", np.asarray(parts))]
    driven = getattr(control, "layers", None)
    numbers = driven if isinstance(driven, tuple) and len(driven) == len(parts) else range(len(parts))
    word = "part" if control is None and len(parts) != depth else "layer"
    several = max(depth, len(parts)) > 1
    return [(f"{word} {i + 1}" if several else "", np.asarray(part)) for i, part in zip(numbers, parts, strict=True)]


def _places(shape: tuple[int, ...]) -> list[str]:
    """The places of numbers in an array, counted from 1; nothing to say of a single one."""
    places = [", ".join(str(i + 1) for i in place) for place in np.ndindex(*shape)]
    return places if len(places) > 1 else [""]


def _size(array) -> str:
    """The shape of an array as people write it."""
    return " × ".join(map(str, array.shape))
