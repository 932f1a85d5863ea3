"""Linear networks of any depth, learning on average over data (theory.md §3).

The field is −∇J with J = Σ_o a_o ℓ_o(W̃) + (λ/2)Σ‖Wˡ‖², W̃ = W̃ᴸ … W̃¹. With suffix products Bˡ = W̃ᴸ … W̃ˡ⁺¹ and
prefix products Aˡ = W̃ˡ … W̃¹, fˡ = (BˡᵀE Aˡ⁻¹ᵀ) ∘ (1 + gˡ) − λWˡ, E = D(Σxyᵀ − W̃Σx).

The pull-back is written out. For a costate P of the next weights, ⟨P, f⟩ = ⟨Q, E⟩ + decay, where Q is the derivative
of the product W̃ in the direction P ∘ (1 + g): one forward tangent recursion, then one backward one, at the cost of
about two forward passes and with no large intermediate. What the forward pass knows already is kept in its `Record`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..tasks.base import Moments, Step
from .base import Signals, Weights
from .moments import MomentLearner, effective_weights, through_gains
from .ports import ATTENTION, GAIN, PROPORTIONS, RATE


class Record(NamedTuple):
    """What one step leaves for its pull-back: weights, prefix products from the second on, residual Σxyᵀ − W̃Σx, and the
    descent of each layer (None where no signal needs it)."""

    weights: Weights
    prefixes: Weights
    residual: Float[Array, "*tasks O I"]
    descent: Weights | None


class LinearNetwork(MomentLearner):
    """A linear network of any depth, trained by gradient descent on the average loss (theory.md §2, §3).

    **Arguments:**

    - `task`: what it learns; `evaluation`: the task performance is judged on (None: the task).
    - `hidden`: the sizes of the hidden layers; `()` is a single layer.
    - `learning_rate`: Δt > 0, also the length of a step in units of time.
    - `weight_decay` λ ≥ 0; `noise` σ_ξ ≥ 0 of the output; `time_constant` τ > 0.
    - `init_scale`, `seed`: initial weights are normal with this standard deviation.
    - `weights`: initial weights instead, a list with layer 1 first: (H, I), …, (O, H).

    **Ports:** gain, rate, attention, initial_weights, and proportions where the task has them.
    """

    if TYPE_CHECKING:  # the inherited one, where a type checker would make one of the fields
        __init__ = MomentLearner.__init__

    def moment_field(self, weights: Weights, moments: Moments, signals: Signals) -> Weights:
        """fˡ = (BˡᵀE Aˡ⁻¹ᵀ) ∘ (1 + gˡ) − λWˡ of every layer."""
        effective = effective_weights(weights, signals)
        prefixes = _prefixes(effective)
        error = _attended(_residual(prefixes[-1], moments), signals)
        return self._field(weights, self._descent(weights, effective, prefixes, error), signals)

    def moment_loss(self, weights: Weights, moments: Moments, signals: Signals) -> Float[Array, ""]:
        """ℓ(W̃), with decay and noise."""
        product = _prefixes(effective_weights(weights, signals))[-1]
        return _task_loss(product, _residual(product, moments), moments) + self.penalty(weights)

    def advance(self, state: Weights, k: Step, signals: Signals) -> tuple[Weights, Float[Array, ""]]:
        """Step and loss, which share their products."""
        return self.record(state, k, signals)[:2]

    def record(self, state: Weights, k: Step, signals: Signals) -> tuple[Weights, Float[Array, ""], Record]:
        """As `advance`, and the `Record` of the step."""
        learned, judged = self.learned_moments(k, signals), self.judged_moments(k)
        recorded = partial(self._record, self._judged_as_learned(signals))
        next_state, loss, record = self.over_set(recorded, 3)(state, learned, judged, signals)
        return next_state, loss.mean(), record

    def pullback(
        self, record: Record, k: Step, signals: Signals, state_cotangent: Weights, loss_cotangent: Float[Array, ""]
    ) -> tuple[Weights, Signals]:
        """Written out (theory.md §4.6): the cotangents of weights and signals, those of a task set's networks together."""
        proportions = signals.get(PROPORTIONS)
        if proportions is None:
            learned = self.learned_moments(k, signals)
        else:
            learned, to_proportions = jax.vjp(lambda p: self.task.moments(k, p), proportions)
        judged = self.judged_moments(k)
        pull = partial(self._pullback, self._judged_as_learned(signals))
        if self.task.is_set:
            loss_cotangent = loss_cotangent / len(self.task.tasks)
        result = self.over_set(pull, 4)(record, learned, judged, state_cotangent, signals, loss_cotangent)
        state_cotangent, signal_cotangents, moments_cotangent = result
        if self.task.is_set:
            signal_cotangents = jax.tree.map(lambda s: s.sum(0), signal_cotangents)
        if proportions is not None:
            (signal_cotangents[PROPORTIONS],) = to_proportions(moments_cotangent)
        return state_cotangent, signal_cotangents

    def _judged_as_learned(self, signals: Signals) -> bool:
        """Whether performance is judged on the moments that are learned, at these proportions."""
        return self.evaluation is None and PROPORTIONS not in signals

    def _descent(self, weights: Weights, effective: Weights, prefixes: Weights, error: Float[Array, "O I"]) -> Weights:
        """−∂(Σ a_o ℓ_o)/∂W̃ˡ of every layer."""
        descent, back = [], error
        for layer in reversed(range(len(weights))):
            descent.append(back if layer == 0 else back @ prefixes[layer - 1].T)
            if layer:
                back = effective[layer].T @ back
        return descent[::-1]

    def _field(self, weights: Weights, descent: Weights, signals: Signals) -> Weights:
        """f of every layer, from the descent along W̃ˡ: through the gains, less decay."""
        return [f - self.weight_decay * w for f, w in zip(through_gains(descent, signals), weights, strict=True)]

    def _record(
        self, shared: bool, weights: Weights, learned: Moments, judged: Moments, signals: Signals
    ) -> tuple[Weights, Float[Array, ""], Record]:
        """`record` of one network on one task; `shared`, if it is judged on what is learned."""
        effective = effective_weights(weights, signals)
        prefixes = _prefixes(effective)
        product = prefixes[-1]
        residual = _residual(product, learned)
        descent = self._descent(weights, effective, prefixes, _attended(residual, signals))
        rate = self.effective_rate(signals)
        after = [w + rate * f for w, f in zip(weights, self._field(weights, descent, signals), strict=True)]
        loss = _task_loss(product, residual if shared else _residual(product, judged), judged) + self.penalty(weights)
        needed = GAIN in signals or RATE in signals
        return after, loss, Record(weights, prefixes[1:], residual, descent if needed else None)

    def _pullback(
        self,
        shared: bool,
        record: Record,
        learned: Moments,
        judged: Moments,
        costate: Weights,
        signals: Signals,
        loss_cotangent: Float[Array, ""],
    ) -> tuple[Weights, dict[str, Any], Moments | None]:
        """Cotangents of weights, signals and learned moments; one network on one task (theory.md §4.6).

        What is pulled back is ⟨P, W + r f⟩ + c L, with P the costate, r the effective rate and c the loss cotangent. Decay
        apart, r⟨P, f⟩ = Σ_l ⟨Vˡ, Dˡ⟩ with the direction Vˡ = r Pˡ ∘ (1 + gˡ) and the descent Dˡ = BˡᵀE Aˡ⁻¹ᵀ. It is ⟨Q, E⟩,
        Q = Σ_l Bˡ Vˡ Aˡ⁻¹ being the derivative of the product W̃ in the direction V.
        """
        weights, _, residual, kept_descent = record
        descent = kept_descent or []  # kept where a signal needs it
        rate = self.effective_rate(signals)
        effective = effective_weights(weights, signals)
        prefixes = [effective[0], *record.prefixes]
        direction = through_gains([rate * p for p in costate], signals)
        tangents = _tangents(direction, effective, prefixes)
        attended = _attended(tangents[-1], signals)
        judged_residual = residual if shared else _residual(prefixes[-1], judged)

        to_tangent = _attended(residual, signals)
        to_product = -attended @ learned.input_moment - loss_cotangent * judged_residual
        to_effective = _through_layers(to_tangent, to_product, direction, tangents, effective, prefixes)

        decay = self.weight_decay
        to_weights = [
            p * (1.0 - rate * decay) + e + loss_cotangent * decay * w
            for p, e, w in zip(costate, through_gains(to_effective, signals), weights, strict=True)
        ]
        to_signals: dict[str, Any] = {}
        if GAIN in signals:  # in W̃ = W ∘ (1 + g), and in the direction V = r P ∘ (1 + g)
            to_signals[GAIN] = type(signals[GAIN])(
                None if g is None else e * w + rate * p * f
                for g, e, w, p, f in zip(signals[GAIN], to_effective, weights, costate, descent, strict=True)
            )
        if RATE in signals:  # in r = (Δt/τ)(1 + u)
            followed = self._field(weights, descent, signals)
            to_signals[RATE] = (self.step_size / self.time_scale) * sum(
                jnp.sum(p * f) for p, f in zip(costate, followed, strict=True)
            )
        if ATTENTION in signals:  # in E = D(Σxyᵀ − W̃Σx), row by row
            to_signals[ATTENTION] = jnp.sum(tangents[-1] * residual, axis=1)
        to_moments = None
        if PROPORTIONS in signals:  # in E: ⟨DQ, Σxyᵀ − W̃Σx⟩
            zeros = jax.tree.map(jnp.zeros_like, learned)
            to_moments = zeros._replace(input_moment=-prefixes[-1].T @ attended, cross_moment=attended.T)
        return to_weights, to_signals, to_moments


