"""The table of findings, as Markdown and CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from ..files import disk

COLUMNS = (
    "experiment",
    "finding",
    "measured",
    "holds",
    "converged",
    "worst scaled residual",
    "gradients",
    "seconds",
    "value, first problem",
    "Algorithm 1, first problem",
)


def _write_table(rows, out: Path) -> None:
    disk.write_text(_markdown(rows), out / "table.md")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    disk.write_text(text.getvalue(), out / "table.csv")


def _markdown(rows) -> str:
    """The table, what is the same in all rows of an experiment said once."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    for i, row in enumerate(rows):
        follows = i > 0 and rows[i - 1][0] == row[0]
        lines.append(["", *row[1:4], *[""] * (len(COLUMNS) - 4)] if follows else row)
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)
