"""Solutions as labelled arrays (docs/results.md), on disk and back (format 3; 1, of version 0.1.0, and 2 are read too)."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..controls.knots import Knots
from ..errors import Given, LearningEffortError, shown
from ..files import disk
from ..files.describe import NotDescribed, describe, rebuild
from ..files.fits import fits
from ..files.paths import printable
from ..files.reading import reading
from ..problem.effort import Effort
from ..problem.problem import Problem, Rollout
from ..runtime.random_keys import GENERATOR
from .certificate import Certificate, Method, Stage, Status
from .settings import settings_in

if TYPE_CHECKING:
    import xarray

#: The format of the files that are written.
FORMAT = 3
#: A problem that is bound to a file gives its effort the same value, to this share.
SAME = 1e-6
#: What a solver's history holds, an entry an iteration.
COURSES = ("value", "residual", "gradients", "seconds")
#: The kinds of NumPy's whole numbers.
WHOLE = "iu"
#: The units of times.
UNITS = "learning rate × steps"
#: What is said in words is cut here.
LONGEST = 10_000


def of_solution(solution: Any) -> xarray.Dataset:
    """A `Solution` as an `xarray.Dataset`: labelled arrays, times in the learner's units, attributes in words."""
    import xarray as xr

    times = solution.rollout.times
    keys = effort_keys(solution.effort)
    variables: dict[str, Any] = {}
    for kind, rollout in (("control", solution.rollout), ("baseline", solution.baseline)):
        for name in ("loss", "cost", "reward"):
            attributes = {"long_name": f"{name} under {kind}", "units": "loss"}
            variables[f"{name}_{kind}"] = ("time", getattr(rollout, name), attributes)
        for i, weights in enumerate(rollout.weights):
            dims = ("weight_time", *(f"weights_{i}_{j}" for j in range(weights.ndim - 1)))
            variables[f"weights_{kind}_{i}"] = (dims, weights, {"long_name": f"weights {i + 1} under {kind}"})
        for name, array in rollout.observables.items():
            dims = ("weight_time", *(f"{name}_{j}" for j in range(array.ndim - 1)))
            variables[f"{name}_{kind}"] = (dims, array, {"long_name": f"{name} under {kind}"})
    for name in ("value", "baseline_value", "neutral_value"):
        variables[name] = ((), getattr(solution, name), {"long_name": name.replace("_", " "), "units": "loss × time"})
    coordinates: dict[str, Any] = {
        "time": ("time", times, {"long_name": "time", "units": UNITS}),
        "weight_time": ("weight_time", solution.weight_times, {"long_name": "times at which weights are kept", "units": UNITS}),
        "weight_step": ("weight_time", solution.weight_steps, {"long_name": "steps at which weights are kept"}),
        "iteration": ("iteration", np.arange(len(solution.history.value)), {"long_name": "iteration of the solver"}),
    }
    for name, parts in solution.effort.items():
        knots = solution.knots[name]
        if knots is not None:
            at = np.interp(knots.positions, np.arange(times.size), times)
            of_knots = {"long_name": f"times of the knots of '{name}'", "units": UNITS, "interpolation": knots.interpolation}
            coordinates[f"knot_{name}"] = (f"knot_{name}", at, of_knots)
        for key, part in zip(keys[name], parts if isinstance(parts, list) else [parts], strict=True):
            first = f"{key}_axis_0" if knots is None else f"knot_{name}"
            dims = (first, *(f"{key}_axis_{j}" for j in range(1, part.ndim)))
            variables[key] = (dims[: part.ndim], part, {"long_name": f"effort '{name}'"})
    for name in COURSES:
        said_of_it = {"long_name": f"{name} at each iteration"}
        variables[f"history_{name}"] = ("iteration", getattr(solution.history, name), said_of_it)
    if solution.starts is not None:
        coordinates["start"] = ("start", np.arange(len(solution.starts)), {"long_name": "number of the start"})
        variables["starts"] = ("start", solution.starts, {"long_name": "value that each start reached"})
        variables["optima"] = ("start", solution.optima, {"long_name": "number of the optimum that each start reached"})
    said: dict[str, Any] = {
        "format": FORMAT,
        "value": solution.value,
        "baseline_value": solution.baseline_value,
        "neutral_value": solution.neutral_value,
        "gradients": solution.gradients,
        "seconds": solution.seconds,
        **({} if solution.compile_seconds is None else {"compile_seconds": solution.compile_seconds}),
        "generator": GENERATOR,
        "status": solution.status.value,
        "reason": solution.reason,
        "method": solution.method,
        "stages": json.dumps([_plain(stage) for stage in solution.stages]),
        "notes": json.dumps(list(solution.notes)),
        "certificate": json.dumps(solution.certificate.described()),
        "observables": json.dumps(list(solution.rollout.observables)),
        **solution.settings,
        "effort_variables": json.dumps(keys),
        "effort_layers": json.dumps({n: len(p) if isinstance(p, list) else 0 for n, p in solution.effort.items()}),
        "effort_knots": json.dumps({n: None if k is None else dataclasses.asdict(k) for n, k in solution.knots.items()}),
    }
    return xr.Dataset(variables, coordinates, said)


