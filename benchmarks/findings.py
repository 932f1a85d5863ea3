"""Put the table and the contact sheet of a finished `learning-effort reproduce` into docs/findings.md.

python benchmarks/findings.py runs/reproduce
"""

from __future__ import annotations

import sys
from pathlib import Path

from measuring import machine, write_between_marks
from PIL import Image

from learning_effort.errors import LearningEffortError
from learning_effort.experiments import registry
from learning_effort.experiments.runs import RECORD, findings_of, read_record

PAGE = Path(__file__).parents[1] / "docs" / "findings.md"
MARKS = "<!-- table: written by benchmarks/findings.py -->\n", "<!-- end of table -->"
SHEET = "contact-sheet.png"
BAR = r"\|"


def main(arguments: list[str]) -> int:
    """Write the page from the folder that `arguments` name."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    missing = [name for name in registry if not (folder / name / RECORD).is_file()]
    if missing or not (folder / SHEET).is_file():
        said = f"no {', '.join(missing)}" if missing else f"no {SHEET}"
        print(f"{folder} is not a finished run of all experiments: there is {said}.", file=sys.stderr)
        return 2
    try:
        text = page_text({name: read_record(folder / name)[1] for name in registry})
    except LearningEffortError as error:
        print(error, file=sys.stderr)
        return 2
    write_between_marks(PAGE, text, MARKS)
    Image.open(folder / SHEET).convert("RGB").quantize(128).save(PAGE.parent / "images" / SHEET, optimize=True)
    return 0


def page_text(records: dict[str, dict]) -> str:
    """Every experiment's certificate and findings, from the records of a run, {name: record}."""
    lines = [f"{machine()}.", ""]
    for name, record in records.items():
        lines += [f"### {name}", "", _certificate(record), "", "| finding | measured | |", "|---|---|---|"]
        for finding in findings_of(record):
            cells = finding.name, finding.measured, "holds" if finding.holds else "**does not hold**"
            lines.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
        lines.append("")
    seconds = {name: record["seconds"] or 0.0 for name, record in records.items()}
    longest = sorted(seconds, key=lambda name: -seconds[name])[:3]
    most = ", ".join(f"{name} {seconds[name] / 60:.0f}" for name in longest)
    return "\n".join([*lines, f"All together: {sum(seconds.values()) / 60:.0f} minutes, of which {most}."]) + "\n"


def _certificate(record: dict) -> str:
    """How far an experiment's answers can be trusted, in a sentence, and what they took."""
    known, seconds = record["certificate"], f"{record['seconds'] or 0.0:.0f} s"
    if not known:
        return f"Nothing to optimise; {seconds}."
    short = known["of"] - known["converged"]
    return (
        f"{known['converged']} of {known['of']} converged; largest scaled residual {known['residual']:.1e}; "
        f"{known['gradients']} gradients; {seconds}." + (f" **{short} not converged.**" if short else "")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
