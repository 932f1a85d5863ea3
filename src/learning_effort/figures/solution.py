"""Any solution at a glance: loss, reward, and each control's effort."""

from __future__ import annotations

import numpy as np

from .style import BASELINE, CONTROL, CYCLE, label, panels

TIME = "time (learning rate × steps)"


def plot_solution(solution):
    """Loss and reward under control and baseline, and effort over time: its numbers if few, else its norms by layer."""
    varying = {n: p for n, p in solution.effort.items() if not _static(solution, n)}
    figure, axes = panels(1, 2 + len(varying))
    times = solution.rollout.times
    for axis, quantity in zip(axes, ("loss", "reward"), strict=False):
        axis.plot(times, getattr(solution.baseline, quantity), color=BASELINE, label="baseline")
        axis.plot(times, getattr(solution.rollout, quantity), color=CONTROL, label="control")
        label(axis, TIME, quantity, f"{quantity} over learning")
    for axis, (name, parts) in zip(axes[2:], varying.items(), strict=True):
        parts = parts if isinstance(parts, list) else [parts]
        for i, part in enumerate(parts):
            numbers = part.reshape(len(part), -1)
            at = np.linspace(times[0], times[-1], len(part))
            if numbers.shape[1] <= 8:
                for j, course in enumerate(numbers.T):
                    text = f"{j + 1}" if numbers.shape[1] > 1 else None
                    axis.plot(at, course, color=CYCLE[j % len(CYCLE)], label=text)
            else:
                axis.plot(at, np.linalg.norm(numbers, axis=1), color=CYCLE[i], label=f"layer {i + 1}, norm")
        label(axis, TIME, name.replace("_", " "), f"effort: {name.replace('_', ' ')}")
    return figure


def _static(solution, name) -> bool:
    return solution.problem is not None and any(c.name == name and c.static for c in solution.problem.controls)