def _tangents(direction: Weights, effective: Weights, prefixes: Weights) -> Weights:
    """The derivatives Tˡ of the prefix products Aˡ = W̃ˡAˡ⁻¹ in the `direction` V: T¹ = V¹, Tˡ = W̃ˡTˡ⁻¹ + VˡAˡ⁻¹."""
    tangents = [direction[0]]
    for layer in range(1, len(effective)):
        tangents.append(effective[layer] @ tangents[-1] + direction[layer] @ prefixes[layer - 1])
    return tangents


def _through_layers(
    to_tangent: Float[Array, "O I"],
    to_product: Float[Array, "O I"],
    direction: Weights,
    tangents: Weights,
    effective: Weights,
    prefixes: Weights,
) -> Weights:
    """The cotangents of every W̃ˡ from those of the last tangent Tᴸ and of the product Aᴸ, down the recursions of both.

    From Aˡ = W̃ˡAˡ⁻¹ and Tˡ = W̃ˡTˡ⁻¹ + VˡAˡ⁻¹: W̃ˡ receives āˡAˡ⁻¹ᵀ + t̄ˡTˡ⁻¹ᵀ, Aˡ⁻¹ receives W̃ˡᵀāˡ + Vˡᵀt̄ˡ, Tˡ⁻¹ receives W̃ˡᵀt̄ˡ;
    and A¹ is W̃¹ itself.
    """
    to_effective = []
    for layer in reversed(range(1, len(effective))):
        to_effective.append(to_product @ prefixes[layer - 1].T + to_tangent @ tangents[layer - 1].T)
        to_product = effective[layer].T @ to_product + direction[layer].T @ to_tangent
        if layer > 1:
            to_tangent = effective[layer].T @ to_tangent
    return [to_product, *to_effective[::-1]]


def _prefixes(effective: Weights) -> Weights:
    """The products Aˡ = W̃ˡ … W̃¹ of every layer."""
    prefixes = [effective[0]]
    for w in effective[1:]:
        prefixes.append(w @ prefixes[-1])
    return prefixes


def _residual(product: Float[Array, "O I"], moments: Moments) -> Float[Array, "O I"]:
    """Σxyᵀ − W̃Σx = −∂ℓ/∂W̃."""
    return moments.cross_moment.T - product @ moments.input_moment


def _attended(array: Float[Array, "O I"], signals: Signals) -> Float[Array, "O I"]:
    """D times an array, D the diagonal of attention to outputs."""
    return array * signals[ATTENTION][:, None] if ATTENTION in signals else array


def _task_loss(product: Float[Array, "O I"], residual: Float[Array, "O I"], moments: Moments) -> Float[Array, ""]:
    """ℓ(W̃) = ½Tr Σy − Tr(W̃Σxy) + ½Tr(W̃Σx W̃ᵀ), with the residual already at hand."""
    return (jnp.trace(moments.output_moment) - jnp.sum(product * (moments.cross_moment.T + residual))) / 2
