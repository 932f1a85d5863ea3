"""The command `learning-effort`: what is asked for, and what is said if it cannot be done."""

from __future__ import annotations

import inspect
import os
import sys

from cyclopts import App, CycloptsError
from cyclopts.help import DefaultFormatter, PanelSpec
from rich.box import Box
from rich.console import Console

from .. import __version__
from ..errors import LearningEffortError
from ..experiments.registry import registry
from ..runtime import compile_cache
from . import experiments
from .complaints import UNNAMED, in_words
from .options import EVERY_FLAG, in_paragraphs, with_flags
from .terminal import escaped, readable_output

_ABOUT = """The experiments of the paper: solve them, save them, draw them, and say which of its findings hold.

--no-cache, anywhere on the line, keeps no compiled programs between sessions."""
_NO_BOX = DefaultFormatter(panel_spec=PanelSpec(box=Box("    \n" * 8, ascii=True), padding=(0, 0, 0, 2)))


def main(arguments: list[str] | None = None) -> None:
    """Run the command with `arguments`, or else with those it was started with.

    Bad input ends in one message on standard error and exit code 2, Ctrl-C in exit code 130.
    """
    with readable_output():
        try:
            _obey(sys.argv[1:] if arguments is None else list(arguments))
        except CycloptsError as error:
            _stop(in_words(error), 2)
        except LearningEffortError as error:
            _stop(str(error), 2)
        except OSError as error:
            if error.filename is None:  # it is the output that cannot be written
                raise
            _stop(f"{error.filename} cannot be used: {error.strerror}.", 2)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "RESOURCE_EXHAUSTED" not in str(error):
                raise
            _stop("There is not enough memory for this. Ask for fewer steps, seeds or samples.", 2)
        except KeyboardInterrupt:
            _stop("interrupted before there was anything to keep.", 130)


class _Console(Console):
    """Where help is printed. A closed pipe is for `readable_output` to end."""

    def on_broken_pipe(self) -> None:
        """Pass on the error that called this."""
        raise


def _stop(message: str, code: int) -> None:
    """Say `message` on standard error and end with exit code `code`."""
    print(escaped(f"learning-effort: {message}"), file=sys.stderr)
    sys.exit(code)


def _obey(arguments: list[str]) -> None:
    """Do what `arguments` ask for. Help that was asked for ends the program, with exit code 0."""
    if "--no-cache" in arguments:
        os.environ[compile_cache.SWITCH] = "off"
        arguments = [a for a in arguments if a != "--no-cache"]
    app = _app()
    command, bound, _ = app.parse_args(arguments)
    helps = command == app.help_print
    if helps and arguments and not set(arguments) & set(app.help_flags):
        raise LearningEffortError(UNNAMED)
    command(*bound.args, **bound.kwargs)
    if helps and arguments:
        sys.exit(0)


def _app() -> App:
    """Every command with its flags."""
    app = App(
        name="learning-effort",
        help=_ABOUT,
        version=f"learning-effort {__version__}",
        help_format="plaintext",
        help_formatter=_NO_BOX,
        console=_Console(color_system=None),
        default_parameter=EVERY_FLAG,
        group_parameters="Flags",
        print_error=False,
        exit_on_error=False,
    )
    app.command(experiments.list_, sort_key=0)
    app.command(_run_app())
    app.command(experiments.show, sort_key=2)
    app.command(experiments.plot, sort_key=3)
    app.command(experiments.reproduce, sort_key=4)
    return app


def _run_app() -> App:
    """The command `run`: each experiment is a command below it."""
    about = "Solve an experiment and save it: its arrays, its findings and its figure."
    app = App(name="run", help=about, group_commands="Experiments", group_parameters="Flags", sort_key=1)
    for place, (name, experiment_class) in enumerate(registry.items()):
        about = f"{experiment_class.description}\n\n{in_paragraphs(inspect.getdoc(experiment_class) or '')}"
        app.command(with_flags(experiment_class, experiments.run), name=name, help=about, sort_key=place)
    return app
