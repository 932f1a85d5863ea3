"""What to practise for the sake of one task: the proportions of three pairs of digits (paper, appendix)."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np

from ..base import Experiment, Finding, every_seed
from ..collect import courses
from ..labels import Label, ordered
from .optimal_proportion import shares

#: How tasks are put together: the paper's average dynamics blend them, its simulation mixes them.
COMPOSITIONS = ("blend", "mixture")
#: What performance is judged on.
JUDGED = ("first", "all")


@dataclasses.dataclass(frozen=True)
class TaskModulation(Experiment):
    """Three pairs of digits on shared inputs and two outputs, in controlled proportions p = softmax(θ).

    In four variants: the pairs superposed in every sample (*blend*) or drawn one a sample (*mixture*), and performance judged
    on the first pair alone or on all three. The paper's is the blend judged on the first.

    `gamma` γ, `beta` β of the norm deviation of θ, `steps` N, `learning_rate` Δt, `hidden` units, the box from `lower` to
    `upper` of θ, `pairs` of digits, `source` as for `le.tasks.Digits`, `knots` of the linearly interpolated control (0:
    one a step), `init_scale` of the initial weights, of which there are `seeds` draws, the first with `seed`;
    `tolerance` of the scaled residual and `max_gradients` for each problem.
    """

    name = "task-modulation"
    description = "the proportions of three pairs of MNIST digits, blended or mixed, judged on one or all (appendix)"
    ascent = (0.02, 1000, "adam")

    gamma: float = 0.99
    beta: float = 0.1
    steps: int = 15000
    learning_rate: float = 5e-3
    hidden: int = 20
    lower: float = 0.0
    upper: float = 2.0
    pairs: tuple[tuple[int, int], ...] = ((0, 1), (7, 1), (8, 9))
    source: str = "bundled"
    knots: int = 200
    init_scale: float = 1e-2
    seeds: int = 5
    seed: int = 0
    tolerance: float = 1e-4
    max_gradients: int = 300

    def problems(self):
        """A problem a seed for each composition and each thing that performance is judged on."""
        import learning_effort as le

        tasks = [le.tasks.Digits(pair, source=self.source) for pair in self.pairs]
        composed = {"blend": le.tasks.Blend(tasks), "mixture": le.tasks.Mixture(tasks)}
        judges = {"first": tasks[0], "all": composed["mixture"]}
        knots = {"knots": min(self.knots, self.steps), "interpolation": "linear"} if self.knots else {}

        def problem(composition, judged, seed):
            """The one of a variant, with the weights of a seed."""
            learner = le.LinearNetwork(
                composed[composition],
                (self.hidden,),
                learning_rate=self.learning_rate,
                init_scale=self.init_scale,
                seed=seed,
                evaluation=judges[judged],
            )
            control = le.MixtureControl((self.lower, self.upper), cost=le.costs.NormDeviation(self.beta), **knots)
            return le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)

        def label(composition, judged, seed):
            """That of the same."""
            text = f"{composition} judged on {judged}, seed {seed}"
            return Label(text, composition=composition, judged=judged, seed=seed)

        return {label(*point): problem(*point) for point in product(*self._dims.values())}

    @property
    def _dims(self) -> dict:
        """{dimension: its values} of the problems."""
        return {"composition": COMPOSITIONS, "judged": JUDGED, "seed": range(self.seed, self.seed + self.seeds)}

    def solve(self, progress=True):
        """All of its problems, from long steps to the learner's own."""
        import learning_effort as le

        method = le.CoarseToFine(le.QuasiNewton(tolerance=self.tolerance, max_gradients=self.max_gradients))
        problems = self.problems()
        return dict(zip(problems, le.solve_many(list(problems.values()), method, progress=progress), strict=True))

    def dataset(self, solutions):
        """The courses, `share` p (…, weight_time, task), `value` and `baseline_value` (…): … is composition, judged, seed."""
        dims = self._dims
        members = ordered(solutions, dims)
        dataset = courses(members, dims, kept={"share": (shares, ("task",))}).drop_vars(["reward_control", "reward_baseline"])
        for name in ("value", "baseline_value"):
            numbers = np.array([getattr(s, name) for s in members])
            dataset[name] = (tuple(dims), numbers.reshape(len(COMPOSITIONS), len(JUDGED), -1))
        return dataset.assign_coords(task=[f"{a}, {b}" for a, b in self.pairs])

    def findings(self, result):
        """Of each variant, its name before the finding's."""
        d = result.dataset
        return modulation_findings(d["weight_time"].values, *(d[n].values for n in ("share", "value", "baseline_value")))

    def figure(self, result):
        """Loss and proportions over time, a column a variant."""
        from ...figures.carrasco_davis_2023.task_modulation import modulation_figure

        return modulation_figure(result)

    def quick(self):
        """With fewer gradients."""
        return dataclasses.replace(super().quick(), max_gradients=50)


def modulation_findings(times, share, value, baseline_value) -> list[Finding]:
    """The claims, on times (T,), proportions (compositions, judged, seeds, T, tasks) and values (compositions, judged,
    seeds), variants in the order of the experiment. Shares are means over the first and the second half of the horizon."""
    findings = []
    half = max(len(times) // 2, 1)
    early, late = share[..., :half, :].mean(-2), share[..., half:, :].mean(-2)
    even = 1 / share.shape[-1]
    for c, composition in enumerate(COMPOSITIONS):
        for j, judged in enumerate(JUDGED):
            rows = [
                every_seed(
                    "value above baseline",
                    value[c, j] > baseline_value[c, j],
                    f"{value[c, j].mean():.4f} against {baseline_value[c, j].mean():.4f}",
                )
            ]
            own = early[c, j, :, 0]
            if judged == "first":
                rows.append(
                    every_seed(
                        "the pair that is judged gets most: its mean share over the first half, above 1.5 times even",
                        (own > 1.5 * even) & (own >= early[c, j].max(-1)),
                        f"{own.mean():.3f}",
                    )
                )
            findings += [f._replace(name=f"{composition} judged on {judged}: {f.name}") for f in rows]
        findings.append(
            every_seed(
                f"{composition}: judged on all, the others follow: mean share of the first pair over the second half, less by "
                "0.1 or more than judged on it alone",
                late[c, 1, :, 0] < late[c, 0, :, 0] - 0.1,
                f"{late[c, 1, :, 0].mean():.3f} against {late[c, 0, :, 0].mean():.3f}",
            )
        )
    return findings
