"""Any solution at a glance: loss, reward, and each control's effort."""

from __future__ import annotations

import numpy as np

from .style import BASELINE, CONTROL, CYCLE, cycled, label, legend_below, panels

TIME = "time (learning rate × steps)"
#: A control with no more numbers than this is drawn number by number.
FEW = len(CYCLE)
#: The most panels side by side.
COLUMNS = 4
#: Between two knots, the norm of straight lines is drawn at so many places.
PIECES = 8


def plot_solution(solution):
    """Loss and reward under control and baseline, and a panel a control: its numbers if few, else its norm by layer.

    Held values are drawn as steps, from the step that first uses them to the end of the last one, the others as lines between
    their knots; a control that does not vary in time as bars, or sorted by layer if it has many numbers. Bounds are thin lines.
    """
    count = 2 + len(solution.effort)
    rows = -(-count // COLUMNS)
    figure, axes = panels(rows, -(-count // rows))
    for spare in axes[count:]:
        spare.remove()
    times = solution.rollout.times
    for axis, quantity, text in zip(axes, ("loss", "reward"), ("loss L", "net reward v (loss)"), strict=False):
        axis.plot(times, getattr(solution.rollout, quantity), color=CONTROL, label="control")
        axis.plot(times, getattr(solution.baseline, quantity), color=BASELINE, linestyle="--", label="baseline")
        label(axis, TIME, text, f"{quantity} over learning", legend=False)
    for axis, name in zip(axes[2:], solution.effort, strict=False):
        draw = _fixed if solution.knots[name] is None else _varying
        draw(axis, solution, name)
    entries = [legend_below(axis) for axis in axes[:count]]
    figure.set_figheight(rows * (2.6 + 0.18 * max(entries)))
    value, baseline = solution.value, solution.baseline_value
    doubt = "" if solution.certificate.converged else "   NOT CONVERGED"
    figure.suptitle(f"value {value:.6g}, baseline {baseline:.6g} ({value - baseline:+.3g}){doubt}", fontsize=11)
    return figure


def _varying(axis, solution, name: str) -> None:
    """A control's effort over time."""
    knots, text, layers = solution.knots[name], name.replace("_", " "), _layers(solution, name)
    if sum(part[0].size for _, part in layers) <= FEW:
        named = [f"{layer}: {place}".strip(": ") for layer, part in layers for place in _places(part.shape[1:])]
        courses = np.concatenate([part.reshape(len(part), -1) for _, part in layers], axis=1).T
        for i, course in enumerate(courses):
            _course(axis, solution, knots, knots.positions, course, label=named[i] or None, **cycled(i))
        label(axis, TIME, text, f"effort: {text}", legend=False)
        _bounds(axis, _control(solution, name))
        return
    for i, (layer, part) in enumerate(layers):
        at, norms = _norms(knots, part.reshape(len(part), -1))
        _course(axis, solution, knots, at, norms, label=f"{layer} ({_size(part[0])})".strip(), **cycled(i))
    label(axis, TIME, f"norm of {text}", f"effort: {text}, norm{' by layer' if len(layers) > 1 else ''}", legend=False)


def _course(axis, solution, knots, positions, values, **style) -> None:
    """`values` at `positions`, in steps of the learner: held to the end of the last step, or joined by lines."""
    if knots.held:
        positions, values = np.append(positions, knots.steps), np.append(values, values[-1])
        style["drawstyle"] = "steps-post"
    times = solution.rollout.times
    axis.plot(positions * (times[1] - times[0]), values, **style)


def _fixed(axis, solution, name: str) -> None:
    """A control that does not vary in time, beside what leaves the learner alone where that is known."""
    text, control, layers = name.replace("_", " "), _control(solution, name), _layers(solution, name)
    alone = None if control is None else control.neutral_parameters(solution.problem.learner)
    alone = alone if isinstance(alone, list) else [alone] * len(layers)
    few = sum(part.size for _, part in layers) <= FEW
    draw = _bars if few else _sorted
    draw(axis, layers, alone)
    label(axis, "place" if few else "share of the numbers, sorted", text, f"effort: {text}, constant in time", legend=False)
    _bounds(axis, control)


def _bars(axis, layers, alone) -> None:
    """A bar a number, in the colours of the layers, and black marks where the uncontrolled learner has it, if known."""
    places: list[str] = []
    for i, ((layer, part), own) in enumerate(zip(layers, alone, strict=True)):
        at = np.arange(len(places), len(places) + part.size)
        places += _places(part.shape)
        axis.bar(at, part.ravel(), color=CYCLE[i], label=layer or "control")
        if own is not None:
            style = {"color": "black", "linestyle": "", "marker": "_", "markersize": 14}
            axis.plot(at, np.ravel(own), label=None if i else "baseline", **style)
    axis.set_xticks(range(len(places)), places, fontsize=8)


def _sorted(axis, layers, alone) -> None:
    """The numbers of each layer in rising order; dotted those of the uncontrolled learner, if known."""
    for i, ((layer, part), own) in enumerate(zip(layers, alone, strict=True)):
        share = (np.arange(part.size) + 0.5) / part.size
        axis.plot(share, np.sort(part, axis=None), label=f"{layer} ({_size(part)})".strip(), **cycled(i))
        if own is not None:
            kind = f"{layer}, baseline".strip(", ")
            axis.plot(share, np.sort(own, axis=None), label=kind, **cycled(i) | {"linestyle": ":"})


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


def _bounds(axis, control) -> None:
    """The finite bounds of a control as thin lines, in view if no further away than what is drawn is wide."""
    if control is None:
        return
    low, high = axis.get_ylim()
    width, view = high - low, [low, high]
    for bound in (control.lower, control.upper):
        if np.ndim(bound) == 0 and np.isfinite(bound):
            near = low - width <= bound <= high + width
            axis.axhline(bound, color="0.5", linewidth=0.7, zorder=0, label="bounds" if near and len(view) == 2 else None)
            view += [bound - 0.05 * width, bound + 0.05 * width] if near else []
    axis.set_ylim(min(view), max(view))


def _control(solution, name: str):
    """The control of a name; None if the solution has no problem."""
    controls = () if solution.problem is None else solution.problem.controls
    return next((control for control in controls if control.name == name), None)


def _layers(solution, name: str) -> list[tuple[str, np.ndarray]]:
    """The arrays of a control's effort, each with the name of its layer; no name where there is but one."""
    parts, control, depth = solution.effort[name], _control(solution, name), len(solution.rollout.weights)
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
