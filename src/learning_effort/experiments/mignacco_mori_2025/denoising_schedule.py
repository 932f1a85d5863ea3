"""How much noise to learn with: an optimal schedule of corruption for a denoising autoencoder."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding
from ..labels import Label, chosen
from .protocols import held, judged_at_the_end, simulated

#: The published instance's random draws: overlaps of centroids, of centroids with hidden units, and of hidden units.
CENTROIDS = ((0.9471224195645527, 0.03127489002871372), (0.03127489002871372, 0.9900207602113746))
START = (
    ((0.11648963611569672, 0.028851354511359038), (-0.005180891113465809, 0.10386930883716412)),
    ((0.24999999999999994, 0.0028894103374803707), (0.0028894103374803707, 0.24999999999999994)),
    0.0,
)
OBJECTIVES = ("published", "exact")
PROTOCOLS = ("test's noise", "best constant", "optimum", "reversed")
SIMULATED = ("test's noise", "best constant", "optimum")


@dataclasses.dataclass(frozen=True)
class DenoisingSchedule(Experiment):
    """The noise D(s) of an autoencoder's inputs, for the least squared error at the noise of the test, at two of them; with the
    published objective, which lacks two terms, and the exact one; then with the learning rate controlled too.

    `test_noise` D_F, the first of which is the lower; `duration` s = κα in `updates` equal parts; `learning_rate` κ;
    `dimension` N; `std` of both clusters; the box of D from `lower` to `upper`, and that of κ up to `highest_rate`; `seeds` of
    simulations.
    """

    name = "denoising-schedule"
    description = "how much noise to learn to denoise with, and what a finite network makes of it"

    test_noise: tuple[float, ...] = (0.1, 0.3)
    duration: float = 4.0
    updates: int = 399
    learning_rate: float = 5.0
    highest_rate: float = 20.0
    dimension: int = 1000
    std: float = 0.1
    lower: float = 0.01
    upper: float = 0.99
    seeds: int = 100

    def learner(self, test_noise: float, objective: str):
        """The autoencoder judged at this noise."""
        import learning_effort as le

        return le.DenoisingAutoencoder(
            CENTROIDS,
            [self.std] * 2,
            [0.5] * 2,
            self.learning_rate,
            self.dimension,
            test_noise,
            START,
            self.duration / self.updates,
            objective=objective,
        )

    def problems(self):
        """Schedule and best constant, for each noise of the test and each objective; the exact one with the learning rate
        too."""
        import learning_effort as le

        def problem(noise, objective, knots=None, rate=False):
            """One with so many values of the noise (None: one an update)."""
            controls = [le.Control("noise", (self.lower, self.upper), rest=noise, knots=knots)]
            if rate:
                controls.append(le.Control("rate", (-1.0, self.highest_rate / self.learning_rate - 1), rest=0.0))
            return judged_at_the_end(self.learner(noise, objective), controls, self.updates)

        fixed = {
            Label(protocol=name, objective=objective, noise=noise): problem(noise, objective, knots)
            for objective in OBJECTIVES
            for noise in self.test_noise
            for name, knots in (("optimum", None), ("best constant", 1))
        }
        last = self.test_noise[-1]
        free = Label(protocol="rate and noise", objective="exact", noise=last)
        return fixed | {free: problem(last, "exact", rate=True)}

    def dataset(self, solutions):
        """`schedule` D and `loss` L (objective, noise, protocol, time); `exact_loss` at the end of the published optimum
        (noise); `rate_schedule`, `rate`, `rate_loss` (time) where κ is controlled; `theory`, `simulated`, `simulated_error`
        (simulated_protocol, time), at the highest noise of the test with the exact objective; `gain` of the optimum over the
        best constant in each simulated network (seed)."""
        import xarray as xr

        at = [[self._protocols(solutions, objective, noise) for noise in self.test_noise] for objective in OBJECTIVES]
        dims = ("objective", "noise", "protocol", "time")
        variables = {
            name: (dims, np.array([[[protocol[i] for protocol in own.values()] for own in row] for row in at]))
            for i, name in enumerate(("schedule", "loss"))
        }
        judged = []
        for i, noise in enumerate(self.test_noise):
            exact = next(iter(chosen(solutions, protocol="optimum", objective="exact", noise=noise).values())).problem
            judged.append(float(exact.rollout({"noise": at[0][i]["optimum"][0]}).loss[-1]))
        free = next(iter(chosen(solutions, protocol="rate and noise").values()))
        variables |= {
            "exact_loss": ("noise", judged),
            "rate_schedule": ("time", np.asarray(free.effort["noise"])),
            "rate": ("time", self.learning_rate * (1 + np.asarray(free.effort["rate"]))),
            "rate_loss": ("time", np.asarray(free.rollout.loss)),
        }
        mine = at[-1][-1]
        efforts = {name: {"noise": mine[name][0]} for name in SIMULATED}
        mean, error, each = simulated(exact, efforts, self.seeds, None)
        variables |= {
            "simulated": (("simulated_protocol", "time"), mean),
            "simulated_error": (("simulated_protocol", "time"), error),
            "theory": (("simulated_protocol", "time"), [mine[name][1] for name in SIMULATED]),
            "gain": ("seed", each[1] - each[2]),
        }
        time = ("time", np.linspace(0, self.duration, self.updates + 1), {"long_name": "s = κ × samples / N"})
        coordinates = {
            "objective": list(OBJECTIVES),
            "noise": list(self.test_noise),
            "protocol": list(PROTOCOLS),
            "simulated_protocol": list(SIMULATED),
            "time": time,
        }
        attributes = {"dimension": self.dimension, "seeds": self.seeds, "lower": self.lower}
        return xr.Dataset(variables, coordinates, attributes)

    def _protocols(self, solutions: dict, objective: str, noise: float) -> dict[str, tuple]:
        """{protocol: (D (N,), L (N,))} with this objective at this noise of the test."""
        own = chosen(solutions, objective=objective, noise=noise)
        found = {label.coordinates["protocol"]: solution for label, solution in own.items()}
        problem, best = found["optimum"].problem, np.asarray(found["optimum"].effort["noise"])
        constant = np.ravel(found["best constant"].effort["noise"])[0]
        schedules = {
            "test's noise": np.full(self.updates + 1, noise),
            "best constant": np.full(self.updates + 1, constant),
            "optimum": held(best[:-1]),
            "reversed": held(best[-2::-1]),
        }
        return {name: (d, np.asarray(problem.rollout({"noise": d}).loss)) for name, d in schedules.items()}

    def findings(self, result):
        """Of schedules, objectives and simulations."""
        return denoising_findings(result.dataset)

    def figure(self, result):
        """Schedules, losses, learning rate, and simulations behind theory."""
        from ...figures.mignacco_mori_2025.denoising_schedule import denoising_figure

        return denoising_figure(result)

    def quick(self):
        """Fewer updates, and few simulations."""
        return dataclasses.replace(self, updates=40, seeds=4, dimension=200)


def dip(time, schedule) -> tuple[float, float, float, float]:
    """A schedule's (N,) first value, its least value and when that is, and the last that does anything."""
    lowest = int(np.argmin(schedule[:-1]))
    return float(schedule[0]), float(schedule[lowest]), float(time[lowest]), float(schedule[-2])


