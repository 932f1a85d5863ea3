"""Gain modulation of a two-layer network on three tasks (paper, figure 5a–d and appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from .base import Experiment, Finding
from .measures import centre_of_effort, effort_norm, steepest_fall, times_to_fall

#: Shares of the loss's fall at which control and baseline are compared.
SHARES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclasses.dataclass(frozen=True)
class _GainExperiment(Experiment):
    """`gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the
    box from `lower` to `upper`, `knots` of the linearly interpolated control (0: one value a step), `seed` and
    `init_scale` of the initial weights."""

    gamma: float = 0.99
    beta: float = 0.3
    steps: int = 16000
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    hidden: int = 50
    lower: float = -0.5
    upper: float = 0.5
    knots: int = 400
    init_scale: float = 1e-2
    seed: int = 0

    def task(self):
        raise NotImplementedError

    def problems(self):
        import learning_effort as le

        learner = le.LinearNetwork(
            self.task(),
            hidden=(self.hidden,),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            init_scale=self.init_scale,
            seed=self.seed,
        )
        knots = {"knots": min(self.knots, self.steps), "interpolation": "linear"} if self.knots else {}
        control = le.Gain(bounds=(self.lower, self.upper), cost=le.costs.Exponential(self.beta), **knots)
        return {"control": le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)}

    def dataset(self, solutions, simulations):
        dataset = super().dataset(solutions, simulations)
        solution = solutions["control"]
        dataset["effort_norm"] = ("time", effort_norm(solution.problem, solution.effort))
        return dataset

    def findings(self, result):
        solution = result.solutions["control"]
        norm = result.dataset["effort_norm"].values
        return gain_findings(solution.rollout, solution.baseline, norm, solution.value, solution.baseline_value)

    def figure(self, result):
        from ..figures.gain import gain_figure

        return gain_figure(result)


@dataclasses.dataclass(frozen=True)
class GainGaussians(_GainExperiment):
    """Gain on both layers of a network that learns the correlated Gaussians."""

    __doc__ += "\n\n" + _GainExperiment.__doc__
    name = "gain-gaussians"
    description = "gain on a two-layer network, correlated Gaussians (fig. 5)"
    hidden: int = 6

    def task(self):
        import learning_effort as le

        return le.tasks.CorrelatedGaussians()


@dataclasses.dataclass(frozen=True)
class GainSemantic(_GainExperiment):
    """Gain on both layers of a network that learns a semantic hierarchy of `levels` levels."""

    __doc__ += "\n\n" + _GainExperiment.__doc__
    name = "gain-semantic"
    description = "gain on a two-layer network, semantic hierarchy (fig. 5)"
    hidden: int = 30
    init_scale: float = 1e-4
    levels: int = 4

    def task(self):
        import learning_effort as le

        return le.tasks.SemanticHierarchy(self.levels)


@dataclasses.dataclass(frozen=True)
class GainMnist(_GainExperiment):
    """Gain on both layers of a network that tells two handwritten digits apart; `source` as for `le.tasks.Digits`."""

    __doc__ += "\n\n" + _GainExperiment.__doc__
    name = "gain-mnist"
    description = "gain on a two-layer network, MNIST digits 1 and 3 (fig. 5)"
    digits: tuple[int, ...] = (1, 3)
    source: str = "bundled"

    def task(self):
        import learning_effort as le

        return le.tasks.Digits(self.digits, source=self.source)


def gain_findings(control, baseline, norm, value, baseline_value) -> list[Finding]:
    """The paper's claims, on the rollouts and the norm of effort over time, (N,)."""
    peak, fall = int(np.argmax(norm)), steepest_fall(control.loss)
    times = control.times
    sooner, later = (times_to_fall(r.loss, baseline.loss, times, SHARES) for r in (control, baseline))
    centre = centre_of_effort(norm)
    tail = norm[-max(len(norm) // 100, 1) :].max() / max(norm.max(), 1e-12)
    return [
        Finding("value above baseline", f"{value:.5f} against {baseline_value:.5f}", bool(value > baseline_value)),
        Finding(
            "final performance above baseline: L at the end",
            f"{control.loss[-1]:.6f} against {baseline.loss[-1]:.6f}",
            bool(control.loss[-1] < baseline.loss[-1]),
        ),
        Finding(
            "control peaks at or before the steepest fall of the loss",
            f"t = {times[peak]:.2f} and {times[fall]:.2f}",
            peak <= fall,
        ),
        Finding(
            "control is near zero at the end: largest in the last hundredth over its peak, below 0.1",
            f"{tail:.3f}",
            bool(tail < 0.1),
        ),
        Finding(
            "plateaus are shortened: times to cover 25, 50, 75, 90, 95, 99% of the baseline's fall of L",
            ", ".join(f"{a:.2f} against {b:.2f}" for a, b in zip(sooner, later, strict=True)),
            bool((sooner < later).all()),
        ),
        Finding("effort is concentrated early: its mean time over the horizon, below 0.4", f"{centre:.3f}", centre < 0.4),
    ]
