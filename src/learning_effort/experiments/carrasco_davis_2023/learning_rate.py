"""How fast to learn, and whether to learn at all (paper, figure 3c,d and appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...measures import centre_of_effort
from ..base import Experiment, Finding
from ..labels import Label, chosen, ordered

#: Where effort rests: at the network's own speed, or at a standstill.
RESTS = (0.0, -1.0)


@dataclasses.dataclass(frozen=True)
class LearningRate(Experiment):
    """The rate at which a network learns a semantic hierarchy, Δt(1 + u), in four families: rest 0 and rest −1, each over
    `points` discounts from `lowest_gamma` to 1 and over `points` costs from `lowest_beta` to `highest_beta`.

    `gamma` γ while β varies, `beta` β of the quadratic cost while γ varies, `steps` N, `learning_rate` Δt, `weight_decay`
    λ, `hidden` units, the box from `lower` to `upper`, `levels` of the hierarchy, `init_scale` and `seed` of the initial
    weights; `tolerance` of the scaled residual and `max_gradients` for each of the problems.
    """

    name = "learning-rate"
    ascent = (0.005, 1000, "amsgrad")
    description = "how fast to learn, and whether to learn at all: 40 problems over γ and β (fig. 3c,d)"

    gamma: float = 1.0
    beta: float = 1.0
    lowest_gamma: float = 0.6
    lowest_beta: float = 1e-3
    highest_beta: float = 2.0
    points: int = 10
    steps: int = 18000
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    hidden: int = 30
    lower: float = -1.0
    upper: float = 1.0
    levels: int = 4
    init_scale: float = 1e-4
    seed: int = 0
    tolerance: float = 1e-6
    max_gradients: int = 100

    @property
    def families(self) -> dict[str, np.ndarray]:
        """What is varied, with its values (points,)."""
        return {
            "gamma": np.linspace(self.lowest_gamma, 1.0, self.points),
            "beta": np.linspace(self.lowest_beta, self.highest_beta, self.points),
        }

    def problems(self):
        """One for each rest and each value of γ and of β."""
        import learning_effort as le

        learner = le.LinearNetwork(
            le.tasks.SemanticHierarchy(self.levels),
            hidden=(self.hidden,),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            init_scale=self.init_scale,
            seed=self.seed,
        )

        def problem(rest, gamma, beta):
            """The one with these numbers."""
            control = le.LearningRate((self.lower, self.upper), rest=rest, cost=le.costs.Quadratic(beta))
            return le.Problem(learner, control, le.Steps(self.steps), discount=gamma)

        held = {"gamma": self.gamma, "beta": self.beta}
        return {
            Label(f"rest {rest:g}, {field}={value:.6g}", rest=rest, **{field: value}): problem(rest, **(held | {field: value}))
            for rest in RESTS
            for field, values in self.families.items()
            for value in values
        }

    def solve(self, progress=True):
        """Each from the exact answer for the flow, refined on the learner's own steps; where that is never to learn, also from
        neutral, and the better answer is kept."""
        from ...runtime.interruption import Stop
        from ...runtime.threads import in_threads

        problems, stop = self.problems(), Stop()
        found = in_threads(lambda problem: self._best(problem, stop), problems.values(), stop.request)
        return dict(zip(problems, found, strict=True))

    def _best(self, problem, stop):
        """The better answer to a problem, or what there is once `stop` is requested."""
        import learning_effort as le

        method = le.QuasiNewton(tolerance=self.tolerance, max_gradients=self.max_gradients)
        flow = le.solve(problem, le.Exact(), progress=lambda *_: stop.check()).effort
        still = np.mean(1 + np.asarray(flow["learning_rate"])) < 1e-3
        starts = [flow, problem.initial_effort()] if still else [flow]
        solutions = [le.solve(problem, method, init=start, progress=lambda *_: stop.check()) for start in starts]
        return max(solutions, key=lambda solution: solution.value)

    def dataset(self, solutions):
        """`loss_baseline` (time,); of each family, `rate_…` u and `loss_…` (rest, family, time), and (rest, family): `value_…`,
        `never_…` (V of never learning), `imbalance_…` (variation of H) and `distance_…` (of u from the best)."""
        import xarray as xr

        from ...analysis.hamiltonian import hamiltonian_variation

        some = next(iter(solutions.values()))
        variables = {"loss_baseline": ("time", some.baseline.loss)}
        coordinates = {"time": some.rollout.times, "rest": list(RESTS)}
        for field, values in self.families.items():
            coordinates[field] = values
            rows = [ordered(chosen(solutions, field, rest=rest), {field: values}) for rest in RESTS]

            def stacked(read, rows=rows):
                """What is read of every solution, (rest, family, …)."""
                return np.array([[read(solution) for solution in row] for row in rows])

            variables[f"rate_{field}"] = (("rest", field, "time"), stacked(lambda s: s.effort["learning_rate"]))
            variables[f"loss_{field}"] = (("rest", field, "time"), stacked(lambda s: s.rollout.loss))
            variables[f"value_{field}"] = (("rest", field), stacked(lambda s: s.value))
            variables[f"never_{field}"] = (("rest", field), stacked(self._never))
            variation = stacked(lambda s: hamiltonian_variation(s.problem, s.effort))
            variables[f"imbalance_{field}"] = (("rest", field), variation)
            variables[f"distance_{field}"] = (("rest", field), stacked(lambda s: distance_from_best(s.problem, s.effort)))
        held = {"gamma": self.gamma, "beta": self.beta, "lower": self.lower, "upper": self.upper}
        return xr.Dataset(variables, coordinates, held)

    def _never(self, solution) -> float:
        """V of never learning, in loss × time."""
        return float(solution.problem.value({"learning_rate": np.full(self.steps, self.lower)}))

    def findings(self, result):
        """Of all families."""
        return rate_findings(result.dataset)

    def figure(self, result):
        """Rate and loss over time, a column a family."""
        from ...figures.carrasco_davis_2023.learning_rate import learning_rate_figure

        return learning_rate_figure(result)

    def quick(self):
        """Two values a family, a smaller hierarchy and network, weights that soon learn."""
        return dataclasses.replace(self, points=2, steps=1500, levels=3, hidden=8, init_scale=0.03)


def learns(loss) -> bool:
    """Whether a loss (N,) has fallen by a twentieth of where it starts: the network did not stay on its first plateau."""
    return bool(loss[-1] < 0.95 * loss[0])


def closed_form(loss, beta, rest, lower, upper):
    """u*(t) (N,) of gradient flow for γ = 1 (theory.md §4), from the loss (N,) along it."""
    return np.clip(-1 + np.sqrt((1 + rest) ** 2 + np.maximum(loss - loss[-1], 0) / beta), lower, upper)


def distance_from_best(problem, effort) -> float:
    """The largest distance of u, one value a step, from the rate that maximises H: r + q/2β in the box (theory.md §4).

    q = μ·f/τ, the current-value price of a unit of learning, is read off the gradient of the learner's steps.
    """
    _, gradient = problem.value_and_gradient(effort)
    rate = np.asarray(effort["learning_rate"])
    (control,) = problem.controls
    beta, rest, lower, upper = (float(x) for x in (control.cost.beta, control.rest, control.lower, control.upper))
    weights = np.asarray(problem.weights(np.arange(rate.size)))
    price = np.asarray(gradient["learning_rate"]) / weights + 2 * beta * (rate - rest)
    return float(np.abs(rate - np.clip(rest + price / (2 * beta), lower, upper)).max())


def rate_findings(dataset) -> list[Finding]:
    """The paper's claims and the conditions of an optimum, on the dataset of `LearningRate`."""
    time = dataset["time"].values
    lower, upper = dataset.attrs["lower"], dataset.attrs["upper"]
    family = {
        (rest, field): {k: dataset[f"{k}_{field}"].sel(rest=rest).values for k in ("rate", "loss", "value", "never")}
        for rest in RESTS
        for field in ("gamma", "beta")
    }
    patient = family[0.0, "gamma"]["rate"][-1]
    impatient, its_loss = family[0.0, "gamma"]["rate"][0], family[0.0, "gamma"]["loss"][0]
    cheap, its_fall = family[0.0, "beta"]["rate"][0], family[0.0, "beta"]["loss"][0]
    plateau = max(int(np.argmax(its_loss < its_loss[0] - 0.05 * (its_loss[0] - its_loss.min()))), 2)
    early = impatient[: plateau // 2].mean() / max(impatient.max(), 1e-12)
    falling = max(int(np.argmax(its_fall <= its_fall[-1] + 0.01 * (its_fall[0] - its_fall[-1]))), 1)
    saturated = (cheap[:falling] > upper - 1e-3).mean()
    return [
        Finding(
            "γ = 1, rest 0: the rate starts high and falls to its base: u at the start, and at the end below a hundredth of it",
            f"{patient[0]:.3f} to {patient[-1]:.2e}; its mean time over the horizon is {centre_of_effort(patient):.3f}",
            bool(patient[0] > 0.1 and patient[-1] < 0.01 * patient[0] and patient[0] >= patient.max() - 1e-3),
        ),
        Finding(
            f"γ = {dataset['gamma'].values[0]:g}, rest 0: the rate stays at its base until the loss starts to fall: "
            "mean u in the first half of the plateau (until 5% of the fall of L) over its peak, below 0.1",
            f"{early:.4f}, peak {impatient.max():.3f}; the plateau lasts until t = {time[plateau]:.2f}",
            bool(abs(early) < 0.1 and impatient.max() > 0.02),
        ),
        Finding(
            f"β = {dataset['beta'].values[0]:g}, rest 0: the rate saturates at its bound: share of the time until 99% of "
            "the fall of L, above 0.9",
            f"{saturated:.3f}, at {1 + upper:g} times the base",
            bool(saturated > 0.9),
        ),
        _closed_form_finding(dataset, family, lower, upper),
        _whether_to_learn(dataset, family),
        _optimality(dataset),
    ]


def _closed_form_finding(dataset, family, lower, upper) -> Finding:
    """On all members with γ = 1 that learn."""
    distances = []
    for (rest, field), member in family.items():
        for i, value in enumerate(dataset[field].values):
            held = {"gamma": dataset.attrs["gamma"], "beta": dataset.attrs["beta"]} | {field: value}
            if held["gamma"] == 1.0 and learns(member["loss"][i]):
                exact = closed_form(member["loss"][i], held["beta"], rest, lower, upper)
                distances.append(np.sqrt(np.mean((member["rate"][i] - exact) ** 2)))
    return Finding(
        "γ = 1: the rate is that of the closed form, u = −1 + √((1+r)² + (L − L(T))/β) in the box: largest root mean square "
        "distance, below 0.02",
        f"{max(distances):.4f} over {len(distances)} problems" if distances else "no problem has γ = 1 and learns",
        bool(distances and max(distances) < 0.02),
    )


def _whether_to_learn(dataset, family) -> Finding:
    """Rest −1: the advantage of the best answer over never learning is ordered by γ and by β."""
    words, holds = [], True
    for field, symbol, sign in (("gamma", "γ", 1), ("beta", "β", -1)):
        member, values = family[-1.0, field], dataset[field].values
        advantage = member["value"] - member["never"]
        learned = np.array([learns(loss) for loss in member["loss"]])
        ordered = bool((sign * np.diff(advantage) >= -1e-6).all() and sign * (advantage[-1] - advantage[0]) > 1e-3)
        holds = holds and ordered and bool((sign * np.diff(learned.astype(int)) >= 0).all())
        at = ", ".join(f"{v:.3g}" for v in values[learned]) or "none"
        words.append(f"learns at {symbol} = {at}; V − V(never) from {advantage[0]:.3g} to {advantage[-1]:.3g}")
    return Finding(
        "rest −1: whether to learn at all: what learning is worth above never learning rises with γ and falls with β",
        "; ".join(words),
        holds,
    )


def _optimality(dataset) -> Finding:
    """The conditions of an optimum, on every answer."""
    imbalance, distance = (
        max(float(dataset[f"{name}_{field}"].max()) for field in ("gamma", "beta")) for name in ("imbalance", "distance")
    )
    return Finding(
        "converged: dH/dt = ρμ·f along every answer, and u is the rate that maximises H: largest variation of H − ∫ρμ·f dt "
        "as a share of the largest |v|, and largest distance of u, both below 0.01",
        f"{imbalance:.1e} and {distance:.1e}",
        bool(imbalance < 0.01 and distance < 0.01),
    )
