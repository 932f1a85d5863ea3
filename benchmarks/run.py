"""Benchmarks: every figure a ratio or a slope, its sides timed in turn in one run. One table comes out.

python benchmarks/run.py                         all of them
python benchmarks/run.py growth memory           some of them
python benchmarks/run.py --out results.md        the table also in a file, as Markdown, with the machine
python benchmarks/run.py --write-docs            and in docs/performance.md, between its two marks
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from gradients import gradient, growth, memory
from measuring import HEAD, line, load, machine, write_between_marks
from solving import batch, interior_point, optimum, solvers
from starting import compiling, first_answer, importing

#: By name, in the order of the table. Each yields its rows.
BENCHMARKS = {
    f.__name__.replace("_", "-"): f
    for f in (gradient, solvers, optimum, batch, interior_point, growth, memory, first_answer, compiling, importing)
}
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
MARKS = "<!-- table: written by benchmarks/run.py -->\n", "<!-- end of table -->"


def main(arguments: list[str]) -> int:
    """Run what `arguments` name, print the table as it grows, and write it where it was asked for."""
    options = _options(arguments)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        print(f"No benchmark is called {', '.join(unknown)}. There are:", file=sys.stderr)
        for name, benchmark in BENCHMARKS.items():
            print(f"  {name:16} {benchmark.__doc__}", file=sys.stderr)
        return 2
    if options.write_docs and options.names:
        print("--write-docs replaces the whole table, so it takes all benchmarks: name none.", file=sys.stderr)
        return 2
    lines = [f"{machine()}{load()}.", "", *HEAD.splitlines()]
    print("\n".join(lines), flush=True)
    begun = time.perf_counter()
    for name in options.names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            lines.append(line(row))
            print(lines[-1], flush=True)
    lines += ["", f"Taken in {time.perf_counter() - begun:.0f} s."]
    print(f"\n{lines[-1]}")
    text = "\n".join(lines) + "\n"
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if options.write_docs:
        write_between_marks(PAGE, text, MARKS)
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("benchmarks/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--out", type=Path, help="a Markdown file for the table")
    parser.add_argument("--write-docs", action="store_true", help=f"put the table into {PAGE.parent.name}/{PAGE.name}")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