def effort_keys(effort: Effort) -> dict[str, list[str]]:
    """The variables of each control's effort: its name; with the number of its layer, where there is one for each."""
    keys: dict[str, list[str]] = {}
    for name, parts in effort.items():
        own = [f"effort_{name}_{i}" for i in range(len(parts))] if isinstance(parts, list) else [f"effort_{name}"]
        taken = {key for others in keys.values() for key in others} | {f"effort_{other}" for other in effort if other != name}
        while taken & set(own):
            own = [f"{key}_" for key in own]
        keys[name] = own
    return keys


def write_solution(solution: Any, path: Given[str | os.PathLike[str]]) -> None:
    """Write a `Solution` as netCDF, whole or not at all, with its problem where files can describe it; **warns** if not."""
    dataset = of_solution(solution)
    description = None
    if solution.problem is not None:
        try:
            description, arrays = describe(solution.problem)
            for i, array in enumerate(arrays):
                dataset[f"problem_{i}"] = ([f"problem_{i}_{j}" for j in range(array.ndim)], array)
        except NotDescribed as why:
            warnings.warn(
                f"{printable(path)} keeps the answer but not its problem: {why}. Give it a file_name, or bind the problem "
                "when you load the file: le.load(path, problem=…).",
                stacklevel=3,
            )
    dataset.attrs["problem"] = json.dumps(description)
    disk.write(dataset, path)


def read_solution(path: Given[str | os.PathLike[str]], problem: Problem | None) -> dict[str, Any]:
    """The fields of the `Solution` in a file, its history as a dict; `problem` to bind instead of the stored one.

    **Raises:** `LearningEffortError` if the file is missing, damaged, not a solution, or of a newer format, or if its
    effort does not fit `problem`.
    """
    dataset = disk.read(path)
    if not (problem is None or isinstance(problem, Problem)):
        raise LearningEffortError(f"The 'problem' of load must be an le.Problem. Got {shown(problem)} instead.")
    with reading(Path(path)):
        fields = _fields(dataset, path, problem)
        _require_whole(fields)
        if problem is None and fields["problem"] is not None:
            fields["problem"].check_effort(fields["effort"])
    if problem is not None:
        _require_same(path, problem, fields["effort"], fields["value"])
    return fields


