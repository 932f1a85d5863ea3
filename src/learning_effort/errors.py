"""What is raised for bad input, and uniform checks that raise it.

Every message says what was given, what is allowed and, where it helps, what to try.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np

T = TypeVar("T")

if TYPE_CHECKING:
    import numpy.typing as npt
    from jaxtyping import Array, ArrayLike, Float

    #: What a user gives. Type checkers hold them to it; while the program runs it is checked here, with a message, and so it is
    #: not checked a second time where annotations are (in the tests).
    Given = Annotated[T, "checked where it is given"]
    #: A number: Python's, or an array without axes.
    Number = Given[ArrayLike]
    #: Numbers in any form that NumPy takes: arrays, lists of lists.
    Numbers = Given[npt.ArrayLike]
    #: A number, or numbers that vary in time, by layer or by element: an array, or a list of them (controls/varying).
    Varied = Given[npt.ArrayLike | Sequence[npt.ArrayLike]]
else:

    class Given:
        """While the program runs: anything at all."""

        def __class_getitem__(cls, kind: Any) -> Any:
            return Any

    Number = Numbers = Varied = Any


class LearningEffortError(ValueError):
    """Bad input or an impossible request; the message is written for the user."""


class DivergenceError(LearningEffortError):
    """The learner itself diverges: its learning rate is too large for the task."""


def is_traced(value: object) -> bool:
    """Whether `value` has no number yet, because it is being compiled or mapped."""
    import jax

    return isinstance(value, jax.core.Tracer)


class NotNumbers(ValueError):
    """Something is not numbers, or loses its meaning as such; the message says why, and what to try."""


def shown(value: object, most: int = 60) -> str:
    """`value` as a message shows it: its beginning, in one line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}…"


def floats(value: Any) -> np.ndarray:
    """`value` as float64 numbers: the one door through which all arrays from outside come.

    **Raises:** `NotNumbers` for what is not numbers, and for what would lose its meaning as such: masked entries, imaginary
    parts, dates, booleans, sparse matrices, ragged lists.
    """
    if value is None or isinstance(value, (str, bytes, dict, set)):
        raise NotNumbers(f"a {type(value).__name__}")
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise NotNumbers("which has masked entries; fill or remove them")
    if hasattr(value, "toarray") and not isinstance(value, np.ndarray):
        raise NotNumbers("which is sparse; give value.toarray()")
    try:
        given = np.asarray(value)
        if given.dtype == object:
            given = _from_objects(given)
        kind = given.dtype.kind
        if kind in _NOT_NUMBERS:
            raise NotNumbers(_NOT_NUMBERS[kind])
        return given.astype(np.float64, copy=False)
    except NotNumbers:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        raise NotNumbers(f"which is not an array of numbers ({first_line(error)})") from None


#: What arrays of these kinds are.
_NOT_NUMBERS = {
    "b": "which is true or false; give numbers, as with .astype(float)",
    "c": "which is complex; give its real and imaginary parts as columns",
    "M": "which is dates; give numbers, such as days since the first",
    "m": "which is durations; give numbers in a unit of yours",
    "U": "which is text",
    "S": "which is text",
}


def _from_objects(given: np.ndarray) -> np.ndarray:
    """An array of Python's own numbers, as pandas may have them."""
    wrong = next((v for v in given.ravel() if isinstance(v, (bool, np.bool_)) or not isinstance(v, numbers.Real)), None)
    if wrong is not None or any(v is None for v in given.ravel()):
        raise NotNumbers(f"which holds a {type(wrong).__name__}")
    return given.astype(np.float64)


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its type where it has none."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def number(
    value: Any,
    name: str,
    owner: str,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    open_low: bool = False,
    infinite: bool = False,
) -> Float[Array, ""]:
    """A scalar as a float64 array leaf, checked against an interval.

    **Arguments:** `value`, a number or an array without axes (traced values pass unchecked); `name` and `owner` for the
    message; `low`, `high` the interval, its lower end open if `open_low`; `infinite` admits ±inf.

    **Raises:** `LearningEffortError` if it is not a number, not finite, or outside the interval.
    """
    import jax.numpy as jnp

    if is_traced(value):
        return value
    interval = f"{'(' if open_low or not np.isfinite(low) else '['}{low:g}, {high:g}{']' if np.isfinite(high) else ')'}"
    allowed = "a number" if np.isinf(low) and np.isinf(high) else f"a number in {interval}"
    try:
        given = floats(value)
    except NotNumbers as why:
        raise LearningEffortError(f"The '{name}' of {owner} must be {allowed}. Got {shown(value)} instead, {why}.") from None
    if given.ndim:
        raise LearningEffortError(
            f"The '{name}' of {owner} must be {allowed}, one only. Got an array of shape {given.shape} instead."
        )
    finite = ~np.isnan(given) if infinite else np.isfinite(given)
    inside = (given > low if open_low else given >= low) & (given <= high)
    if not (finite & inside):
        raise LearningEffortError(f"The '{name}' of {owner} must be {allowed}. Got {shown(value)} instead.")
    return jnp.asarray(given)


