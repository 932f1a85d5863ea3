"""Runs on disk: a folder with run.nc, run.json, figure.png and figure.pdf.

run.nc is the solution where there is a single one (`le.load(folder)` reads it; the dataset is made from it again), and
the dataset otherwise. run.json comes last: a folder without it is not complete.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path

from .. import __version__
from ..errors import LearningEffortError
from ..files import disk
from ..reports.contact_sheet import is_whole
from .base import Experiment, Finding, Result

RECORD = "run.json"
#: What run.json says, and of what kind it is; a finding in it; and its certificate, where there is something to certify.
FIELDS = {
    "experiment": str,
    "fields": dict,
    "quick": bool,
    "solutions": int,
    "findings": list,
    "certificate": dict,
    "interrupted": bool,
    "seconds": (int, float, type(None)),
    "version": str,
}
FINDING = {"name": str, "measured": str, "holds": bool}
CERTIFICATE = {"converged": int, "of": int, "residual": (int, float), "gradients": int, "value": (int, float)}


def solve_and_save(experiment: Experiment, folder, progress=True, earlier: dict | None = None) -> tuple[Result, dict]:
    """Run `experiment` and save it in `folder`: its result, and the record in run.json."""
    folder = disk.writable_folder(folder)
    begun = time.perf_counter()
    result = experiment.run(progress, earlier) if experiment.needs else experiment.run(progress)
    return result, save_result(experiment, result, folder, time.perf_counter() - begun)


def save_result(experiment: Experiment, result: Result, folder, seconds: float | None = None) -> dict:
    """Save a run; what is in `folder` stays until all of it is written.

    **Arguments:** `seconds` it took, None where nobody knows. **Returns:** the record in run.json.
    """
    from ..figures.style import save_figure

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

    def write(new: Path) -> None:
        """Write the files into a new folder."""
        if len(solutions) == 1:
            solutions[0].save(new / "run.nc")
        else:
            disk.write(result.dataset, new / "run.nc")
        save_figure(experiment.figure(result), new)
        disk.write_text(json.dumps(record, indent=2), new / RECORD)

    disk.replace_folder(folder, write, last=RECORD)
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
    """The record of a complete run of this very experiment, by this version, in `folder`; None if there is none, or if one
    of its files is damaged."""
    folder = Path(folder)
    wanted = {"experiment": experiment.name, "fields": _plain(dataclasses.asdict(experiment)), "version": __version__}
    try:
        record = read_record(folder)[1]
        if any(record[name] != value for name, value in wanted.items()) or record["interrupted"]:
            return None
        answers = _answers(folder, record)
    except Exception:  # whatever is wrong with the files, what they should hold can be solved again
        return None
    return record if answers == record["certificate"].get("of", 0) and is_whole(folder / "figure.png") else None


def _answers(folder: Path, record: dict) -> int:
    """The number of answers that a folder's run.nc really holds."""
    from ..results.solution import load

    if record["solutions"] == 1:
        load(folder / "run.nc")
        return 1
    return disk.read(folder / "run.nc").sizes.get("answer", 0)


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
        _check(record, FIELDS)
        for finding in record["findings"]:
            _check(finding, FINDING)
        if record["certificate"]:
            _check(record["certificate"], CERTIFICATE)
    except (OSError, ValueError) as error:
        raise LearningEffortError(f"{file} is damaged: {error}.") from None
    return folder, record


def _check(given, kinds: dict) -> None:
    """**Raises:** `ValueError` if `given`, read from JSON, lacks an entry of `kinds`, or has one of another kind."""
    wrong = [name for name, kind in kinds.items() if not (isinstance(given, dict) and isinstance(given.get(name, ...), kind))]
    if wrong:
        raise ValueError(f"there is no {', '.join(wrong)} in it, or not as it should be")


def read_result(path) -> Result:
    """The `Result` in a saved run's folder; without solutions, unless there is a single one.

    **Raises:** `LearningEffortError` if it is damaged or does not fit this version.
    """
    from ..results.solution import load
    from .collect import with_coordinates
    from .registry import registry

    folder, record = read_record(path)
    try:
        experiment = registry[record["experiment"]](**{name: _tupled(value) for name, value in record["fields"].items()})
    except (KeyError, TypeError) as error:
        raise LearningEffortError(f"{folder / RECORD} does not fit this version: {error}.") from None
    if record["solutions"] == 1:
        return experiment.result({next(iter(experiment.problems())): load(folder / "run.nc")})
    dataset = disk.read(folder / "run.nc")
    if "answer" in dataset.dims and not any(str(name).startswith("answer_") for name in dataset.coords):
        dataset = with_coordinates(dataset, list(experiment.problems()))
    return Result(experiment, {}, dataset)


def findings_of(record: dict) -> list[Finding]:
    """The findings in a record."""
    return [Finding(f["name"], f["measured"], f["holds"]) for f in record["findings"]]


def _plain(fields: dict) -> dict:
    """Fields as they are in JSON."""
    return json.loads(json.dumps(fields))


def _tupled(value):
    """A value read from JSON, its lists as tuples."""
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value
