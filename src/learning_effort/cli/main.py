"""The command `learning-effort`: list, run, show, plot, reproduce. Every field of an experiment is a flag."""

from __future__ import annotations

import dataclasses
import difflib
import os
import sys
from pathlib import Path
from typing import Annotated

from .. import __version__
from ..errors import LearningEffortError
from ..runtime import compile_cache

USAGE = """usage: learning-effort COMMAND

  list                 the experiments, a line each
  run NAME [flags]     solve one and save it; `run NAME --help` lists its flags
  show PATH            what a saved run holds
  plot PATH            the figure of a saved run again
  reproduce [flags]    every experiment into one folder, with one table of findings; `reproduce --help`
  --version            the version
  --no-cache           before a command: keep no compiled programs between sessions"""


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
    if arguments and arguments[0] == "--no-cache":
        os.environ[compile_cache.SWITCH] = "off"
        arguments = arguments[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return
    command, *rest = arguments
    if command == "--version":
        print(f"learning-effort {__version__}")
        return
    commands = {"list": _list, "run": _run, "show": _show, "plot": _plot, "reproduce": _reproduce}
    if command not in commands:
        raise LearningEffortError(f"There is no command '{command}'.{_near(command, commands)}\n{USAGE}")
    commands[command](rest)


def _near(word: str, words) -> str:
    near = difflib.get_close_matches(word, list(words), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _list(rest: list[str]) -> None:
    from ..experiments.registry import registry

    _exactly(rest, 0, "list")
    width = max(map(len, registry))
    for name, experiment in registry.items():
        print(f"{name:<{width}}  {experiment.description}")


def _exactly(rest: list[str], number: int, command: str) -> None:
    if len(rest) != number:
        raise LearningEffortError(f"'{command}' takes {number or 'no'} argument{'s' * (number != 1)}. Got {rest}.\n{USAGE}")


def _experiment_class(name: str):
    from ..experiments.registry import registry

    if name not in registry:
        raise LearningEffortError(
            f"There is no experiment '{name}'.{_near(name, registry)} `learning-effort list` names them all."
        )
    return registry[name]


def _run_options(experiment_class):
    import tyro

    return dataclasses.make_dataclass(
        "Options",
        [
            ("experiment", tyro.conf.OmitArgPrefixes[experiment_class]),
            ("out", Annotated[str, tyro.conf.arg(help="The folder to save in.")], f"runs/{experiment_class.name}"),
            ("quiet", Annotated[bool, tyro.conf.arg(help="Show no progress.")], False),
        ],
    )


def _parsed(options_class, command: str, flags: list[str]):
    """The options that the flags of a command ask for."""
    import contextlib
    import io

    import tyro

    if "-h" in flags or "--help" in flags:
        tyro.cli(options_class, prog=f"learning-effort {command}", args=["--help"])
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(complaint):
            return tyro.cli(options_class, prog=f"learning-effort {command}", args=flags)
    except SystemExit:
        text = " ".join(line.strip("│╭╮╰╯─ ") for line in complaint.getvalue().splitlines()).split()
        raise LearningEffortError(
            f"These flags do not fit {command.removeprefix('run ')}: {' '.join(text)} "
            f"`learning-effort {command} --help` lists them."
        ) from None


def _run(rest: list[str]) -> None:
    if not rest or rest[0] in ("-h", "--help"):
        raise LearningEffortError("'run' needs the name of an experiment. `learning-effort list` names them all.")
    experiment_class = _experiment_class(rest[0])
    options = _parsed(_run_options(experiment_class), f"run {experiment_class.name}", rest[1:])
    from ..experiments.runs import findings_of, solve_and_save

    result, record = solve_and_save(options.experiment, options.out, not options.quiet)
    _print_result(result, record)
    _print_findings(findings_of(record))
    print("Files")
    for name in ("run.nc", "run.json", "figure.png", "figure.pdf"):
        print(f"  {Path(options.out) / name}")


def _print_result(result, record) -> None:
    known = record["certificate"]
    if len(result.solutions) == 1:
        print(next(iter(result.solutions.values())).summary())
    elif known:
        print(
            f"{known['of']} problems solved in {record['seconds']:.1f} s, {known['converged']} converged; "
            f"the largest scaled residual is {known['residual']:.1e}."
        )


def _print_findings(findings) -> None:
    print("Findings")
    for name, measured, holds in findings:
        print(f"  [{'holds' if holds else 'does not hold':^13}] {name}: {measured}")


def _show(rest: list[str]) -> None:
    _exactly(rest, 1, "show")
    path = Path(rest[0])
    if path.suffix == ".nc" and not (path.parent / "run.json").exists():
        from ..results.solution import load

        print(load(path).summary())
        return
    from ..experiments.runs import findings_of, read_record

    folder, record = read_record(rest[0])
    print(f"{record['experiment']}: {', '.join(f'{k}={v}' for k, v in record['fields'].items())}")
    if record["solutions"] == 1:
        from ..results.solution import load

        print(load(folder / "run.nc").summary())
    else:
        from ..files.disk import read

        print(read(folder / "run.nc"))
    _print_findings(findings_of(record))


def _plot(rest: list[str]) -> None:
    from ..experiments.runs import read_record, read_result
    from ..figures.style import save_figure

    _exactly(rest, 1, "plot")
    result = read_result(rest[0])
    for path in save_figure(result.experiment.figure(result), read_record(rest[0])[0]):
        print(path)


@dataclasses.dataclass(frozen=True)
class _ReproduceOptions:
    """Run every experiment of the paper into one folder, and say which of its findings hold.

    Called again, it goes on where it stopped: what is complete in the folder is not done again.

    Args:
        out: The folder to save in, a folder an experiment.
        only: The experiments to run (all, if none is named).
        quick: Short horizons and one seed: a look at everything in minutes, not for its findings.
        compare_ascent: Experiments (or: all) whose first problem the paper's Algorithm 1 solves too.
        quiet: Show no progress.
    """

    out: str = "reproduction"
    only: tuple[str, ...] = ()
    quick: bool = False
    compare_ascent: tuple[str, ...] = ()
    quiet: bool = False


def _reproduce(rest: list[str]) -> None:
    from ..experiments.registry import registry

    options = _parsed(_ReproduceOptions, "reproduce", rest)
    only = [_experiment_class(name).name for name in options.only]
    compared = registry if "all" in options.compare_ascent else [_experiment_class(n).name for n in options.compare_ascent]
    from ..experiments.reproduce import reproduce

    experiments = [e().quick() if options.quick else e() for e in registry.values()]
    try:
        whole = reproduce(experiments, options.out, only, compared, not options.quiet)
    except KeyboardInterrupt:
        print("learning-effort: interrupted; the same command goes on from here.", file=sys.stderr)
        sys.exit(130)
    if not whole:
        sys.exit(1)
