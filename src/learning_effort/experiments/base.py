"""An experiment of the paper: a frozen dataclass of parameters, the problems it builds, its findings and its figure."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

from ..errors import LearningEffortError


class Finding(NamedTuple):
    """A claim of the paper, its measure in words with the number measured, and whether it holds."""

    name: str
    measured: str
    holds: bool


@dataclasses.dataclass(frozen=True)
class Result:
    """What an experiment's `run` returns: `solutions` by label, `simulations` by label, and a compact `dataset`."""

    experiment: Any
    solutions: dict
    simulations: dict
    dataset: Any


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What every experiment offers: `problems()`, `run()`, `findings(result)`, `figure(result)`."""

    name: ClassVar[str]
    description: ClassVar[str]

    def problems(self) -> dict:
        """The problems it solves, by label."""
        raise NotImplementedError

    def problem(self):
        """The problem of an experiment that has a single one."""
        problems = self.problems()
        if len(problems) != 1:
            raise LearningEffortError(f"{self.name} has {len(problems)} problems; use problems().")
        return next(iter(problems.values()))

    def run(self, progress=True) -> Result:
        """Solve, certify and simulate. **Arguments:** `progress` as for `le.solve`."""
        from ..certificate import certify
        from ..solvers import solve

        solution = solve(self.problem(), progress=progress)
        try:
            solution = dataclasses.replace(solution, certificate=certify(solution))
        except KeyboardInterrupt:
            pass  # what is solved is kept, with the certificate it has
        return self.result({"control": solution})

    def result(self, solutions: dict) -> Result:
        """The `Result` of solutions already at hand: what `run` returns, and what a saved run is read back into."""
        simulations = self.simulations(solutions)
        return Result(self, solutions, simulations, self.dataset(solutions, simulations))

    def simulations(self, solutions: dict) -> dict:
        """Simulations on samples, by label; none unless an experiment has them."""
        return {}

    def dataset(self, solutions: dict, simulations: dict):
        """Loss, reward and cost of control and baseline, and simulated means, as an `xarray.Dataset`."""
        import xarray as xr

        (solution,) = solutions.values()
        variables = {}
        for kind, rollout in (("control", solution.rollout), ("baseline", solution.baseline)):
            for quantity in ("loss", "reward", "cost"):
                variables[f"{quantity}_{kind}"] = ("time", getattr(rollout, quantity))
        for label, simulation in simulations.items():
            variables[f"simulated_{label}_mean"] = ("time", simulation.mean)
            variables[f"simulated_{label}_std"] = ("time", simulation.std)
        return xr.Dataset(variables, {"time": ("time", solution.rollout.times)})

    def findings(self, result: Result) -> list[Finding]:
        raise NotImplementedError

    def figure(self, result: Result):
        raise NotImplementedError
