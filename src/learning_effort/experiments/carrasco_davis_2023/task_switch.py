"""Gain modulation while two tasks take turns (paper, figure 5e–g and appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...measures import at_switches, between_switches, shrinkage
from ..base import Finding
from .gain import GainExperiment


@dataclasses.dataclass(frozen=True)
class TaskSwitch(GainExperiment):
    """Gain on both layers of a network whose task, one of two correlated Gaussians, changes `every` steps.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the
    box from `lower` to `upper`, `knots` of the control, each held (0: one value a step; where N / knots divides `every`,
    effort can change just at a switch), `init_scale` of the initial weights, of which there are `seeds` draws, the first
    with `seed`.
    """

    name = "task-switch"
    description = "gain on a two-layer network, two tasks that take turns (fig. 5e-g)"
    steps: int = 23000
    weight_decay: float = 0.001
    hidden: int = 8
    knots: int = 2300
    every: int = 1800

    ascent = (1.0, 1000)
    interpolation = "hold"

    def task(self):
        """The two that take turns."""
        import learning_effort as le

        first = le.tasks.CorrelatedGaussians((3.0, 1.0), (1.0, 1.0), 0.8)
        second = le.tasks.CorrelatedGaussians((-2.0, 2.0), (1.0, 1.0), 0.2)
        return le.tasks.Switching([first, second], self.every)

    def dataset(self, solutions):
        """The courses, with `every` as an attribute."""
        return super().dataset(solutions).assign_attrs(every=self.every)

    def findings(self, result):
        """Of losses, cost and values."""
        d = result.dataset
        values = d["answer_value"].values, d["answer_baseline"].values
        curves = (d[name].values for name in ("loss_control", "loss_baseline", "cost_control"))
        return switch_findings(*curves, *values, self.every)

    def figure(self, result):
        """Loss, cost and effort over time and at the switches."""
        from ...figures.carrasco_davis_2023.task_switch import switch_figure

        return switch_figure(result)

    def quick(self):
        """With short turns, so that there are some."""
        return dataclasses.replace(super().quick(), steps=min(self.steps, 800), every=min(self.every, 160), knots=40)


def switch_findings(loss, baseline_loss, cost, value, baseline_value, every: int) -> list[Finding]:
    """The paper's claims, on losses and cost (seeds, N), their means over seeds, the values (seeds,) in loss × time, and the
    steps of a turn, `every`."""
    loss, baseline_loss, cost = (np.mean(curve, axis=0) for curve in (loss, baseline_loss, cost))
    peaks, baseline_peaks = (at_switches(curve, every)[0] for curve in (loss, baseline_loss))
    spent, calm = at_switches(cost, every)[1], between_switches(cost, every)
    left, baseline_left, spent_left = (shrinkage(p) for p in (peaks, baseline_peaks, spent))
    return [
        Finding(
            "value above baseline",
            f"{np.mean(value):.5f} against {np.mean(baseline_value):.5f}",
            bool((np.asarray(value) > baseline_value).all()),
        ),
        Finding(
            "effort peaks at switches: at each, mean C in the first tenth of the turn over the middle half, above 1",
            f"smallest ratio {(spent / calm).min():.2f}",
            bool((spent > calm).all()),
        ),
        Finding(
            "loss peaks at switches shrink under control: last over first switch to each task, below 0.97",
            f"{left:.3f}",
            left < 0.97,
        ),
        Finding(
            "loss peaks at switches do not shrink at baseline: last over first switch to each task, above 0.97",
            f"{baseline_left:.3f}",
            baseline_left > 0.97,
        ),
        Finding(
            "the effort spent at a switch shrinks: mean C, last over first switch to each task, below 0.97",
            f"{spent_left:.3f}",
            spent_left < 0.97,
        ),
    ]
