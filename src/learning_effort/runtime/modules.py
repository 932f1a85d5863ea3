"""Two things Equinox modules lack: copies with some fields changed, and methods that can be compiled by a user."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import equinox as eqx

Module = TypeVar("Module", bound=eqx.Module)
Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def replaced(module: Module, **changes: Any) -> Module:
    """A copy of `module` with some fields changed, without running its checks again."""
    copy = object.__new__(type(module))
    for f in dataclasses.fields(module):
        object.__setattr__(copy, f.name, changes.get(f.name, getattr(module, f.name)))
    return copy


class plain_method(Generic[Arguments, Answer]):  # noqa: N801 (a decorator)
    """A method hashed and compared by its instance's identity, as Python's own are: `jax.jit(problem.value)` works.

    (Equinox's bound methods hash and compare their arrays, which arrays do not allow.)
    """

    __wrapped__: Callable[..., Answer]

    def __init__(self, function: Callable[Concatenate[Any, Arguments], Answer]):
        functools.update_wrapper(self, function)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Callable[Arguments, Answer]:
        """The function itself, asked of the class; bound, asked of an instance."""
        return self.__wrapped__ if instance is None else _Bound(self.__wrapped__, instance)


class _Bound:
    """A function with its first argument, hashed and compared by the identity of both."""

    def __init__(self, function: Callable[..., Any], instance: object):
        self.__func__, self.__self__ = function, instance
        self.__name__, self.__doc__ = function.__name__, function.__doc__

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        return self.__func__(self.__self__, *args, **keywords)

    def __hash__(self) -> int:
        return hash((id(self.__self__), self.__func__))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Bound) and other.__self__ is self.__self__ and other.__func__ is self.__func__
