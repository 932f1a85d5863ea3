"""Solutions gathered into datasets: curves over time with an axis for every dimension of an experiment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import LearningEffortError
from .labels import coordinates_of


class Course(NamedTuple):
    """One kind of learning, from a dataset: `times` (N,) in learning rate × steps, `loss` and `reward` (…, N) in units of loss,
    the experiment's dimensions first."""

    times: np.ndarray
    loss: np.ndarray
    reward: np.ndarray


def course(dataset, kind: str, part: str = "") -> Course:
    """The `Course` of `kind`, "control" or "baseline", in a dataset that `courses` made."""
    prefix = f"{part}_" if part else ""
    return Course(*(dataset[f"{prefix}{name}"].values for name in ("time", f"loss_{kind}", f"reward_{kind}")))


def answers(solutions: dict):
    """What is known about each solution, along a dimension "answer" with their labels: an `xarray.Dataset`.

    `answer_value`, `answer_baseline`, `answer_neutral` (V, in loss × time), `answer_residual` (scaled, in units of effort),
    `answer_converged`, `answer_gradients`, `answer_seconds`, `answer_method`, `answer_reason`, `answer_certificate`; and the
    labels' coordinates, `answer_seed` for instance, NaN or "" for labels that lack one.

    **Raises:** `LearningEffortError` if a coordinate has the name of one of these variables.
    """
    import xarray as xr

    def of(read):
        """A number of every solution, (answers,)."""
        return ("answer", np.array([read(s) for s in solutions.values()]))

    def words(read):
        """A text of every solution, (answers,)."""
        return ("answer", np.array([read(s) for s in solutions.values()], dtype=object))

    variables = {
        "answer_value": of(lambda s: s.value),
        "answer_baseline": of(lambda s: s.baseline_value),
        "answer_neutral": of(lambda s: s.neutral_value),
        "answer_residual": of(lambda s: s.certificate.residual),
        "answer_converged": of(lambda s: int(s.certificate.converged)),
        "answer_gradients": of(lambda s: s.gradients),
        "answer_seconds": of(lambda s: s.seconds),
        "answer_method": words(lambda s: s.method),
        "answer_reason": words(lambda s: s.reason),
        "answer_certificate": words(lambda s: s.certificate.sentence),
    }
    coordinates = answer_coordinates(list(solutions))
    for name in variables.keys() & coordinates.keys():
        raise LearningEffortError(f"A label's coordinate cannot be called '{name.removeprefix('answer_')}': answers have one.")
    return xr.Dataset(variables, {"answer": np.array(list(map(str, solutions)), dtype=object)} | coordinates)


def answer_coordinates(labels: list[str]) -> dict:
    """{"answer_seed": ("answer", values)} and so on: each coordinate that some of the labels have, NaN or "" for the others."""
    own = [coordinates_of(label) for label in labels]

    def along(name):
        """The coordinate of every label, (answers,): text if one is a word."""
        values = [coordinates.get(name) for coordinates in own]
        if any(isinstance(value, str) for value in values):
            return np.array(["" if value is None else str(value) for value in values], dtype=object)
        return np.array([np.nan if value is None else value for value in values])

    return {f"answer_{name}": ("answer", along(name)) for name in dict.fromkeys(name for c in own for name in c)}


def with_coordinates(dataset, labels: list[str]):
    """A dataset whose answers have nothing but texts (version 0.1.0) with the coordinates of those `labels` that read so."""
    known = {str(label): label for label in labels}
    return dataset.assign_coords(answer_coordinates([known.get(text, text) for text in dataset["answer"].values]))


def answered(dataset, quantity: str, **coordinates) -> np.ndarray:
    """A `quantity` of the answers at these coordinates, (answers,): `answered(dataset, "value", part="semantic")`."""
    at = [dataset[f"answer_{name}"].values == value for name, value in coordinates.items()]
    return dataset[f"answer_{quantity}"].values[np.logical_and.reduce(at)]


def courses(solutions: list, dims: dict, part: str = "", extra: dict | None = None, kept: dict | None = None):
    """Loss, reward and cost over time of control and baseline, as an `xarray.Dataset`.

    **Arguments:** `solutions` of one shape, in row-major order over `dims`, {dimension: its coordinate's values}; `part`,
    a prefix for every variable and for the time dimension, where an experiment has parts of different lengths; `extra`,
    {variable: function of a solution giving an array over time (N,)} or {variable: (function, further dimensions)} for
    arrays (N, …); `kept`, the same for arrays along the times at which solutions keep their weights (at most 500), whose
    dimension is "weight_time".

    **Returns:** variables `loss_control`, `loss_baseline`, `reward_control`, `reward_baseline`, `cost_control` and those
    of `extra`, (*dims, time, …), and of `kept`, (*dims, weight_time, …); coordinates `time` and, with `kept`,
    `weight_time` in units of learning rate × steps.
    """
    import xarray as xr

    prefix = f"{part}_" if part else ""
    time = f"{prefix}time"
    sizes = [len(values) for values in dims.values()]

    def stacked(read, along=time):
        """What is read of every solution, (…), as a variable (*dims, along, …)."""
        read, further = read if isinstance(read, tuple) else (read, ())
        array = np.stack([np.asarray(read(s)) for s in solutions])
        return ((*dims, along, *further), array.reshape(*sizes, *array.shape[1:]))

    variables = {}
    for kind in ("control", "baseline"):
        rollout = {"control": "rollout", "baseline": "baseline"}[kind]
        for quantity in ("loss", "reward", "cost"):
            if (kind, quantity) != ("baseline", "cost"):
                variables[f"{quantity}_{kind}"] = stacked(lambda s, r=rollout, q=quantity: getattr(getattr(s, r), q))
    variables |= {name: stacked(read) for name, read in (extra or {}).items()}
    variables |= {name: stacked(read, f"{prefix}weight_time") for name, read in (kept or {}).items()}
    variables = {f"{prefix}{name}": value for name, value in variables.items()}
    coordinates = {name: list(values) for name, values in dims.items()} | {time: (time, solutions[0].rollout.times)}
    if kept:
        coordinates[f"{prefix}weight_time"] = (f"{prefix}weight_time", solutions[0].weight_times)
    return xr.Dataset(variables, coordinates)


def effort_norm(problem, effort) -> np.ndarray:
    """The norm over a control's numbers at each of the N steps, gains of all layers together, (N,) in units of effort."""
    import jax
    import jax.numpy as jnp

    ks = jnp.arange(problem.horizon.length)
    parts = jax.tree.leaves(problem.parameters_at(problem.check_effort(effort), ks))
    return np.sqrt(sum(np.asarray(p).reshape(ks.size, -1) ** 2 @ np.ones(p[0].size) for p in parts))
