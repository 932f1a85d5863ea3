"""What is said of arguments that do not fit: what was given, what is allowed, what to try."""

from __future__ import annotations

import difflib
from pathlib import Path

from cyclopts import (
    App,
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    Token,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from ..errors import LearningEffortError
from ..experiments.base import Experiment
from ..experiments.registry import registry
from .options import value_type

UNNAMED = "'run' needs the name of an experiment. `learning-effort list` names them all."
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path", str: "a name"}


def experiment_named(name: str) -> type[Experiment]:
    """The experiment called `name`. **Raises:** `LearningEffortError` if there is none, with near spellings."""
    if name not in registry:
        raise LearningEffortError(_no_experiment(name))
    return registry[name]


def in_words(error: CycloptsError) -> str:
    """What `error` says, for the user."""
    command = " ".join(error.command_chain or ())
    said = _said(error, command)
    return said if isinstance(error, UnknownCommandError) else f"{said} `learning-effort {command} --help` says what it takes."


def _said(error: CycloptsError, command: str) -> str:
    """What is wrong with the arguments of `command`."""
    match error:
        case UnknownCommandError(app=App() as app, unused_tokens=[word, *_]):
            commands = [name for name in app if not name.startswith("-")]
            return _unknown_command(word, command, [*commands, "--help", "--version", "--no-cache"])
        case UnknownOptionError(token=token):
            given = token.keyword or token.value
            flags = [name for argument in error.argument_collection for name in argument.names]
            return f"There is no flag '{given}' of '{command}'.{_near(given, flags)}"
        case CoercionError(argument=Argument() as argument, token=Token() as token):
            return f"{argument.name} must be {_kind(argument)}. Got '{token.value}'."
        case MissingArgumentError(argument=Argument() as argument, tokens_so_far=given):
            return _missing(argument, given, command)
        case RepeatArgumentError(token=token):
            return f"{token.keyword} is given more than once."
        case UnusedCliTokensError(unused_tokens=[*words]):
            return f"'{command}' has no place for {' '.join(map(repr, words))}."
    return str(error)


def _unknown_command(word: str, command: str, known: list[str]) -> str:
    """What is said of a first word, or a word after 'run', that is not `known`."""
    if command == "run":
        return UNNAMED if word.startswith("-") else _no_experiment(word)
    kind = "flag" if word.startswith("-") else "command"
    return f"There is no {kind} '{word}'.{_near(word, known)} There are {', '.join(known)}."


def _missing(argument: Argument, given: list[str], command: str) -> str:
    """What is said where `argument` needs more values than are `given`."""
    if given:
        return f"{argument.name} takes values {argument.token_count()[0]} at a time. Got {len(given)}: {' '.join(given)}."
    if argument.name.startswith("-"):
        return f"{argument.name} needs {_kind(argument)}. Got none."
    return f"'{command}' needs a {argument.name}."


def _kind(argument: Argument) -> str:
    """What a value of `argument` must be."""
    wanted = value_type(argument.hint)
    return _KINDS.get(wanted, f"of type {wanted.__name__}")


def _no_experiment(name: str) -> str:
    """What is said of a name that is no experiment's."""
    return f"There is no experiment '{name}'.{_near(name, registry)} `learning-effort list` names them all."


def _near(word: str, words) -> str:
    """The `words` spelled like `word`, as a question."""
    near = difflib.get_close_matches(word, list(words), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""
