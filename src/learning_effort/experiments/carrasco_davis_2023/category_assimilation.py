"""Effort on each output's weights: which categories are assimilated when (paper, appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...measures import by_level, centre_of_effort
from ..base import Experiment, Finding, seeded
from ..collect import courses
from ..labels import chosen, ordered


@dataclasses.dataclass(frozen=True)
class CategoryAssimilation(Experiment):
    """Gain of the second layer, one effort ν_c an output, for a semantic hierarchy and for ten digits.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `hidden` units and `init_scale` of the
    initial weights for the hierarchy of `levels` levels, and the same with `mnist_` for the digits; the box from
    `lower` to `upper`, `knots` of the linearly interpolated control (0: one value a step); `seeds` draws of the initial
    weights, the first with `seed`; `source` as for `le.tasks.Digits`.
    """

    name = "category-assimilation"
    description = "gain on each output of a two-layer network, semantic hierarchy and ten digits (appendix)"

    gamma: float = 0.99
    beta: float = 0.1
    steps: int = 18000
    learning_rate: float = 5e-3
    hidden: int = 20
    init_scale: float = 1e-4
    levels: int = 4
    mnist_steps: int = 30000
    mnist_learning_rate: float = 5e-2
    mnist_hidden: int = 50
    mnist_init_scale: float = 1e-2
    source: str = "bundled"
    lower: float = -0.5
    upper: float = 0.5
    knots: int = 400
    seeds: int = 5
    seed: int = 0

    ascent = (1.0, 600)

    def problems(self):
        """A problem a seed for each part, "semantic" and "mnist"."""
        import learning_effort as le

        def problems(part, task, steps, rate, hidden, scale):
            """Those of a part."""
            knots = {"knots": min(self.knots, steps), "interpolation": "linear"} if self.knots else {}
            cost = le.costs.Exponential(self.beta)
            control = le.Gain(bounds=(self.lower, self.upper), layers=1, basis="neuron", cost=cost, **knots)

            def problem(seed):
                """The one with the weights of a seed."""
                learner = le.LinearNetwork(task, (hidden,), learning_rate=rate, init_scale=scale, seed=seed)
                return le.Problem(learner, control, le.Steps(steps), discount=self.gamma)

            return seeded(problem, self.seed, self.seeds, part=part)

        digits = le.tasks.Digits(tuple(range(10)), source=self.source)
        return problems(
            "semantic", le.tasks.SemanticHierarchy(self.levels), self.steps, self.learning_rate, self.hidden, self.init_scale
        ) | problems("mnist", digits, self.mnist_steps, self.mnist_learning_rate, self.mnist_hidden, self.mnist_init_scale)

    def dataset(self, solutions):
        """The courses of each part, its name before each variable's, and `…_effort` ν (seed, weight_time, output)."""
        import xarray as xr

        seeds = {"seed": range(self.seed, self.seed + self.seeds)}

        def part_courses(part):
            """Those of a part."""
            own = ordered(chosen(solutions, part=part), seeds)
            return courses(own, seeds, part, kept={"effort": (kept_effort, (f"{part}_output",))})

        return xr.merge(map(part_courses, ("semantic", "mnist")))

    def findings(self, result):
        """Of the hierarchy's levels; that control is worth it, of both parts."""
        d = result.dataset
        values, baseline = d["answer_value"].values, d["answer_baseline"].values
        return assimilation_findings(d["semantic_effort"].values, values, baseline)

    def figure(self, result):
        """Loss avoided and effort over time, a column a part."""
        from ...figures.carrasco_davis_2023.category_assimilation import assimilation_figure

        return assimilation_figure(result)

    def quick(self):
        """With a short horizon for the digits too; a smaller hierarchy and network, and weights that soon learn."""
        soon = {"levels": 3, "hidden": 8, "init_scale": 0.1}
        return dataclasses.replace(super().quick(), mnist_steps=min(self.mnist_steps, 600), **soon)


def kept_effort(solution) -> np.ndarray:
    """Effort on each output at the times at which weights are kept, (times, outputs)."""
    effort = solution.problem.check_effort(solution.effort)
    return np.asarray(solution.problem.parameters_at(effort, solution.weight_steps)["gain"][0])


def assimilation_findings(effort, value, baseline_value) -> list[Finding]:
    """The paper's claims, on the hierarchy's effort ν (seeds, times, outputs), its mean over seeds, and the values of all
    problems and their baselines, (problems,) in loss × time."""
    levels = by_level(np.asarray(effort).mean(0))
    peaks = levels.max(0)
    centres = np.array([centre_of_effort(level) for level in np.abs(levels).T])
    left = levels[-1] / np.maximum(peaks, 1e-12)
    return [
        Finding(
            "value above baseline, on both tasks and for every seed: smallest gain",
            f"{(np.asarray(value) - baseline_value).min():.6f}",
            bool((np.asarray(value) > baseline_value).all()),
        ),
        Finding(
            "the root is engaged first and the leaves last: mean time of the levels' |ν| over the horizon",
            ", ".join(f"{c:.3f}" for c in centres),
            bool((np.diff(centres) > 0).all()),
        ),
        Finding(
            "the root's effort is the largest and the leaves' the smallest: largest ν of the levels",
            ", ".join(f"{p:.4f}" for p in peaks),
            bool((np.diff(peaks) < 0).all()),
        ),
        Finding(
            "each decays after its level is learned: ν at the end over its peak, below 0.1",
            ", ".join(f"{share:.3f}" for share in left),
            bool((left < 0.1).all()),
        ),
    ]
