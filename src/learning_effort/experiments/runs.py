"""Runs on disk: a folder with run.nc, run.json, figure.png and figure.pdf.

run.nc is the solution where there is a single one (`le.load(folder)` reads it; the dataset is made from it again), and
the dataset otherwise. run.json comes last: a folder that has it is complete.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

from .. import __version__
from ..errors import LearningEffortError
from ..files import disk
from .base import Experiment, Finding, Result

RECORD = "run.json"


def solve_and_save(experiment: Experiment, folder, progress=True, earlier: dict | None = None) -> tuple[Result, dict]:
    """Run `experiment` and save it in `folder`: its result, and the record in run.json."""
    folder = disk.writable_folder(folder)
    begun = time.perf_counter()
    result = experiment.run(progress, earlier) if experiment.needs else experiment.run(progress)
    return result, save_result(experiment, result, folder, time.perf_counter() - begun)


def save_result(experiment: Experiment, result: Result, folder, seconds: float | None = None) -> dict:
    """Save a run. **Arguments:** `seconds` it took. **Returns:** the record in run.json."""
    from ..figures.style import save_figure

    folder = disk.writable_folder(folder)
    (folder / RECORD).unlink(missing_ok=True)
    solutions = list(result.solutions.values())
    record = {
        "experiment": experiment.name,
        "fields": dataclasses.asdict(experiment),
        "quick": experiment != type(experiment)() and experiment == type(experiment)().quick(),
        "solutions": len(solutions),
        "findings": [finding._asdict() for finding in experiment.findings(result)],
        "certificate": certificate(result.dataset),
        "interrupted": any(s.interrupted for s in solutions),
        "seconds": seconds,
        "version": __version__,
    }
    if len(solutions) == 1:
        solutions[0].save(folder / "run.nc")
    else:
        disk.write(result.dataset, folder / "run.nc")
    save_figure(experiment.figure(result), folder)
    disk.write_text(json.dumps(record, indent=2), folder / RECORD)
    return record


def certificate(dataset) -> dict:
    """What is known of all answers of a dataset together: how many `converged` `of` how many, the largest scaled
    `residual`, the `gradients` of all, and the `value` of the first; empty where nothing is optimised."""
    if "answer" not in dataset.dims:
        return {}
    return {
        "converged": int(dataset["answer_converged"].sum()),
        "of": dataset.sizes["answer"],
        "residual": float(dataset["answer_residual"].max()),
        "gradients": int(dataset["answer_gradients"].sum()),
        "value": float(dataset["answer_value"][0]),
    }


def complete(experiment: Experiment, folder) -> dict | None:
    """The record of a complete run of this very experiment, by this version, in `folder`; None if there is none."""
    folder = Path(folder)
    if not all((folder / name).is_file() for name in ("run.nc", "figure.png", RECORD)):
        return None
    try:
        record = read_record(folder)[1]
    except LearningEffortError:
        return None
    wanted = {"experiment": experiment.name, "fields": _plain(dataclasses.asdict(experiment)), "version": __version__}
    if any(record.get(name) != value for name, value in wanted.items()) or record.get("interrupted", True):
        return None
    return record


def read_record(path) -> tuple[Path, dict]:
    """The folder of a saved run and what its run.json says.

    **Raises:** `LearningEffortError` if there is none, or it is damaged.
    """
    folder = Path(path)
    folder = folder if folder.is_dir() else folder.parent
    file = folder / RECORD
    if not Path(path).exists() or not file.is_file():
        raise LearningEffortError(f"There is no saved run at {path}. Give the folder that `run --out` wrote.")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        record["findings"], record["fields"], record["experiment"], record["solutions"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise LearningEffortError(f"{file} is damaged: {error}.") from None
    return folder, record


def read_result(path) -> Result:
    """The `Result` in a saved run's folder; without solutions, unless there is a single one.

    **Raises:** `LearningEffortError` if it is damaged or does not fit this version.
    """
    from ..results.solution import load
    from .registry import registry

    folder, record = read_record(path)
    try:
        experiment = registry[record["experiment"]](**{name: _tupled(value) for name, value in record["fields"].items()})
    except (KeyError, TypeError) as error:
        raise LearningEffortError(f"{folder / RECORD} does not fit this version: {error}.") from None
    if record["solutions"] == 1:
        return experiment.result({next(iter(experiment.problems())): load(folder / "run.nc")})
    return Result(experiment, {}, disk.read(folder / "run.nc"))


def findings_of(record: dict) -> list[Finding]:
    """The findings in a record."""
    return [Finding(f["name"], f["measured"], f["holds"]) for f in record["findings"]]


def _plain(fields: dict) -> dict:
    return json.loads(json.dumps(fields))


def _tupled(value):
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value
