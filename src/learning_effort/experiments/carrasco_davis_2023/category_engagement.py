"""Engagement with categories: attention to each output, in its turn (paper, figure 4h–k)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...measures import by_level, learning_ends
from ..base import Experiment, Finding, every_seed
from ..collect import courses
from ..labels import Label, chosen

#: Digits that are easy to learn, and hard ones.
EASY, HARD = (0, 1), (5, 8)
#: Times of engagement are told apart if they differ by more than this share of learning.
APART = 0.01


@dataclasses.dataclass(frozen=True)
class CategoryEngagement(Experiment):
    """Attention φ_c² to each output of a network that learns a semantic hierarchy, and of one that learns ten digits.

    The norm of φ is what costs, by its deviation from neutral: engagement with one category is taken from the others.

    `gamma` γ, `beta` β of the norm deviation (the paper also shows 0.3), the box from `lower` to `upper`; `steps` N,
    `learning_rate` Δt, `hidden` units and `init_scale` of the initial weights for the hierarchy of `levels` levels, and
    the same with `mnist_` for the `digits`, `source` as for `le.tasks.Digits`; `seeds` draws of the initial weights, the
    first with `seed`, which is also solved from `starts` − 1 random starts; `knots` of the linearly interpolated control
    (0: one value a step); `tolerance` of the scaled residual; `max_gradients` for each problem of the hierarchy, and
    `mnist_max_gradients`, fewer, since each costs five times as much.
    """

    name = "category-engagement"
    description = "engagement with each output, semantic hierarchy and ten MNIST digits (fig. 4h-k)"
    ascent = (1.0, 600)

    gamma: float = 0.99
    beta: float = 5.0
    lower: float = 0.0
    upper: float = 2.0
    steps: int = 18000
    learning_rate: float = 5e-3
    hidden: int = 30
    init_scale: float = 1e-4
    levels: int = 4
    mnist_steps: int = 30000
    mnist_learning_rate: float = 5e-2
    mnist_hidden: int = 50
    mnist_init_scale: float = 1e-2
    digits: tuple[int, ...] = tuple(range(10))
    source: str = "bundled"
    knots: int = 300
    seeds: int = 10
    seed: int = 0
    starts: int = 3
    tolerance: float = 1e-4
    max_gradients: int = 300
    mnist_max_gradients: int = 60

    def problems(self):
        """Those of both parts."""
        return self.part_problems("semantic") | self.part_problems("mnist")

    def part_problems(self, part: str) -> dict:
        """The problems of a `part`, "semantic" or "mnist": one a seed, and one a further start for the first seed."""
        import learning_effort as le

        semantic = part == "semantic"
        fields = ("steps", "learning_rate", "hidden", "init_scale")
        steps, rate, hidden, scale = (getattr(self, name if semantic else f"mnist_{name}") for name in fields)
        task = le.tasks.SemanticHierarchy(self.levels) if semantic else le.tasks.Digits(self.digits, source=self.source)
        knots = {"knots": min(self.knots, steps), "interpolation": "linear"} if self.knots else {}

        def problem(seed, start=None):
            """The one with the weights of a seed, searched from φ = `start` (outputs,), or from neutral."""
            learner = le.LinearNetwork(task, hidden=(hidden,), learning_rate=rate, init_scale=scale, seed=seed)
            control = le.Engagement(
                (self.lower, self.upper),
                over="outputs",
                squared=True,
                cost=le.costs.NormDeviation(self.beta),
                start=np.ones(task.output_size) if start is None else start,
                **knots,
            )
            return le.Problem(learner, control, le.Steps(steps), discount=self.gamma)

        problems = {Label(part=part, seed=seed): problem(seed) for seed in range(self.seed, self.seed + self.seeds)}
        for start in range(1, self.starts):
            phi = 1 + 0.5 * np.random.default_rng(start).uniform(-1, 1, task.output_size)
            phi = np.clip(phi / np.sqrt(np.mean(phi**2)), self.lower, self.upper)
            problems[Label(part=part, seed=self.seed, start=start)] = problem(self.seed, phi)
        return problems

    def solve(self, progress=True):
        """All of its problems."""
        return self.solved(self.problems(), progress)

    def solved(self, problems: dict, progress=True) -> dict:
        """The solutions of some of its `problems`, by label; those of digits stop sooner."""
        import learning_effort as le

        solutions = {}
        for part, most in (("semantic", self.max_gradients), ("mnist", self.mnist_max_gradients)):
            own = chosen(problems, part=part)
            method = le.CoarseToFine(le.QuasiNewton(tolerance=self.tolerance, max_gradients=most))
            solutions |= dict(zip(own, le.solve_many(list(own.values()), method, progress=progress), strict=True))
        return solutions

    def dataset(self, solutions):
        """The parts that were solved, each with its name before its variables'."""
        import xarray as xr

        parts = {part: chosen(solutions, part=part) for part in ("semantic", "mnist")}
        return xr.merge([self._part(part, own) for part, own in parts.items() if own])

    def _part(self, part, own):
        """The courses of the part's solutions `own`, of the first seed those of the best start; `…_effort` φ (seed,
        weight_time, output), `…_value` and `…_baseline_value` (seed,), `…_starts`, the value that each start reached."""
        first = list(chosen(own, seed=self.seed).values())
        by_seed = {label.coordinates["seed"]: s for label, s in chosen(own, start=None).items()}
        by_seed[self.seed] = max(first, key=lambda s: s.value)
        members, output = list(by_seed.values()), "property" if part == "semantic" else "digit"
        dataset = courses(members, {"seed": list(by_seed)}, part, kept={"effort": (engagement_kept, (output,))})
        dataset = dataset.drop_vars([name for name in dataset.data_vars if "reward" in name])
        dataset[f"{part}_value"] = ("seed", [s.value for s in members])
        dataset[f"{part}_baseline_value"] = ("seed", [s.baseline_value for s in members])
        dataset[f"{part}_starts"] = ("start", [s.value for s in first])
        return dataset if part == "semantic" else dataset.assign_coords(digit=list(self.digits))

    def findings(self, result):
        """Of each part that was solved, its name before the finding's."""
        d = result.dataset
        findings = []
        for part, own in (("semantic", semantic_findings), ("mnist", mnist_findings)):
            if f"{part}_effort" in d:
                times, effort = d[f"{part}_weight_time"].values, d[f"{part}_effort"].values
                kept = np.searchsorted(d[f"{part}_time"].values, times - 1e-9)
                losses = [d[f"{part}_loss_{kind}"].values[:, kept] for kind in ("control", "baseline")]
                values = [d[f"{part}_{name}"].values for name in ("value", "baseline_value", "starts")]
                labels = (self.upper,) if part == "semantic" else (d["digit"].values,)
                rows = own(times, effort, losses[0], *labels) + common_findings(times, effort, *losses, *values)
                findings += [f._replace(name=f"{part}: {f.name}") for f in rows]
        return findings

    def figure(self, result):
        """Loss avoided and engagement over time, a row a part."""
        from ...figures.carrasco_davis_2023.engagement import category_figure

        return category_figure(result)

    def quick(self):
        """With smaller networks and fewer gradients, from two starts; three levels, from weights that soon learn."""
        short = {"mnist_steps": 600, "hidden": 8, "mnist_hidden": 8, "levels": 3, "init_scale": 1e-2}
        return dataclasses.replace(super().quick(), starts=2, max_gradients=50, mnist_max_gradients=50, **short)


