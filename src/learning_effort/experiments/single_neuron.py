"""The single neuron (paper, figure 2a–d)."""

from __future__ import annotations

import dataclasses

import numpy as np

from .base import Experiment, Finding
from .measures import crossing, falls_throughout


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

    def problems(self):
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

    def simulations(self, solutions):
        from ..simulation import simulate

        solution = solutions["control"]
        efforts = {"control": solution.effort, "baseline": None}
        return {k: simulate(solution.problem, e, self.batch, self.seeds) for k, e in efforts.items()}

    def findings(self, result):
        solution = result.solutions["control"]
        gain = solution.effort["gain"][0].ravel()
        scatter = {label: (s.mean, s.std / np.sqrt(len(s.loss))) for label, s in result.simulations.items()}
        return neuron_findings(solution.rollout, solution.baseline, gain, solution.value, solution.baseline_value, scatter)

    def figure(self, result):
        from ..figures.single_neuron import single_neuron_figure

        return single_neuron_figure(result)


def neuron_findings(control, baseline, gain, value, baseline_value, scatter) -> list[Finding]:
    """The paper's claims, on the rollouts, g*(t), and the simulations' (mean, standard error) by label."""
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
        rollouts = {"control": control, "baseline": baseline}
        worst = max(
            float(np.sqrt(np.mean(((rollouts[k].loss - mean) / np.maximum(error, 1e-12)) ** 2)))
            for k, (mean, error) in scatter.items()
        )
        findings.append(
            Finding(
                "the simulation scatters around the theory: root mean square distance in standard errors, below 3",
                f"{worst:.2f}",
                worst < 3,
            )
        )
    return findings
