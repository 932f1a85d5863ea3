"""Networks of finite size learn what their order parameters say, within standard errors, under the same signals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le
from learning_effort.learners.order_parameters.base import frame


class Signals(le.learners.Learner):
    """A learner under signals that are given in advance, (N, …) by port: what controls would send."""

    learner: le.learners.Learner
    given: dict

    @property
    def step_size(self):
        return self.learner.step_size

    @property
    def ports(self):
        return {"rate": self.learner.ports["rate"]}

    def init(self, static):
        return self.learner.init(static)

    def step(self, state, k, signals):
        return self.learner.step(state, k, {name: values[k] for name, values in self.given.items()})

    def loss(self, state, k, signals):
        return self.learner.loss(state, k, {})


@eqx.filter_jit
def losses(learner, given, steps, dimension, seeds):
    """The last state and the losses of theory (steps,), and of networks (seeds, steps)."""

    def along(own):
        def body(state, k):
            return own.step(state, k, {}), (own.loss(state, k, {}), state)

        return jax.lax.scan(body, own.init({}), jnp.arange(steps))[1]

    theory = along(Signals(learner, given))[0]
    return theory, jax.vmap(lambda seed: along(Signals(learner.on_samples(1, seed, dimension), given))[0])(jnp.arange(seeds))


def within_errors(theory, simulated, most, slack):
    """Whether the mean at the end lies within `most` standard errors, which must be a small share of what is learned."""
    mean, error = simulated[:, -1].mean(), simulated[:, -1].std(ddof=1) / np.sqrt(len(simulated))
    assert error < slack * (theory[0] - theory[-1])
    return abs(mean - theory[-1]) < most * error


def test_a_frame_has_its_inner_products():
    gram = np.array([[1.0, 0.3, 0.0], [0.3, 0.5, 0.0], [0.0, 0.0, 0.0]])
    vectors = frame(jax.random.key(0), jnp.asarray(gram), 7)
    np.testing.assert_allclose(vectors @ vectors.T, gram, atol=1e-14)
    with pytest.raises(le.LearningEffortError, match="at least 3"):
        frame(jax.random.key(0), jnp.asarray(gram), 2)


@pytest.mark.parametrize("port", ["share", "difficulty"])
def test_a_curriculum(port):
    learner = le.CurriculumPerceptron(weight_decay=0.05, initial=(1.0, 1.0, 0.4), method="rk4", step_size=0.1)
    falling = jnp.linspace(1.0, 0.0, 40)
    given = {"share": falling} if port == "share" else {"difficulty": 2 - 2 * falling}
    given |= {"rate": jnp.linspace(0.0, -0.6, 40)}
    theory, simulated = losses(learner, given, 40, 300, 16)
    assert within_errors(theory, simulated, 3, 0.06)
    backwards, _ = losses(learner, {name: values[::-1] for name, values in given.items()}, 40, 300, 1)
    assert not within_errors(backwards, simulated, 3, 0.5)
    np.testing.assert_allclose(simulated[:, 0], theory[0], rtol=1e-12)


def test_dropout():
    learner = le.DropoutCommittee(
        [[1.0]], [1.0, 0.8], [1.0], noise=0.5, initial=(0.2 * np.eye(2), np.full((2, 1), 0.1)), substeps=1
    )
    given = {"activation": jnp.linspace(0.9, 0.4, 40), "rate": jnp.linspace(0.5, -0.5, 40)}
    theory, simulated = losses(learner, given, 40, 300, 16)
    assert within_errors(theory, simulated, 3, 0.03)
    plain, _ = losses(learner, given | {"activation": jnp.ones(40)}, 40, 300, 1)
    assert not within_errors(plain, simulated, 3, 0.03)
    np.testing.assert_allclose(simulated[:, 0], theory[0], rtol=1e-12)


def test_the_autoencoder_needs_the_terms_that_the_published_objective_leaves_out():
    """Where centroids are long beside the noise, and the dimension is small."""

    def learner(objective):
        start = np.array([[0.3, -0.1], [0.1, 0.4]]), 0.5 * np.eye(2), 0.1
        return le.DenoisingAutoencoder(
            [[1.5, 0.2], [0.2, 1.0]], [0.1, 0.2], [0.4, 0.6], 2.0, 300, 0.3, start, 0.05, objective=objective
        )

    given = {"noise": jnp.linspace(0.8, 0.2, 40), "rate": jnp.linspace(0.3, -0.3, 40)}
    exact, simulated = losses(learner("exact"), given, 40, 300, 32)
    published, _ = losses(learner("published"), given, 40, 300, 1)
    np.testing.assert_allclose(simulated[:, 0], exact[0], rtol=1e-12)
    assert within_errors(exact, simulated, 3.5, 0.03)
    assert not within_errors(published, simulated, 10, 0.1)


def test_simulate_takes_learners_in_order_parameters():
    learner = le.CurriculumPerceptron(step_size=0.1)
    problem = le.Problem(learner, le.LearningRate(bounds=(-1, 1)), 5)
    effort = {"learning_rate": np.linspace(0, -0.5, 5)}
    found = le.simulate(problem, effort, seeds=3, dimension=64)
    assert found.loss.shape == (3, 5) and np.ptp(found.loss[:, -1]) > 0
    np.testing.assert_allclose(found.times, 0.1 * np.arange(5))
    np.testing.assert_allclose(le.simulate(problem, effort, 1, seeds=[2], dimension=64).loss[0], found.loss[2], rtol=1e-12)
    still = le.simulate(problem, {"learning_rate": np.full(5, -1.0)}, seeds=1, dimension=64)
    np.testing.assert_allclose(still.loss, still.loss[0, 0], rtol=1e-12)
    with pytest.raises(le.LearningEffortError, match="one sample at a time"):
        le.simulate(problem, effort, 10)
    network = le.LinearNetwork(le.tasks.SemanticHierarchy(2))
    with pytest.raises(le.LearningEffortError, match="order parameters"):
        le.simulate(le.Problem(network, le.LearningRate(), 5), None, 3, dimension=10)


def test_an_autoencoder_is_simulated_in_its_own_dimension():
    learner = le.DenoisingAutoencoder([[1.0]], [0.1], [1.0], dimension=50, initial=([[0.1]], [[0.2]], 0.0))
    assert learner.on_samples(1, 0).dimension == 50
    with pytest.raises(le.LearningEffortError, match="here 50"):
        learner.on_samples(1, 0, 60)


def test_as_many_samples_are_seen_as_time_says():
    """Steps of 2.5 samples take two or three, and all of them are seen."""
    learner = le.CurriculumPerceptron(step_size=0.025).on_samples(1, 0, 100)
    before = [int(learner._samples_before(jnp.asarray(k))) for k in range(41)]
    assert before[0] == 0 and before[-1] == 100 and set(np.diff(before)) <= {2, 3}