def denoising_findings(dataset) -> list[Finding]:
    """The paper's claims, with either objective, and what finite networks make of them, on the dataset of
    `DenoisingSchedule`."""
    time, lower = dataset["time"].values, dataset.attrs["lower"]
    noises = dataset["noise"].values
    last = dataset["loss"].isel(time=-1)
    of = {name: last.sel(protocol=name).values for name in PROTOCOLS}  # each (objective, noise)
    best = dataset["schedule"].sel(protocol="optimum").values
    at_bound = (best[:, 0, :-1] < lower + 1e-6).mean(-1)
    share = 1 - of["optimum"] / of["best constant"]
    achieved = (of["best constant"] - of["optimum"]) / (dataset["loss"].values[:, :, 0, 0] - of["optimum"])
    dips = [dip(time, schedule) for schedule in best[:, 1]]
    worse = dataset["exact_loss"].values / of["optimum"][1] - 1
    gain, predicted = dataset["gain"].values, float(of["best constant"][1, -1] - of["optimum"][1, -1])
    error = gain.std() / np.sqrt(max(gain.size - 1, 1))
    rate, rated, freed = dataset["rate"].values, dataset["rate_schedule"].values, float(dataset["rate_loss"].values[-1])
    return [
        Finding(
            f"test noise {noises[0]:g}: there is next to nothing to schedule: the noise is at its lower bound for more than "
            "90% of "
            "learning, and the best constant is within 10⁻⁵ of L",
            f"{100 * at_bound[0]:.1f}% (exact: {100 * at_bound[1]:.1f}%); {share[0, 0]:.1e} (exact: {share[1, 0]:.1e})",
            bool((at_bound > 0.9).all() and (share[:, 0] < 1e-5).all()),
        ),
        Finding(
            f"test noise {noises[1]:g}: noise starts high, falls to a dip, and rises again towards the end: first, least "
            "and last D",
            "; ".join(
                f"{o}: {d[0]:.2f}, {d[1]:.3f} at s = {d[2]:.2f}, {d[3]:.2f}" for o, d in zip(OBJECTIVES, dips, strict=True)
            ),
            bool(all(d[0] > 0.5 and d[1] < 0.05 and d[3] > d[1] + 0.03 and time[-1] / 2 < d[2] < time[-1] for d in dips)),
        ),
        Finding(
            f"test noise {noises[1]:g}: L at the end is below that of the best constant by 0.05% to 0.5%, and below that of "
            "the test's "
            "noise by more than 0.5%",
            "; ".join(
                f"{o}: {100 * share[i, 1]:.3f}% ({100 * achieved[i, 1]:.1f}% of what is learned), "
                f"{100 * (1 - of['optimum'][i, 1] / of[PROTOCOLS[0]][i, 1]):.2f}%"
                for i, o in enumerate(OBJECTIVES)
            ),
            bool(
                ((share[:, 1] > 5e-4) & (share[:, 1] < 5e-3)).all()
                and (of["optimum"][:, 1] < 0.995 * of[PROTOCOLS[0]][:, 1]).all()
            ),
        ),
        Finding(
            f"test noise {noises[1]:g}: backwards the schedule is worse than the test's noise held throughout",
            "; ".join(
                f"{o}: {of['reversed'][i, 1]:.6f} against {of[PROTOCOLS[0]][i, 1]:.6f}" for i, o in enumerate(OBJECTIVES)
            ),
            bool((of["reversed"][:, 1] > of[PROTOCOLS[0]][:, 1]).all()),
        ),
        Finding(
            "the published objective lacks terms of the order of those that it keeps, and yet its optimum is nearly the "
            "exact one's: "
            "L at the end differs by more than 1%, the optimum judged exactly loses less than 0.1%",
            f"L = {of['optimum'][0, 1]:.7f}, exactly {of['optimum'][1, 1]:.7f}; loses {', '.join(f'{w:.1e}' for w in worse)}",
            bool(
                (np.abs(of["optimum"][0] / of["optimum"][1] - 1) > 0.01).all()
                and (worse < 1e-3).all()
                and (worse > -1e-9).all()
            ),
        ),
        Finding(
            f"networks of {dataset.attrs['dimension']} inputs have a part of the predicted gain over the best constant, and "
            "not all "
            "of it: by more than two standard errors each",
            f"{gain.mean():.4f} ± {error:.4f} of {predicted:.4f} ({gain.size} seeds, the same samples for both)",
            bool(gain.size > 1 and gain.mean() > 2 * error and gain.mean() < predicted - 2 * error),
        ),
        Finding(
            "where the learning rate is controlled too, and falls, noise is in the opposite order: little at first, most "
            "at the "
            "end; and L is below that of the schedule alone",
            f"D from {rated[0]:.3f} to {rated[-2]:.3f}, κ from {rate[0]:.2f} to {rate[-2]:.2f}; {freed:.6f} against "
            f"{of['optimum'][1, -1]:.6f}",
            bool(rated[0] < rated[-2] and rate[0] > rate[-2] and freed < of["optimum"][1, -1]),
        ),
    ]
