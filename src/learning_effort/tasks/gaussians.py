"""Tasks of Gaussian inputs: one neuron's, the correlated pair, and class means in any dimension (theory.md §2)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..errors import LearningEffortError, Number, Numbers, array, is_traced, number
from .base import Moments, Proportions, Step, Task


class TwoGaussians(Task):
    """y = ±1 with probability ½ and x ~ N(yμ, σ²): the single neuron's task (paper §3).

    **Arguments:** `mean` μ, `std` σ ≥ 0, in units of the input.
    """

    mean: Float[Array, ""]
    std: Float[Array, ""]
    input_size: int = eqx.field(static=True, default=1, init=False)
    output_size: int = eqx.field(static=True, default=1, init=False)

    def __init__(self, mean: Number = 2.0, std: Number = 1.0):
        self.mean = number(mean, "mean", "TwoGaussians")
        self.std = number(std, "std", "TwoGaussians", 0.0)

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """E[x²] = μ² + σ², E[xy] = μ, E[y²] = 1; both means are zero."""
        self.refuse_proportions(proportions)
        one = jnp.ones((1, 1))
        zero = jnp.zeros(1)
        return Moments((self.mean**2 + self.std**2) * one, self.mean * one, one, zero, zero)

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """y = ±1 (batch, 1), and x = yμ + σε (batch, 1)."""
        self.refuse_proportions(proportions)
        sign_key, noise_key = jax.random.split(key)
        y = jax.random.rademacher(sign_key, (batch, 1), float)
        return y * self.mean + self.std * jax.random.normal(noise_key, (batch, 1)), y


class CorrelatedGaussians(Task):
    """Two correlated signs seen through two Gaussian inputs and a constant: I = 3, O = 2 (paper, gain experiments).

    y₁ = ±1 with probability ½, y₂ = y₁ flipped with probability p; x_i ~ N(y_i μ_i, σ_i²), x₃ = 1.

    **Arguments:** `means` (μ₁, μ₂), `stds` (σ₁, σ₂) ≥ 0, `flip_probability` p in [0, 1].
    """

    means: Float[Array, "2"]
    stds: Float[Array, "2"]
    flip_probability: Float[Array, ""]
    input_size: int = eqx.field(static=True, default=3, init=False)
    output_size: int = eqx.field(static=True, default=2, init=False)

    def __init__(self, means: Numbers = (3.0, 1.0), stds: Numbers = (1.0, 1.0), flip_probability: Number = 0.8):
        self.means = array(means, "means", "CorrelatedGaussians", (2,))
        self.stds = array(stds, "stds", "CorrelatedGaussians", (2,))
        if not is_traced(stds) and (np.asarray(stds) < 0).any():
            raise LearningEffortError(f"The 'stds' of CorrelatedGaussians must not be negative. Got {stds!r} instead.")
        self.flip_probability = number(flip_probability, "flip_probability", "CorrelatedGaussians", 0.0, 1.0)

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """With c = 1 − 2p, E[y₁y₂] = c and E[x₁x₂] = cμ₁μ₂; the signs have mean zero, the constant has mean one."""
        self.refuse_proportions(proportions)
        correlation = jnp.array([[1.0, 0.0], [0.0, 1.0]]) + (1 - 2 * self.flip_probability) * jnp.array(
            [[0.0, 1.0], [1.0, 0.0]]
        )
        signs = jnp.outer(self.means, self.means) * correlation + jnp.diag(self.stds**2)
        input_moment = jnp.zeros((3, 3)).at[:2, :2].set(signs).at[2, 2].set(1.0)
        cross_moment = jnp.zeros((3, 2)).at[:2].set(self.means[:, None] * correlation)
        return Moments(input_moment, cross_moment, correlation, jnp.array([0.0, 0.0, 1.0]), jnp.zeros(2))

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """x (batch, 3), the last column 1, and signs y (batch, 2)."""
        self.refuse_proportions(proportions)
        sign_key, flip_key, noise_key = jax.random.split(key, 3)
        first = jax.random.rademacher(sign_key, (batch,), float)
        flipped = jax.random.bernoulli(flip_key, self.flip_probability, (batch,))
        y = jnp.stack([first, jnp.where(flipped, -first, first)], axis=1)
        x = y * self.means + self.stds * jax.random.normal(noise_key, (batch, 2))
        return jnp.concatenate([x, jnp.ones((batch, 1))], axis=1), y


class ClassGaussians(Task):
    """Two classes of mean ±m and common covariance, with a constant input and a one-hot target: I = n + 1, O = 2.

    Sign s = ±1 with probability ½, x = sm + ε, ε ~ N(0, Σ), one more feature fixed at 1; y = (1, 0) for s = −1 and
    (0, 1) for s = +1.

    **Arguments:** `mean` m (n,); `covariance` Σ (n, n), symmetric and positive semi-definite.
    """

    mean: Float[Array, " n"]
    covariance: Float[Array, "n n"]
    input_size: int = eqx.field(static=True)
    output_size: int = eqx.field(static=True, default=2, init=False)

    def __init__(self, mean: Numbers, covariance: Numbers):
        self.mean = array(mean, "mean", "ClassGaussians", ndim=1)
        n = self.mean.shape[0]
        self.covariance = array(covariance, "covariance", "ClassGaussians", (n, n))
        self.input_size = n + 1
        if not is_traced(covariance):
            sigma = np.asarray(covariance, dtype=float)
            scale = max(np.abs(sigma).max(), 1e-300)
            if np.abs(sigma - sigma.T).max() > 1e-9 * scale or np.linalg.eigvalsh(sigma).min() < -1e-9 * scale:
                raise LearningEffortError(
                    "The 'covariance' of ClassGaussians must be symmetric and positive semi-definite. "
                    f"Got eigenvalues {np.linalg.eigvalsh((sigma + sigma.T) / 2)} instead."
                )

    def moments(self, step: Step | None = None, proportions: Proportions | None = None) -> Moments:
        """E[xxᵀ] = mmᵀ + Σ beside the constant; each class is seen half the time."""
        self.refuse_proportions(proportions)
        n = self.mean.shape[0]
        second = jnp.outer(self.mean, self.mean) + self.covariance
        input_moment = jnp.zeros((n + 1, n + 1)).at[:n, :n].set(second).at[n, n].set(1.0)
        half = self.mean / 2
        cross_moment = jnp.full((n + 1, 2), 0.5).at[:n].set(jnp.stack([-half, half], axis=1))
        input_mean = jnp.zeros(n + 1).at[n].set(1.0)
        return Moments(input_moment, cross_moment, jnp.eye(2) / 2, input_mean, jnp.full(2, 0.5))

    def sample(
        self, key: PRNGKeyArray, batch: int, step: Step | None = None, proportions: Proportions | None = None
    ) -> tuple[Float[Array, "{batch} I"], Float[Array, "{batch} O"]]:
        """x (batch, n + 1), the last column 1, and one-hot y (batch, 2)."""
        self.refuse_proportions(proportions)
        sign_key, noise_key = jax.random.split(key)
        positive = jax.random.bernoulli(sign_key, 0.5, (batch,))
        # A square root by eigenvalues also serves singular covariances.
        values, vectors = jnp.linalg.eigh(self.covariance)
        root = vectors * jnp.sqrt(jnp.maximum(values, 0.0))
        noise = jax.random.normal(noise_key, (batch, self.mean.shape[0])) @ root.T
        x = jnp.where(positive[:, None], self.mean, -self.mean) + noise
        y = jnp.stack([~positive, positive], axis=1).astype(float)
        return jnp.concatenate([x, jnp.ones((batch, 1))], axis=1), y
