"""The commands: list, run, show, plot, reproduce."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..experiments.base import Experiment
from ..experiments.registry import registry
from .complaints import experiment_named

_Saved = Annotated[Path, Parameter(help="The folder of a run, or a file that solution.save wrote.")]


def list_() -> None:
    """Name the experiments, a line each."""
    width = max(map(len, registry))
    for name, experiment in registry.items():
        print(f"{name:<{width}}  {experiment.description}")


def run(experiment: Experiment, out: Path, quiet: bool) -> None:
    """Solve `experiment` and save it in the folder `out`; no progress is shown if `quiet`."""
    from ..experiments.runs import findings_of, solve_and_save

    result, record = solve_and_save(experiment, out, not quiet)
    known = record["certificate"]
    if len(result.solutions) == 1:
        print(next(iter(result.solutions.values())).summary())
    elif known:
        print(
            f"{known['of']} problems solved in {record['seconds']:.1f} s, {known['converged']} converged; "
            f"the largest scaled residual is {known['residual']:.1e}."
        )
    _print_findings(findings_of(record))
    print("Files")
    for name in ("run.nc", "run.json", "figure.png", "figure.pdf"):
        print(f"  {out / name}")


def show(path: _Saved, /) -> None:
    """Say what a saved run or solution holds."""
    from ..experiments.runs import findings_of, read_record
    from ..files.disk import read
    from ..results.solution import load

    file = _lone_solution(path)
    if file:
        print(load(file).summary())
        return
    folder, record = read_record(path)
    print(f"{record['experiment']}: {', '.join(f'{k}={v}' for k, v in record['fields'].items())}")
    print(load(folder / "run.nc").summary() if record["solutions"] == 1 else read(folder / "run.nc"))
    _print_findings(findings_of(record))


def plot(path: _Saved, /) -> None:
    """Draw the figure of a saved run or solution again, as figure.png and figure.pdf beside it.

    A solution that lies in the folder of a run leaves the run's figure: its own is named after its file.
    """
    from ..experiments.runs import RECORD, read_record, read_result
    from ..figures.style import save_figure
    from ..results.solution import load

    file = _lone_solution(path)
    if file:
        stem = file.stem if (file.parent / RECORD).is_file() else "figure"
        written = save_figure(load(file).plot(), file.parent, stem)
    else:
        result = read_result(path)
        written = save_figure(result.experiment.figure(result), read_record(path)[0])
    print(*written, sep="\n")


def reproduce(
    *,
    out: Annotated[Path, Parameter(help="The folder to save in, a folder an experiment.")] = Path("reproduction"),
    only: Annotated[tuple[str, ...], Parameter(help="The experiments to run; all, if this is left out.")] = (),
    quick: Annotated[bool, Parameter(help="Short horizons and one seed: a look in minutes, not for the findings.")] = False,
    compare_ascent: Annotated[
        tuple[str, ...], Parameter(help="Experiments, or: all, whose first problem the paper's Algorithm 1 solves too.")
    ] = (),
    quiet: Annotated[bool, Parameter(help="Show no progress.")] = False,
) -> None:
    """Run every experiment of the paper into one folder, and say which of its findings hold.

    Called again, it goes on where it stopped: what is complete in the folder is not done again.
    """
    wanted = [experiment_named(name).name for name in only]
    compared = list(registry) if "all" in compare_ascent else [experiment_named(name).name for name in compare_ascent]
    from ..experiments.reproduce import reproduce

    experiments = [e().quick() if quick else e() for e in registry.values()]
    try:
        whole = reproduce(experiments, out, wanted, compared, not quiet)
    except KeyboardInterrupt:
        print("learning-effort: interrupted; the same command goes on from here.", file=sys.stderr)
        sys.exit(130)
    if not whole:
        sys.exit(1)


def _lone_solution(path: Path) -> Path | None:
    """The file at `path` that `solution.save` wrote; None where a run.json says more, or there is no file."""
    from ..experiments.runs import RECORD

    file = path / "run.nc" if path.is_dir() else path
    part_of_run = file.name in ("run.nc", RECORD, "figure.png", "figure.pdf") and (file.parent / RECORD).is_file()
    return file if file.is_file() and not part_of_run else None


def _print_findings(findings) -> None:
    """Print findings, a line each."""
    print("Findings")
    for name, measured, holds in findings:
        print(f"  [{'holds' if holds else 'does not hold':^13}] {name}: {measured}")
