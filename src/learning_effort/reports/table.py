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


def write_table(rows: list[list[str]], out: Path) -> None:
    """Write the rows, a text for each of `COLUMNS`, as table.md and table.csv in the folder `out`."""
    disk.write_text(markdown(rows), out / "table.md")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    disk.write_text(text.getvalue(), out / "table.csv")


def markdown(rows: list[list[str]]) -> str:
    """The rows as a table in Markdown, what is the same in all rows of an experiment said once."""
    lines = [COLUMNS, ["---"] * len(COLUMNS)]
    for i, row in enumerate(rows):
        follows = i > 0 and rows[i - 1][0] == row[0]
        lines.append(["", *row[1:4], *[""] * (len(COLUMNS) - 4)] if follows else row)
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)
