"""Ports: where effort can act on a learner (theory.md §3).

A port says what signal it takes at one instant, which signal leaves the learner alone, and how the signals of two controls
join. Learners offer ports and controls ask them; nothing else needs to know what they are called.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Array, Float

from ..errors import LearningEffortError

#: The names of the usual ports.
GAIN, RATE, ATTENTION, PROPORTIONS, INITIAL_WEIGHTS = "gain", "rate", "attention", "proportions", "initial_weights"


class Clash(LearningEffortError):
    """Two signals cannot join; the message names the part of the port that both drive ("" for all of it)."""


def alone(one: Any, other: Any) -> NoReturn:
    """Signals that do not join: a port for one control. **Raises:** `Clash`."""
    raise Clash("")


def by_layer(one: tuple, other: tuple) -> tuple:
    """Signals by layer, None where a layer is not driven: each layer from the control that drives it.

    **Raises:** `Clash` if both drive the same layer.
    """
    for layer, (a, b) in enumerate(zip(one, other, strict=True)):
        if a is not None and b is not None:
            raise Clash(f"layer {layer}")
    return tuple(b if a is None else a for a, b in zip(one, other, strict=True))


def multiplied(one: Any, other: Any) -> Any:
    """Factors: both multiply the same thing."""
    return one * other


def compounded(one: Any, other: Any) -> Any:
    """Changes relative to one, as of a rate 1 + u: (1 + u₁)(1 + u₂) − 1."""
    return (1.0 + one) * (1.0 + other) - 1.0


#: The shape of a signal at one instant: a tuple, or a list of tuples by layer.
Shape = tuple[int, ...] | Sequence[tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class Port:
    """Where effort can act.

    - `name`: what controls call it.
    - `shape`: of its signal at one instant, a tuple; or a list of tuples, for a signal by layer.
    - `neutral`: the signal that leaves the learner alone: a number, or arrays of that shape.
    - `groups`: the sizes of the groups that the last axis falls into, the outputs of each task, say (None: one group).
    - `join`: a function of two signals that gives what both do together, or raises `Clash`; `alone`, unless said otherwise.
    - `static`: whether its signal is one value for all of learning. It reaches `init`, and every `step` and `loss` as well,
      unless it is `initial`: where learning starts, which only `init` is told.
    """

    name: str
    shape: Shape
    neutral: Any = 0.0
    groups: tuple[int, ...] | None = None
    join: Callable[[Any, Any], Any] = alone
    static: bool = False
    initial: bool = False


def gain(shapes: Sequence[tuple[int, ...]]) -> Port:
    """Gains on weight matrices of these shapes, W̃ˡ = Wˡ ∘ (1 + gˡ); a signal is a tuple, None where a layer is not driven."""
    return Port(GAIN, shapes, 0.0, join=by_layer)


def rate() -> Port:
    """The speed of learning: f is multiplied by 1 + u."""
    return Port(RATE, (), 0.0, join=compounded)


def attention(outputs: int, groups: tuple[int, ...] | None = None) -> Port:
    """A weight a_o for the loss of each of the outputs, which fall into tasks as `groups` says."""
    return Port(ATTENTION, (outputs,), 1.0, groups, multiplied)


def proportions(own: Float[Array | np.ndarray, " parts"]) -> Port:
    """The shares p of the parts of what is learned, `own` (parts,) if nothing is changed."""
    return Port(PROPORTIONS, own.shape[-1:], own)


def initial_weights(shapes: Sequence[tuple[int, ...]], own: Sequence[Float[Array, "..."]]) -> Port:
    """Where learning starts: arrays of these shapes, `own` if nothing is changed."""
    return Port(INITIAL_WEIGHTS, shapes, own, static=True, initial=True)


def named(*ports: Port) -> dict[str, Port]:
    """Ports by their names."""
    return {port.name: port for port in ports}


#: What a port of one of these names is, where only the shape of its signal is said.
STANDARD: dict[str, dict[str, Any]] = {
    GAIN: {"join": by_layer},
    RATE: {"join": compounded},
    ATTENTION: {"neutral": 1.0, "join": multiplied},
    INITIAL_WEIGHTS: {"static": True, "initial": True},
}


def standard(name: str, shape: Shape, **more: Any) -> Port:
    """The port of this name from the shape of its signal, and what `more` is known; another name's is neutral at 0, for one
    control."""
    return Port(name, shape, **(STANDARD.get(name, {}) | more))
