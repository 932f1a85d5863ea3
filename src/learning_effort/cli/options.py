"""How the fields of an experiment become flags: `weight_decay: float` is --weight-decay, a tuple takes several values."""

from __future__ import annotations

import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import CoercionError, Parameter, convert

from ..experiments.base import Experiment


def value_type(hint) -> type:
    """The type of a single value of a field: int of `int`, `tuple[int, ...]` and `tuple[tuple[int, int], ...]`."""
    while arguments := typing.get_args(hint):
        hint = arguments[0]
    return hint


def _converted(hint, tokens):
    """The value that `tokens` stand for. 2.5 is not rounded to a whole number, and nothing at all is no path."""
    wanted = value_type(hint)
    for token in tokens:
        if wanted is int and not _whole(token.value) or wanted is Path and not token.value:
            raise CoercionError(token=token, target_type=wanted)
    return convert(hint, tokens)


def _whole(text: str) -> bool:
    """Whether `text` is a whole number that an array can hold."""
    try:
        return abs(int(text)) < 2**63
    except ValueError:
        return False


def _as_typed(value) -> str | None:
    """A default the way it would be typed; None where there is nothing to type."""
    if isinstance(value, tuple):
        return " ".join(str(_as_typed(v)) for v in value) or None
    return None if isinstance(value, bool) else str(value)


#: A tuple takes every value up to the next flag, one at least; there are no --no-quiet and --empty-digits.
EVERY_FLAG = Parameter(consume_multiple=1, negative=(), converter=_converted, show_default=_as_typed)


def with_flags(experiment_class: type[Experiment], act: Callable[[Experiment, Path, bool], None]):
    """`act(experiment, out, quiet)` as a command: its flags are the fields of `experiment_class`, --out and --quiet."""
    usual, folder = experiment_class(), Path("runs", experiment_class.name)

    def command(*, experiment=usual, out=folder, quiet=False) -> None:
        """Act on the experiment that the flags describe."""
        act(experiment, out, quiet)

    command.__annotations__ = {
        "experiment": Annotated[experiment_class, Parameter(name="*")],
        "out": Annotated[Path, Parameter(help="The folder to save in.")],
        "quiet": Annotated[bool, Parameter(help="Show no progress.")],
    }
    return command


def in_paragraphs(text: str) -> str:
    """`text` with every paragraph on a line of its own, for the terminal to break."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
