"""Gain modulation of a tanh network: effort from its average dynamics, judged on samples (paper, appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding, seeded
from ..collect import Course, answered, course
from ..labels import chosen
from .gain import gain_courses, gain_findings

PARTS = ("gaussians", "semantic", "mnist")


@dataclasses.dataclass(frozen=True)
class Nonlinear(Experiment):
    """Gain on both layers of a tanh network that learns the correlated Gaussians, a semantic hierarchy, or digits 1 and 3.

    `gamma` γ, `beta` β of the exponential cost, the box from `lower` to `upper`, `knots` of the linearly interpolated
    control (0: one value a step); `steps` N, `learning_rate` Δt, `weight_decay` λ, `noise` σ_ξ and `hidden` units for the
    Gaussians, and the same with `other_` or the task's name for the other two; `seeds` draws of the initial weights,
    the first with `seed`, which is also simulated: `simulations` runs of the true network on `batch` samples a step.
    """

    name = "nonlinear"
    description = "gain on a tanh network, theory against simulation: Gaussians, semantic hierarchy, digits (appendix)"

    gamma: float = 0.99
    beta: float = 0.3
    lower: float = -0.5
    upper: float = 0.5
    knots: int = 400
    steps: int = 10000
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    noise: float = 0.01
    hidden: int = 8
    init_scale: float = 1e-2
    other_steps: int = 12000
    other_learning_rate: float = 5e-3
    other_weight_decay: float = 0.01
    semantic_hidden: int = 30
    semantic_init_scale: float = 1e-4
    levels: int = 4
    mnist_hidden: int = 50
    source: str = "bundled"
    batch: int = 1024
    simulations: int = 3
    seeds: int = 5
    seed: int = 0

    ascent = (10.0, 500)

    def problems(self):
        """A problem a seed for each of `PARTS`."""
        import learning_effort as le

        slow = (self.steps, self.learning_rate, self.weight_decay, self.noise)
        fast = (self.other_steps, self.other_learning_rate, self.other_weight_decay, 0.0)
        rows = {
            "gaussians": (le.tasks.CorrelatedGaussians(), self.hidden, self.init_scale, *slow),
            "semantic": (le.tasks.SemanticHierarchy(self.levels), self.semantic_hidden, self.semantic_init_scale, *fast),
            "mnist": (le.tasks.Digits((1, 3), source=self.source), self.mnist_hidden, self.init_scale, *fast),
        }

        def problems(part, task, hidden, scale, steps, rate, decay, noise):
            """Those of a part."""
            knots = {"knots": min(self.knots, steps), "interpolation": "linear"} if self.knots else {}
            control = le.Gain(bounds=(self.lower, self.upper), cost=le.costs.Exponential(self.beta), **knots)

            def problem(seed):
                """The one with the weights of a seed."""
                learner = le.TanhNetwork(task, (hidden,), rate, decay, noise, init_scale=scale, seed=seed)
                return le.Problem(learner, control, le.Steps(steps), discount=self.gamma)

            return seeded(problem, self.seed, self.seeds, part=part)

        return {label: p for part, row in rows.items() for label, p in problems(part, *row).items()}

    def dataset(self, solutions):
        """What `gain_courses` gives, a part's name before its variables', and `…_simulated_control` and `…_baseline`
        (simulation, time), the loss of the first seed on samples."""
        import xarray as xr

        from ...analysis.simulation import simulate

        datasets = []
        for part in PARTS:
            own = chosen(solutions, part=part)
            dataset = gain_courses(own, part)
            leader = next(iter(own.values()))
            for kind, effort in (("control", leader.effort), ("baseline", None)):
                loss = simulate(leader.problem, effort, self.batch, self.simulations).loss
                dataset[f"{part}_simulated_{kind}"] = (("simulation", f"{part}_time"), loss)
            datasets.append(dataset)
        return xr.merge(datasets)

    def findings(self, result):
        """Of each part, its name before the finding's: those of gain, and what the simulation says."""
        d = result.dataset
        findings = []
        for part in PARTS:
            values = (answered(d, quantity, part=part) for quantity in ("value", "baseline"))
            control, baseline = course(d, "control", part), course(d, "baseline", part)
            simulated = [d[f"{part}_simulated_{kind}"].values for kind in ("control", "baseline")]
            own = gain_findings(control, baseline, d[f"{part}_effort_norm"].values, *values)
            own += simulation_findings(control, baseline, *simulated, self.gamma)
            findings += [finding._replace(name=f"{part}: {finding.name}") for finding in own]
        return findings

    def figure(self, result):
        """As for gain, with the simulations behind: a row a part."""
        from ...figures.carrasco_davis_2023.nonlinear import nonlinear_figure

        return nonlinear_figure(result)

    def quick(self):
        """With short horizons for the other two parts too, one simulation on small batches, and a smaller hierarchy learned
        from weights that soon learn."""
        shorter = {"other_steps": min(self.other_steps, 600), "batch": min(self.batch, 64), "simulations": 1}
        soon = {"levels": 3, "semantic_hidden": 8, "semantic_init_scale": 0.1}
        return dataclasses.replace(super().quick(), **shorter, **soon)


def simulation_findings(control: Course, baseline: Course, simulated, simulated_baseline, gamma: float) -> list[Finding]:
    """What the true network says, on the courses (seeds, N), of which the first seed is simulated: losses (simulations, N)."""
    weights = gamma**control.times * (control.times[1] - control.times[0])
    cost = -(control.reward + control.loss)[0]
    value = (-(simulated + cost) @ weights).mean()
    baseline_value = (-simulated_baseline @ weights).mean()
    fall = np.ptp(baseline.loss[0])
    apart = [
        float(np.sqrt(np.mean((samples.mean(0) - theory.loss[0]) ** 2)) / fall)
        for samples, theory in ((simulated, control), (simulated_baseline, baseline))
    ]
    return [
        Finding(
            "the effort is worth it to the true network: simulated value above baseline",
            f"{value:.5f} against {baseline_value:.5f}",
            bool(value > baseline_value),
        ),
        Finding(
            "theory follows simulation: root mean square distance of L over the baseline's fall, below 0.1",
            f"control {apart[0]:.3f}, baseline {apart[1]:.3f}",
            max(apart) < 0.1,
        ),
    ]
