"""Easy and hard samples: an optimal curriculum, and what it is once the learning rate is controlled."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding
from ..labels import Label, chosen
from .protocols import ERRORS, agreement, held, judged_at_the_end, simulated

#: Curricula with half of the samples easy, and those of them that the learning rate is controlled with.
PROTOCOLS = ("easy to hard", "hard to easy", "half and half", "easy, hard, easy", "optimum")
SIMULATED = (*PROTOCOLS[:3], "optimum")
#: A learning rate to start from where it is controlled, over the published one, less 1: large ones are on a plateau.
START_RATE = -0.6


@dataclasses.dataclass(frozen=True)
class OptimalCurriculum(Experiment):
    """Curricula of a perceptron with irrelevant inputs, half of all samples being easy, by their error at the end: at the
    published learning rate, with the best of all curricula and the best difficulties of the same mean; with the best learning
    rate for each; and the share of easy samples where they are paid for, for the least error on the way.

    `duration` α of learning in `updates` Euler steps; `learning_rate` κ of the published problem, and the `highest_rate`;
    `hardest` difficulty d; `price` of an easy sample, with the discounts `gammas`; `rates` κ at which an easy end is weighed;
    `seeds` of simulations in `dimension` inputs.
    """

    name = "optimal-curriculum"
    description = "easy and hard samples, with the learning rate fixed and controlled"

    duration: float = 12.0
    updates: int = 240
    learning_rate: float = 3.0
    highest_rate: float = 15.0
    hardest: float = 2.0
    price: float = 0.02
    gammas: tuple[float, ...] = (1.0, 0.8)
    rates: tuple[float, ...] = (0.5, 0.8, 1.0, 1.26, 3.0)
    seeds: int = 6
    dimension: int = 1000

    def learner(self, rate: float | None = None, method: str = "euler"):
        """The perceptron, at κ or another learning rate."""
        import learning_effort as le

        step = self.duration / self.updates
        return le.CurriculumPerceptron(
            (0.0, self.hardest), learning_rate=rate or self.learning_rate, step_size=step, method=method
        )

    def problems(self):
        """Share and difficulty within their budgets; the learning rate, constant and varying, for curricula that are held; paid
        shares."""
        import learning_effort as le

        def rated(name, knots=None):
            """The learning rate's problem under a curriculum, whose share is held: nothing follows its last value."""
            share = self._shares()[name]
            ends = (np.append(share[:-1], end) for end in (0.0, 1.0))
            bounds = -1.0, self.highest_rate / self.learning_rate - 1
            controls = [le.Control("share", tuple(ends)), le.Control("rate", bounds, knots=knots, start=START_RATE)]
            return judged_at_the_end(self.learner(), controls, self.updates)

        def within(control, mean):
            """The problem of a control that has this mean over the updates."""
            budget = le.Budget(mean * self.duration, of=control.name, cost=le.costs.Linear(1.0), exact=True)
            return judged_at_the_end(self.learner(), control, self.updates, budget=budget)

        paid = le.Control("share", cost=le.costs.Linear(self.price))
        whole = le.Steps(self.updates + 1)
        constant = Label("constant rate, half and half", protocol="half and half", knots=1)
        difficulty = le.Control("difficulty", (0.0, self.hardest))
        return (
            {Label(controlled="share"): within(le.Control("share"), 0.5)}
            | {Label(controlled="difficulty"): within(difficulty, self.hardest / 2)}
            | {constant: rated("half and half", 1)}
            | {Label(f"rate, {name}", protocol=name): rated(name) for name in PROTOCOLS[:3]}
            | {Label(gamma=g): le.Problem(self.learner(), paid, whole, discount=g) for g in self.gammas}
        )

    def solve(self, progress=True):
        """Each from its own curriculum, the best share from the best of easy, hard, easy."""
        import learning_effort as le

        solutions = {}
        for label, problem in self.problems().items():
            start = problem.initial_effort()
            if "protocol" in label.coordinates:
                start["share"] = self._shares()[label.coordinates["protocol"]]
            elif label.coordinates.get("controlled") == "share":
                start["share"] = self._split(self._last_block(self.learning_rate))
            solutions[label] = le.solve(problem, init=start, progress=progress)
        return solutions

    def _shares(self) -> dict[str, np.ndarray]:
        """Curricula that are known in advance, (N,) each."""
        easy = np.repeat([1.0, 0.0], [self.updates // 2, self.updates - self.updates // 2])
        return {"easy to hard": held(easy), "hard to easy": held(easy[::-1]), "half and half": np.full(self.updates + 1, 0.5)}

    def dataset(self, solutions):
        """`share` and `loss` (protocol, time) at the published κ, `difficulty` and `difficulty_loss` (time), the `multiplier`
        of the best share's budget; `rate` and `rate_loss` (rates, time) where it is controlled;
        `last_block`, the share of updates that the best last easy block has at each κ (kappa); `paid_share` (gamma, time),
        `paid_value` and `neutral_value` (gamma); `simulated`, `simulated_error` and the flow's loss `theory`
        (simulated_protocol, time)."""
        import xarray as xr

        free = chosen(solutions, "protocol")
        paid = [next(iter(chosen(solutions, gamma=gamma).values())) for gamma in self.gammas]
        problem = self._shared(self.learning_rate)
        best, free_difficulty = (next(iter(chosen(solutions, controlled=c).values())) for c in ("share", "difficulty"))
        shares = self._shares() | {
            PROTOCOLS[3]: self._split(self._last_block(self.learning_rate)),
            "optimum": held(np.asarray(best.effort["share"])[:-1]),
        }
        flow = judged_at_the_end(self.learner(method="rk4"), problem.controls, self.updates)
        losses = [np.asarray(problem.rollout({"share": u}).loss) for u in shares.values()]
        theory = [np.asarray(flow.rollout({"share": shares[name]}).loss) for name in SIMULATED]
        mean, error, _ = simulated(flow, {name: {"share": shares[name]} for name in SIMULATED}, self.seeds, self.dimension)
        steps = np.arange(self.updates + 1)
        signals = [s.problem.signals_at(s.problem.check_effort(s.effort), steps) for s in free.values()]
        variables = {
            "share": (("protocol", "time"), np.array(list(shares.values()))),
            "loss": (("protocol", "time"), np.array(losses)),
            "difficulty": ("time", held(np.asarray(free_difficulty.effort["difficulty"])[:-1])),
            "difficulty_loss": ("time", np.asarray(free_difficulty.rollout.loss)),
            "multiplier": float(best.budget.multiplier),
            "rate": (("rates", "time"), [self.learning_rate * (1 + np.asarray(s["rate"])) for s in signals]),
            "rate_loss": (("rates", "time"), [np.asarray(s.rollout.loss) for s in free.values()]),
            "last_block": ("kappa", [self._last_block(kappa) / self.updates for kappa in self.rates]),
            "paid_share": (("gamma", "time"), [np.asarray(s.effort["share"]) for s in paid]),
            "paid_value": ("gamma", [float(s.value) for s in paid]),
            "neutral_value": ("gamma", [float(s.problem.value(s.problem.neutral_effort())) for s in paid]),
            "simulated": (("simulated_protocol", "time"), mean),
            "simulated_error": (("simulated_protocol", "time"), error),
            "theory": (("simulated_protocol", "time"), np.array(theory)),
        }
        coordinates = {
            "protocol": list(PROTOCOLS),
            "simulated_protocol": list(SIMULATED),
            "rates": list(map(str, free)),
            "kappa": list(self.rates),
            "gamma": list(self.gammas),
            "time": np.linspace(0, self.duration, self.updates + 1),
        }
        return xr.Dataset(
            variables,
            coordinates,
            {"dimension": self.dimension, "seeds": self.seeds, "kappa": self.learning_rate, "hardest": self.hardest},
        )

    def _shared(self, kappa: float):
        """The problem of the share alone, at the learning rate κ."""
        import learning_effort as le

        return judged_at_the_end(self.learner(kappa), le.Control("share"), self.updates)

    def _split(self, last: int) -> np.ndarray:
        """Half of the updates easy, of which so many are the last ones, and the others the first, (N,)."""
        half = self.updates // 2
        return held(np.repeat([1.0, 0.0, 1.0], [half - last, self.updates - half, last]))

    def _last_block(self, kappa: float) -> int:
        """How many updates the last easy block has in the best curriculum easy, hard, easy at the learning rate κ; tried in
        thirtieths of all updates."""
        problem = self._shared(kappa)
        lengths = np.unique(np.linspace(0, self.updates // 2, 16).round().astype(int))
        return int(max(lengths, key=lambda last: float(problem.value({"share": self._split(last)}))))

    def findings(self, result):
        """Of curricula, rates, prices and simulations."""
        return curriculum_findings(result.dataset)

    def figure(self, result):
        """Curricula and errors, learning rates, paid shares, and simulations behind theory."""
        from ...figures.mignacco_mori_2025.optimal_curriculum import curriculum_figure

        return curriculum_figure(result)

    def quick(self):
        """Fewer and longer updates, and small networks."""
        return dataclasses.replace(self, updates=60, rates=(0.5, 3.0), gammas=(0.8,), seeds=2, dimension=100)


def blocks(share) -> tuple[float, float, float]:
    """How much of a share (N,), over its updates, is easy at first without a break, at last without a break, and between."""
    easy = share[:-1] > 0.5
    if easy.all():
        return 1.0, 0.0, 0.0
    first, last = int(np.argmin(easy)), int(np.argmin(easy[::-1]))
    return first / easy.size, last / easy.size, float(share[first : easy.size - last].sum()) / easy.size


def at_bounds(share) -> float:
    """The share of updates at which all samples are easy, or all hard."""
    return float(((share[:-1] < 1e-3) | (share[:-1] > 1 - 1e-3)).mean())


def curriculum_findings(dataset) -> list[Finding]:
    """The paper's claims, and what controlling the learning rate makes of them, on the dataset of `OptimalCurriculum`."""
    loss = dict(zip(dataset["protocol"].values, dataset["loss"].values[:, -1], strict=True))
    constant, *rates = dataset["rate_loss"].values[:, -1]
    rate_loss = dict(zip(PROTOCOLS, rates, strict=False))
    best = dataset["share"].sel(protocol=PROTOCOLS[3]).values[:-1]
    ends, kappa = dataset["last_block"].values, dataset["kappa"].values
    first, last, between = blocks(dataset["share"].sel(protocol="optimum").values)
    difficulty, hardest = dataset["difficulty"].values[:-1], dataset.attrs["hardest"]
    peak, free = int(np.argmax(difficulty)), float(dataset["difficulty_loss"][-1])
    paid = dataset["paid_share"].values
    value, neutral = dataset["paid_value"].values, dataset["neutral_value"].values
    distance, resolved = agreement(dataset)
    return [
        Finding(
            "half easy and half hard samples at every step are better than easy to hard, and that is better than hard to easy",
            ", ".join(f"{loss[name]:.6f}" for name in ("half and half", "easy to hard", "hard to easy")),
            bool(loss["half and half"] < loss["easy to hard"] < loss["hard to easy"]),
        ),
        Finding(
            "easy samples first and last and all hard ones between are better than all of these: of the updates, the last easy "
            "block has more than a sixth and fewer than a third",
            f"{loss[PROTOCOLS[3]]:.6f}; {ends[-1]:.3f}",
            bool(
                loss[PROTOCOLS[3]] < min(loss[name] for name in PROTOCOLS[:3])
                and best[0] == best[-1] == 1
                and 1 / 6 < ends[-1] < 1 / 3
            ),
        ),
        Finding(
            "the best of all curricula is of this kind: of the updates, easy ones at first above 0.2, at last above 0.16, "
            "between "
            "below 0.05",
            f"{first:.3f}, {last:.3f}, {between:.3f}; {loss['optimum']:.7f}",
            bool(first > 0.2 and last > 0.16 and between < 0.05 and loss["optimum"] <= loss[PROTOCOLS[3]]),
        ),
        Finding(
            "difficulty that may be anything is better than every mixture of the same mean: none at first, a rise to more "
            "than 0.8 "
            "of the hardest within the first half, and a fall to less than 0.2 of it at the end",
            f"{free:.7f} against {loss['optimum']:.7f}; {difficulty[0]:.3f}, {difficulty[peak]:.3f} at update {peak}, "
            f"{difficulty[-1]:.3f}",
            bool(
                free < loss["optimum"]
                and difficulty[0] < 0.01 * hardest
                and difficulty[peak] > 0.8 * hardest
                and peak < difficulty.size / 2
                and difficulty[-1] < 0.2 * hardest
            ),
        ),
        Finding(
            "one more easy sample would be worth something: the price of the budget is positive",
            f"{float(dataset['multiplier']):.6f} of L for a unit of time",
            bool(dataset["multiplier"] > 0),
        ),
        Finding(
            "an easy end is for a large learning rate: the best last easy block is empty at the smallest κ, and not at the "
            "largest, and never shrinks between",
            ", ".join(f"κ = {k:g}: {end:.3f}" for k, end in zip(kappa, ends, strict=True)),
            bool(ends[0] == 0 and ends[-1] > 0 and (np.diff(ends) >= 0).all()),
        ),
        Finding(
            "where the learning rate is controlled too, easy to hard is better than half and half and than hard to easy, "
            "by more "
            "than a tenth of the error",
            ", ".join(f"{name}: {rate_loss[name]:.7f}" for name in PROTOCOLS[:3]),
            bool(rate_loss["easy to hard"] < 0.9 * min(rate_loss["half and half"], rate_loss["hard to easy"])),
        ),
        Finding(
            "a well chosen constant learning rate without a curriculum is better than every curriculum at κ = "
            f"{dataset.attrs['kappa']:g}",
            f"{constant:.7f} at κ = {float(dataset['rate'].values[0, 0]):.4f}, against {min(loss.values()):.7f}",
            bool(constant < min(loss.values())),
        ),
        Finding(
            "easy samples that are paid for are taken at first and not at last, all or none (in more than 0.9 of the "
            "updates), and "
            "that is worth more than half of them throughout",
            "; ".join(
                f"γ = {g:g}: {v:.7f} against {n:.7f}" for g, v, n in zip(dataset["gamma"].values, value, neutral, strict=True)
            ),
            bool(
                (value > neutral).all()
                and (paid[:, 0] > 0.5).all()
                and (paid[:, -2] < 0.5).all()
                and all(at_bounds(share) > 0.9 for share in paid)
            ),
        ),
        Finding(
            f"networks of {dataset.attrs['dimension']} inputs learn as theory says: largest distance at the end in standard "
            f"errors, below {ERRORS:g}, where these are below a quarter of what curricula differ by",
            f"{distance:.2f}; {resolved:.3f} ({dataset.attrs['seeds']} seeds)",
            bool(distance < ERRORS and resolved < 0.25),
        ),
    ]