def engagement_kept(solution) -> np.ndarray:
    """Engagement at the times at which the solution keeps its weights, (times, outputs or tasks); neutral is 1."""
    problem = solution.problem
    return np.asarray(problem.parameters_at(problem.check_effort(solution.effort), solution.weight_steps)["engagement"])


def engaged_at(times, attention, loss) -> np.ndarray:
    """The mean time of each column of attention (T, n) while learning lasts, as a share of that time, (n,); NaN if there is
    none. Of times (T,) and the loss (T,) that says how long it lasts."""
    end = learning_ends(loss)
    total = attention[:end].sum(0)
    return np.where(total > 1e-9, times[:end] @ attention[:end] / np.maximum(total, 1e-9), np.nan) / times[end - 1]


def beyond_neutral(effort: np.ndarray) -> np.ndarray:
    """Attention φ² above neutral, of engagement φ of any shape."""
    return np.maximum(effort**2 - 1, 0)


def semantic_findings(times, effort, loss, upper=2.0) -> list[Finding]:
    """The paper's claims for the hierarchy, on times (T,), φ (seeds, T, properties) and the controlled loss (seeds, T)."""
    centres = np.array([engaged_at(times, by_level(beyond_neutral(e)), row) for e, row in zip(effort, loss, strict=True)])
    tops = np.array([by_level(e[: learning_ends(row)].max(0), np.max) for e, row in zip(effort, loss, strict=True)])
    earliest = effort[:, 0, 0]
    most = -(-effort.shape[-1] // 4)  # at the bound 2 as many outputs spend the whole norm
    spent = [np.sort(e[: learning_ends(row)] ** 2, axis=1) for e, row in zip(effort, loss, strict=True)]
    concentrated = np.array([np.mean(s[:, -most:].sum(1) / s.sum(1)) for s in spent])
    return [
        every_seed(
            "the root first, at its bound: φ of the root at t = 0 over the bound, at least 0.95 and the largest",
            (earliest >= 0.95 * upper) & (earliest > effort[:, 0, 1:].mean(1) + 0.1),
            f"{(earliest / upper).mean():.3f}",
        ),
        every_seed(
            f"levels are engaged in their order: mean time of attention above neutral over learning, rising by {APART} a level",
            (np.diff(centres) > APART).all(1),
            ", ".join(f"{c:.2f}" for c in centres.mean(0)),
        ),
        every_seed(
            "every level comes to its bound: the largest φ of each level over the bound, at least 0.9",
            (tops >= 0.9 * upper).all(1),
            ", ".join(f"{c:.2f}" for c in tops.mean(0) / upper),
        ),
        every_seed(
            f"converged: the norm is spent on few properties at a time: share of ‖φ‖² in the largest {most} of "
            f"{effort.shape[-1]} while learning, above 0.6",
            concentrated > 0.6,
            f"{concentrated.mean():.2f}",
        ),
    ]


def mnist_findings(times, effort, loss, digits) -> list[Finding]:
    """The paper's claims for the digits, on times (T,), φ (seeds, T, digits) and the controlled loss (seeds, T)."""
    chosen = [np.isin(digits, own) for own in (EASY, HARD)]
    groups = [np.stack([beyond_neutral(e)[:, own].mean(1) for own in chosen], axis=1) for e in effort]
    easy, hard = np.array([engaged_at(times, g, row) for g, row in zip(groups, loss, strict=True)]).T
    return [
        every_seed(
            f"easy digits {EASY} are engaged before hard ones {HARD}: mean time of attention above neutral over learning, "
            f"earlier by {APART} or more",
            hard - easy > APART,
            f"{easy.mean():.2f} against {hard.mean():.2f}",
        )
    ]


def common_findings(times, effort, loss, baseline, value, baseline_value, starts) -> list[Finding]:
    """What holds for both parts, on times (T,), φ (seeds, T, n), losses (seeds, T), values (seeds,), and values by start."""
    norm = np.sqrt((effort[:, -max(len(times) // 20, 1) :] ** 2).mean(-1))
    ahead = (baseline - loss).mean(1)
    findings = [
        every_seed("value above baseline", value > baseline_value, f"{value.mean():.4f} against {baseline_value.mean():.4f}"),
        every_seed("the loss is below baseline: mean of L_B − L_C", ahead > 0, f"{ahead.mean():.4f}"),
        every_seed(
            "all φ → 1, as far as value tells: root mean square of φ in the last twentieth, within 0.05 of 1",
            np.abs(norm - 1).max(1) < 0.05,
            f"{norm.min():.3f} to {norm.max():.3f}",
        ),
    ]
    if len(starts) == 1:
        return findings
    short = (starts[1:] - starts[0]) / abs(starts[0])
    words = f"{starts[0]:.6g} from neutral; {', '.join(f'{s:.6g}' for s in starts[1:])}"
    name = "converged: no random start does better than the neutral one by more than a thousandth of its value"
    return [*findings, Finding(name, words, bool(short.max() < 1e-3))]
