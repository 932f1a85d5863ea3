"""Gain modulation of a two-layer network on three tasks (paper, figure 5a–d and appendix)."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from ...measures import centre_of_effort, steepest_fall, times_to_fall
from ..base import Experiment, Finding, every_seed, seeded
from ..collect import Course, course, courses, effort_norm

#: Shares of the loss's fall at which control and baseline are compared.
SHARES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclasses.dataclass(frozen=True)
class GainExperiment(Experiment):
    """Gain on both layers of a network; what is learned, each experiment says in `task`.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the
    box from `lower` to `upper`, `knots` of the linearly interpolated control (0: one value a step), `init_scale` of the
    initial weights, of which there are `seeds` draws, the first with `seed`.
    """

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
    seeds: int = 5
    seed: int = 0

    ascent = (10.0, 1000)
    interpolation: ClassVar[str] = "linear"

    def task(self):
        """What is learned; each experiment has its own."""
        raise NotImplementedError

    def problems(self):
        """A problem a seed."""
        import learning_effort as le

        task = self.task()
        knots = {"knots": min(self.knots, self.steps), "interpolation": self.interpolation} if self.knots else {}
        control = le.Gain(bounds=(self.lower, self.upper), cost=le.costs.Exponential(self.beta), **knots)

        def problem(seed):
            """The one with the weights of a seed."""
            learner = le.LinearNetwork(
                task,
                hidden=(self.hidden,),
                learning_rate=self.learning_rate,
                weight_decay=self.weight_decay,
                init_scale=self.init_scale,
                seed=seed,
            )
            return le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)

        return seeded(problem, self.seed, self.seeds)

    def dataset(self, solutions):
        """What `gain_courses` gives."""
        return gain_courses(solutions)

    def knot_spacing(self) -> float:
        """The time between knots, in learning rate × steps; 0 with one value a step."""
        return (self.steps - 1) * self.learning_rate / max(min(self.knots, self.steps) - 1, 1) if self.knots else 0.0

    def findings(self, result):
        """Of the courses, the norm of effort and the values of all seeds."""
        d = result.dataset
        values = d["answer_value"].values, d["answer_baseline"].values
        return gain_findings(course(d, "control"), course(d, "baseline"), d["effort_norm"].values, *values, self.knot_spacing())

    def figure(self, result):
        """Reward, loss, weights and gains over time."""
        from ...figures.carrasco_davis_2023.gain import gain_figure

        return gain_figure(result)


@dataclasses.dataclass(frozen=True)
class GainGaussians(GainExperiment):
    """Gain on both layers of a network that learns the correlated Gaussians.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the
    box from `lower` to `upper`, `knots` of the linearly interpolated control (0: one value a step), `init_scale` of the
    initial weights, of which there are `seeds` draws, the first with `seed`.
    """

    name = "gain-gaussians"
    description = "gain on a two-layer network, correlated Gaussians (fig. 5)"
    hidden: int = 6
    knots: int = 0

    def task(self):
        """The correlated Gaussians."""
        import learning_effort as le

        return le.tasks.CorrelatedGaussians()


@dataclasses.dataclass(frozen=True)
class GainSemantic(GainExperiment):
    """Gain on both layers of a network that learns a semantic hierarchy.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the
    box from `lower` to `upper`, `knots` of the linearly interpolated control (0: one value a step), `init_scale` of the
    initial weights, of which there are `seeds` draws, the first with `seed`; `levels` of the hierarchy.
    """

    name = "gain-semantic"
    description = "gain on a two-layer network, semantic hierarchy (fig. 5)"
    hidden: int = 30
    init_scale: float = 1e-4
    levels: int = 4

    def task(self):
        """The hierarchy."""
        import learning_effort as le

        return le.tasks.SemanticHierarchy(self.levels)

    def quick(self):
        """A smaller hierarchy and network, and weights that soon learn: the paper's stay on their first plateau for long."""
        return dataclasses.replace(super().quick(), steps=min(self.steps, 2500), levels=3, hidden=8, init_scale=0.03)


@dataclasses.dataclass(frozen=True)
class GainMnist(GainExperiment):
    """Gain on both layers of a network that tells two handwritten digits apart.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the
    box from `lower` to `upper`, `knots` of the linearly interpolated control (0: one value a step), `init_scale` of the
    initial weights, of which there are `seeds` draws, the first with `seed`; `digits` told apart, from `source` as for
    `le.tasks.Digits`.
    """

    name = "gain-mnist"
    description = "gain on a two-layer network, MNIST digits 1 and 3 (fig. 5)"
    digits: tuple[int, ...] = (1, 3)
    source: str = "bundled"

    def task(self):
        """The digits."""
        import learning_effort as le

        return le.tasks.Digits(self.digits, source=self.source)


