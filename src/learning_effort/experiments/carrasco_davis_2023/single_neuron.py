"""The single neuron (paper, figure 2a–d)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...measures import crossing, falls_throughout
from ..base import Experiment, Finding
from ..collect import course, courses


@dataclasses.dataclass(frozen=True)
class SingleNeuron(Experiment):
    """One neuron learns to tell two Gaussians apart; effort is the gain on its weight.

    `gamma` γ, `beta` β of the quadratic cost, `steps` N, `learning_rate` Δt, `weight_decay` λ, `mean` μ and `std` σ of
    the inputs, the box from `lower` to `upper`; `batch` samples a step and `seeds` runs in the simulation.
    """

    name = "single-neuron"
    description = "one neuron, two Gaussians, gain: what effort is worth in the simplest case (fig. 2a-d)"

    gamma: float = 0.99
    beta: float = 0.3
    steps: int = 600
    learning_rate: float = 1e-3
    weight_decay: float = 0.1
    mean: float = 2.0
    std: float = 1.0
    lower: float = 0.0
    upper: float = 0.5
    batch: int = 128
    seeds: int = 10

    ascent = (10.0, 700)

    def problems(self):
        """A single one, "control"."""
        import learning_effort as le

        learner = le.LinearNetwork(
            le.tasks.TwoGaussians(self.mean, self.std),
            hidden=(),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            weights=[np.zeros((1, 1))],
        )
        control = le.Gain(bounds=(self.lower, self.upper), cost=le.costs.Quadratic(self.beta))
        return {"control": le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)}

    def dataset(self, solutions):
        """The courses; `gain` g*(t) (time,); `weight_control`, `weight_baseline`, `effective_weight` w(1 + g) (weight_time,);
        `simulated_…` losses (simulation, time), their mean and standard deviation (time,); `exact_value`, V by dynamic
        programming."""
        from ...analysis.simulation import simulate
        from ...solvers.exact.exact import Exact

        (solution,) = solutions.values()
        gain = solution.effort["gain"][0].ravel()
        dataset = courses(
            [solution],
            {},
            extra={"gain": lambda s: gain},
            kept={
                "weight_control": lambda s: s.rollout.weights[0].ravel(),
                "weight_baseline": lambda s: s.baseline.weights[0].ravel(),
                "effective_weight": lambda s: s.rollout.weights[0].ravel() * (1 + gain[s.weight_steps]),
            },
        )
        for kind, effort in (("control", solution.effort), ("baseline", None)):
            simulation = simulate(solution.problem, effort, self.batch, self.seeds)
            dataset[f"simulated_{kind}"] = (("simulation", "time"), simulation.loss)
            dataset[f"simulated_{kind}_mean"] = ("time", simulation.mean)
            dataset[f"simulated_{kind}_std"] = ("time", simulation.std)
        dataset["exact_value"] = Exact().policy(solution.problem).rollout()[1]
        return dataset

    def findings(self, result):
        """Of the courses, the simulations and the exact value."""
        d = result.dataset
        scatter = {
            kind: (d[f"simulated_{kind}_mean"].values, d[f"simulated_{kind}_std"].values / np.sqrt(d.sizes["simulation"]))
            for kind in ("control", "baseline")
        }
        values = float(d["answer_value"][0]), float(d["answer_baseline"][0])
        exact = float(d["exact_value"])
        return neuron_findings(course(d, "control"), course(d, "baseline"), d["gain"].values, *values, scatter, exact)

    def figure(self, result):
        """Reward, loss, gain and weight over time."""
        from ...figures.carrasco_davis_2023.single_neuron import single_neuron_figure

        return single_neuron_figure(result)

    def quick(self):
        """A sixth of the horizon, two simulations."""
        return dataclasses.replace(self, steps=min(self.steps, 100), seeds=2)


def neuron_findings(control, baseline, gain, value, baseline_value, scatter, exact=None) -> list[Finding]:
    """The paper's claims, on the courses of control and baseline, g*(t) (N,), the values, the simulations' (mean, standard
    error), both (N,), by kind, and the value found by dynamic programming. Values in loss × time."""
    cross = crossing(control.reward, baseline.reward)
    half = len(gain) // 2
    findings = [
        Finding(
            "the agent pays first: v(0) under control is below baseline",
            f"{control.reward[0]:.3f} against {baseline.reward[0]:.3f}",
            bool(control.reward[0] < baseline.reward[0]),
        ),
        Finding(
            "it is ahead after a crossing of v(t)",
            "no crossing" if cross is None else f"at t = {control.times[cross]:.3f}",
            cross is not None and bool((control.reward[-10:] > baseline.reward[-10:]).all()),
        ),
        Finding("its value is higher", f"{value:.6f} against {baseline_value:.6f}", bool(value > baseline_value)),
        Finding(
            "g* falls monotonically",
            f"from {gain[0]:.3f} to {gain[-1]:.3f}",
            falls_throughout(gain),
        ),
        Finding(
            "the loss falls faster under control: L at half the horizon",
            f"{control.loss[half]:.4f} against {baseline.loss[half]:.4f}",
            bool(control.loss[half] < baseline.loss[half]),
        ),
    ]
    if scatter:
        theory = {"control": control.loss, "baseline": baseline.loss}
        worst = max(
            float(np.sqrt(np.mean(((theory[k] - mean) / np.maximum(error, 1e-12)) ** 2)))
            for k, (mean, error) in scatter.items()
        )
        findings.append(
            Finding(
                "the simulation scatters around the theory: root mean square distance in standard errors, below 3",
                f"{worst:.2f}",
                worst < 3,
            )
        )
    if exact is not None:
        findings.append(
            Finding(
                "g* is the global optimum (dynamic programming): |V − V_dp|, at most 1e-9",
                f"{abs(value - exact):.1e}",
                abs(value - exact) <= 1e-9,
            )
        )
    return findings
