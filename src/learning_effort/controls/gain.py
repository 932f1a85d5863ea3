"""Gain on the weights."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, cast

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .. import costs as cost_functions
from ..errors import Given, LearningEffortError, Numbers, Varied, array, choice, count, members
from ..learners.base import Learner
from ..learners.ports import GAIN
from .base import Control


class Gain(Control):
    """Gain on the weights: W̃ˡ = Wˡ ∘ (1 + gˡ) (paper §5). Effort "gain": a list, (K, rows, columns) for each layer driven.

    **Arguments:** besides those of `Control`,

    - `layers`: which layers are driven, counted from 0 (None: all).
    - `basis`: None, every weight has its own gain; "neuron", one effort per unit of the layer's output; or a list
      with, for each driven layer, an array (b, rows, columns) of matrices B_b: gˡ = Σ_b ν_b B_b, effort (K, b).
    - `cost`: on the gain matrices themselves, jointly over layers.
    """

    port = GAIN
    default_name = "gain"
    layers: tuple[int, ...] | None = eqx.field(static=True)
    basis: list[Float[Array, "b rows columns"]] | None
    by_neuron: bool = eqx.field(static=True)

    def __init__(
        self,
        bounds: Given[tuple[Varied, Varied]] = (-0.5, 0.5),
        layers: Given[int | Sequence[int] | None] = None,
        basis: Given[str | Numbers | Sequence[Numbers] | None] = None,
        cost: Given[cost_functions.Cost | None] = cost_functions.Exponential(0.3),
        knots: Given[int | None] = None,
        interpolation: Given[str] = "hold",
        start: Any = None,
        name: Given[str | None] = None,
    ):
        self._keep(bounds, 0.0, cost, knots, interpolation, start, name)
        if isinstance(layers, numbers.Integral):
            layers = (int(layers),)
        given = None if layers is None else members(layers, "layers", "Gain", "layers")
        self.layers = None if given is None else tuple(count(layer, "layers", "Gain", 0) for layer in given)
        if self.layers is not None and (not self.layers or len(set(self.layers)) < len(self.layers)):
            raise LearningEffortError(f"The 'layers' of Gain must be different layers, at least one. Got {layers!r}.")
        self.by_neuron = isinstance(basis, str)
        if isinstance(basis, str):
            choice(basis, "basis", "Gain", ("neuron",))
            self.basis = None
        else:
            matrices: Any = [basis] if hasattr(basis, "ndim") else basis
            matrices = None if matrices is None else members(matrices, "basis", "Gain", "arrays")
            self.basis = None if matrices is None else [array(b, "basis", "Gain", ndim=3) for b in matrices]

    def _layers(self, learner: Learner) -> tuple[int, ...]:
        """The layers driven. **Raises:** `LearningEffortError` if the learner lacks one, or the basis does not fit them."""
        shapes = self._matrices(learner)
        layers = tuple(range(len(shapes))) if self.layers is None else self.layers
        if max(layers) >= len(shapes):
            raise LearningEffortError(
                f"The 'layers' of Gain must be among 0 … {len(shapes) - 1}, the layers of this learner. Got {layers}."
            )
        if self.basis is not None:
            wanted = [("b", *shapes[layer]) for layer in layers]
            given = [b.shape for b in self.basis]
            if len(given) != len(wanted) or any(g[1:] != w[1:] for g, w in zip(given, wanted, strict=True)):
                raise LearningEffortError(
                    f"The 'basis' of Gain must have one array for each driven layer, of shapes {wanted}. Got {given}."
                )
        return layers

    def _matrices(self, learner: Learner) -> list[tuple[int, int]]:
        """The shape of each of the learner's weight matrices."""
        return cast(list[tuple[int, int]], self.port_of(learner).shape)

    def parameter_shapes(self, learner: Learner) -> list[tuple[int, ...]]:
        """For each layer driven (rows, columns); (rows,) by neuron; (b,) in a basis of b matrices."""
        shapes = [self._matrices(learner)[layer] for layer in self._layers(learner)]
        if self.by_neuron:
            return [(rows,) for rows, _ in shapes]
        if self.basis is not None:
            return [(b.shape[0],) for b in self.basis]
        return [*shapes]

    def effort_arrays(self, parameters: list[Float[Array, "..."]], learner: Learner) -> list[Float[Array, "_ _"]]:
        """The gain matrices (rows, columns) of the layers driven."""
        if self.by_neuron:
            shapes = [self._matrices(learner)[layer] for layer in self._layers(learner)]
            return [jnp.broadcast_to(nu[:, None], s) for nu, s in zip(parameters, shapes, strict=True)]
        if self.basis is not None:
            return [jnp.tensordot(nu, b, 1) for nu, b in zip(parameters, self.basis, strict=True)]
        return list(parameters)

    def signal(self, parameters: list[Float[Array, "..."]], learner: Learner) -> tuple[Float[Array, "_ _"] | None, ...]:
        """The gain matrices of all layers; None for one that is not driven."""
        gains: list[Array | None] = [None] * len(self.port_of(learner).shape)
        for layer, gain in zip(self._layers(learner), self.effort_arrays(parameters, learner), strict=True):
            gains[layer] = gain
        return tuple(gains)
