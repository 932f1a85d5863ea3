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


def plateau_ends(loss: np.ndarray) -> list[int]:
    """The steps at which a loss that falls in stages is half way down each: local extremes of its speed.

    A stage is a local maximum of speed (smoothed over 1% of the horizon) above a twentieth of the largest.
    """
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import find_peaks

    speed = gaussian_filter1d(-np.diff(loss), max(len(loss) / 100, 1), mode="nearest")
    top = speed.max()
    padded = np.concatenate([[0.0], speed, [0.0]])
    peaks, _ = find_peaks(padded, height=top / 20, prominence=top / 50)
    return [int(p) - 1 for p in peaks]


def centre_of_effort(effort: np.ndarray) -> float:
    """The mean time of effort as a share of the horizon: ½ if it is spread evenly, less if it is early."""
    total = effort.sum()
    return float((effort * np.linspace(0, 1, effort.size)).sum() / total) if total > 0 else 0.5


def falls_throughout(curve: np.ndarray, slack: float = 1e-6) -> bool:
    """Whether a curve never rises, but for `slack`, and does fall."""
    return bool((np.diff(curve) <= slack).all() and curve[-1] < curve[0] - slack)
