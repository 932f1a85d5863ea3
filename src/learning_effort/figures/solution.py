"""One solution or several at a glance: loss, reward, cost, each control's effort, weights."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..errors import LearningEffortError, choice
from ..errors import shown as in_short
from .effort import TIME, Shown, draw_effort, draw_map, has_map
from .style import BASELINE, CONTROL, CYCLE, cycled, label, legend_below, panels, plain

#: What can be drawn.
KINDS = ("all", "loss", "reward", "cost", "effort", "map", "weights")
#: The most panels side by side.
COLUMNS = 4
#: So many letters of a title are as wide as a panel.
LETTERS = 42
#: What the curves over all steps are called on their axes.
CURVES = {"loss": "loss L", "reward": "net reward v (loss)", "cost": "cost C (loss)"}


def plot_solution(solution, ax: Any = None, kind: str = "all", others: Sequence = (), labels: Sequence[str] | None = None):
    """A solution, and `others` beside it, in a figure of its own or in the axes `ax`.

    **Arguments:** `kind`: "loss", "reward" (with what of it is cost), "cost", "effort" (a panel a control), "map" (every number
    of controls that have many, with its sign), "weights" (norms by layer), or "all": loss, reward, effort, and maps; `ax`, one
    axes or as many as there are panels; `labels`, what each solution is called.

    **Returns:** the figure; `ax` where it is given.
    """
    kind = choice(kind, "kind", "plot", KINDS)
    solutions = _named([solution, *others], labels)
    draws = _panels(solutions, kind)
    if not draws:
        raise LearningEffortError(f"Nothing is drawn of kind {kind!r}: no control that varies in time has many numbers.")
    if ax is not None:
        given = list(np.ravel(np.array(ax, dtype=object)))
        if len(given) != len(draws) or not all(hasattr(axis, "plot") for axis in given):
            raise LearningEffortError(
                f"The 'ax' of plot must be matplotlib's axes, as many as there are panels: {len(draws)} of kind {kind!r}. "
                f"Got {in_short(ax)}."
            )
        for axis, draw in zip(given, draws, strict=True):
            plain(axis)
            draw(axis)
            if axis.get_legend_handles_labels()[0]:
                axis.legend(frameon=False, fontsize=8)
        return ax
    rows = -(-len(draws) // COLUMNS)
    figure, axes = panels(rows, -(-len(draws) // rows))
    for spare in axes[len(draws) :]:
        spare.remove()
    for axis, draw in zip(axes, draws, strict=False):
        draw(axis)
    entries = [legend_below(axis) for axis in axes[: len(draws)]]
    figure.set_figheight(rows * (2.6 + 0.18 * max(entries)) + 0.2)
    width = LETTERS * -(-len(draws) // rows)
    if len(solutions) == 1:
        value, baseline = solution.value, solution.baseline_value
        doubt = "" if solution.certificate.converged else "   NOT CONVERGED"
        title = f"value {value:.6g}, baseline {baseline:.6g} ({value - baseline:+.3g}){doubt}"
        figure.suptitle(textwrap.fill(title, width), fontsize=11)
    figure.supxlabel(caption([s.solution for s in solutions], int(1.4 * width)), fontsize=8, color="0.3")
    return figure


def _named(solutions: list, labels: Sequence[str] | None) -> list[Shown]:
    """The solutions with their names, which a single one has only if it is given. **Raises:** `LearningEffortError` if there
    are not as many labels, or one of them is no solution."""
    odd = next((s for s in solutions if not hasattr(s, "rollout")), None)
    if odd is not None:
        raise LearningEffortError(f"The 'others' of plot must be a list of solutions. Got {in_short(odd)} among them.")
    if labels is None:
        labels = [f"solution {i + 1}" for i in range(len(solutions))] if len(solutions) > 1 else [""]
    if isinstance(labels, str) or len(labels) != len(solutions):
        raise LearningEffortError(
            f"The 'labels' of plot must be a list with a name for each of {len(solutions)} solutions. Got {in_short(labels)}."
        )
    return [Shown(solution, str(text), i) for i, (solution, text) in enumerate(zip(solutions, labels, strict=True))]


def _panels(shown: list[Shown], kind: str) -> list[Callable]:
    """What is drawn, each a function of its axes."""
    if kind in CURVES:
        return [partial(_curves, shown=shown, quantity=kind)]
    if kind == "weights":
        return [partial(_weights, shown=shown)]
    names = list(dict.fromkeys(name for one in shown for name in one.solution.effort))
    having = {name: [one for one in shown if name in one.solution.effort] for name in names}
    maps: list[Callable] = [
        partial(_map, one=one, name=name) for name in names for one in having[name] if has_map(one.solution, name)
    ]
    if kind == "map":
        return maps
    efforts: list[Callable] = [partial(draw_effort, shown=having[name], name=name) for name in names]
    if kind == "effort":
        return efforts
    curves = [partial(_curves, shown=shown, quantity=quantity) for quantity in ("loss", "reward")]
    return [*curves, *efforts, *(maps if len(shown) == 1 else [])]


def _curves(axis, shown: list[Shown], quantity: str) -> None:
    """Loss, reward or cost over learning, with control and, dashed over it, without; reward with what of it is cost."""
    for one in shown:
        rollout = one.solution.rollout
        colour = {"color": CYCLE[2] if quantity == "cost" else CONTROL} if not one.name else one.look(0, alone=True)
        called = one.name or ("cost" if quantity == "cost" else "control")
        axis.plot(rollout.times, getattr(rollout, quantity), label=called, **colour)
        if quantity == "reward" and not one.name and np.any(rollout.cost):
            axis.plot(rollout.times, -np.asarray(rollout.cost), color=CYCLE[2], linestyle=":", label="− cost")
    if quantity != "cost":
        drawn: list[np.ndarray] = []
        for one in shown:
            baseline = one.solution.baseline
            course = np.asarray(getattr(baseline, quantity))
            if not any(np.array_equal(course, other) for other in drawn):
                style = {"color": BASELINE, "linestyle": "--", "zorder": 3}
                axis.plot(baseline.times, course, label=None if drawn else "baseline", **style)
            drawn.append(course)
    label(axis, TIME, CURVES[quantity], f"{quantity} over learning", legend=False)


def _weights(axis, shown: list[Shown]) -> None:
    """The norm of each layer's weights over learning, with control and, dashed, without."""
    for one in shown:
        solution = one.solution
        pairs = zip(solution.rollout.weights, solution.baseline.weights, strict=True)
        for i, (own, alone) in enumerate(pairs):
            layer = f"layer {i + 1}" if len(solution.rollout.weights) > 1 else ""
            norms = [np.linalg.norm(np.reshape(w, (len(w), -1)), axis=1) for w in (own, alone)]
            axis.plot(solution.weight_times, norms[0], label=one.called(layer) or "control", **one.look(i))
            if not one.place:
                style = cycled(i) | {"linestyle": (0, (4, 3)), "color": "0.35", "zorder": 3}
                axis.plot(solution.weight_times, norms[1], label=None if i else "baseline", **style)
    label(axis, TIME, "norm of weights", "weights over learning", legend=False)


