"""What average dynamics save: the same ascent on them and on unrolled stochastic gradient descent (paper, appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding

#: What Algorithm 1 is run on.
ASCENTS = ("average", "samples")


@dataclasses.dataclass(frozen=True)
class Tractability(Experiment):
    """Algorithm 1 with step `ascent_step` for `iterations` on the gain of a network that tells two digits apart: on its
    average dynamics, and on learning by mini-batches of `batch` samples unrolled, with fresh batches at every iteration. Both
    efforts are also judged by the average dynamics. Beside them, our solver on the average dynamics with `knots`.

    `gamma` γ, `beta` β of the exponential cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `hidden` units, the box from
    `lower` to `upper`, `digits` from `source` as for `le.tasks.Digits`, `init_scale` and `seed` of the initial weights.
    """

    name = "tractability"
    description = "Algorithm 1 on average dynamics and on unrolled SGD: value against iterations and seconds"

    gamma: float = 0.99
    beta: float = 0.3
    steps: int = 6000
    learning_rate: float = 5e-3
    weight_decay: float = 0.01
    hidden: int = 50
    lower: float = -0.5
    upper: float = 0.5
    batch: int = 32
    ascent_step: float = 10.0
    iterations: int = 50
    knots: int = 150
    digits: tuple[int, ...] = (1, 3)
    source: str = "bundled"
    init_scale: float = 1e-2
    seed: int = 0

    def _learner(self):
        """The network on its average dynamics."""
        import learning_effort as le

        return le.LinearNetwork(
            le.tasks.Digits(self.digits, source=self.source),
            hidden=(self.hidden,),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            init_scale=self.init_scale,
            seed=self.seed,
        )

    def _problem(self, learner, **knots):
        """The gain of a learner, with these knots."""
        import learning_effort as le

        control = le.Gain((self.lower, self.upper), cost=le.costs.Exponential(self.beta), **knots)
        return le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)

    def problems(self):
        """Average dynamics with knots, for our solver; and, with one value a step, what Algorithm 1 is run on."""
        import equinox as eqx
        import jax
        import optax

        import learning_effort as le

        average = self._learner()

        def layer(weights):
            """A layer of the sampled network with `weights` (rows, columns)."""
            rows, columns = weights.shape
            blank = eqx.nn.Linear(columns, rows, use_bias=False, key=jax.random.key(0))
            return eqx.tree_at(lambda layer: layer.weight, blank, weights)

        samples = le.SampledNetwork(
            average.task,
            eqx.nn.Sequential([layer(weights) for weights in average.initial_weights]),
            optax.chain(optax.add_decayed_weights(self.weight_decay), optax.sgd(self.learning_rate)),
            batch_size=self.batch,
            step_size=self.learning_rate,
            seed=self.seed,
        )
        knots = {"knots": min(self.knots, self.steps), "interpolation": "linear"} if self.knots else {}
        return {
            "solver": self._problem(average, **knots),
            "average": self._problem(average),
            "samples": self._problem(samples),
        }

    def solve(self, progress=True):
        """Our solver twice, so that in its seconds nothing is left to compile; then both ascents."""
        import learning_effort as le

        from ...solvers.ascent import JudgedAscent, JudgedHistory

        problems = self.problems()
        le.solve(problems["solver"], progress=False)
        solutions = {"solver": le.solve(problems["solver"], progress=progress)}
        for name in ASCENTS:
            method = JudgedAscent(self.ascent_step, self.iterations, problems["average"])
            solution = le.solve(problems[name], method, progress=progress)
            solutions[name] = dataclasses.replace(solution, history=JudgedHistory.of(solution.history, method.judged))
        return solutions

    def dataset(self, solutions):
        """`value`, `judged` (V to the average learner) and `seconds` (ascent, iteration); of our solver `solver_value`,
        `solver_gradients` and `solver_seconds` (solver_iteration,)."""
        import xarray as xr

        histories = [solutions[name].history for name in ASCENTS]
        own = solutions["solver"].history
        shortest = min(len(history.value) for history in histories)

        def stacked(name):
            """That of both ascents, as a variable."""
            return ("ascent", "iteration"), np.array([getattr(history, name)[:shortest] for history in histories])

        variables = {name: stacked(name) for name in ("value", "judged", "seconds")}
        for name in ("value", "gradients", "seconds"):
            variables[f"solver_{name}"] = ("solver_iteration", getattr(own, name))
        coordinates = {"ascent": list(ASCENTS), "iteration": np.arange(shortest)}
        return xr.Dataset(variables, coordinates, {"baseline_value": solutions["solver"].baseline_value})

    def findings(self, result):
        """Of both ascents and of our solver."""
        dataset = result.dataset
        courses = {name: {k: dataset[k].sel(ascent=name).values for k in ("value", "judged", "seconds")} for name in ASCENTS}
        solver = {k: dataset[f"solver_{k}"].values for k in ("value", "gradients")}
        return tractability_findings(courses, solver, dataset.attrs["baseline_value"])

    def figure(self, result):
        """Value against iterations and seconds."""
        from ...figures.carrasco_davis_2023.tractability import tractability_figure

        return tractability_figure(result)

    def quick(self):
        """Three iterations of a smaller network."""
        return dataclasses.replace(self, steps=300, knots=20, iterations=3, hidden=10)


def tractability_findings(courses, solver, baseline_value) -> list[Finding]:
    """The claims, on {"average", "samples"} → {"value", "judged", "seconds"} by iteration, and the solver's "value" and
    "gradients" by iteration."""
    average, samples = (courses[name] for name in ASCENTS)
    ends = {name: course["judged"][-1] for name, course in courses.items()}
    iterations = len(average["judged"]) - 1
    share = (ends["samples"] - baseline_value) / max(ends["average"] - baseline_value, 1e-12)
    pace = {name: course["seconds"][-1] / iterations for name, course in courses.items()}
    reached = np.flatnonzero(solver["value"] >= ends["average"])
    gradients = int(solver["gradients"][reached[0]]) if reached.size else None
    return [
        Finding(
            "ascent on the average dynamics raises the value at every iteration",
            f"from {average['judged'][0]:.5f} to {ends['average']:.5f}, baseline {baseline_value:.5f}",
            bool((np.diff(average["judged"]) > -1e-9).all() and ends["average"] > baseline_value),
        ),
        Finding(
            "ascent on samples finds much the same: what its effort is worth to the average learner above baseline, as a share "
            "of what the other's is, above 0.8",
            f"{share:.3f} ({ends['samples']:.5f} against {ends['average']:.5f})",
            bool(ends["average"] > baseline_value and share > 0.8),
        ),
        Finding(
            "an iteration takes less time on the average dynamics: seconds an iteration",
            f"{pace['average']:.3g} against {pace['samples']:.3g} on samples",
            bool(pace["average"] < pace["samples"]),
        ),
        Finding(
            "converged: the quasi-Newton answer is worth more than Algorithm 1's, and is past it in fewer gradients",
            f"{solver['value'][-1]:.5f} against {ends['average']:.5f}; "
            + (f"past it after {gradients} gradients of {iterations}" if gradients else "not reached"),
            gradients is not None and gradients < iterations,
        ),
    ]
