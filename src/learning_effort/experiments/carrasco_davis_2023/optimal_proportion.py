"""The composition of batches as the control: which class to practise when (beyond the paper; figure 4l,m set its question)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding
from ..collect import courses
from ..labels import Label, ordered
from .class_proportion import engagement_at, mnist_engagement

#: Ways to choose the proportions of classes.
KINDS = ("control", "constant", "curriculum", "uniform")


@dataclasses.dataclass(frozen=True)
class OptimalProportion(Experiment):
    """Ten digits learned in controlled proportions p = softmax(θ), average dynamics; performance is judged on all ten alike.

    Compared with uniform proportions (the baseline), with the best constant ones, and with the curriculum of
    `class-proportion`, p_c = φ_c/Σφ with φ from `category-engagement`. Performance is V without the cost of effort.

    `gamma` γ, `beta` β of the quadratic cost on the logits θ, `steps` N, `learning_rate` Δt, `hidden` units, the box from
    `lower` to `upper` of θ, `digits`, `source` as for `le.tasks.Digits`, `knots` of the linearly interpolated control (0:
    one a step), `init_scale` and `seed` of the initial weights; `tolerance` of the scaled residual and `max_gradients`.
    """

    name = "optimal-proportion"
    description = "the proportions of ten MNIST digits as the control, against uniform, constant and engagement's (ours)"
    needs = ("category-engagement",)

    gamma: float = 0.99
    beta: float = 1e-3
    steps: int = 5000
    learning_rate: float = 5e-2
    hidden: int = 50
    lower: float = -2.0
    upper: float = 2.0
    digits: tuple[int, ...] = tuple(range(10))
    source: str = "bundled"
    knots: int = 250
    init_scale: float = 1e-2
    seed: int = 0
    tolerance: float = 1e-4
    max_gradients: int = 300

    def problems(self):
        """Proportions that vary, "control", and constant ones."""
        import learning_effort as le

        task = le.tasks.Mixture(le.tasks.Digits(self.digits, source=self.source).by_class())
        learner = le.LinearNetwork(
            task, (self.hidden,), learning_rate=self.learning_rate, init_scale=self.init_scale, seed=self.seed
        )
        varying = {"knots": min(self.knots, self.steps), "interpolation": "linear"} if self.knots else {}

        def problem(**knots):
            """The one whose control has these knots."""
            control = le.MixtureControl((self.lower, self.upper), rest=0.0, cost=le.costs.Quadratic(self.beta), **knots)
            return le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)

        knots = {"control": varying, "constant": {"knots": 1}}
        return {Label(proportions=kind): problem(**own) for kind, own in knots.items()}

    def solve(self, progress=True):
        """One after the other, from long steps to the learner's own."""
        import learning_effort as le

        method = le.CoarseToFine(le.QuasiNewton(tolerance=self.tolerance, max_gradients=self.max_gradients))
        return {label: le.solve(problem, method, progress=progress) for label, problem in self.problems().items()}

    def needed(self, progress=True, earlier=None):
        """Engagement with the digits."""
        return mnist_engagement(self, progress, earlier)

    def run(self, progress=True, earlier=None):
        """Solve, and compare with the curriculum that engagement gives."""
        engagement = self.needed(progress, earlier)["category-engagement"]
        times = np.arange(self.steps) * self.learning_rate
        result = self.result(self.solve(progress))
        return dataclasses.replace(result, dataset=self._compared(result, engagement_at(engagement, self.seed, times)))

    def dataset(self, solutions):
        """The courses of both, and their proportions `share` (proportions, weight_time, digit)."""
        kinds = {"proportions": ["control", "constant"]}
        dataset = courses(ordered(solutions, kinds), kinds, kept={"share": (shares, ("digit",))})
        return dataset.assign_coords(digit=list(self.digits))

    def _compared(self, result, phi):
        """The dataset with the curriculum φ (N, digits) too: loss, performance, value and share of each of `KINDS`."""
        import xarray as xr

        import learning_effort as le

        from ...problem.variants import with_knots

        best, solved = result.solutions["control"], result.dataset
        problem, kept = best.problem, best.weight_steps
        given = with_knots(problem, None)
        logits = np.log(np.maximum(phi, 1e-6))
        curriculum = given.rollout({given.controls[0].name: logits - logits.mean(1, keepdims=True)})
        of = {kind: solved.sel(proportions=kind) for kind in ("control", "constant")}
        losses = {
            "control": of["control"]["loss_control"].values,
            "constant": of["constant"]["loss_control"].values,
            "curriculum": np.asarray(curriculum.loss),
            "uniform": of["control"]["loss_baseline"].values,
        }
        followed = phi[kept] / phi[kept].sum(1, keepdims=True)
        proportions = {
            "control": of["control"]["share"].values,
            "constant": of["constant"]["share"].values,
            "curriculum": followed,
            "uniform": np.full_like(followed, 1 / len(self.digits)),
        }
        weights = np.asarray(le.Steps(self.steps).weights(np.arange(self.steps), self.learning_rate, self.gamma))
        values = {
            "control": best.value,
            "constant": result.solutions["constant"].value,
            "curriculum": np.nan,
            "uniform": best.baseline_value,
        }
        compared = xr.Dataset(
            {
                "loss": (("kind", "time"), np.stack([losses[kind] for kind in KINDS])),
                "share": (("kind", "weight_time", "digit"), np.stack([proportions[kind] for kind in KINDS])),
                "performance": ("kind", [-float(weights @ losses[kind]) for kind in KINDS]),
                "value": ("kind", [values[kind] for kind in KINDS]),
            },
            {"kind": list(KINDS)},
        )
        drop = ["share", "proportions", *(v for v in solved.data_vars if "proportions" in solved[v].dims)]
        return solved.drop_vars(drop, errors="ignore").merge(compared)

    def findings(self, result):
        """Of each of `KINDS`."""
        d = result.dataset
        return optimal_findings(d["time"].values, *(d[name].values for name in ("loss", "performance", "value", "share")))

    def figure(self, result):
        """Losses, performances and proportions of each of `KINDS`."""
        from ...figures.carrasco_davis_2023.class_proportion import optimal_figure

        return optimal_figure(result)

    def quick(self):
        """With fewer units and gradients."""
        return dataclasses.replace(super().quick(), hidden=8, max_gradients=50)


