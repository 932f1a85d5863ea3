"""When to drop hidden units: an optimal schedule of dropout, and what is left of it when the learning rate is controlled."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding
from ..labels import Label, chosen
from .protocols import ERRORS, agreement, held, judged_at_the_end, simulated

#: Protocols of the activation, and what else is controlled beside the published ones.
PROTOCOLS = ("none", "best constant", "line", "reversed", "optimum")
RATES = ("constant rate", "rate", "rate and dropout")
SIMULATED = ("none", "best constant", "optimum")


@dataclasses.dataclass(frozen=True)
class OptimalDropout(Experiment):
    """The activation a(α) of a committee's hidden units and its scale at test, for the least error at the end, at two levels of
    `noise` of the labels; then with the learning rate controlled too, at the first of them.

    `duration` α of learning in `updates` equal parts, each of them held; `learning_rate` κ of the published problem, and the
    `highest_rate`; `students`, all weights 1, of one teacher; `seeds` of simulations in `dimension` inputs.
    """

    name = "optimal-dropout"
    description = "when to drop hidden units, with the learning rate fixed and controlled"

    noise: tuple[float, ...] = (0.2, 0.5)
    duration: float = 5.0
    updates: int = 50
    learning_rate: float = 1.0
    highest_rate: float = 10.0
    students: int = 2
    seeds: int = 8
    dimension: int = 1000

    def learner(self, noise: float):
        """The committee at this noise of labels."""
        import learning_effort as le

        v = np.ones(self.students)
        step = self.duration / self.updates
        return le.DropoutCommittee([[1.0]], v, [1.0], self.learning_rate, noise, step_size=step)

    def problems(self):
        """Schedule and best constant at each noise; learning rates alone, and with dropout, at the first."""
        import learning_effort as le

        def problem(noise, rate=None, dropout=None):
            """One whose rate and dropout are held constant (1), vary (None) or are not controlled (0)."""
            controls = []
            if dropout != 0:
                controls = [le.Control("activation", rest=1.0, knots=dropout), le.Control("test_scale", rest=1.0)]
            if rate != 0:
                bounds = -1.0, self.highest_rate / self.learning_rate - 1
                controls.append(le.Control("rate", bounds, rest=0.0, knots=rate))
            return judged_at_the_end(self.learner(noise), controls, self.updates)

        first = self.noise[0]
        fixed = {
            Label(protocol=name, noise=noise): problem(noise, 0, knots)
            for noise in self.noise
            for name, knots in (("optimum", None), ("best constant", 1))
        }
        rates = zip(RATES, ((1, 0), (None, 0), (None, None)), strict=True)
        return fixed | {Label(protocol=name, noise=first): problem(first, *how) for name, how in rates}

    def dataset(self, solutions):
        """`activation`, `error` J = L/2 (noise, protocol, time) and `scale` (noise, protocol) at fixed κ; `rate_activation`,
        `rate`, `rate_error` (rates, time) and `rate_scale` (rates) where κ is controlled; `theory`, `simulated` and
        `simulated_error` J (simulated_protocol, time)."""
        import xarray as xr

        rows = [self._protocols(chosen(solutions, noise=noise), noise) for noise in self.noise]
        variables = {
            name: (("noise", "protocol", "time"), np.array([[protocol[i] for protocol in row.values()] for row in rows]))
            for i, name in ((0, "activation"), (2, "error"))
        }
        variables["scale"] = (("noise", "protocol"), np.array([[protocol[1] for protocol in row.values()] for row in rows]))
        free = [next(iter(chosen(solutions, protocol=name).values())) for name in RATES]
        steps = np.arange(self.updates + 1)
        signals = [s.problem.signals_at(s.problem.check_effort(s.effort), steps) for s in free]
        ones = np.ones(steps.size)
        variables |= {
            "rate": (("rates", "time"), [self.learning_rate * (1 + np.asarray(s["rate"])) for s in signals]),
            "rate_activation": (("rates", "time"), [np.asarray(s.get("activation", ones)) for s in signals]),
            "rate_error": (("rates", "time"), [np.asarray(s.rollout.loss) / 2 for s in free]),
            "rate_scale": ("rates", [float(s.effort.get("test_scale", 1.0)) for s in free]),
        }
        problem = chosen(solutions, protocol="optimum", noise=self.noise[0])
        problem = next(iter(problem.values())).problem
        efforts = {name: {"activation": rows[0][name][0], "test_scale": rows[0][name][1]} for name in SIMULATED}
        mean, error, _ = simulated(problem, efforts, self.seeds, self.dimension)
        variables |= {
            "simulated": (("simulated_protocol", "time"), mean / 2),
            "simulated_error": (("simulated_protocol", "time"), error / 2),
            "theory": (("simulated_protocol", "time"), [rows[0][name][2] for name in SIMULATED]),
        }
        coordinates = {
            "noise": list(self.noise),
            "protocol": list(PROTOCOLS),
            "rates": list(RATES),
            "simulated_protocol": list(SIMULATED),
            "time": np.linspace(0, self.duration, self.updates + 1),
        }
        return xr.Dataset(
            variables, coordinates, {"dimension": self.dimension, "seeds": self.seeds, "kappa": self.learning_rate}
        )

    def _protocols(self, solutions: dict, noise: float) -> dict[str, tuple]:
        """{protocol: (activation (N,), scale, J (N,))} at this noise, each with its best scale at test but for none."""
        found = {label.coordinates["protocol"]: solution for label, solution in solutions.items()}
        problem = found["optimum"].problem
        constant = np.full(self.updates + 1, np.ravel(found["best constant"].effort["activation"])[0])
        best = np.asarray(found["optimum"].effort["activation"])
        activations = {
            "none": np.ones(self.updates + 1),
            "best constant": constant,
            "line": held(np.linspace(1.0, 0.5, self.updates)),
            "reversed": held(best[-2::-1]),
            "optimum": held(best[:-1]),
        }

        def error(activation, scale):
            """J along learning (N,)."""
            return np.asarray(problem.rollout({"activation": activation, "test_scale": float(scale)}).loss) / 2

        protocols = {}
        for name, activation in activations.items():
            scale = 1.0 if name == "none" else least([error(activation, scale)[-1] for scale in (0.0, 0.5, 1.0)])
            protocols[name] = activation, scale, error(activation, scale)
        return protocols

    def findings(self, result):
        """Of protocols, rates and simulations."""
        return dropout_findings(result.dataset)

    def figure(self, result):
        """Activation, error, learning rate, and simulations behind theory."""
        from ...figures.mignacco_mori_2025.optimal_dropout import dropout_figure

        return dropout_figure(result)

    def quick(self):
        """Fewer updates, and small networks."""
        return dataclasses.replace(self, updates=10, seeds=2, dimension=100)


def least(errors) -> float:
    """Where in [0, 1] a parabola is least, from its values at 0, 1/2 and 1: the error as a function of the scale at test."""
    at_zero, at_half, at_one = errors
    curvature = 2 * (at_zero - 2 * at_half + at_one)
    return float(np.clip((at_zero - at_one + curvature) / (2 * curvature), 0.0, 1.0)) if curvature > 0 else 1.0


def onset(time, activation) -> float:
    """When the activation (N,) first falls below 0.995; infinite if it never does."""
    below = np.flatnonzero(activation[:-1] < 0.995)
    return float(time[below[0]]) if below.size else float("inf")


def dropout_findings(dataset) -> list[Finding]:
    """The paper's claims, and what controlling the learning rate makes of them, on the dataset of `OptimalDropout`."""
    time = dataset["time"].values
    last = dataset["error"].isel(time=-1)
    best = dataset["activation"].sel(protocol="optimum").values
    onsets = [onset(time, activation) for activation in best]
    falling = [bool((np.diff(a[:-1][time[:-1] >= o]) < 0).all()) for a, o in zip(best, onsets, strict=True)]
    of = {name: last.sel(protocol=name).values for name in PROTOCOLS}
    noises = [f"{noise:g}" for noise in dataset["noise"].values]
    gains = [(1 - of["optimum"] / of[name])[0] for name in ("best constant", "none")]
    rates = dict(zip(dataset["rates"].values, dataset["rate_error"].values[:, -1], strict=True))
    with_rate = dataset["rate_activation"].sel(rates="rate and dropout").values[:-1]
    distance, resolved = agreement(dataset)
    return [
        Finding(
            "all units learn at first, later ever fewer: the onset of dropout lies within learning, and the activation "
            "falls from "
            "there on, to below 0.6",
            "; ".join(f"noise {n}: from α = {o:g} to {a[-2]:.3f}" for n, o, a in zip(noises, onsets, best, strict=True)),
            bool(all(0 < o < 0.6 * time[-1] for o in onsets) and all(falling) and (best[:, -2] < 0.6).all()),
        ),
        Finding(
            f"noise {noises[0]}: the schedule is better than the best constant by more than 3%, and than no dropout by more "
            "than "
            "20% of the error",
            f"{100 * gains[0]:.1f}% and {100 * gains[1]:.1f}%; J = {of['optimum'][0]:.8f}",
            bool(gains[0] > 0.03 and gains[1] > 0.2),
        ),
        Finding(
            "the schedule backwards is worse than the best constant",
            "; ".join(f"{r:.5f} against {c:.5f}" for r, c in zip(of["reversed"], of["best constant"], strict=True)),
            bool((of["reversed"] > of["best constant"]).all()),
        ),
        Finding(
            "the noisier the labels, the earlier units are dropped, and the more it is worth",
            "; ".join(f"noise {n}: α = {o:g}" for n, o in zip(noises, onsets, strict=True)),
            bool((np.diff(onsets) < 0).all() and (np.diff(of["none"] - of["optimum"]) > 0).all()),
        ),
        Finding(
            "where the learning rate is controlled too, no unit is dropped: the least activation, above 0.999",
            f"{with_rate.min():.5f}; J = {rates['rate and dropout']:.7f}, {rates['rate']:.7f} without dropout",
            bool(with_rate.min() > 0.999),
        ),
        Finding(
            "a well chosen constant learning rate without dropout is better than the best schedule of dropout at κ = "
            f"{dataset.attrs['kappa']:g}",
            f"κ = {float(dataset['rate'].sel(rates='constant rate')[0]):.4f}: {rates['constant rate']:.7f} against "
            f"{of['optimum'][0]:.7f}",
            bool(rates["constant rate"] < of["optimum"][0]),
        ),
        Finding(
            f"networks of {dataset.attrs['dimension']} inputs learn as theory says: largest distance at the end in standard "
            "errors, "
            f"below {ERRORS:g}, where these are below a tenth of what protocols differ by",
            f"{distance:.2f}; {resolved:.3f} ({dataset.attrs['seeds']} seeds)",
            bool(distance < ERRORS and resolved < 0.1),
        ),
    ]
