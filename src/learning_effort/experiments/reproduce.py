"""The whole paper: every experiment into one folder, one table of findings, one sheet of figures."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from ..errors import LearningEffortError
from ..files import disk
from ..reports.contact_sheet import contact_sheet
from ..reports.table import COLUMNS, markdown, write_table
from . import algorithm_1, runs
from .base import Experiment


def reproduce(experiments: list[Experiment], out, only=(), compared=(), progress: bool = True) -> bool:
    """Run `experiments` into `out`, each in its own folder, and write table.md, table.csv and contact-sheet.png there.

    What is complete in `out` is not done again, what is damaged is. An experiment that fails is reported in the table; the
    others go on.

    **Arguments:** `only`, the names of those to run (none: all; the others are in the table where they are complete);
    `compared`, names of those whose first problem Algorithm 1 solves too; `progress` shows it on standard error.

    **Returns:** whether none failed.
    """
    import jax

    out = disk.writable_folder(out)
    report = _Report(progress)
    rows, figures, failures = [], {}, 0
    wanted = [experiment.name for experiment in experiments if not only or experiment.name in only]
    try:
        for experiment in experiments:
            name, folder = experiment.name, out / experiment.name
            record = runs.complete(experiment, folder)
            if not (name in wanted or record):
                continue
            place = f"{wanted.index(name) + 1}/{len(wanted)} " if name in wanted else ""
            report(f"{place}{name}{': already done' if record else ''}")
            try:
                if not record:
                    earlier = _earlier(experiment, experiments, out)
                    record = runs.solve_and_save(experiment, folder, progress, earlier)[1]
                if record["interrupted"]:
                    raise KeyboardInterrupt
                if name in compared and name in wanted and experiment.ascent:
                    report(f"  Algorithm 1, {experiment.ascent[1]} iterations")
                    algorithm_1.best_value(experiment, folder / algorithm_1.FILE, report)
                rows += _rows(experiment, record, algorithm_1.described(experiment, folder / algorithm_1.FILE))
                figures[_title(experiment, record)] = folder / "figure.png"
            except Exception as error:  # whatever fails, the other experiments are worth having
                failures += 1
                text = " ".join(str(error).split()) if isinstance(error, LearningEffortError) else repr(error)
                report(f"  failed: {text}")
                if progress and not isinstance(error, LearningEffortError):
                    traceback.print_exc()
                rows.append([name, "it runs", f"failed: {text}", "failed", *[""] * (len(COLUMNS) - 4)])
            jax.clear_caches()
    finally:
        write_table(rows, out)
    if figures:
        contact_sheet(figures, out / "contact-sheet.png")
    print(markdown(rows))
    print(f"table.md, table.csv and contact-sheet.png are in {out}.")
    return not failures


class _Report:
    """Lines on standard error with the time since it was made."""

    def __init__(self, show: bool):
        """Time is counted from here; nothing is shown unless `show`."""
        self.show, self.begun = show, time.perf_counter()

    def __call__(self, text: str) -> None:
        """Show a line."""
        if self.show:
            minutes, seconds = divmod(int(time.perf_counter() - self.begun), 60)
            print(f"[{minutes:3d}:{seconds:02d}] {text}", file=sys.stderr, flush=True)


def _earlier(experiment: Experiment, experiments, out: Path) -> dict:
    """The datasets that `experiment` needs and that are complete in `out`."""
    there = {e.name: e for e in experiments if e.name in experiment.needs and runs.complete(e, out / e.name)}
    return {name: runs.read_result(out / name).dataset for name in there}


def _title(experiment: Experiment, record: dict) -> str:
    """What the table and the sheet call a run."""
    return f"{experiment.name} (quick)" if record["quick"] else experiment.name


def _rows(experiment: Experiment, record: dict, ascended: str) -> list[list[str]]:
    """A run's rows of the table, one a finding; `ascended` says what Algorithm 1 found."""
    known, seconds = record["certificate"], record["seconds"]
    seconds = "" if seconds is None else f"{seconds:.1f}"
    about = ["", "", "", seconds, "", ""]
    if known:
        about = [
            f"{known['converged']} of {known['of']}",
            f"{known['residual']:.1e}",
            str(known["gradients"]),
            seconds,
            f"{known['value']:.9g}",
            ascended,
        ]
    return [
        [_title(experiment, record), f.name, f.measured, "holds" if f.holds else "does not hold", *about]
        for f in runs.findings_of(record)
    ]
