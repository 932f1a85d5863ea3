"""Numbers of a control that may vary in time, by layer or by element: bounds, rests, the β of a cost (theory.md §3).

They are kept as they were given until a problem knows the shapes of effort and its knots; then `fitted` reads them, here and
nowhere else, as a number, an array by element, or `InTime`.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from ..errors import LearningEffortError
from ..files.describe import Described
from ..learners.ports import Shape
from .knots import Knots


class InTime(Described):
    """Numbers at T points of the horizon, `values` (T, …), held or joined by straight lines as `interpolation` says. They stay
    what they are when effort gets other knots."""

    kind = "controls"
    values: Float[Array, "T ..."]
    interpolation: str = eqx.field(static=True)

    def at_steps(self, ks: Int[Array | np.ndarray, " S"], steps: int) -> Float[Array, "S ..."]:
        """The numbers at steps `ks` of a horizon of `steps`."""
        return jnp.asarray(Knots(len(self.values), steps, self.interpolation).at(self.values, ks))

    def at_knots(self, knots: Knots) -> Float[Array, "K ..."]:
        """The numbers where effort on `knots` has its values."""
        if knots.number == len(self.values):
            return self.values
        return self.at_steps(np.round(knots.positions).astype(int), knots.steps)

    def extended(self, number: int) -> InTime:
        """The same with the last repeated, `number` in all."""
        last = jnp.broadcast_to(self.values[-1:], (number - len(self.values), *self.values.shape[1:]))
        return InTime(jnp.concatenate([self.values, last]), self.interpolation)


def in_time(value: Any) -> bool:
    """Whether it is `InTime`, as leaves of a control may be."""
    return isinstance(value, InTime)


def is_number(value: Any) -> bool:
    """Whether it is one number for all."""
    return not isinstance(value, (list, tuple, str, InTime)) and jnp.ndim(value) == 0


def each(value: Any, count: int) -> list[Any]:
    """What was fitted, for each of `count` arrays."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * count


def moments(module: PyTree, knots: Knots, ks: Int[Array | np.ndarray, " S"] | None = None) -> tuple[PyTree, PyTree]:
    """What of a module varies in time, at steps `ks` (None: at the knots), with a leading axis of these; and all the rest.
    `eqx.combine` joins one moment of the first with the second."""

    def at(value):
        return value.at_knots(knots) if ks is None else value.at_steps(ks, knots.steps)

    moving = jax.tree.map(lambda v: at(v) if in_time(v) else None, module, is_leaf=in_time)
    return moving, jax.tree.map(lambda v: None if in_time(v) else v, module, is_leaf=in_time)


def fitted(given: Any, shapes: Shape, knots: Knots | None, interpolation: str, what: str) -> Any:
    """Numbers as they were given, read for arrays of these `shapes` at one instant (a tuple, or a list of tuples).

    One number is for all. An array (K,) varies in time, at the control's `knots` (None: it has no time); one of an instant's
    shape varies by element; with K before that shape it varies in both. An axis of length one stands for all. A list has one
    of these for each array.

    **Returns:** the number, or in `shapes`' tree arrays of as many axes, and `InTime` of one axis more.

    **Raises:** `LearningEffortError` for another shape, or one that can be read in two ways; `what` it is, for the message.
    """
    if is_number(given):
        return given
    targets = [shapes] if isinstance(shapes, tuple) else list(shapes)
    if isinstance(shapes, tuple):
        parts = [_stacked(given) if isinstance(given, (list, tuple)) else given]
    else:
        parts = each(given, len(targets))
    read = [None] * len(targets)
    if len(parts) == len(targets):
        read = [_read(part, target, knots, interpolation, what) for part, target in zip(parts, targets, strict=True)]
    if any(part is None for part in read):
        raise LearningEffortError(
            f"{what} must be {_allowed(targets, knots, not isinstance(shapes, tuple))}. Got {_shapes(given)} instead."
        )
    return read[0] if isinstance(shapes, tuple) else read


def _read(part: Any, shape: tuple[int, ...], knots: Knots | None, interpolation: str, what: str) -> Any:
    """One array of what was given; None if its shape does not fit."""
    array = part.values if in_time(part) else part
    if array is None:
        return None
    has, axes = jnp.shape(array), len(shape)
    by_element = len(has) == axes and _fits(has, shape)
    if has == ():
        return array
    course = knots is not None and has == (knots.number,) and not in_time(part)
    if course and by_element and has != (1,):
        (size,) = has
        raise LearningEffortError(
            f"{what} of shape {has} may vary in time or by element, for there are {size} of both. Say which: an array of "
            f"shape ({size}, 1) varies in time, one of shape (1, {size}) by element."
        )
    if by_element:
        return array
    if course:
        return InTime(jnp.reshape(array, (*has, *[1] * axes)), interpolation)
    if knots is not None and len(has) == axes + 1 and _fits(has[1:], shape):
        if has[0] == knots.number:
            return part if in_time(part) else InTime(jnp.asarray(array), interpolation)
        return array[0] if has[0] == 1 else None
    return None


def _fits(has: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether every axis is as long as in `shape`, or of length one."""
    return all(h in (1, s) for h, s in zip(has, shape, strict=True))


def _stacked(parts: Any) -> Any:
    """A list of numbers, or of arrays of one shape, as one array; None if they are of several."""
    parts = [part.values if in_time(part) else part for part in parts]
    return jnp.stack([jnp.asarray(p) for p in parts]) if len({jnp.shape(p) for p in parts}) == 1 else None


def _allowed(targets: list[tuple[int, ...]], knots: Knots | None, listed: bool) -> str:
    """What may be given, in words."""
    words = ["a number"]
    if knots is not None:
        words.append(f"an array of shape ({knots.number},) in time (one for each of its knots)")
    elements = list(dict.fromkeys(t for t in targets if t))
    if elements:
        words.append(f"one of shape {' or '.join(map(str, elements))} by element")
        if knots is not None:
            words.append(f"one of shape {' or '.join(str((knots.number, *t)) for t in elements)} by both")
    text = ", or ".join(words)
    return f"{text}; or a list with one of these for each of its {len(targets)} arrays" if listed else text


def _shapes(given: Any) -> str:
    """The shape of what was given, in words."""
    if isinstance(given, (list, tuple)):
        return f"a list of {len(given)} of shapes {[jnp.shape(g.values if in_time(g) else g) for g in given]}"
    return f"shape {jnp.shape(given.values if in_time(given) else given)}"
