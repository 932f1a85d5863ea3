"""An experiment of the paper: a frozen dataclass of parameters, the problems it builds, its findings and its figure.

Everything that findings and figures need is in the result's dataset, so that a saved run can be judged and drawn again
without solving anything.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

from ..errors import LearningEffortError, count
from .labels import Label


class Finding(NamedTuple):
    """A claim of the paper, its measure in words with the number measured, and whether it holds."""

    name: str
    measured: str
    holds: bool


@dataclasses.dataclass(frozen=True)
class Result:
    """What an experiment's `run` returns: `solutions` by label (none where a saved run was read), and `dataset`."""

    experiment: Any
    solutions: dict
    dataset: Any

    def __repr__(self) -> str:
        """What it is of, in a line."""
        sizes = f"{len(self.solutions)} solutions, a dataset of {len(self.dataset.data_vars)} variables"
        return f"Result({self.experiment!r}, {sizes})"

    def _repr_html_(self) -> str:
        """The result as notebooks show it: its findings, and its figure."""
        from ..figures.style import as_png
        from ..files.html import table

        rows = [(("holds: " if f.holds else "does not hold: ") + f.name, f.measured) for f in self.experiment.findings(self)]
        return table(self.experiment.name, rows, self.experiment.description, as_png(self.experiment.figure(self)))


#: Every experiment that has been defined, by its name.
KNOWN: dict[str, type[Experiment]] = {}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What every experiment offers: `problems()`, `run()`, `findings(result)`, `figure(result)`, `quick()`.

    `ascent` is Algorithm 1 as the paper ran it: (step size, iterations), or (step size, iterations, "amsgrad" or "adam").
    `needs` names the experiments whose datasets it builds on.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    ascent: ClassVar[tuple | None] = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **keywords):
        """An experiment with a name of its own signs in under it."""
        super().__init_subclass__(**keywords)
        if "name" in vars(cls):
            KNOWN[cls.name] = cls

    def problems(self) -> dict:
        """The problems it solves, by label: a text, or a `Label` with named coordinates. None where nothing is optimised."""
        raise NotImplementedError

    def problem(self):
        """The problem of an experiment that has a single one."""
        problems = self.problems()
        if len(problems) != 1:
            raise LearningEffortError(f"{self.name} has {len(problems)} problems; use problems().")
        return next(iter(problems.values()))

    def solve(self, progress=True) -> dict:
        """The solutions of its problems, by label, those of equal shape solved together; a single one is certified in full."""
        from ..analysis.certify import certify
        from ..solvers.many import solve_many
        from ..solvers.one import solve

        problems = self.problems()
        if not problems:
            return {}
        if len(problems) != 1:
            return dict(zip(problems, solve_many(list(problems.values()), progress=progress), strict=True))
        solution = solve(self.problem(), progress=progress)
        try:
            if not solution.interrupted:
                certify(solution)
        except KeyboardInterrupt:
            pass  # what is solved is kept, with the certificate it has
        return {label: solution for label in problems}

    def run(self, progress=True, earlier: dict | None = None) -> Result:
        """Solve, certify and, where the paper does, simulate.

        **Arguments:** `progress` as for `le.solve`; `earlier`, {name: dataset} of experiments already run, for one that
        `needs` them (it overrides this method and asks `needed`).
        """
        return self.result(self.solve(progress))

    def needed(self, progress=True, earlier: dict | None = None) -> dict:
        """{name: dataset} of the experiments it `needs`: from `earlier` where they are there, else run with the paper's
        parameters."""
        earlier = earlier or {}
        return {n: earlier[n] if n in earlier else KNOWN[n]().run(progress).dataset for n in self.needs}

    def result(self, solutions: dict) -> Result:
        """The `Result` of solutions already at hand: what `run` returns, and what a saved run is read back into."""
        from .collect import answers

        dataset = self.dataset(solutions)
        return Result(self, solutions, dataset.merge(answers(solutions)) if solutions else dataset)

    def dataset(self, solutions: dict):
        """What findings and figure need, as an `xarray.Dataset`."""
        raise NotImplementedError

    def findings(self, result: Result) -> list[Finding]:
        """The paper's claims, each with its measure; from `result.dataset` alone."""
        raise NotImplementedError

    def figure(self, result: Result):
        """The paper's figure as a matplotlib Figure; from `result.dataset` alone."""
        raise NotImplementedError

    def quick(self) -> Experiment:
        """The same experiment with short horizons and one seed: for a look, not for its findings."""
        fields = {f.name for f in dataclasses.fields(self)}
        changes = {"steps": 600, "seeds": 1, "knots": 20}
        return dataclasses.replace(self, **{k: v for k, v in changes.items() if k in fields and getattr(self, k) > v})


def seeded(problem, first: int, seeds: int, **coordinates) -> dict:
    """{label: problem(seed)} for `seeds` seeds from `first` on, labelled by `coordinates` and the seed."""
    count(seeds, "seeds", "an experiment")
    return {Label(**coordinates, seed=seed): problem(seed) for seed in range(first, first + seeds)}


def every_seed(name: str, holds, measured: str) -> Finding:
    """A finding that holds if it does for every seed, `holds` (seeds,); says for how many where there are several."""
    if len(holds) > 1:
        measured = f"{measured} (mean; {sum(map(bool, holds))} of {len(holds)} seeds)"
    return Finding(name, measured, all(map(bool, holds)))