def _fields(dataset: xarray.Dataset, path: object, problem: Problem | None) -> dict[str, Any]:
    """The fields in a file's `dataset`. **Raises:** whatever reading what is not there raises."""
    given = dataset.attrs
    if "effort_layers" not in given or "certificate" not in given:
        raise LearningEffortError(f"{path} is a netCDF file, but not a solution saved by learning-effort.")
    if int(given["format"]) > FORMAT:
        raise LearningEffortError(
            f"{path} is of format {int(given['format'])}; this version reads up to {FORMAT}. Upgrade learning-effort."
        )
    effort: dict[str, Any] = {}
    keys = json.loads(given["effort_variables"]) if int(given["format"]) >= 3 else {}
    for name, layers in json.loads(given["effort_layers"]).items():
        before = [f"effort_{name}.{i}" for i in range(layers)] if layers else [f"effort_{name}"]
        parts = [_numbers(dataset, key) for key in keys.get(name, before)]
        effort[name] = parts if layers else parts[0]
    if problem is None:
        problem = rebuild(json.loads(given.get("problem", "null")), lambda i: dataset[f"problem_{i}"].values)
    several = "starts" in dataset
    fields = {
        "problem": problem,
        "effort": effort,
        "value": float(given["value"]),
        "baseline_value": float(given["baseline_value"]),
        "neutral_value": float(given["neutral_value"]),
        "rollout": _rollout(dataset, "control"),
        "baseline": _rollout(dataset, "baseline"),
        "weight_steps": _numbers(dataset, "weight_step", WHOLE),
        "history": {
            name: numbers if name == "gradients" else numbers.astype(float)
            for name in COURSES
            for numbers in [_numbers(dataset, f"history_{name}")]
        },
        "reason": printable(given["reason"], LONGEST),
        "method": printable(given["method"], LONGEST),
        "gradients": int(given["gradients"]),
        "seconds": float(given["seconds"]),
        "starts": _numbers(dataset, "starts") if several else None,
        "optima": _numbers(dataset, "optima", WHOLE) if several else None,
        "told": settings_in(given),
        "compile_seconds": float(given["compile_seconds"]) if "compile_seconds" in given else None,
        "notes": tuple(printable(note, LONGEST) for note in json.loads(given.get("notes", "[]"))),
    }
    known = _format_2 if "examination" in json.loads(given["certificate"]) else _format_1
    return fields | known(dataset, fields)


def _numbers(dataset: xarray.Dataset, name: str, kinds: str = WHOLE + "f") -> np.ndarray:
    """The numbers of a variable. **Raises:** `KeyError` without it, `ValueError` if they are of none of the `kinds`."""
    values = dataset[name].values
    if values.dtype.kind not in kinds:
        raise ValueError(f"{name} is {values.dtype}")
    return values


def _require_whole(fields: dict[str, Any]) -> None:
    """**Raises:** `ValueError`, or another error, if the parts of a solution are not what they should be, or do not belong
    together; which is all that using them relies on."""
    rollout, baseline, kept, effort, knots = (fields[n] for n in ("rollout", "baseline", "weight_steps", "effort", "knots"))
    n, counted = rollout.times.size, fields["starts"] is not None
    shapes = [[w.shape for w in r.weights] for r in (rollout, baseline)]
    whole = {
        "problem": fields["problem"] is None or isinstance(fields["problem"], Problem),
        "values": np.isfinite([fields["value"], fields["baseline_value"], *rollout.times]).all(),
        "curves": n > 0 and all(curve.shape == (n,) for r in (rollout, baseline) for curve in r[:4]),
        "steps of weights": kept.ndim == 1 and kept.size > 0 and 0 <= kept.min() <= kept.max() < n,
        "weights": shapes[0] == shapes[1] != [] and all(shape[:1] == kept.shape for shape in shapes[0]),
        "observables": all(a.shape[:1] == kept.shape for r in (rollout, baseline) for a in r.observables.values()),
        "history": {course.shape for course in fields["history"].values()} == {fields["history"]["value"].shape[:1]},
        "starts": not counted or fields["starts"].shape == fields["optima"].shape == (fields["starts"].size,),
        "stages": fits(fields["stages"], tuple[Stage, ...]),
        "certificate": fits(fields["certificate"], Certificate) and bool(fields["certificate"].sentence),
        "knots": fits(knots, dict[str, Knots | None]) and knots.keys() == effort.keys(),
        "effort": effort != {} and all(_has_knots(parts, knots[name], n) for name, parts in effort.items()),
    }
    wrong = [name for name, right in whole.items() if not right]
    if wrong:
        raise ValueError(f"its {', '.join(wrong)} cannot be so")


