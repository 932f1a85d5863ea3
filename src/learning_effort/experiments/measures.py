"""What findings measure: numbers from curves over time, all arrays (N,)."""

from __future__ import annotations

import numpy as np


def effort_norm(problem, effort) -> np.ndarray:
    """The norm over a control's numbers at each of the N steps, gains of all layers together."""
    import jax
    import jax.numpy as jnp

    ks = jnp.arange(problem.horizon.length)
    parts = jax.tree.leaves(problem.parameters_at(problem.check_effort(effort), ks))
    return np.sqrt(sum(np.asarray(p).reshape(ks.size, -1) ** 2 @ np.ones(p[0].size) for p in parts))


def crossing(reward: np.ndarray, baseline: np.ndarray) -> int | None:
    """The first step from which a reward that starts below the baseline's is above it; None if there is none."""
    ahead = reward > baseline
    return int(np.argmax(ahead)) if ahead.any() and not ahead[0] else None


def steepest_fall(loss: np.ndarray) -> int:
    """The step at which the loss falls fastest."""
    return int(np.argmin(np.diff(loss)))


def times_to_fall(loss: np.ndarray, baseline: np.ndarray, times: np.ndarray, shares) -> np.ndarray:
    """When a loss has first covered each share of the baseline's whole fall, from its start to its lowest; inf if never."""
    levels = baseline[0] - np.asarray(shares) * (baseline[0] - baseline.min())
    below = loss[:, None] <= levels + 1e-12
    return np.where(below.any(0), times[below.argmax(0)], np.inf)


def centre_of_effort(effort: np.ndarray) -> float:
    """The mean time of effort as a share of the horizon: ½ if it is spread evenly, less if it is early."""
    total = effort.sum()
    return float((effort * np.linspace(0, 1, effort.size)).sum() / total) if total > 0 else 0.5


def falls_throughout(curve: np.ndarray, slack: float = 1e-6) -> bool:
    """Whether a curve never rises, but for `slack`, and does fall."""
    return bool((np.diff(curve) <= slack).all() and curve[-1] < curve[0] - slack)
