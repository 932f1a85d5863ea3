"""The numbers of a problem by names that attributes may have, so that a table of answers knows what each is the answer to."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..controls.varying import each
from ..problem.problem import Problem

#: A number, a course in time, or words where it varies by element.
Setting = float | list[float] | str
#: How the names of settings of the whole begin, and those of a control, which end in its name.
WHOLE_PROBLEM = ("discount", "reward_scale", "step_size")
OF_A_CONTROL = ("lower_", "upper_", "rest_", "cost_", "beta_")
#: What is said of numbers that vary by element.
BY_ELEMENT = "varies by element"


def settings_of(problem: Problem) -> dict[str, Setting]:
    """γ, η and Δt of a problem, and of each control its bounds, its rest, its cost's name and β: numbers; lists of one number
    a knot where they vary in time; and words where they vary by element."""
    settings: dict[str, Setting] = {
        "discount": float(problem.discount),
        "reward_scale": float(problem.reward_scale),
        "step_size": float(problem.learner.step_size),
    }
    for control in problem.controls:
        for what in ("lower", "upper", "rest"):
            settings[f"{what}_{control.name}"] = _said(getattr(control, what))
        settings[f"cost_{control.name}"] = "none" if control.cost is None else type(control.cost).__name__.lstrip("_")
        beta = getattr(control.cost, "beta", None)
        if beta is not None:
            settings[f"beta_{control.name}"] = _said(beta)
    return settings


def settings_in(attributes: dict[str, Any]) -> dict[str, Setting]:
    """The settings among a dataset's attributes."""
    found: dict[str, Setting] = {}
    for name, value in attributes.items():
        if name in WHOLE_PROBLEM or name.startswith(OF_A_CONTROL):
            found[name] = value if isinstance(value, str) else np.asarray(value, float).tolist()
    return found


def _said(number: Any) -> Setting:
    """A number, or what varies, as an attribute."""
    parts = [np.asarray(getattr(part, "values", part), float) for part in each(number, 1)]
    if len(parts) > 1 or any(np.prod(part.shape[1:]) > 1 for part in parts):
        same = {part.tobytes() for part in parts if part.ndim == 0}
        return BY_ELEMENT if len(same) != 1 or len(parts) != sum(part.ndim == 0 for part in parts) else float(parts[0])
    (part,) = parts
    return part.ravel().tolist() if part.size > 1 else float(part.ravel()[0])
