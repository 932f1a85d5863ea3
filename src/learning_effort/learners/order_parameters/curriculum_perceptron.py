"""A perceptron with irrelevant inputs: which samples to learn from, easy or hard ones (theory.md §9.2)."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ...errors import Given, LearningEffortError, Number, Numbers, array, is_traced, number
from ...tasks.base import Step
from .. import ports
from ..base import Signals
from .base import OrderParameterLearner, check_overlaps, frame

#: The share of easy samples, and the variance of irrelevant inputs: two ways to say what is learned from.
SHARE, DIFFICULTY = "share", "difficulty"


class PerceptronWeights(NamedTuple):
    """`relevant` w_r, `irrelevant` w_i and the `teacher`'s w*, all (N,)."""

    relevant: Float[Array, " N"]
    irrelevant: Float[Array, " N"]
    teacher: Float[Array, " N"]


class CurriculumPerceptron(OrderParameterLearner):
    """A perceptron that learns a teacher's rule from samples whose irrelevant inputs vary little (easy) or much (hard).

    Inputs are x_r ~ N(0, 1) and x_i ~ N(0, d), N each; labels y = sign(w*·x_r); its output ŷ = erf((w_r·x_r + w_i·x_i)/2)
    descends ½(ŷ − y)². The state is (Q, P, M) = (w_r·w_r, w_i·w_i, w_r·w*), (3,). Its loss is the probability to be wrong in
    sign, over easy and hard samples in the shares in which they come.

    **Arguments:**

    - `difficulties`: the variances d of irrelevant inputs of easy and of hard samples, easy first.
    - `share` p in [0, 1] of easy samples: when nothing is controlled, and in the loss.
    - `learning_rate` κ > 0; `weight_decay` λ ≥ 0; `teacher_norm` T = w*·w* > 0, which only sets the unit of M.
    - `initial`: (Q, P, M) at step 0.
    - `step_size` Δα > 0, in samples over N; `method` "euler" or "rk4"; `substeps` of it in a step.

    **Ports:** share (), of easy samples, p if nothing is controlled; difficulty (), of all samples, in place of the two there
    are (its neutral is their mean, and to learn at that is not to learn from both); rate (), κ(1 + u).

    **Raises:** `LearningEffortError` for numbers out of range, overlaps that no weights have, and, once it learns, if both
    share and difficulty are driven.
    """

    difficulties: Float[Array, "2"]
    share: Float[Array, ""]
    teacher_norm: Float[Array, ""]
    weight_decay: Float[Array, ""]
    initial: Float[Array, "3"]

    def __init__(
        self,
        difficulties: Numbers = (0.0, 2.0),
        share: Number = 0.5,
        learning_rate: Number = 3.0,
        teacher_norm: Number = 2.0,
        weight_decay: Number = 0.0,
        initial: Numbers = (1.0, 1.0, 0.0),
        step_size: Number = 0.05,
        method: Given[str] = "euler",
        substeps: Given[int] = 1,
    ):
        name = type(self).__name__
        self._follow(learning_rate, step_size, method, substeps)
        self.difficulties = array(difficulties, "difficulties", name, (2,))
        self.share = number(share, "share", name, 0.0, 1.0)
        self.teacher_norm = number(teacher_norm, "teacher_norm", name, 0.0, open_low=True)
        self.weight_decay = number(weight_decay, "weight_decay", name, 0.0)
        self.initial = array(initial, "initial", name, (3,))
        if is_traced(self.difficulties) or is_traced(self.initial):
            return
        if not 0 <= self.difficulties[0] <= self.difficulties[1]:
            raise LearningEffortError(
                f"The 'difficulties' of {name} must be variances, that of easy samples first: 0 ≤ easy ≤ hard. Got "
                f"{np.asarray(self.difficulties).tolist()}."
            )
        q, p, m = np.asarray(self.initial).tolist()
        if q <= 0 or p < 0:
            raise LearningEffortError(
                f"The 'initial' of {name} must be (Q, P, M) with Q > 0 and P ≥ 0: at Q = 0 there is no direction to be right "
                f"in. Got ({q:g}, {p:g}, {m:g})."
            )
        if not is_traced(self.teacher_norm):
            check_overlaps(self._gram, "(Q, M; M, T)", name)

    @property
    def ports(self) -> dict[str, ports.Port]:
        """Share, difficulty and rate."""
        return ports.named(
            ports.Port(SHARE, (), self.share), ports.Port(DIFFICULTY, (), self.difficulties.mean()), ports.rate()
        )

    def init(self, static: Signals) -> Float[Array, "3"]:
        """(Q, P, M) at step 0."""
        return self.initial

    def velocity(self, state: Float[Array, "3"], signals: Signals) -> Float[Array, "3"]:
        """(Q, P, M)', of the samples in force."""
        difficulties, shares = self._samples(signals)
        rate = self.learning_rate * self.speed(signals)
        return self._field(state, difficulties, rate) @ shares - rate * self.weight_decay * state * jnp.array([2.0, 2.0, 1.0])

    def loss(self, state: Float[Array, "3"], k: Step, signals: Signals) -> Float[Array, ""]:
        """The probability of a wrong sign, p ε(easy) + (1 − p) ε(hard)."""
        q, p, m = state
        wrong = jnp.arccos(m / jnp.sqrt(self.teacher_norm * (q + self.difficulties * p))) / jnp.pi
        return self.share * wrong[0] + (1.0 - self.share) * wrong[1]

    def observables(self, state: Float[Array, "3"], k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """Q, P, M, and the cosine of w_r with w*."""
        q, p, m = state
        return {"Q": q, "P": p, "M": m, "cosine": m / jnp.sqrt(self.teacher_norm * q)}

    def drawn(self, key: PRNGKeyArray, dimension: int) -> PerceptronWeights:
        """Weights with the overlaps of step 0."""
        ours, theirs = jax.random.split(key)
        relevant, teacher = frame(ours, self._gram, dimension)
        (irrelevant,) = frame(theirs, self.initial[1].reshape(1, 1), dimension)
        return PerceptronWeights(relevant, irrelevant, teacher)

    def learned(self, weights: PerceptronWeights, key: PRNGKeyArray, signals: Signals) -> PerceptronWeights:
        """The weights after one sample: w + (κ/N)((y − ŷ)∂ŷ/∂h x − λw), h = w_r·x_r + w_i·x_i."""
        dimension = weights.teacher.size
        choosing, *drawing = jax.random.split(key, 3)
        difficulties, shares = self._samples(signals)
        difficulty = difficulties[jnp.searchsorted(jnp.cumsum(shares)[:-1], jax.random.uniform(choosing), side="right")]
        relevant, irrelevant = (jax.random.normal(part, (dimension,)) for part in drawing)
        irrelevant = jnp.sqrt(difficulty) * irrelevant
        field = weights.relevant @ relevant + weights.irrelevant @ irrelevant
        miss = jnp.sign(weights.teacher @ relevant) - jax.scipy.special.erf(field / 2)
        by = miss * jnp.exp(-(field**2) / 4) / jnp.sqrt(jnp.pi)
        rate = self.learning_rate * self.speed(signals) / dimension
        return PerceptronWeights(
            weights.relevant + rate * (by * relevant - self.weight_decay * weights.relevant),
            weights.irrelevant + rate * (by * irrelevant - self.weight_decay * weights.irrelevant),
            weights.teacher,
        )

    def overlaps(self, weights: PerceptronWeights) -> Float[Array, "3"]:
        """(Q, P, M) of weights."""
        relevant, irrelevant, teacher = weights
        return jnp.stack([relevant @ relevant, irrelevant @ irrelevant, relevant @ teacher])

    @property
    def _gram(self) -> Float[Array, "2 2"]:
        """The inner products of w_r and w* at step 0."""
        q, _, m = self.initial
        return jnp.stack([jnp.stack([q, m]), jnp.stack([m, self.teacher_norm])])

    def _samples(self, signals: Signals) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """The difficulties in force, and their shares. **Raises:** `LearningEffortError` if they are said twice."""
        if DIFFICULTY not in signals:
            share: Any = signals.get(SHARE, self.share)
            return self.difficulties, jnp.stack([share, 1.0 - share])
        if SHARE in signals:
            raise LearningEffortError(
                "CurriculumPerceptron can be told the share of easy samples or the difficulty of all of them, not both. Drive "
                "one of its ports 'share' and 'difficulty'."
            )
        return jnp.reshape(signals[DIFFICULTY], (1,)), jnp.ones(1)

    def _field(self, state: Float[Array, "3"], d: Float[Array, " n"], rate: Float[Array, ""]) -> Float[Array, "3 n"]:
        """(Q, P, M)' without decay on samples of each of the difficulties d (theory.md §9.2)."""
        q, p, m = state
        norm = self.teacher_norm
        s = q + d * p
        c = 2.0 / (jnp.pi * (2.0 + s))
        root, rho = jnp.sqrt(1.0 + s), jnp.sqrt((2.0 + s) * norm - m**2)
        own = jnp.arcsin(s / (2.0 + 3.0 * s))
        shared = jnp.arcsin(m / jnp.sqrt((2.0 + 3.0 * s) * ((1.0 + s) * norm - m**2)))
        noise = rate**2 * (1.0 + 2.0 / jnp.pi * own - 4.0 / jnp.pi * shared) / (jnp.pi * root)
        to_q = 2.0 * rate * c * (m * (2.0 + d * p) / rho - q / root) + noise
        to_p = -2.0 * rate * d * p * c * (m / rho + 1.0 / root) + d * noise
        to_m = rate * c * (rho - m / root)
        return jnp.stack([to_q, to_p, to_m])