def gain_courses(solutions: dict, part: str = ""):
    """The courses of `solutions`, {label: one a seed}, with the norm of effort, `effort_norm` (seed, time) and by layer
    `layer_norm` (seed, time, layer); the size of the weights, `weights_mean_…` and `weights_rms_…` (seed, weight_time); and
    ten weights of the first seed, those with the largest gains, beside their gains: `shown_weights` and `shown_gains`
    (weight_time, 10). An `xarray.Dataset`; `part` is put before each variable's name."""
    members = list(solutions.values())
    leader = members[0]
    gains = [g.reshape(len(g), -1) for g in gains_at(leader, leader.weight_steps)]
    shown = np.argsort(-np.abs(np.hstack(gains)).max(0), kind="stable")[:10]
    layers = list(range(1, len(gains) + 1))

    def flat(rollout):
        """The weights of all layers side by side, (times, weights)."""
        return np.hstack([w.reshape(len(w), -1) for w in rollout.weights])

    sizes = {}
    for kind, rollout in (("control", "rollout"), ("baseline", "baseline")):
        sizes[f"weights_mean_{kind}"] = lambda s, r=rollout: np.abs(flat(getattr(s, r))).mean(1)
        sizes[f"weights_rms_{kind}"] = lambda s, r=rollout: np.sqrt((flat(getattr(s, r)) ** 2).mean(1))
    norms = {"effort_norm": lambda s: effort_norm(s.problem, s.effort), "layer_norm": (layer_norms, ("layer",))}
    seeds = {"seed": [label.coordinates["seed"] for label in solutions]}
    dataset = courses(members, seeds, part, extra=norms, kept=sizes).assign_coords(layer=layers)
    prefix = f"{part}_" if part else ""
    for name, numbers in (("shown_weights", flat(leader.rollout)), ("shown_gains", np.hstack(gains))):
        dataset[f"{prefix}{name}"] = ((f"{prefix}weight_time", "shown"), numbers[:, shown])
    return dataset


def gains_at(solution, steps) -> list[np.ndarray]:
    """The gain of each layer at `steps`, (steps, rows, columns)."""
    parts = solution.problem.parameters_at(solution.problem.check_effort(solution.effort), np.asarray(steps))
    return [np.asarray(g) for g in parts["gain"]]


def layer_norms(solution) -> np.ndarray:
    """‖Gˡ(t)‖ at each of the N steps, (N, layers)."""
    gains = gains_at(solution, np.arange(solution.problem.horizon.length))
    return np.stack([np.linalg.norm(g.reshape(len(g), -1), axis=1) for g in gains], axis=1)


def gain_findings(control: Course, baseline: Course, norm, value, baseline_value, spacing: float = 0.0) -> list[Finding]:
    """The paper's claims, on the courses and the norm of effort over time, (seeds, N), and the values (seeds,).

    Each must hold for every seed; what was measured is the mean over seeds. `spacing` is the time between the knots of
    effort: where it peaks is known to half of that.
    """
    control, baseline = (Course(c.times, np.atleast_2d(c.loss), np.atleast_2d(c.reward)) for c in (control, baseline))
    norm, value, baseline_value = np.atleast_2d(norm), np.atleast_1d(value), np.atleast_1d(baseline_value)
    times = control.times
    peak, fall = norm.argmax(1), np.array([steepest_fall(loss) for loss in control.loss])
    sooner, later = (
        np.array([times_to_fall(loss, reference, times, SHARES) for loss, reference in zip(c.loss, baseline.loss, strict=True)])
        for c in (control, baseline)
    )
    centre = np.array([centre_of_effort(n) for n in norm])
    tail = norm[:, -max(norm.shape[1] // 100, 1) :].max(1) / np.maximum(norm.max(1), 1e-12)
    end, baseline_end = control.loss[:, -1], baseline.loss[:, -1]
    return [
        every_seed("value above baseline", value > baseline_value, f"{value.mean():.5f} against {baseline_value.mean():.5f}"),
        every_seed(
            "final performance above baseline: L at the end",
            end < baseline_end,
            f"{end.mean():.6f} against {baseline_end.mean():.6f}",
        ),
        every_seed(
            f"control peaks at or before the steepest fall of the loss, to within {spacing / 2:.2g}",
            times[peak] <= times[fall] + spacing / 2,
            f"t = {times[peak].mean():.2f} and {times[fall].mean():.2f}",
        ),
        every_seed(
            "control is near zero at the end: largest in the last hundredth over its peak, below 0.1",
            tail < 0.1,
            f"{tail.mean():.3f}",
        ),
        every_seed(
            "plateaus are shortened: times to cover 25, 50, 75, 90, 95, 99% of the baseline's fall of L",
            (sooner < later).all(1),
            ", ".join(f"{a:.2f} against {b:.2f}" for a, b in zip(sooner.mean(0), later.mean(0), strict=True)),
        ),
        every_seed(
            "effort is concentrated early: its mean time over the horizon, below 0.4", centre < 0.4, f"{centre.mean():.3f}"
        ),
    ]