def _has_knots(parts: np.ndarray | list[np.ndarray], knots: Knots | None, n: int) -> bool:
    """Whether effort is finite and has a value at each of its `knots` over `n` steps."""
    arrays = parts if isinstance(parts, list) else [parts]
    if not all(np.isfinite(array).all() for array in arrays):
        return False
    if knots is None:
        return True
    possible = 1 <= knots.number <= knots.steps == n and knots.interpolation in ("hold", "linear")
    return possible and all(array.shape[:1] == (knots.number,) for array in arrays)


def _require_same(path: object, problem: Problem, effort: Effort, stored: float) -> None:
    """**Raises:** `LearningEffortError` if the effort does not fit `problem`, or is not worth there what the file says."""
    value = float(problem.value(problem.check_effort(effort)))
    if not abs(value - stored) <= SAME * abs(stored):
        raise LearningEffortError(
            f"{printable(path)} is the answer to another problem: its effort is worth {stored:.9g} by the file, and "
            f"{value:.9g} in the one given. Give the problem that was solved; or load the file without one."
        )


def _rollout(dataset: xarray.Dataset, kind: str) -> Rollout:
    """The rollout in a file of this kind, "control" or "baseline"."""
    weights: list[np.ndarray] = []
    while f"weights_{kind}_{len(weights)}" in dataset:
        weights.append(_numbers(dataset, f"weights_{kind}_{len(weights)}"))
    loss, cost, reward = (_numbers(dataset, f"{name}_{kind}") for name in ("loss", "cost", "reward"))
    watched = json.loads(dataset.attrs.get("observables", "[]"))
    observables = {name: _numbers(dataset, f"{name}_{kind}") for name in watched}
    times, loss, cost, reward = (np.asarray(a, float) for a in (_numbers(dataset, "time"), loss, cost, reward))
    return Rollout(times, loss, cost, reward, weights, observables)


def _plain(stage: Stage) -> dict[str, Any]:
    """A stage as JSON takes it."""
    return dataclasses.asdict(stage) | {"method": stage.method.value, "status": stage.status.value}


def _format_2(dataset: xarray.Dataset, fields: dict[str, Any]) -> dict[str, Any]:
    """Certificate, stages and knots as they are written now."""
    given = dataset.attrs
    stages = (s | {"method": Method(s["method"]), "status": Status(s["status"])} for s in json.loads(given["stages"]))
    return {
        "certificate": Certificate.from_description(json.loads(given["certificate"])),
        "stages": tuple(Stage(**stage) for stage in stages),
        "knots": {n: None if k is None else Knots(**k) for n, k in json.loads(given["effort_knots"]).items()},
    }


def _format_1(dataset: xarray.Dataset, fields: dict[str, Any]) -> dict[str, Any]:
    """The same from a file of version 0.1.0, which had a flat certificate, and words for stages and status."""
    flat, reason, method = json.loads(dataset.attrs["certificate"]), fields["reason"], fields["method"]
    status = Status.CONVERGED if flat["converged"] else Status.INTERRUPTED if "Interrupted" in reason else Status.LIMIT
    steps = fields["rollout"].loss.size
    reached = (fields["value"], float(flat["residual"]), fields["gradients"], fields["seconds"])
    used = [m for m in (Method.FLOW, Method.DYNAMIC_PROGRAMMING, Method.QUASI_NEWTON, Method.ASCENT) if m.value in method]
    counts: dict[int, list[float]] = {}
    for number, value in zip(*(fields[n] if fields[n] is not None else () for n in ("optima", "starts")), strict=True):
        counts.setdefault(int(number), []).append(float(value))
    knots = {}
    for name, parts in fields["effort"].items():
        first = f"effort_{name}.0" if isinstance(parts, list) else f"effort_{name}"
        varies = f"knot_{name}" in dataset[first].dims
        control = next((c for c in (fields["problem"].controls if fields["problem"] else ()) if c.name == name), None)
        interpolation = "hold" if control is None else control.interpolation
        knots[name] = Knots(dataset.sizes[f"knot_{name}"], steps, interpolation) if varies else None
    return {
        "certificate": Certificate.from_flat(flat, status, fields, tuple((max(v), len(v)) for _, v in sorted(counts.items()))),
        "stages": tuple(Stage(m, steps, status, *reached) for m in used),
        "knots": knots,
    }
