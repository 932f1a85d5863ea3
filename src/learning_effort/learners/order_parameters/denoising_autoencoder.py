"""A two-layer autoencoder with a skip connection: how much noise to learn with (theory.md §9.4)."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, PRNGKeyArray

from ...errors import Given, LearningEffortError, Number, Numbers, array, choice, count, is_traced, number
from ...tasks.base import Step
from .. import ports
from ..base import Signals
from .base import OrderParameterLearner, check_overlaps, frame
from .finite_size import FiniteSizeLearner

#: The level of the noise that inputs are corrupted with.
NOISE = "noise"


class AutoencoderOverlaps(NamedTuple):
    """`centroids` M (C, K), μ_c·w_k/√N; `students` Q (K, K), w_i·w_k/N; the `skip` connection b."""

    centroids: Float[Array, "C K"]
    students: Float[Array, "K K"]
    skip: Float[Array, ""]


class AutoencoderWeights(NamedTuple):
    """`student` W (K, N), the `skip` connection b, and the `centroids` μ (C, N) of the data."""

    student: Float[Array, "K N"]
    skip: Float[Array, ""]
    centroids: Float[Array, "C N"]


class DenoisingAutoencoder(OrderParameterLearner):
    """An autoencoder with tied weights and a skip connection, which learns to take noise out of a mixture of Gaussians.

    A sample of cluster c is x = μ_c + σ_c z in N dimensions; it is seen as x̃ = √(1−D) x + √D ξ, reconstructed as
    f(x̃) = b x̃ + WᵀW x̃/N, and ½|x − f|² is descended in W and b. The state is (M, Q, b). Time is s = κα. The loss is
    E|x − f|² at the noise D_F of the test.

    **Arguments:**

    - `centroid_overlap` Ω (C, C), μ_c·μ_c'; `stds` σ (C,) and `shares` p (C,) of the clusters.
    - `learning_rate` κ > 0; `dimension` N, which the equations know; `test_noise` D_F in [0, 1].
    - `initial`: (M, Q, b) at step 0, of shapes (C, K), (K, K) and ().
    - `step_size` Δs > 0, in κ × samples over N; `method` "euler" or "rk4"; `substeps` of it in a step.
    - `objective`: "exact", E|x − f|² with all terms that do not vanish with N; or "published", which leaves two of them out:
      the centroids' own share of the loss, and the clusters' and weights' pull on b.

    **Ports:** noise (), D, the test's if nothing is controlled; rate (), κ(1 + u).

    **Raises:** `LearningEffortError` for shapes that do not fit, numbers out of range, overlaps that no weights have.
    """

    centroid_overlap: Float[Array, "C C"]
    stds: Float[Array, " C"]
    shares: Float[Array, " C"]
    dimension: int = eqx.field(static=True)
    test_noise: Float[Array, ""]
    initial: tuple[Float[Array, "C K"], Float[Array, "K K"], Float[Array, ""]]
    objective: str = eqx.field(static=True)

    def __init__(
        self,
        centroid_overlap: Numbers,
        stds: Numbers,
        shares: Numbers,
        learning_rate: Number = 5.0,
        dimension: Given[int] = 1000,
        test_noise: Number = 0.3,
        initial: Given[tuple[ArrayLike, ArrayLike, ArrayLike] | None] = None,
        step_size: Number = 0.01,
        method: Given[str] = "rk4",
        substeps: Given[int] = 1,
        objective: Given[str] = "exact",
    ):
        name = type(self).__name__
        self._follow(learning_rate, step_size, method, substeps)
        self.stds = array(stds, "stds", name, ndim=1)
        clusters = self.stds.size
        self.shares = array(shares, "shares", name, (clusters,))
        self.centroid_overlap = array(centroid_overlap, "centroid_overlap", name, (clusters, clusters))
        self.dimension = count(dimension, "dimension", name)
        self.test_noise = number(test_noise, "test_noise", name, 0.0, 1.0)
        self.objective = choice(objective, "objective", name, ("exact", "published"))
        if not isinstance(initial, (tuple, list)) or len(initial) != 3:
            raise LearningEffortError(
                f"The 'initial' of {name} must be (M, Q, b): the overlaps of centroids with hidden units (C, K), those of "
                f"hidden units (K, K), and the skip connection. Got {initial!r} instead."
            )
        centroids = array(initial[0], "initial", name, (clusters, None))
        students = array(initial[1], "initial", name, (centroids.shape[1],) * 2)
        self.initial = centroids, students, number(initial[2], "initial", name)
        self._check_values(name)

    def _check_values(self, name: str) -> None:
        """**Raises:** `LearningEffortError` for a mixture or overlaps that cannot be."""
        if any(map(is_traced, (self.stds, self.shares, self.centroid_overlap, *self.initial))):
            return
        if (self.stds < 0).any():
            raise LearningEffortError(f"The 'stds' of {name} must not be negative. Got {np.asarray(self.stds).tolist()}.")
        if (self.shares < 0).any() or abs(float(self.shares.sum()) - 1) > 1e-9:
            raise LearningEffortError(
                f"The 'shares' of {name} must be at least 0 and sum to 1. Got {np.asarray(self.shares).tolist()}."
            )
        check_overlaps(self._gram, "(Ω, M; Mᵀ, Q)", name)

    @property
    def ports(self) -> dict[str, ports.Port]:
        """Noise and rate."""
        return ports.named(ports.Port(NOISE, (), self.test_noise), ports.rate())

    def init(self, static: Signals) -> AutoencoderOverlaps:
        """(M, Q, b) at step 0."""
        return AutoencoderOverlaps(*self.initial)

    def velocity(self, state: AutoencoderOverlaps, signals: Signals) -> AutoencoderOverlaps:
        """(M, Q, b)' with respect to s, κ of the noise of samples and all of it times 1 + u (theory.md §9.4)."""
        m, q, b = state
        noise: Any = signals.get(NOISE, self.test_noise)
        speed = self.speed(signals)
        rate = self.learning_rate * speed
        variance, r = self.stds**2, jnp.sqrt(1.0 - noise)
        corrupted = (1.0 - noise) * variance + noise
        hidden = self._hidden(state, noise, variance, corrupted)
        seen, mixed, clean = hidden
        whole = b * jnp.eye(len(q)) + q

        gap = r * variance - b * corrupted
        left = variance - 2.0 * b * r * variance + b**2 * corrupted
        # Each cluster's centroid_overlap column times its row of M: (c, C, K).
        pull = self.centroid_overlap.T[:, :, None] * m[:, None, :]
        to_seen = (1.0 - noise) * pull + corrupted[:, None, None] * m
        to_clean = r * (pull + variance[:, None, None] * m)
        drift = mixed - seen @ whole
        second = clean - whole @ mixed - mixed.swapaxes(1, 2) @ whole + whole @ seen @ whole

        each_m = 2.0 * to_clean - 2.0 * b * to_seen - m @ seen - to_seen @ q
        each_q = (drift + drift.swapaxes(1, 2)) * (2.0 + rate * gap)[:, None, None]
        each_q = each_q + rate * (corrupted[:, None, None] * second + left[:, None, None] * seen)
        each_b = gap
        if self.objective == "exact":
            own = jnp.diag(self.centroid_overlap) * (r - b * (1.0 - noise))
            each_b = gap + (own - jnp.trace(seen, axis1=1, axis2=2)) / self.dimension
        average = (jnp.tensordot(self.shares, each, 1) for each in (each_m, each_q, each_b))
        return AutoencoderOverlaps(*(speed * each for each in average))

    def loss(self, state: AutoencoderOverlaps, k: Step, signals: Signals) -> Float[Array, ""]:
        """E|x − f|² at the test's noise; "published" leaves out Ω_cc(1 − br)²."""
        _, q, b = state
        noise = self.test_noise
        variance, r = self.stds**2, jnp.sqrt(1.0 - noise)
        corrupted = (1.0 - noise) * variance + noise
        seen, mixed, _ = self._hidden(state, noise, variance, corrupted)
        left = variance - 2.0 * b * r * variance + b**2 * corrupted
        each = jnp.einsum("ij,cji->c", q, seen) + self.dimension * left
        each = each + 2.0 * jnp.trace(b * seen - mixed, axis1=1, axis2=2)
        if self.objective == "exact":
            each = each + jnp.diag(self.centroid_overlap) * (1.0 - b * r) ** 2
        return self.shares @ each

    def observables(self, state: AutoencoderOverlaps, k: Step, signals: Signals) -> dict[str, Float[Array, "..."]]:
        """M, Q, b, and the cosines of centroids with hidden units (0 where one of them is zero)."""
        size = jnp.sqrt(jnp.outer(jnp.diag(self.centroid_overlap), jnp.diag(state.students)))
        cosine = jnp.where(size > 0, state.centroids / jnp.where(size > 0, size, 1.0), 0.0)
        return {"M": state.centroids, "Q": state.students, "b": state.skip, "cosine": cosine}

    def samples_a_step(self, dimension: int) -> Float[Array, ""]:
        """Δs N/κ."""
        return self.step_length * dimension / self.learning_rate

    def on_samples(self, batch_size: int, seed: Int[ArrayLike, ""], dimension: int | None = None) -> FiniteSizeLearner:
        """The network itself, in the dimension of its equations.

        **Arguments:** `batch_size`, which must be 1; `seed` of weights and samples; `dimension` N (None: its own).

        **Raises:** `LearningEffortError` for another dimension than its own.
        """
        if dimension not in (None, self.dimension):
            raise LearningEffortError(
                f"The equations of DenoisingAutoencoder are those of one dimension, here {self.dimension}. Got {dimension} to "
                "simulate; make the learner with dimension=… instead."
            )
        return super().on_samples(batch_size, seed, self.dimension)

    def drawn(self, key: PRNGKeyArray, dimension: int) -> AutoencoderWeights:
        """Weights and centroids with the overlaps of step 0."""
        vectors = frame(key, self._gram, dimension)
        clusters = self.stds.size
        return AutoencoderWeights(np.sqrt(dimension) * vectors[clusters:], self.initial[2], vectors[:clusters])

    def learned(self, weights: AutoencoderWeights, key: PRNGKeyArray, signals: Signals) -> AutoencoderWeights:
        """The weights after one sample: with e = x − f, W + (κ/N)(Wx̃ eᵀ + We x̃ᵀ) and b + (κ/N²) e·x̃."""
        student, skip, centroids = weights
        dimension = student.shape[1]
        choosing, drawing, corrupting = jax.random.split(key, 3)
        cluster = jax.random.choice(choosing, self.stds.size, p=self.shares)
        noise: Any = signals.get(NOISE, self.test_noise)
        x = centroids[cluster] + self.stds[cluster] * jax.random.normal(drawing, (dimension,))
        seen = jnp.sqrt(1.0 - noise) * x + jnp.sqrt(noise) * jax.random.normal(corrupting, (dimension,))
        hidden = student @ seen
        error = x - skip * seen - hidden @ student / dimension
        rate = self.learning_rate * self.speed(signals) / dimension
        student = student + rate * (jnp.outer(hidden, error) + jnp.outer(student @ error, seen))
        return AutoencoderWeights(student, skip + rate / dimension * (error @ seen), centroids)

    def overlaps(self, weights: AutoencoderWeights) -> AutoencoderOverlaps:
        """(M, Q, b) of weights."""
        student, skip, centroids = weights
        dimension = student.shape[1]
        return AutoencoderOverlaps(centroids @ student.T / np.sqrt(dimension), student @ student.T / dimension, skip)

    @property
    def _gram(self) -> Float[Array, "n n"]:
        """The inner products of centroids and hidden units, in units of √N, at step 0."""
        m, q, _ = self.initial
        return jnp.block([[self.centroid_overlap, m], [m.T, q]])

    def _hidden(
        self,
        state: AutoencoderOverlaps,
        noise: Any,
        variance: Float[Array, " C"],
        corrupted: Float[Array, " C"],
    ) -> tuple[Float[Array, "C K K"], Float[Array, "C K K"], Float[Array, "C K K"]]:
        """The second moments of the hidden layer in each cluster, over N: of what is seen, of that with what is clean, and of
        what is clean."""
        centre = state.centroids[:, :, None] * state.centroids[:, None, :]
        spread = variance[:, None, None] * state.students
        seen = (1.0 - noise) * centre + corrupted[:, None, None] * state.students
        return seen, jnp.sqrt(1.0 - noise) * (centre + spread), centre + spread
