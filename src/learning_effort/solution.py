"""A solution: the effort found, what it is worth, and how it was found; as labelled arrays and on disk."""

from __future__ import annotations

import dataclasses
import json

import jax
import numpy as np

from . import storage
from .certificate import Certificate, first_certificate
from .errors import LearningEffortError
from .problem import Effort, Problem, Rollout

#: Weights are kept at no more times than this.
WEIGHT_TIMES = 500
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class History:
    """The solver's course, one entry an iteration: `value`, scaled `residual`, cumulative `gradients`, `seconds`."""

    value: np.ndarray
    residual: np.ndarray
    gradients: np.ndarray
    seconds: np.ndarray


@dataclasses.dataclass(frozen=True)
class Solution:
    """What `le.solve` returns.

    - `effort`: the best effort found, in effort's tree, NumPy arrays.
    - `value`, `baseline_value`, `neutral_value`: V under it, of the uncontrolled learner, and of the neutral effort paid
      for.
    - `rollout`, `baseline`: `Rollout`s, losses at all N steps, weights at the steps `weight_steps` (at most 500).
    - `history`, `certificate`, `reason` (why the solver stopped), `method`, `gradients`, `seconds`.
    - `problem`: None if the solution was loaded and its problem could not be rebuilt.
    - `starts`: the value that each start reached, in order; `optima`: for each, the number of the optimum it reached, 0
      being the best. None for a single start.
    """

    problem: Problem | None
    effort: Effort
    value: float
    baseline_value: float
    neutral_value: float
    rollout: Rollout
    baseline: Rollout
    weight_steps: np.ndarray
    history: History
    certificate: Certificate
    reason: str
    method: str
    gradients: int
    seconds: float
    starts: np.ndarray | None = None
    optima: np.ndarray | None = None

    @property
    def weight_times(self) -> np.ndarray:
        """The times at which weights are kept."""
        return self.rollout.times[self.weight_steps]

    def summary(self) -> str:
        """The figures of the solution, as a table in plain text."""
        rows = [("value", self.value), ("baseline", self.baseline_value)]
        if abs(self.neutral_value - self.baseline_value) > 1e-12 * abs(self.baseline_value):
            rows.append(("neutral, paid for", self.neutral_value))
        if self.certificate.constant_value is not None:
            rows.append(("best constant", self.certificate.constant_value))
        lines = [f"  {name:<18}{value:>18.10g}" for name, value in rows]
        lines.append(f"  {'gradients':<18}{self.gradients:>18d}")
        lines.append(f"  {'seconds':<18}{self.seconds:>18.1f}")
        text = [f"Solved by {self.method}", *lines, f"  {self.reason}", f"  {self.certificate.sentence}"]
        if self.starts is not None and self.starts_in_words() not in self.certificate.sentence:
            text.append(f"  {self.starts_in_words()}")
        return "\n".join(text)

    def starts_in_words(self) -> str:
        """What several starts reached: each distinct optimum's value and how many starts reached it."""
        if self.starts is None:
            return "There was a single start."
        numbers, counts = np.unique(self.optima, return_counts=True)
        best = [self.starts[self.optima == number].max() for number in numbers]
        reached = ", ".join(f"{value:.8g} ({count}×)" for value, count in zip(best, counts, strict=True))
        optima = "one optimum" if len(numbers) == 1 else f"{len(numbers)} distinct optima"
        return f"{len(self.starts)} starts reached {optima}: {reached}."

    def plot(self):
        """A matplotlib Figure: loss, reward and effort, with the baseline."""
        from .figures.solution import plot_solution

        return plot_solution(self)

    def to_xarray(self):
        """The solution as an `xarray.Dataset`: labelled arrays, times in the learner's units, attributes in words."""
        import xarray as xr

        times = self.rollout.times
        variables = {}
        for kind, rollout in (("control", self.rollout), ("baseline", self.baseline)):
            for name in ("loss", "cost", "reward"):
                attributes = {"long_name": f"{name} under {kind}", "units": "loss"}
                variables[f"{name}_{kind}"] = ("time", getattr(rollout, name), attributes)
            for i, weights in enumerate(rollout.weights):
                dims = ("weight_time", *(f"weights_{i}_{j}" for j in range(weights.ndim - 1)))
                variables[f"weights_{kind}_{i}"] = (dims, weights, {"long_name": f"weights {i + 1} under {kind}"})
        for name, parts in self.effort.items():
            for i, part in enumerate(parts if isinstance(parts, list) else [parts]):
                key = f"effort_{name}.{i}" if isinstance(parts, list) else f"effort_{name}"
                static = self.problem is not None and any(c.name == name and c.static for c in self.problem.controls)
                first = f"{key}.0" if static else f"knot_{name}"
                dims = (first, *(f"{key}.{j}" for j in range(1, part.ndim)))
                variables[key] = (dims[: part.ndim], part, {"long_name": f"effort '{name}'"})
        for field in dataclasses.fields(History):
            variables[f"history_{field.name}"] = ("iteration", getattr(self.history, field.name))
        if self.starts is not None:
            variables["starts"] = ("start", self.starts, {"long_name": "value that each start reached"})
            variables["optima"] = ("start", self.optima, {"long_name": "number of the optimum that each start reached"})
        attributes = {
            "format": FORMAT,
            "value": self.value,
            "baseline_value": self.baseline_value,
            "neutral_value": self.neutral_value,
            "gradients": self.gradients,
            "seconds": self.seconds,
            "reason": self.reason,
            "method": self.method,
            "certificate": json.dumps(dataclasses.asdict(self.certificate)),
            "effort_layers": json.dumps({n: len(p) if isinstance(p, list) else 0 for n, p in self.effort.items()}),
        }
        coordinates = {
            "time": ("time", times, {"long_name": "time", "units": "learning rate × steps"}),
            "weight_time": ("weight_time", self.weight_times),
            "weight_step": ("weight_time", self.weight_steps),
        }
        return xr.Dataset(variables, coordinates, attributes)

    def save(self, path) -> None:
        """Write the solution as netCDF, whole or not at all.

        **Raises:** `LearningEffortError` if the folder cannot be written.
        """
        dataset = self.to_xarray()
        description, arrays = storage.describe(self.problem)
        dataset.attrs["problem"] = json.dumps(description)
        for i, array in enumerate(arrays):
            dims = [f"problem_{i}_{j}" for j in range(array.ndim)]
            dataset[f"problem_{i}"] = (dims, array)
        storage.write(dataset, path)


