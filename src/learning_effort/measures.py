"""What findings measure: numbers from curves over time, (N,) where nothing else is said."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float


def crossing(reward: Float[Any, " N"], baseline: Float[Any, " N"]) -> int | None:
    """The first step from which a reward (N,) that starts below the baseline's (N,) is above it; None if there is none."""
    ahead = reward > baseline
    return int(np.argmax(ahead)) if ahead.any() and not ahead[0] else None


def steepest_fall(loss: np.ndarray) -> int:
    """The step at which the loss (N,) falls fastest."""
    return int(np.argmin(np.diff(loss)))


def times_to_fall(loss: np.ndarray, baseline: np.ndarray, times: np.ndarray, shares) -> np.ndarray:
    """When a loss (N,) has first covered each share of the baseline's whole fall, from its start to its lowest; inf if never.

    In the units of `times` (N,); one a share, (shares,).
    """
    levels = baseline[0] - np.asarray(shares) * (baseline[0] - baseline.min())
    below = loss[:, None] <= levels + 1e-12
    return np.where(below.any(0), times[below.argmax(0)], np.inf)


def centre_of_effort(effort: np.ndarray) -> float:
    """The mean time of effort (N,), none of it negative, as a share of the horizon: ½ if it is spread evenly, less if it is
    early."""
    total = effort.sum()
    return float((effort * np.linspace(0, 1, effort.size)).sum() / total) if total > 0 else 0.5


def falls_throughout(curve: np.ndarray, slack: float = 1e-6) -> bool:
    """Whether a curve (N,) never rises, but for `slack` in its own units, and does fall."""
    return bool((np.diff(curve) <= slack).all() and curve[-1] < curve[0] - slack)


def by_level(numbers: np.ndarray, gathered=np.mean) -> np.ndarray:
    """One number a level of a hierarchy, (…, levels), `gathered` from one an output, (…, 2^h − 1)."""
    levels = (numbers.shape[-1] + 1).bit_length() - 1
    return np.stack([gathered(numbers[..., 2**i - 1 : 2 ** (i + 1) - 1], axis=-1) for i in range(levels)], axis=-1)


#: Learning lasts until the controlled loss has covered this share of its fall: after that φ is worth nothing but its norm.
LEARNED = 0.95


def learning_ends(loss: np.ndarray, share: float = LEARNED) -> int:
    """The number of entries of a loss (T,) until it has covered `share` of its whole fall."""
    return int(np.argmax(loss <= loss[0] - share * (loss[0] - loss.min()))) + 1


#: The share of a task's turn after a switch in which the loss and the effort of that switch are measured.
AFTER = 0.1


def at_switches(curve: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest value and the mean of curves (…, N) in the first tenth of the turn, `every` steps, after each switch: both
    (…, switches)."""
    window = max(int(AFTER * every), 1)
    starts = range(every, curve.shape[-1] - window + 1, every)
    windows = np.stack([curve[..., k : k + window] for k in starts], axis=-2)
    return windows.max(-1), windows.mean(-1)


def between_switches(curve: np.ndarray, every: int) -> np.ndarray:
    """The mean of curves (…, N) in the middle half of the turn, `every` steps, after each switch, (…, switches)."""
    starts = range(every, curve.shape[-1] - max(int(AFTER * every), 1) + 1, every)
    return np.stack([curve[..., k + every // 4 : k + 3 * every // 4].mean(-1) for k in starts], axis=-1)


def shrinkage(peaks: np.ndarray) -> float:
    """How much of what is measured at the first switch to each of two tasks is left at the last one to it: the mean of two
    ratios, of `peaks` (switches,)."""
    return float(np.mean([peaks[first::2][-1] / peaks[first] for first in (0, 1)]))
