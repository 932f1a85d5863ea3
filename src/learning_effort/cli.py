"""The command `learning-effort`: list, run, show, plot. Every field of an experiment is a flag."""

from __future__ import annotations

import dataclasses
import difflib
import json
import sys
from pathlib import Path
from typing import Annotated

from . import __version__
from .errors import LearningEffortError

USAGE = """usage: learning-effort COMMAND

  list                 the experiments, a line each
  run NAME [flags]     solve one and save it; `run NAME --help` lists its flags
  show PATH            what a saved run holds
  plot PATH            the figure of a saved run again
  --version            the version"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command. Bad input ends in one message on standard error and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        _dispatch(arguments)
    except LearningEffortError as error:
        print(f"learning-effort: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("learning-effort: interrupted before there was anything to keep.", file=sys.stderr)
        sys.exit(130)


def _dispatch(arguments: list[str]) -> None:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return
    command, *rest = arguments
    if command == "--version":
        print(f"learning-effort {__version__}")
        return
    commands = {"list": _list, "run": _run, "show": _show, "plot": _plot}
    if command not in commands:
        raise LearningEffortError(f"There is no command '{command}'.{_near(command, commands)}\n{USAGE}")
    commands[command](rest)


def _near(word: str, words) -> str:
    near = difflib.get_close_matches(word, list(words), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _list(rest: list[str]) -> None:
    from .experiments import registry

    _exactly(rest, 0, "list")
    width = max(map(len, registry))
    for name, experiment in registry.items():
        print(f"{name:<{width}}  {experiment.description}")


def _exactly(rest: list[str], number: int, command: str) -> None:
    if len(rest) != number:
        raise LearningEffortError(f"'{command}' takes {number or 'no'} argument{'s' * (number != 1)}. Got {rest}.\n{USAGE}")


def _experiment_class(name: str):
    from .experiments import registry

    if name not in registry:
        raise LearningEffortError(
            f"There is no experiment '{name}'.{_near(name, registry)} `learning-effort list` names them all."
        )
    return registry[name]


def _parsed(experiment_class, flags: list[str]):
    """The experiment and the output folder that flags ask for."""
    import contextlib
    import io

    import tyro

    options_class = dataclasses.make_dataclass(
        "Options",
        [
            ("experiment", tyro.conf.OmitArgPrefixes[experiment_class]),
            ("out", Annotated[str, tyro.conf.arg(help="The folder to save in.")], f"runs/{experiment_class.name}"),
            ("quiet", Annotated[bool, tyro.conf.arg(help="Show no progress.")], False),
        ],
    )
    if "-h" in flags or "--help" in flags:
        tyro.cli(options_class, prog=f"learning-effort run {experiment_class.name}", args=["--help"])
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(complaint):
            options = tyro.cli(options_class, prog=f"learning-effort run {experiment_class.name}", args=flags)
    except SystemExit:
        text = " ".join(line.strip("│╭╮╰╯─ ") for line in complaint.getvalue().splitlines()).split()
        raise LearningEffortError(
            f"These flags do not fit {experiment_class.name}: {' '.join(text)} "
            f"`learning-effort run {experiment_class.name} --help` lists them."
        ) from None
    return options


def _run(rest: list[str]) -> None:
    if not rest or rest[0] in ("-h", "--help"):
        raise LearningEffortError("'run' needs the name of an experiment. `learning-effort list` names them all.")
    options = _parsed(_experiment_class(rest[0]), rest[1:])
    from . import storage
    from .figures import save_figure

    folder = storage.writable_folder(options.out)
    experiment = options.experiment
    result = experiment.run(progress=not options.quiet)
    findings = experiment.findings(result)
    if len(result.solutions) == 1:
        result.solutions["control"].save(folder / "run.nc")
    else:
        storage.write(result.dataset, folder / "run.nc")
    record = {
        "experiment": experiment.name,
        "fields": dataclasses.asdict(experiment),
        "solutions": len(result.solutions),
        "findings": [finding._asdict() for finding in findings],
        "version": __version__,
    }
    storage.write_text(json.dumps(record, indent=2), folder / "run.json")
    paths = save_figure(experiment.figure(result), folder)
    _print_result(result)
    _print_findings(findings)
    print("Files")
    for path in (folder / "run.nc", folder / "run.json", *paths):
        print(f"  {path}")


def _print_result(result) -> None:
    if len(result.solutions) == 1:
        print(result.solutions["control"].summary())
        return
    solutions = result.solutions.values()
    worst = max(solutions, key=lambda s: s.certificate.residual)
    converged = sum(s.certificate.converged for s in solutions)
    print(
        f"{len(solutions)} problems solved together in {sum(s.seconds for s in solutions):.1f} s, {converged} converged; "
        f"the largest scaled residual is {worst.certificate.residual:.1e}."
    )


def _print_findings(findings) -> None:
    print("Findings")
    for name, measured, holds in findings:
        print(f"  [{'holds' if holds else 'does not hold':^13}] {name}: {measured}")


def _record(path: str) -> tuple[Path, dict]:
    """The folder of a saved run and what its run.json says."""
    folder = Path(path)
    folder = folder if folder.is_dir() else folder.parent
    file = folder / "run.json"
    if not Path(path).exists() or not file.is_file():
        raise LearningEffortError(f"There is no saved run at {path}. Give the folder that `run --out` wrote.")
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        record["findings"], record["fields"], record["experiment"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise LearningEffortError(f"{file} is damaged: {error}.") from None
    return folder, record


def _show(rest: list[str]) -> None:
    _exactly(rest, 1, "show")
    path = Path(rest[0])
    if path.suffix == ".nc" and not (path.parent / "run.json").exists():
        from .solution import load

        print(load(path).summary())
        return
    folder, record = _record(rest[0])
    print(f"{record['experiment']}: {', '.join(f'{k}={v}' for k, v in record['fields'].items())}")
    if record["solutions"] == 1:
        from .solution import load

        print(load(folder / "run.nc").summary())
    else:
        from .storage import read

        print(read(folder / "run.nc"))
    _print_findings([(f["name"], f["measured"], f["holds"]) for f in record["findings"]])


def _plot(rest: list[str]) -> None:
    from . import storage
    from .experiments import Result
    from .figures import save_figure
    from .solution import load

    _exactly(rest, 1, "plot")
    folder, record = _record(rest[0])
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in record["fields"].items()}
    try:
        experiment = _experiment_class(record["experiment"])(**fields)
    except TypeError as error:
        raise LearningEffortError(f"{folder / 'run.json'} does not fit this version: {error}.") from None
    if record["solutions"] == 1:
        result = experiment.result({"control": load(folder / "run.nc")})
    else:
        result = Result(experiment, {}, {}, storage.read(folder / "run.nc"))
    for path in save_figure(experiment.figure(result), folder):
        print(path)