def build(problem, effort, history, reason, method, gradients, seconds, converged: bool, residual: float) -> Solution:
    """A `Solution` from what a solver found, with both rollouts, the values compared, and a first certificate."""
    effort = jax.tree.map(np.asarray, effort)
    steps = kept_steps(problem)
    rollout, baseline = (jax.tree.map(np.asarray, problem.thinned_rollout(e, steps)) for e in (effort, None))
    weights = np.asarray(problem.weights(np.arange(problem.horizon.length)))
    value, baseline_value = (float(weights @ r.reward) for r in (rollout, baseline))
    certificate = first_certificate(problem, effort, converged, residual, value, baseline_value)
    return Solution(
        problem=problem,
        effort=effort,
        value=value,
        baseline_value=baseline_value,
        neutral_value=baseline_value - float(problem.neutral_cost()) * float(weights.sum()),
        rollout=rollout,
        baseline=baseline,
        weight_steps=steps,
        history=history,
        certificate=certificate,
        reason=reason,
        method=method,
        gradients=gradients,
        seconds=seconds,
    )


def kept_steps(problem: Problem) -> np.ndarray:
    """The steps (T,) at which a solution keeps weights."""
    return np.unique(np.linspace(0, problem.horizon.length - 1, WEIGHT_TIMES).round().astype(int))


def load(path, problem: Problem | None = None) -> Solution:
    """The solution in a file that `Solution.save` wrote.

    **Arguments:** `path`; `problem`, to bind instead of the stored one (needed where it has parts of the user's own).

    **Raises:** `LearningEffortError` if the file is missing, damaged, not a solution, or of a newer format, or if its
    effort does not fit `problem`.
    """
    dataset = storage.read(path)
    if "effort_layers" not in dataset.attrs or "certificate" not in dataset.attrs:
        raise LearningEffortError(f"{path} is a netCDF file, but not a solution saved by learning-effort.")
    attributes = dataset.attrs
    try:
        if int(attributes["format"]) > FORMAT:
            raise LearningEffortError(
                f"{path} is of format {int(attributes['format'])}; this version reads up to {FORMAT}. Upgrade learning-effort."
            )
        effort = {}
        for name, layers in json.loads(attributes["effort_layers"]).items():
            parts = [dataset[f"effort_{name}.{i}"].values for i in range(layers)]
            effort[name] = parts if layers else dataset[f"effort_{name}"].values

        def rollout(kind):
            weights = []
            while f"weights_{kind}_{len(weights)}" in dataset:
                weights.append(dataset[f"weights_{kind}_{len(weights)}"].values)
            courses = (dataset[f"{name}_{kind}"].values for name in ("loss", "cost", "reward"))
            return Rollout(dataset["time"].values, *courses, weights)

        if problem is None:
            problem = storage.rebuild(json.loads(attributes.get("problem", "null")), lambda i: dataset[f"problem_{i}"].values)
        else:
            problem.check_effort(effort)
        return Solution(
            problem=problem,
            effort=effort,
            value=float(attributes["value"]),
            baseline_value=float(attributes["baseline_value"]),
            neutral_value=float(attributes["neutral_value"]),
            rollout=rollout("control"),
            baseline=rollout("baseline"),
            weight_steps=dataset["weight_step"].values,
            history=History(**{f.name: dataset[f"history_{f.name}"].values for f in dataclasses.fields(History)}),
            certificate=Certificate(**json.loads(attributes["certificate"])),
            reason=str(attributes["reason"]),
            method=str(attributes["method"]),
            gradients=int(attributes["gradients"]),
            seconds=float(attributes["seconds"]),
            starts=dataset["starts"].values if "starts" in dataset else None,
            optima=dataset["optima"].values if "optima" in dataset else None,
        )
    except LearningEffortError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise LearningEffortError(f"{path} is incomplete: {error}. It cannot be read; solve again.") from None
