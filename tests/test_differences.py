"""Where we differ from the published code (docs/differences.md): ours against the definition, and the published formula
against the same definition, which it must miss."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import learning_effort as le
from learning_effort.experiments.carrasco_davis_2023 import class_proportion
from learning_effort.experiments.carrasco_davis_2023.task_engagement import TaskEngagement

PAGE = Path(__file__).parents[1] / "docs" / "differences.md"
RNG = np.random.default_rng(0)


def apart(ours, other):
    """The largest difference, over the largest entry of `other`."""
    return float(np.abs(np.asarray(ours) - np.asarray(other)).max() / np.abs(other).max())


# The nonlinear learner ------------------------------------------------------------------------------------------------

#: Inputs and targets whose means are far from zero: where they are zero, wrong signs of the means do not show.
X = RNG.normal(size=(50, 3)) + np.array([0.6, -0.4, 0.8])
Y = X @ RNG.normal(size=(3, 2)) + np.array([0.5, -0.7])
WEIGHTS = [0.5 * RNG.normal(size=(4, 3)), 0.5 * RNG.normal(size=(2, 4))]


def expanded(first, x):
    """φ and J of theory.md §6 at the mean of x, and the deviations from it."""
    mean = x.mean(0)
    unit = np.tanh(first @ mean)
    return unit, (1 - unit**2)[:, None] * first, x - mean


def test_tanh_dynamics_are_the_mean_gradient_of_the_expanded_network():
    first, second = WEIGHTS
    unit, jacobian, deviations = expanded(first, X)
    hidden = unit + deviations @ jacobian.T
    errors = Y - hidden @ second.T
    to_second = errors.T @ hidden / len(X)
    to_first = (1 - unit**2)[:, None] * (second.T @ (errors.T @ X / len(X)))  # φ' to zeroth order
    # The same by differentiating the sample loss, so that the formula above is not taken on trust.
    slope = jax.grad(lambda w: jnp.mean(jnp.sum((Y - hidden @ w.T) ** 2, 1)) / 2)(jnp.asarray(second))
    np.testing.assert_allclose(-slope, to_second, rtol=1e-12)

    learner = le.TanhNetwork(le.tasks.Arrays(X, Y), hidden=(4,), weights=WEIGHTS)
    ours = learner.field([jnp.asarray(w) for w in WEIGHTS], 0, {})
    assert apart(ours[0], to_first) < 1e-12 and apart(ours[1], to_second) < 1e-12

    mean_x, mean_y, moment, cross = X.mean(0), Y.mean(0), X.T @ X / len(X), X.T @ Y / len(X)
    taught = np.outer(mean_y, unit) + cross.T @ jacobian.T + np.outer(mean_y, mean_x) @ jacobian.T
    sizes = np.outer(unit, unit) + jacobian @ (moment + np.outer(mean_x, mean_x)) @ jacobian.T
    assert apart(taught - second @ sizes, to_second) > 0.1


def test_the_tanh_loss_is_evaluated_at_every_step_and_never_negative():
    x, y = np.ones((1, 1)), np.array([[2.0]])  # one sample: the expansion is exact, and the loss ½(y − W²tanh(W¹x))²
    learner = le.TanhNetwork(le.tasks.Arrays(x, y), hidden=(1,), learning_rate=0.1, weights=[[[0.5]], [[0.1]]])
    rollout = le.Problem(learner, le.Gain(), le.Steps(100)).baseline()
    output = np.asarray(rollout.weights[1] * np.tanh(rollout.weights[0])).ravel()
    np.testing.assert_allclose(rollout.loss, (2.0 - output) ** 2 / 2, atol=1e-13)
    assert rollout.loss.min() >= 0 and rollout.loss[-1] < 1e-3
    frozen = 2.0 - 2.0 * output + output[0] ** 2 / 2  # φᵀW²ᵀW²φ/2 as it was at the first step
    assert frozen[-1] < -1.5


def test_a_simulated_step_follows_the_derivative_of_tanh_and_every_gain():
    x, y = X[:1], Y[:1]  # one sample, so that every batch is the same
    learner = le.TanhNetwork(le.tasks.Arrays(x, y), hidden=(4,), learning_rate=0.1, weights=WEIGHTS)
    problem = le.Problem(learner, le.Gain(), le.Steps(2))
    gains = [0.4 * np.cos(3 * w) for w in WEIGHTS]
    simulated = le.simulate(problem, {"gain": [np.stack([g, g]) for g in gains]}, 1, 1).loss[0, 1]

    def loss_after(slope, gained):
        first, second = (w * (1 + g) for w, g in zip(WEIGHTS, gains, strict=True))
        unit = np.tanh(first @ x[0])
        error = y[0] - second @ unit
        descent = [np.outer(slope(unit) * (second.T @ error), x[0]), np.outer(error, unit)]
        after = [w + 0.1 * d * (1 + gained * g) for w, d, g in zip(WEIGHTS, descent, gains, strict=True)]
        first, second = (w * (1 + g) for w, g in zip(after, gains, strict=True))
        return np.sum((y[0] - second @ np.tanh(first @ x[0])) ** 2) / 2

    assert simulated == pytest.approx(loss_after(lambda unit: 1 - unit**2, 1), rel=1e-12)
    assert abs(loss_after(lambda unit: 1 - unit, 1) / simulated - 1) > 1e-3
    assert abs(loss_after(lambda unit: 1 - unit**2, 0) / simulated - 1) > 1e-3


# Tasks and controls ---------------------------------------------------------------------------------------------------

PAIR = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]


def test_a_blend_and_a_mixture_are_two_tasks_each_with_samples_of_its_own():
    inputs = [c(PAIR, (0.3, 0.7)).moments().input_moment for c in (le.tasks.Blend, le.tasks.Mixture)]
    assert apart(*inputs) > 0.3
    for composition, own, other in zip((le.tasks.Blend, le.tasks.Mixture), inputs, inputs[::-1], strict=True):
        x, _ = composition(PAIR, (0.3, 0.7)).sample(jax.random.key(0), 10_000)
        assert apart(x.T @ x / len(x), own) < 0.05 < apart(x.T @ x / len(x), other)


def test_what_task_modulation_is_judged_on_is_stated():
    def loss(composition, evaluation):
        learner = le.LinearNetwork(composition(PAIR), hidden=(3,), init_scale=0.3, evaluation=evaluation)
        return float(learner.loss(learner.initial_weights, 0, {})), learner

    for composition in (le.tasks.Blend, le.tasks.Mixture):
        on_first, learner = loss(composition, PAIR[0])
        on_all, _ = loss(composition, le.tasks.Mixture(PAIR))
        each = [float(learner.moment_loss(learner.initial_weights, task.moments(), {})) for task in PAIR]
        assert on_first == pytest.approx(each[0]) and on_all == pytest.approx(np.mean(each))
        assert each[0] != pytest.approx(each[1], rel=1e-2)


def test_vector_engagement_is_active_engagement_in_another_box():
    experiment = TaskEngagement(steps=10, hidden=2, seeds=1, pairs=((0, 1), (7, 1)), knots=0)
    active, vector = (experiment.problems()[f"{mode}, seed 0"] for mode in ("active", "vector"))
    effort = {"engagement": np.linspace(0, 1, 20).reshape(10, 2)}
    np.testing.assert_array_equal(active.rollout(effort).reward, vector.rollout(effort).reward)
    assert [float(p.controls[0].upper) for p in (active, vector)] == [1, 2]
    # A cost that leaves the norm alone is there for whoever wants one.
    free = le.Engagement(rest=0.0, cost=le.costs.NormDeviation(0.1))
    turned = jnp.array([np.sqrt(2.0), 0.0])
    assert float(free.cost_of(turned, active.learner)) == pytest.approx(0, abs=1e-12)
    assert float(vector.controls[0].cost_of(turned, active.learner)) > 0.1


def test_class_proportion_takes_engagement_for_the_share_of_samples(monkeypatch):
    phi = np.array([[1.5, 0.5, 0.7], [0.2, 1.0, 1.6]])
    engagement = xr.Dataset(
        {"mnist_effort": (("seed", "mnist_weight_time", "digit"), phi[None])}, {"seed": [0], "mnist_weight_time": [0.0, 0.05]}
    )
    given = []

    def recorded(learner, classes, counts, balanced, seed):
        given.append(counts)
        return np.zeros(2), np.zeros((2, 3))

    monkeypatch.setattr(class_proportion, "learn_on_batches", recorded)
    experiment = class_proportion.ClassProportion(steps=2, hidden=2, batch=60, digits=(0, 1, 2), seeds=1)
    experiment.run(earlier={"category-engagement": engagement})
    np.testing.assert_array_equal(given[0], np.full((2, 3), 20))
    np.testing.assert_array_equal(given[1], np.round(20 * phi))

    # Engagement itself weights the rows of outputs by φ²; the share of a class weights all its samples.
    rng = np.random.default_rng(1)
    classes = [le.tasks.Arrays(rng.normal(size=(8, 4)), np.eye(3)[[c] * 8]) for c in range(3)]
    learner = le.LinearNetwork(le.tasks.Mixture(classes), hidden=(), weights=[0.3 * rng.normal(size=(3, 4))])
    (plain,) = learner.field(learner.initial_weights, 0, {})
    attention = le.Engagement(over="outputs", squared=True).signal(jnp.asarray(phi[0]), learner)
    (engaged,) = learner.field(learner.initial_weights, 0, {"attention": attention})
    np.testing.assert_allclose(engaged, phi[0][:, None] ** 2 * plain, rtol=1e-12)
    # `optimal-proportion` drives the share itself.
    (shared,) = learner.field(learner.initial_weights, 0, {"proportions": jnp.asarray(phi[0]) / phi[0].sum()})
    own = [learner.moment_field(learner.initial_weights, c.moments(), {})[0] for c in classes]
    weighted = np.tensordot(phi[0], own, 1)
    np.testing.assert_allclose(shared, weighted / phi[0].sum(), rtol=1e-12)
    assert apart(shared * phi[0].sum() / 3, engaged) > 0.1


def test_initial_weights_are_worth_what_all_states_of_all_tasks_are_worth():
    learner = le.LinearNetwork(le.tasks.TaskSet(PAIR), hidden=(3,), learning_rate=0.01, init_scale=0.3)
    problem = le.Problem(learner, le.InitialWeights(), le.Steps(2), discount=1.0)
    weights = learner.initial_weights

    def loss(task, weights, ahead):
        alone = le.LinearNetwork(task, hidden=(3,), learning_rate=0.01, weights=weights)
        for _ in range(ahead):
            weights = alone.step(weights, 0, {})
        return float(alone.loss(weights, 0, {}))

    losses = np.array([[loss(task, weights, ahead) for ahead in (0, 1)] for task in PAIR])
    np.testing.assert_allclose(problem.baseline().loss, losses.mean(0), rtol=1e-12)
    assert float(problem.value(problem.initial_effort())) == pytest.approx(-0.01 * losses.mean(0).sum(), rel=1e-12)
    masked = losses.copy()
    masked[0, 0] = 0.0
    assert apart(masked.mean(0), losses.mean(0)) > 0.1


# Numbers of the learner -----------------------------------------------------------------------------------------------


def test_a_controlled_single_neuron_keeps_to_its_time_constant():
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(2.0, 1.0), (), learning_rate=0.01, weight_decay=0.1, time_constant=4.0, weights=[[[0.2]]]
    )
    problem = le.Problem(learner, le.Gain(cost=le.costs.Quadratic(0.3)), le.Steps(2))
    before, after = np.asarray(problem.rollout({"gain": [np.full((2, 1, 1), 0.5)]}).weights[0]).ravel()
    field = 2.0 * 1.5 - 0.2 * 1.5**2 * (2.0**2 + 1.0) - 0.1 * 0.2
    assert after - before == pytest.approx(0.01 / 4.0 * field, rel=1e-12)


@pytest.mark.parametrize("network", [le.LinearNetwork, le.TanhNetwork])
def test_output_noise_counts_outputs(network):
    quiet, noisy = (network(PAIR[0], hidden=(7,), noise=noise) for noise in (0.0, 0.3))
    added = float(noisy.loss(noisy.initial_weights, 0, {}) - quiet.loss(quiet.initial_weights, 0, {}))
    assert added == pytest.approx(2 / 2 * 0.3**2, rel=1e-12)  # two outputs, seven hidden units


def test_starting_weights_are_those_drawn():
    learner = le.LinearNetwork(PAIR[0], hidden=(3,), init_scale=0.3, seed=4)
    drawn = [np.array(w) for w in learner.initial_weights]
    assert np.std(np.concatenate([w.ravel() for w in drawn])) == pytest.approx(0.3, rel=0.5)
    problem = le.Problem(learner, le.Gain(knots=4), le.Steps(200))
    solution = le.solve(problem, le.GradientAscent(1.0, 3), progress=False)
    assert solution.value > solution.baseline_value
    starts = [[w[0] for w in rollout.weights] for rollout in (solution.rollout, solution.baseline)]
    for weights in (solution.problem.learner.initial_weights, *starts):
        for ours, first in zip(weights, drawn, strict=True):
            np.testing.assert_array_equal(ours, first)
    assert apart(solution.rollout.weights[0][-1], drawn[0]) > 0.1  # they were trained


# Solving --------------------------------------------------------------------------------------------------------------


def test_a_fixed_number_of_ascent_steps_stops_before_convergence():
    experiment = le.experiments.SingleNeuron(steps=200)
    problem, (step, iterations) = experiment.problem(), experiment.ascent
    ascended = le.solve(problem, le.GradientAscent(step, iterations), progress=False)
    ours = le.solve(problem, progress=False)
    assert ours.certificate.converged and ours.certificate.residual < 1e-6
    assert not ascended.certificate.converged and ascended.certificate.residual > 1e-3
    assert ours.value > ascended.value > ours.neutral_value


def operations(jaxpr) -> int:
    """Numbers computed by a program, loops counted as often as they run; an update in place counts what it writes."""
    total = 0
    for equation in jaxpr.eqns:
        inner = [p for p in jax.tree.leaves(list(equation.params.values())) if hasattr(p, "jaxpr") or hasattr(p, "eqns")]
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        total += times * sum(operations(getattr(program, "jaxpr", program)) for program in inner)
        if not inner:
            written = equation.invars[1:] if equation.primitive.name == "dynamic_update_slice" else equation.outvars
            total += max(int(np.prod(v.aval.shape)) for v in written)
    return total


def test_a_gradient_costs_in_proportion_to_the_number_of_steps():
    learner = le.LinearNetwork(PAIR[0], hidden=(3,))

    def cost(steps):
        problem = le.Problem(learner, le.Gain(), le.Steps(steps))
        return operations(jax.make_jaxpr(problem.value_and_gradient)(problem.initial_effort()).jaxpr)

    short, long, longer = (cost(steps) for steps in (5_000, 20_000, 80_000))
    assert long / short == pytest.approx(4, rel=0.1) and longer / long == pytest.approx(4, rel=0.1)


# The page -------------------------------------------------------------------------------------------------------------


def test_the_page_names_every_test_here_and_no_other():
    text = PAGE.read_text(encoding="utf-8")
    own = {name for name in globals() if name.startswith("test_")} - {"test_the_page_names_every_test_here_and_no_other"}
    named = {word for word in text.replace("`", " ").split() if word.startswith("test_") and "." not in word}
    assert named == own
