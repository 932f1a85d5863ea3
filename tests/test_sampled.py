"""Networks of any kind, learning on samples: against the average dynamics, against differences, and in every composition."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort.tasks.datasets import MOST_ROWS

RNG = np.random.default_rng(0)
DATA = le.tasks.Arrays(RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2)))
DIGITS = le.tasks.Digits((1, 3), size=2)
ITEMS = [le.tasks.SemanticHierarchy(2), le.tasks.Arrays(np.eye(2)[[0, 1, 1]], RNG.normal(size=(3, 3)))]


class Dense(eqx.Module):
    """Layers without biases, with an activation between them."""

    layers: list
    activation: callable = eqx.field(static=True, default=lambda x: x)

    def __call__(self, x):
        *hidden, last = self.layers
        for w in hidden:
            x = self.activation(w @ x)
        return last @ x


def average(task, hidden=(4,), rate=0.05, network=le.LinearNetwork, **keywords):
    return network(task, hidden=hidden, learning_rate=rate, init_scale=0.4, seed=3, **keywords)


def sampled_like(learner, activation=None, **keywords):
    """The same network, from the same weights, on samples."""
    module = Dense(learner.initial_weights) if activation is None else Dense(learner.initial_weights, activation)
    rate = float(learner.learning_rate)
    return le.SampledNetwork(learner.task, module, optax.sgd(rate), step_size=rate, evaluation=learner.evaluation, **keywords)


def relu(task=DATA, optimizer=None, **keywords):
    module = eqx.nn.MLP(task.input_size, task.output_size, 5, 1, key=jax.random.key(1))
    optimizer = optax.sgd(0.05) if optimizer is None else optimizer
    return le.SampledNetwork(task, module, optimizer, **{"step_size": 0.05} | keywords)


def moved(problem, scale=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda e: e + scale * rng.normal(size=e.shape), problem.initial_effort())


def check_gradient(problem, effort, tolerance=1e-5):
    value, gradient = problem.value_and_gradient(effort)
    assert value == pytest.approx(float(problem.value(effort)), rel=1e-12)
    rng = np.random.default_rng(1)
    for _ in range(2):
        direction = jax.tree.map(lambda e: rng.normal(size=e.shape), effort)
        ahead, behind = (problem.value(jax.tree.map(lambda e, d, h=h: e + h * d, effort, direction)) for h in (1e-5, -1e-5))
        slope = sum(jnp.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True))
        assert slope == pytest.approx(float(ahead - behind) / 2e-5, rel=tolerance, abs=1e-9)
        assert abs(slope) > 1e-7


EVERY_PORT = [le.Gain(), le.LearningRate(), le.Engagement(over="outputs"), le.InitialWeights()]


@pytest.mark.parametrize(
    ("task", "hidden", "controls"),
    [
        (DATA, (), EVERY_PORT),
        (DIGITS, (4,), EVERY_PORT),
        (DATA, (4, 3), EVERY_PORT),
        (DIGITS, (4,), [le.Gain(layers=0)]),
        (DATA, (4,), [le.LearningRate()]),
        (DATA, (4,), [le.Engagement(over="outputs")]),
    ],
    ids=["one layer", "digits", "three layers", "gain alone", "rate alone", "attention alone"],
)
def test_full_batch_linear_networks_are_the_average_dynamics(task, hidden, controls):
    learner = average(task, hidden)
    ours, theirs = (le.Problem(each, controls, le.Steps(15)) for each in (sampled_like(learner), learner))
    effort = moved(theirs)
    for a, b in ((ours.baseline(), theirs.baseline()), (ours.rollout(effort), theirs.rollout(effort))):
        np.testing.assert_allclose(a.loss, b.loss, rtol=1e-12)
        np.testing.assert_allclose(a.reward, b.reward, rtol=1e-12, atol=1e-13)
        for w, v in zip(a.weights, b.weights, strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-11, atol=1e-13)
    (value, gradient), (other, expected) = ours.value_and_gradient(effort), theirs.value_and_gradient(effort)
    assert value == pytest.approx(float(other), rel=1e-12)
    for g, e in zip(*map(jax.tree.leaves, (gradient, expected)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-13)


COMPOSED = {
    "mixture of classes": (le.tasks.Mixture(DIGITS.by_class(), (0.3, 0.7)), le.MixtureControl(bounds=(-3, 3))),
    "blend": (le.tasks.Blend(ITEMS, (0.4, 0.6)), le.MixtureControl(bounds=(-3, 3))),
    "concatenated": (le.tasks.Concatenated([*ITEMS, le.tasks.Mixture(ITEMS)]), le.Engagement()),
    "judged on a part": (le.tasks.Mixture(ITEMS), [le.MixtureControl(bounds=(-3, 3)), le.Gain()]),
    "a set of different sizes": (le.tasks.TaskSet(ITEMS), [le.LearningRate(), le.InitialWeights()]),
    "switching between different sizes": (le.tasks.Switching(ITEMS, 4), le.Gain()),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_compositions_of_data_are_learned_whole(name):
    task, control = COMPOSED[name]
    learner = average(task, evaluation=ITEMS[1] if name == "judged on a part" else None)
    ours, theirs = (le.Problem(each, control, le.Steps(12)) for each in (sampled_like(learner), learner))
    effort = moved(theirs)
    np.testing.assert_allclose(ours.baseline().loss, theirs.baseline().loss, rtol=1e-12)
    np.testing.assert_allclose(ours.rollout(effort).loss, theirs.rollout(effort).loss, rtol=1e-12)
    (_, gradient), (_, expected) = ours.value_and_gradient(effort), theirs.value_and_gradient(effort)
    for g, e in zip(*map(jax.tree.leaves, (gradient, expected)), strict=True):
        np.testing.assert_allclose(g, e, rtol=1e-9, atol=1e-13)


def test_the_tanh_closure_is_near_the_true_network_on_digits():
    learner = average(DIGITS, rate=0.1, network=le.TanhNetwork)
    true = sampled_like(learner, jnp.tanh)
    effort = {"gain": [jnp.full((40, *w.shape), 0.2) for w in learner.initial_weights]}
    ours, theirs = (le.Problem(each, le.Gain(), le.Steps(40)) for each in (true, learner))
    for a, b in ((ours.baseline(), theirs.baseline()), (ours.rollout(effort), theirs.rollout(effort))):
        fallen = float(b.loss[0] - b.loss[-1])
        assert fallen > 0.2
        assert np.abs(a.loss - b.loss).max() < 0.02 * fallen
    linear = le.Problem(sampled_like(learner), le.Gain(), le.Steps(40)).baseline()
    assert np.abs(linear.loss - theirs.baseline().loss).max() > 3 * np.abs(ours.baseline().loss - theirs.baseline().loss).max()


def test_adam_on_a_relu_network_with_a_dead_input_names_the_setting():
    x = np.array(DATA.x)
    x[:, 1] = 0.0
    dead = le.tasks.Arrays(x, DATA.y)
    problem = le.Problem(relu(dead, optax.adam(1e-2)), le.LearningRate(), le.Steps(10))
    assert np.isfinite(float(problem.value(problem.initial_effort())))
    with pytest.raises(le.LearningEffortError, match="eps_root"):
        problem.value_and_gradient(problem.initial_effort())
    for method in (None, le.GradientAscent(0.1, 3)):
        with pytest.raises(le.LearningEffortError, match="eps_root"):
            le.solve(problem, method, progress=False)
    sound = le.Problem(relu(dead, optax.adam(1e-2, eps_root=1e-8)), [le.LearningRate(), le.Gain()], le.Steps(10))
    check_gradient(sound, moved(sound))


@pytest.mark.parametrize(
    ("optimizer", "batch_size"),
    [
        (optax.adam(2e-2, eps_root=1e-8), None),
        (optax.sgd(optax.linear_schedule(0.1, 0.01, 8), momentum=0.9), None),
        (optax.chain(optax.add_noise(0.1, 0.5, 3), optax.add_decayed_weights(0.1), optax.rmsprop(1e-2)), 4),
    ],
    ids=["adam", "scheduled momentum", "noise, decay and root mean square"],
)
def test_a_stateful_optimiser_is_differentiated(optimizer, batch_size):
    learner = relu(DATA, optimizer, batch_size=batch_size)
    controls = [le.LearningRate(), le.Gain(layers=1), le.Engagement(over="outputs"), le.InitialWeights(le.costs.Quadratic(0.1))]
    problem = le.Problem(learner, controls, le.Steps(12))
    check_gradient(problem, moved(problem, 0.1))
    neutral = problem.rollout(problem.neutral_effort())
    np.testing.assert_allclose(neutral.loss, problem.baseline().loss, rtol=1e-13)


def test_the_optimisers_counter_counts():
    learner = relu(DATA, optax.sgd(optax.piecewise_constant_schedule(0.1, {5: 0.0})))
    loss = le.Problem(learner, le.LearningRate(), le.Steps(9)).baseline().loss
    assert (np.diff(loss[:7]) != 0).sum() >= 5 and (np.diff(loss[7:]) == 0).all()


def test_controls_together_are_worth_at_least_each_alone():
    task = le.tasks.Concatenated([le.tasks.SemanticHierarchy(2), le.tasks.SemanticHierarchy(3)])
    module = Dense(average(task).initial_weights, jnp.tanh)
    learner = le.SampledNetwork(task, module, optax.sgd(0.1), step_size=0.1)
    controls = [le.Gain(knots=3), le.Engagement(knots=3), le.LearningRate(knots=3)]
    together = le.solve(le.Problem(learner, controls, le.Steps(40)), progress=False)
    assert together.value > together.baseline_value
    for control in controls:
        alone = le.solve(le.Problem(learner, control, le.Steps(40)), progress=False)
        assert together.value >= alone.value - 1e-9


def test_cross_entropy_and_accuracy():
    module = Dense(average(DIGITS).initial_weights, jnp.tanh)  # ReLU units that switch would spoil the differences
    optimizer = optax.adam(3e-2, eps_root=1e-8)
    learner = le.SampledNetwork(DIGITS, module, optimizer, loss=le.losses.cross_entropy, step_size=0.03)
    problem = le.Problem(learner, [le.LearningRate(), le.Gain()], le.Steps(30))
    effort = moved(problem, 0.05)
    check_gradient(problem, effort)
    rollout = problem.rollout(effort)
    weights = [w[-1] for w in rollout.weights]
    signals = problem.signals_at(effort, jnp.arange(30))
    last = {"gain": tuple(g[-1] for g in signals["gain"])}
    logits = np.asarray(learner.predict(weights, DIGITS.x, last))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    right = np.asarray(DIGITS.y).argmax(1)
    assert rollout.loss[-1] == pytest.approx(-np.log(chances[np.arange(len(right)), right]).mean(), rel=1e-10)
    accuracy = learner.accuracy(rollout.weights, signals=signals)
    assert accuracy.shape == (30,) and accuracy[-1] == pytest.approx((logits.argmax(1) == right).mean(), rel=1e-12)
    assert accuracy[-1] > 0.8 > accuracy[0]
    ends = [w[jnp.array([0, 29])] for w in rollout.weights]
    gains = jax.tree.map(lambda s: s[jnp.array([0, 29])], signals)
    np.testing.assert_array_equal(learner.accuracy(ends, [0, 29], gains), accuracy[jnp.array([0, 29])])
    with pytest.raises(le.LearningEffortError, match="at least 2 outputs"):
        narrow = relu(le.tasks.Arrays(DATA.x, DATA.y[:, :1]))
        narrow.accuracy(narrow.initial_weights)


def test_a_loss_of_ones_own():
    def absolute(predictions, targets):
        return jnp.sqrt((predictions - targets) ** 2 + 0.01)

    problem = le.Problem(relu(loss=absolute), le.Engagement(over="outputs"), le.Steps(10))
    check_gradient(problem, moved(problem))
    learner = problem.learner
    errors = absolute(learner.predict(learner.initial_weights, DATA.x, {}), DATA.y)
    assert problem.baseline().loss[0] == pytest.approx(float(errors.sum(1).mean()), rel=1e-12)


def test_batches_are_fixed_by_the_seed():
    def losses(seed):
        return le.Problem(relu(batch_size=3, seed=seed), le.LearningRate(), le.Steps(10)).baseline().loss

    first = losses(0)
    np.testing.assert_array_equal(first, losses(0))
    assert first[0] == losses(1)[0] and np.abs(first - losses(1)).max() > 1e-3
    whole = le.Problem(relu(), le.LearningRate(), le.Steps(10)).baseline().loss
    assert first[0] == pytest.approx(float(whole[0]), rel=1e-12) and np.abs(first - whole).max() > 1e-3


@pytest.mark.parametrize("name", ["mixture of classes", "blend", "a set of different sizes"])
def test_large_batches_approach_the_whole(name):
    task, control = COMPOSED[name]
    learner = average(task)
    whole, large = (
        le.Problem(sampled_like(learner, batch_size=batch), control, le.Steps(10), discount=0.9) for batch in (None, 4000)
    )
    effort = moved(whole, 0.5)
    (_, expected), (_, gradient) = whole.value_and_gradient(effort), large.value_and_gradient(effort)
    np.testing.assert_allclose(large.rollout(effort).loss, whole.rollout(effort).loss, rtol=0.03)
    check_gradient(large, effort)
    for g, e in zip(*map(jax.tree.leaves, (gradient, expected)), strict=True):
        np.testing.assert_allclose(g, e, atol=0.1 * float(np.abs(e).max()))


def test_a_distribution_is_learned_from_batches_and_judged_on_fixed_samples():
    gaussians = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]
    for task in (gaussians[0], le.tasks.Concatenated(gaussians), le.tasks.Switching(gaussians, 5)):
        learner = average(task, rate=0.01)
        same = sampled_like(learner, batch_size=500)
        ours, theirs = (le.Problem(each, le.LearningRate(), le.Steps(20)) for each in (same, learner))
        np.testing.assert_allclose(ours.baseline().loss, theirs.baseline().loss, rtol=0.15)
        assert ours.baseline().loss[0] != theirs.baseline().loss[0]
        assert same.judged_samples(0).weights.sum() == pytest.approx(1.0)


def test_simulation_draws_fresh_batches():
    problem = le.Problem(relu(), le.LearningRate(), le.Steps(8))
    effort = moved(problem)
    simulated = le.simulate(problem, effort, 5, [3, 4])
    for seed, loss in zip((3, 4), simulated.loss, strict=True):
        batches = le.Problem(relu(batch_size=5, seed=seed), le.LearningRate(), le.Steps(8))
        np.testing.assert_allclose(loss, batches.rollout(effort).loss, rtol=1e-12)
    assert np.abs(le.simulate(problem, None, 5, 2).loss[:, -1] - simulated.loss[:, -1]).min() > 1e-6


class Own(le.learners.Learner):
    """Learns nothing that simulation knows of."""

    step_size = jnp.ones(())
    port_shapes = {"rate": ()}


def test_simulation_refuses_what_it_does_not_know():
    with pytest.raises(le.LearningEffortError, match="simulate takes networks that learn from a task"):
        le.simulate(le.Problem(Own(), le.LearningRate(), le.Steps(3)), None, 5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: relu(le.tasks.CorrelatedGaussians()), "CorrelatedGaussians has no finite one. Give .* a batch_size"),
        (lambda: relu(le.tasks.Concatenated([DIGITS, DIGITS])), "has 640000 rows"),
        (lambda: relu(le.tasks.FromMoments(*DATA.moments()), batch_size=3), "cannot be sampled"),
        (lambda: relu(optimizer="adam"), "optax.sgd"),
        (lambda: relu(optimizer=optax.lbfgs()), "from gradients alone"),
        (lambda: relu(batch_size=0), "batch_size"),
        (lambda: relu(step_size=0.0), "step_size"),
        (lambda: relu(loss=lambda p, t: ((p - t) ** 2).sum()), "do not sum or average"),
        (lambda: relu(loss=lambda p: p), "'loss' of SampledNetwork could not be called"),
        (lambda: le.SampledNetwork(DATA, jnp.tanh, optax.sgd(0.1)), "with arrays to train"),
        (lambda: le.SampledNetwork(DATA, Dense([np.ones((2, 4))]), optax.sgd(0.1)), "could not be called with one input"),
        (lambda: le.SampledNetwork(DATA, Dense([np.ones((3, 3))]), optax.sgd(0.1)), r"one output of .*gives \(3,\)"),
        (lambda: le.SampledNetwork(DATA, Dense([np.ones((2, 3), "f4")]), optax.sgd(0.1)), "float64 numbers. Got float32"),
        (lambda: le.SampledNetwork(DATA, Dense([np.full((2, 3), np.nan)]), optax.sgd(0.1)), "must be finite"),
        (lambda: relu(loss=Dense([np.ones((2, 2))])), "'loss' of SampledNetwork must be hashable"),
    ],
)
def test_bad_input_is_explained(build, message):
    assert MOST_ROWS < 640_000
    with pytest.raises(le.LearningEffortError, match=message):
        build()


def test_divergence_names_the_optimiser():
    problem = le.Problem(relu(optimizer=optax.sgd(50.0)), le.LearningRate(), le.Steps(100))
    with pytest.raises(le.DivergenceError, match="Lower the learning rate of its optimiser"):
        le.solve(problem, progress=False)
