"""A soft committee that learns with dropout: how many hidden units to learn with (theory.md §9.3)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from ...errors import Given, LearningEffortError, Number, Numbers, array, is_traced, number
from ...tasks.base import Step
from .. import ports
from ..base import Signals
from .base import OrderParameterLearner, check_overlaps, frame

#: The probability that a hidden unit is active, and what the hidden layer is multiplied by when it is tested.
ACTIVATION, TEST_SCALE = "activation", "test_scale"


class CommitteeOverlaps(NamedTuple):
    """`students` Q (K, K), w_i·w_k/N; `teachers` R (K, M), w_i·w*_n/N."""

    students: Float[Array, "K K"]
    teachers: Float[Array, "K M"]


class CommitteeWeights(NamedTuple):
    """`student` w (K, N) and `teacher` w* (M, N)."""

    student: Float[Array, "K N"]
    teacher: Float[Array, "M N"]


class DropoutCommittee(OrderParameterLearner):
    """A soft committee machine that learns a smaller one from noisy labels, its hidden units active with probability a.

    Its output is ŷ = Σ_i m_i v_i g(w_i·x/√N), g(z) = erf(z/√2), each m_i 1 with probability a, drawn anew for each sample.
    Labels are Σ_n v*_n g(w*_n·x/√N) + σξ, and ½(ŷ − y)² is descended in w alone. Tested, all units are active and the hidden
    layer is multiplied by the test scale a_F. The state is the overlaps Q (K, K) and R (K, M). Its loss is ½E(ŷ − y)², labels
    without noise; the published one is half of it.

    **Arguments:**

    - `teacher_overlap` T (M, M), w*_n·w*_m/N; `student_weights` v (K,); `teacher_weights` v* (M,).
    - `learning_rate` κ > 0; `noise` σ ≥ 0 of the labels; `test_scale` a_F where it is not controlled.
    - `initial`: (Q, R) at step 0 (None: zero).
    - `step_size` Δα > 0, in samples over N; `method` "euler" or "rk4"; `substeps` of it in a step.

    **Ports:** activation (), a, 1 if nothing is controlled; test_scale (), one value for all of learning; rate (), κ(1 + u).

    **Raises:** `LearningEffortError` for shapes that do not fit, numbers out of range, overlaps that no weights have.
    """

    teacher_overlap: Float[Array, "M M"]
    student_weights: Float[Array, " K"]
    teacher_weights: Float[Array, " M"]
    noise: Float[Array, ""]
    test_scale: Float[Array, ""]
    initial: tuple[Float[Array, "K K"], Float[Array, "K M"]]

    def __init__(
        self,
        teacher_overlap: Numbers,
        student_weights: Numbers,
        teacher_weights: Numbers,
        learning_rate: Number = 1.0,
        noise: Number = 0.2,
        initial: Given[tuple[ArrayLike, ArrayLike] | None] = None,
        test_scale: Number = 1.0,
        step_size: Number = 0.1,
        method: Given[str] = "rk4",
        substeps: Given[int] = 2,
    ):
        name = type(self).__name__
        self._follow(learning_rate, step_size, method, substeps)
        self.student_weights = array(student_weights, "student_weights", name, ndim=1)
        self.teacher_weights = array(teacher_weights, "teacher_weights", name, ndim=1)
        students, teachers = self.student_weights.size, self.teacher_weights.size
        self.teacher_overlap = array(teacher_overlap, "teacher_overlap", name, (teachers, teachers))
        self.noise = number(noise, "noise", name, 0.0)
        self.test_scale = number(test_scale, "test_scale", name)
        if initial is None:
            initial = jnp.zeros((students, students)), jnp.zeros((students, teachers))
        if not isinstance(initial, (tuple, list)) or len(initial) != 2:
            raise LearningEffortError(
                f"The 'initial' of {name} must be a pair (Q, R), or None for zero. Got {initial!r} instead."
            )
        self.initial = (
            array(initial[0], "initial", name, (students, students)),
            array(initial[1], "initial", name, (students, teachers)),
        )
        if not any(map(is_traced, (*self.initial, self.teacher_overlap))):
            check_overlaps(self._covariance(self.init({})), "(Q, R; Rᵀ, T)", name)

    @property
    def ports(self) -> dict[str, ports.Port]:
        """Activation, test scale and rate."""
        return ports.named(
            ports.Port(ACTIVATION, (), 1.0), ports.Port(TEST_SCALE, (), self.test_scale, static=True), ports.rate()
        )

    def init(self, static: Signals) -> CommitteeOverlaps:
        """(Q, R) at step 0."""
        return CommitteeOverlaps(*self.initial)

    def velocity(self, state: CommitteeOverlaps, signals: Signals) -> CommitteeOverlaps:
        """(Q, R)', from the moments of theory.md §9.3, each with a to the number of different students in it."""
        v, sign = self.student_weights, jnp.concatenate([self.student_weights, -self.teacher_weights])
        rate = self.learning_rate * self.speed(signals)
        powers = jnp.cumprod(jnp.concatenate([jnp.ones(1), jnp.broadcast_to(signals.get(ACTIVATION, 1.0), 4)]))
        pairs, fours = _distinct(v.size, sign.size)
        covariance = self._covariance(state)
        drift = -rate * v[:, None] * jnp.einsum("a,ia,iba->ib", sign, powers[pairs], _moments3(covariance, v.size))
        to_students, to_teachers = drift[:, : v.size], drift[:, v.size :]
        moments, plain = _moments4(covariance, v.size)
        noise = jnp.einsum("a,b,ikab,ikab->ik", sign, sign, powers[fours], moments)
        noise = noise + powers[pairs[:, : v.size]] * self.noise**2 * plain
        return CommitteeOverlaps(to_students + to_students.T + rate**2 * jnp.outer(v, v) * noise, to_teachers)

    def loss(self, state: CommitteeOverlaps, k: Step, signals: Signals) -> Float[Array, ""]:
        """½E(ŷ − y)² at the test scale, without noise of the labels."""
        scale = signals.get(TEST_SCALE, self.test_scale)
        sign = jnp.concatenate([scale * self.student_weights, -self.teacher_weights])
        covariance = self._covariance(state)
        size = jnp.sqrt(1.0 + jnp.diag(covariance))
        return sign @ (2.0 / jnp.pi * jnp.arcsin(covariance / jnp.outer(size, size))) @ sign / 2.0

    def observables(self, state: CommitteeOverlaps, k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """Q, R, and the cosines of students with teachers (0 where a student is zero)."""
        size = jnp.sqrt(jnp.outer(jnp.diag(state.students), jnp.diag(self.teacher_overlap)))
        cosine = jnp.where(size > 0, state.teachers / jnp.where(size > 0, size, 1.0), 0.0)
        return {"Q": state.students, "R": state.teachers, "cosine": cosine}

    def drawn(self, key: PRNGKeyArray, dimension: int) -> CommitteeWeights:
        """Weights with the overlaps of step 0."""
        vectors = frame(key, dimension * self._covariance(self.init({})), dimension)
        students = self.student_weights.size
        return CommitteeWeights(vectors[:students], vectors[students:])

    def learned(self, weights: CommitteeWeights, key: PRNGKeyArray, signals: Signals) -> CommitteeWeights:
        """The weights after one sample: w_i + κ (y − ŷ) m_i v_i g'(w_i·x/√N) x/√N."""
        student, teacher = weights
        inputs, labels, units = jax.random.split(key, 3)
        x = jax.random.normal(inputs, student.shape[1:]) / np.sqrt(student.shape[1])
        y = self.teacher_weights @ _activation(teacher @ x) + self.noise * jax.random.normal(labels)
        active = jax.random.bernoulli(units, signals.get(ACTIVATION, 1.0), self.student_weights.shape)
        v, hidden = active * self.student_weights, student @ x
        slope = jnp.sqrt(2.0 / jnp.pi) * jnp.exp(-(hidden**2) / 2.0)
        rate = self.learning_rate * self.speed(signals)
        return CommitteeWeights(student + jnp.outer(rate * (y - v @ _activation(hidden)) * v * slope, x), teacher)

    def overlaps(self, weights: CommitteeWeights) -> CommitteeOverlaps:
        """(Q, R) of weights."""
        student, teacher = weights
        return CommitteeOverlaps(student @ student.T / student.shape[1], student @ teacher.T / student.shape[1])

    def _covariance(self, state: CommitteeOverlaps) -> Float[Array, "n n"]:
        """The covariance of all pre-activations, students first: [[Q, R], [Rᵀ, T]]."""
        return jnp.block([[state.students, state.teachers], [state.teachers.T, self.teacher_overlap]])


def _activation(hidden: Float[Array, " units"]) -> Float[Array, " units"]:
    """g(z) = erf(z/√2)."""
    return jax.scipy.special.erf(hidden / jnp.sqrt(2.0))


def _distinct(students: int, units: int) -> tuple[Int[np.ndarray, "K n"], Int[np.ndarray, "K K n n"]]:
    """How many different students there are among (i, a), and among (i, k, a, b); i and k are students, a and b any unit."""

    def among(*axes: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        named = np.stack(np.broadcast_arrays(*axes), -1)
        return sum((named == student).any(-1).astype(int) for student in range(students))

    own, every = np.arange(students), np.arange(units)
    pairs = among(own[:, None], every)
    return pairs, among(own[:, None, None, None], own[:, None, None], every[:, None], every)


def _moments3(covariance: Float[Array, "n n"], students: int) -> Float[Array, "K n n"]:
    """I3(i, b, a) = E[g'(λ_i) λ_b g(λ_a)] of pre-activations λ with this covariance."""
    own = covariance[:students]
    size = 1.0 + jnp.diag(covariance)
    mine = size[:students, None]
    above = mine[..., None] * covariance - own[:, :, None] * own[:, None, :]
    return 2.0 / jnp.pi * above / (mine * jnp.sqrt(mine * size - own**2))[:, None, :]


def _moments4(covariance: Float[Array, "n n"], students: int) -> tuple[Float[Array, "K K n n"], Float[Array, "K K"]]:
    """I4(i, k, a, b) = E[g'(λ_i) g'(λ_k) g(λ_a) g(λ_b)] and J2(i, k) = E[g'(λ_i) g'(λ_k)]."""
    own = covariance[:students]
    size = 1.0 + jnp.diag(covariance)
    first, second = size[:students, None, None], size[None, :students, None]
    between = own[:, :students, None]
    with_first, with_second = own[:, None, :], own[None, :, :]
    volume = first * second - between**2

    def of(product_first, product_second, product_cross, value):
        return (
            volume_of(value) - product_second * lifted(first) - product_first * lifted(second) + lifted(between) * product_cross
        )

    def lifted(part):
        return part[..., None]

    def volume_of(value):
        return lifted(volume) * value

    outer_first = with_first[..., :, None] * with_first[..., None, :]
    outer_second = with_second[..., :, None] * with_second[..., None, :]
    cross = with_first[..., :, None] * with_second[..., None, :] + with_second[..., :, None] * with_first[..., None, :]
    joint = of(outer_first, outer_second, cross, covariance)
    alone = volume * size - with_second**2 * first - with_first**2 * second + 2.0 * between * with_first * with_second
    ratio = joint / jnp.sqrt(alone[..., :, None] * alone[..., None, :])
    plain = 1.0 / jnp.sqrt(volume[..., 0])
    return 4.0 / jnp.pi**2 * plain[..., None, None] * jnp.arcsin(ratio), 2.0 / jnp.pi * plain
