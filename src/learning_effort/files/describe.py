"""Problems as JSON and arrays, so that they can be rebuilt. Nothing is ever pickled, and no file names a module.

Every class of which problems are made is a `Described`: it signs itself in under a name that stays when it moves, and only
signed classes are rebuilt.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..errors import LearningEffortError
from ..runtime.fork import require_not_forked

#: The classes that files may name, by their names in files.
SIGNED: dict[str, type[eqx.Module]] = {}

#: Where classes were when files named them by module (version 0.1.0), and what they are called in files now.
MODULES = {
    "tasks.arrays": ("tasks", "Arrays", "FromMoments"),
    "tasks.base": ("tasks", "Prepared"),
    "tasks.composition": ("tasks", "Blend", "Concatenated", "Mixture", "Switching", "TaskSet"),
    "tasks.digits": ("tasks", "Digits"),
    "tasks.gaussians": ("tasks", "ClassGaussians", "CorrelatedGaussians", "TwoGaussians"),
    "tasks.semantic": ("tasks", "SemanticHierarchy"),
    "learners.linear": ("learners", "LinearNetwork"),
    "learners.sampled": ("learners", "SampledNetwork"),
    "learners.tanh": ("learners", "TanhNetwork"),
    "controls": ("controls", "Engagement", "Gain", "InitialWeights", "LearningRate", "MixtureControl"),
    "costs": ("costs", "Exponential", "NormDeviation", "Quadratic"),
    "horizon": ("horizons", "Steps"),
    "problem": ("problems", "Problem"),
}
#: The names that those files use, and what the classes are called now.
ALIASES = {
    f"learning_effort.{module}:{name}": f"{kind}.{name}" for module, (kind, *names) in MODULES.items() for name in names
}


class Described(eqx.Module):
    """A part of a problem that files can describe.

    A base class says its `kind`; its subclasses in this package are called "kind.ClassName" in files. A class of a user's own
    that is to be rebuilt says what files call it, `file_name = "my lab.MyTask"`, and must be defined before they are loaded.
    """

    kind: ClassVar[str | None] = None
    file_name: ClassVar[str | None] = None

    def __new__(cls, *arguments: Any, **keywords: Any) -> Any:
        """**Raises:** `LearningEffortError` in a process that was forked, before an array is made there, or unpickled."""
        require_not_forked()
        return super().__new__(cls)

    def __init_subclass__(cls, **keywords: Any):
        """Sign the class in. **Raises:** `LearningEffortError` if another class has its name."""
        super().__init_subclass__(**keywords)
        ours = cls.__module__.split(".")[0] == __name__.split(".")[0]
        if "file_name" not in vars(cls):
            cls.file_name = f"{cls.kind}.{cls.__name__}" if ours and cls.kind else None
        if cls.file_name is None:
            return
        other = SIGNED.get(cls.file_name)
        # Equinox makes some classes twice; so do notebooks whose cells run again.
        if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise LearningEffortError(
                f"Files call {other.__module__}.{other.__qualname__} '{cls.file_name}' already. Give {cls.__name__} another "
                "file_name."
            )
        SIGNED[cls.file_name] = cls


class NotDescribed(LearningEffortError):
    """A problem has a part that files cannot describe; the message names it."""


def describe(module: Described) -> tuple[dict[str, Any], list[np.ndarray]]:
    """A problem as JSON, and the arrays it refers to by number.

    **Raises:** `NotDescribed` if a part of it is of a class that is not signed in, or of a kind that JSON does not have.
    """
    arrays: list[np.ndarray] = []
    places: dict[tuple, int] = {}

    def encode(value: Any) -> dict:
        if isinstance(value, eqx.Module):
            name = vars(type(value)).get("file_name")
            if name is None:
                raise NotDescribed(f"{type(value).__name__} is a class of your own")
            fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return {"class": name, "fields": fields}
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return {type(value).__name__: [encode(v) for v in value]}
        if isinstance(value, (np.ndarray, jnp.ndarray)):
            array = np.asarray(value)
            content = array.dtype.str, array.shape, array.tobytes()
            place = places.setdefault(content, len(arrays))
            if place == len(arrays):
                arrays.append(array)
            return {"array": place}
        try:
            return {"value": json.loads(json.dumps(value))}
        except TypeError:
            raise NotDescribed(f"a {type(value).__name__} cannot be written down") from None

    return encode(module), arrays


def rebuild(description: dict[str, Any] | None, array: Callable[[int], np.ndarray]) -> Any:
    """What `describe` described; `array` gives an array by its number. None for None.

    A field that the file does not have, since it came later, gets the default of the class's constructor.

    **Raises:** `LearningEffortError` for a class that is not signed in, and for fields that do not fit it.
    """
    if description is None:
        return None

    def decode(given: dict) -> Any:
        if "class" in given:
            owner = SIGNED.get(ALIASES.get(given["class"], given["class"]))
            if owner is None:
                raise LearningEffortError(f"The file names {given['class']}, which is no part of a problem that is known here.")
            return _made(owner, {name: decode(value) for name, value in given["fields"].items()})
        if "array" in given:
            numbers = np.asarray(array(given["array"]))
            if numbers.dtype.kind not in "fiub":
                raise ValueError(f"an array of {numbers.dtype} is none of a problem's")
            return jnp.asarray(numbers)
        for kind in (list, tuple):
            if kind.__name__ in given:
                return kind(decode(v) for v in given[kind.__name__])
        return given["value"]

    return decode(description)


def _made(owner: type[eqx.Module], fields: dict[str, Any]) -> eqx.Module:
    """An instance with these fields, whose checks were passed when the file was written."""
    wanted = {f.name: f for f in dataclasses.fields(owner)}
    foreign = set(fields) - set(wanted)
    if foreign:
        raise LearningEffortError(
            f"The file has {', '.join(sorted(foreign))} for {owner.__name__}, which this version does not know. Upgrade "
            "learning-effort."
        )
    module = object.__new__(owner)
    for name, field in wanted.items():
        object.__setattr__(module, name, fields[name] if name in fields else _default(owner, field))
    return module


def _default(owner: type[eqx.Module], field: dataclasses.Field) -> Any:
    """What the class, or its constructor, has for a field that is not said.

    **Raises:** `LearningEffortError` if it must be said.
    """
    if isinstance(said := getattr(owner, field.name, None), (str, bool)):
        return said
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    parameter = inspect.signature(owner.__init__).parameters.get(field.name)
    if parameter is None or parameter.default is parameter.empty:
        raise LearningEffortError(f"The file lacks '{field.name}' of {owner.__name__}, which has no default.")
    value = parameter.default
    return jnp.asarray(value, float) if isinstance(value, float) else value