def varied(value: Any, name: str, owner: str, low: float = -np.inf, *, infinite: bool = False) -> Any:
    """A number, an array of numbers, or a list of these, in float64: what may vary in time, by layer or by element.

    **Arguments:** as of `number`; an array is checked number by number. Its shape is checked where it is used.

    **Raises:** `LearningEffortError` if it is not numbers, or one of them is not finite or too low.
    """
    import jax.numpy as jnp

    if is_traced(value):
        return value
    if isinstance(value, (list, tuple)) and value:
        return [varied(part, name, owner, low, infinite=infinite) for part in value]
    if isinstance(value, (list, tuple)) or not np.ndim(value):
        return number(value, name, owner, low, infinite=infinite)
    try:
        given = floats(value)
    except NotNumbers as why:
        raise LearningEffortError(f"The '{name}' of {owner} must be numbers. Got {shown(value)}, {why}.") from None
    wrong = ~(given >= low) | (False if infinite else np.isinf(given))
    if wrong.any() or not given.size:
        allowed = "not NaN" if infinite else "finite" if np.isinf(low) else f"finite and {low:g} or more"
        found = f"{given[wrong].ravel()[0]:g} at index {tuple(map(int, np.argwhere(wrong)[0]))}" if given.size else "no numbers"
        raise LearningEffortError(f"The '{name}' of {owner} must be {allowed} everywhere. Got {found}.")
    return jnp.asarray(given)


#: The largest whole number of 64 bits.
LARGEST = 2**63 - 1


def count(value: Any, name: str, owner: str, low: int = 1) -> int:
    """A whole number of at least `low` that 64 bits hold, as an int. **Raises:** `LearningEffortError` otherwise."""
    allowed = f"The '{name}' of {owner} must be a whole number of at least {low}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
        raise LearningEffortError(f"{allowed}. Got {shown(value)} instead.")
    if int(value) > LARGEST:
        raise LearningEffortError(f"{allowed}, and of 19 digits at most. Got one that is larger.")
    return int(value)


def choice(value: Any, name: str, owner: str, allowed: tuple) -> Any:
    """`value`, if it is one of `allowed`. **Raises:** `LearningEffortError` otherwise, with the nearest spelling, if any."""
    given = value.item() if isinstance(value, np.generic) else value
    found = [a for a in allowed if isinstance(given, type(a)) and given == a]
    if not found:
        options = ", ".join(repr(a) for a in allowed)
        words = [a for a in allowed if isinstance(a, str)]
        near = difflib.get_close_matches(value, words, 1) if isinstance(value, str) else []
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise LearningEffortError(f"The '{name}' of {owner} must be one of {options}. Got {shown(value)} instead.{hint}")
    return found[0]


def members(value: Any, name: str, owner: str, what: str) -> tuple:
    """A list or a tuple, as a tuple. **Raises:** `LearningEffortError` otherwise; `what` says what it is to hold."""
    if not isinstance(value, (list, tuple)):
        raise LearningEffortError(f"The '{name}' of {owner} must be a list of {what}. Got {shown(value)} instead.")
    return tuple(value)


def array(
    value: Any, name: str, owner: str, shape: tuple[int | None, ...] | None = None, ndim: int | None = None
) -> Float[Array, "..."]:
    """A finite float64 array of a given shape (None: any length) or number of dimensions; traced values keep their numbers
    unchecked.

    **Raises:** `LearningEffortError` if the shape does not fit or a value is not finite.
    """
    import jax.numpy as jnp

    if isinstance(value, (list, tuple)) and any(map(is_traced, value)):
        value = jnp.asarray(value)
    if is_traced(value):
        given = value.shape
        result = value
    else:
        try:
            result = floats(value)
        except NotNumbers as why:
            raise LearningEffortError(
                f"The '{name}' of {owner} must be an array of numbers. Got {shown(value)}, {why}."
            ) from None
        given = result.shape
        if result.size == 0:
            raise LearningEffortError(f"The '{name}' of {owner} must not be empty. Got shape {given}.")
    if shape is not None and (
        len(given) != len(shape) or any(s is not None and s != g for s, g in zip(shape, given, strict=True))
    ):
        wanted = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise LearningEffortError(f"The '{name}' of {owner} must have shape {wanted}. Got shape {given} instead.")
    if ndim is not None and len(given) != ndim:
        raise LearningEffortError(f"The '{name}' of {owner} must have {ndim} dimensions. Got shape {given} instead.")
    if not is_traced(value) and not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise LearningEffortError(
            f"The '{name}' of {owner} must be finite. Got {result[where]} at index {where}; remove or fill such entries first."
        )
    return jnp.asarray(result)


def instance(value: Any, kind: type[T], name: str, owner: str) -> T:
    """`value`, if it is a `kind`. **Raises:** `LearningEffortError` otherwise."""
    if not isinstance(value, kind):
        raise LearningEffortError(f"The '{name}' of {owner} must be a {kind.__name__}. Got {shown(value)} instead.")
    return value
