"""What is raised for bad input, and uniform checks that raise it.

Every message says what was given, what is allowed and, where it helps, what to try.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np


class LearningEffortError(ValueError):
    """Bad input or an impossible request; the message is written for the user."""


class DivergenceError(LearningEffortError):
    """The learner itself diverges: its learning rate is too large for the task."""


def is_traced(value: Any) -> bool:
    """Whether `value` has no number yet, because it is being compiled or mapped."""
    import jax

    return isinstance(value, jax.core.Tracer)


def number(
    value: Any,
    name: str,
    owner: str,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    open_low: bool = False,
    infinite: bool = False,
):
    """A scalar as a float64 array leaf, checked against an interval.

    **Arguments:** `value`, a number or a scalar array (traced values pass unchecked); `name` and `owner` for the
    message; `low`, `high` the interval, its lower end open if `open_low`; `infinite` admits ±inf.

    **Raises:** `LearningEffortError` if it is not a number, not finite, or outside the interval.
    """
    import jax.numpy as jnp

    if is_traced(value):
        return value
    interval = f"{'(' if open_low or not np.isfinite(low) else '['}{low:g}, {high:g}{']' if np.isfinite(high) else ')'}"
    allowed = "a number" if np.isinf(low) and np.isinf(high) else f"a number in {interval}"
    try:
        if isinstance(value, (str, bytes, bool)) or value is None:
            raise TypeError
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = None
    # A leading axis is a batch of problems: every entry is checked.
    if array is None or (not isinstance(value, numbers.Number) and array.size == 0):
        raise LearningEffortError(f"The '{name}' of {owner} must be {allowed}. Got {value!r} instead.")
    finite = ~np.isnan(array) if infinite else np.isfinite(array)
    inside = (array > low if open_low else array >= low) & (array <= high)
    if not (finite & inside).all():
        raise LearningEffortError(f"The '{name}' of {owner} must be {allowed}. Got {value!r} instead.")
    return jnp.asarray(array)


def count(value: Any, name: str, owner: str, low: int = 1) -> int:
    """A whole number of at least `low`, as an int. **Raises:** `LearningEffortError` otherwise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
        raise LearningEffortError(f"The '{name}' of {owner} must be a whole number of at least {low}. Got {value!r} instead.")
    return int(value)


def choice(value: Any, name: str, owner: str, allowed: tuple) -> Any:
    """`value`, if it is one of `allowed`. **Raises:** `LearningEffortError` otherwise, with the nearest spelling."""
    if value not in allowed:
        options = ", ".join(repr(a) for a in allowed)
        raise LearningEffortError(f"The '{name}' of {owner} must be one of {options}. Got {value!r} instead.")
    return value


def array(value: Any, name: str, owner: str, shape: tuple | None = None, ndim: int | None = None):
    """A finite float64 array of a given shape (None: any length) or number of dimensions.

    **Raises:** `LearningEffortError` if the shape does not fit or a value is not finite.
    """
    import jax.numpy as jnp

    if is_traced(value):
        given = value.shape
        result = value
    else:
        try:
            result = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise LearningEffortError(f"The '{name}' of {owner} must be an array of numbers: {error}.") from None
        given = result.shape
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


def require_float64(owner: str) -> None:
    """**Raises:** `LearningEffortError` if 64-bit numbers were switched off after this package was imported."""
    import jax

    if not jax.config.jax_enable_x64:
        raise LearningEffortError(
            f"{owner} needs 64-bit numbers, but jax_enable_x64 is off: arrays would come in as float32. "
            "Remove the line that switches it off, or call jax.config.update('jax_enable_x64', True)."
        )