def shares(solution) -> np.ndarray:
    """Proportions p at the times at which the solution keeps its weights, (times, parts)."""
    from ...learners.ports import PROPORTIONS

    problem = solution.problem
    return np.asarray(problem.signals_at(problem.check_effort(solution.effort), solution.weight_steps)[PROPORTIONS])


def optimal_findings(times, loss, performance, value, share) -> list[Finding]:
    """What controlled proportions are worth, on times (N,), losses (kinds, N), performances and values (kinds,), and
    proportions (kinds, kept, digits), in the order of `KINDS`."""
    of = dict(zip(KINDS, performance, strict=True))
    worth = dict(zip(KINDS, value, strict=True))
    moved = np.ptp(share[0], axis=0).max()
    return [
        Finding(
            "controlled proportions are worth more than uniform ones: V",
            f"{worth['control']:.5f} against {worth['uniform']:.5f}",
            bool(worth["control"] > worth["uniform"]),
        ),
        Finding(
            "their timing is worth something: V above that of the best constant proportions",
            f"{worth['control']:.5f} against {worth['constant']:.5f}",
            bool(worth["control"] > worth["constant"] and moved > 0.01),
        ),
        Finding(
            "they do better than engagement's curriculum: performance, V without cost",
            f"{of['control']:.5f} against {of['curriculum']:.5f} (uniform {of['uniform']:.5f})",
            bool(of["control"] > of["curriculum"]),
        ),
        Finding(
            "the loss is below that of uniform proportions: mean of L uniform − L control",
            f"{(loss[3] - loss[0]).mean():.5f}",
            bool((loss[3] - loss[0]).mean() > 0),
        ),
    ]