def _map(axis, one: Shown, name: str) -> None:
    """A control's numbers, with the solution's name above where it has one."""
    draw_map(axis, one.solution, name)
    if one.name:
        axis.set_title(f"{axis.get_title(loc='left')}: {one.name}", loc="left", fontsize=10)


def caption(solutions: list, width: int) -> str:
    """What was solved, in symbols: γ, each cost's β, N and Δt; several values where solutions differ; in lines so wide."""
    said: dict[str, list[str]] = {}
    for solution in solutions:
        problem, times = solution.problem, np.asarray(solution.rollout.times)
        own = {}
        if problem is not None:
            own["γ"] = f"{float(problem.discount):g}"
            betas = {c.name: beta for c in problem.controls if (beta := getattr(c.cost, "beta", None)) is not None}
            for name, beta in betas.items():
                own["β" if len(problem.controls) == 1 else f"β of {name.replace('_', ' ')}"] = _range(beta)
        own |= {"N": f"{times.size:,}", "Δt": f"{times[1] - times[0]:g}"}
        for symbol, text in own.items():
            values = said.setdefault(symbol, [])
            if text not in values:
                values.append(text)
    # No line breaks within an equation.
    equations = [f"{symbol} = {', '.join(values)}".replace(" ", "\u00a0") for symbol, values in said.items()]
    return "\n".join(textwrap.wrap("     ".join(equations), width, break_long_words=False))


def _range(number: Any) -> str:
    """A number; from where to where, if it varies."""
    parts = [np.asarray(getattr(p, "values", p)) for p in (number if isinstance(number, (list, tuple)) else [number])]
    low, high = min(p.min() for p in parts), max(p.max() for p in parts)
    return f"{low:g}" if low == high else f"{low:g} … {high:g}"
