"""Certificates: curvature against dense Hessians, saddles, flat directions, the Hamiltonian, comparisons and words."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from jax.flatten_util import ravel_pytree

import learning_effort as le
from learning_effort.analysis.comparisons import exact_value, never_learn_value
from learning_effort.analysis.curvature import smallest_curvature
from learning_effort.analysis.hamiltonian import hamiltonian_variation
from learning_effort.numerics.lanczos import lanczos
from learning_effort.problem.box import held
from learning_effort.problem.metric import metric


def neuron(steps=100, learning_rate=1e-2, beta=0.3, bounds=(0, 0.5), discount=0.9, control=None, **keywords):
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(), hidden=(), learning_rate=learning_rate, weight_decay=0.1, weights=[np.zeros((1, 1))]
    )
    control = le.Gain(bounds=bounds, cost=le.costs.Quadratic(beta), **keywords) if control is None else control
    return le.Problem(learner, control, le.Steps(steps), discount=discount)


def pair(control, hidden=(2,), steps=60, init_scale=0.3, **keywords):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=hidden, init_scale=init_scale, **keywords)
    return le.Problem(learner, control, le.Steps(steps), discount=0.9)


def dense_hessian(problem, effort):
    flat, unravel = ravel_pytree(problem.check_effort(effort))
    return -np.asarray(jax.jacfwd(lambda e: ravel_pytree(problem.value_and_gradient(unravel(e))[1])[0])(flat))


@pytest.mark.parametrize(
    ("problem", "bounded"),
    [
        (neuron(), False),
        (neuron(bounds=(0, 0.25)), True),
        (pair([le.Gain(bounds=(-0.1, 0.1), knots=7), le.LearningRate(knots=9)]), True),
    ],
    ids=["neuron", "bounds bind", "two controls"],
)
def test_curvature_is_the_smallest_eigenvalue_of_the_free_hessian(problem, bounded):
    effort = le.solve(problem, progress=False).effort
    at_lower, at_upper = held(problem, effort, problem.value_and_gradient(effort)[1])
    free = ~np.asarray(ravel_pytree(jax.tree.map(jnp.logical_or, at_lower, at_upper))[0])
    assert bounded == (not free.all()) and free.any()
    scale = np.sqrt(np.asarray(ravel_pytree(metric(problem))[0]))
    hessian = dense_hessian(problem, effort) / np.outer(scale, scale)
    smallest = np.linalg.eigvalsh(hessian[np.ix_(free, free)])[0]
    found = smallest_curvature(problem, effort)
    assert found.smallest == pytest.approx(smallest, rel=0.02)
    assert found.stretches is None and found.products <= 40


def test_curvature_between_linear_knots_is_in_the_full_metric():
    problem = pair(le.Gain(bounds=(-0.1, 0.1), knots=8, interpolation="linear", cost=le.costs.Quadratic(0.3)))
    effort = le.solve(problem, progress=False).effort
    at_lower, at_upper = held(problem, effort, problem.value_and_gradient(effort)[1])
    free = ~np.asarray(ravel_pytree(jax.tree.map(jnp.logical_or, at_lower, at_upper))[0])
    assert 0 < free.sum() < free.size
    # The cost alone, in discounted value, has the metric as its Hessian.
    flat, unravel = ravel_pytree(problem.check_effort(effort))
    weights = problem.weights(jnp.arange(60))
    full = jax.hessian(lambda e: jnp.sum(weights * problem.rollout(unravel(e)).cost))(flat)
    full, hessian = (np.asarray(m)[np.ix_(free, free)] for m in (full, dense_hessian(problem, effort)))
    smallest = scipy.linalg.eigh(hessian, full, eigvals_only=True)[0]
    assert smallest_curvature(problem, effort).smallest == pytest.approx(smallest, rel=0.02)


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
def test_large_efforts_are_examined_along_stretches(interpolation):
    problem = neuron(steps=400, beta=0.02, knots=200, interpolation=interpolation)
    effort = le.solve(problem, progress=False).effort
    held_over = smallest_curvature(problem, effort, large=10)
    everywhere = smallest_curvature(problem, effort)
    assert held_over.stretches == 100 and everywhere.stretches is None
    assert held_over.smallest == pytest.approx(everywhere.smallest, rel=0.02)


def test_lanczos_finds_the_lowest_end_of_a_spectrum():
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.normal(size=(200, 200)))[0]
    spectrum = np.concatenate([[-0.7, 0.0], np.ones(198)])
    values, errors, products = lanczos(lambda y: vectors @ (spectrum * (vectors.T @ y)), rng.normal(size=200), 40)
    assert products <= 6
    np.testing.assert_allclose(values[:2], [-0.7, 0.0], atol=1e-8)
    assert errors[0] < 1e-6


def test_an_optimum_is_a_strict_local_maximum():
    solution = le.solve(neuron(), progress=False)
    certificate = le.certify(solution)
    assert certificate.sentence.startswith("A strict local maximum")
    assert certificate.curvature > 0.5 and certificate.curvature_error < 0.02 * certificate.curvature
    assert certificate.flat_directions == 0 and certificate.plateau is False
    assert "Near a saddle" not in certificate.sentence
    assert certificate.never_learn_value is None and certificate.neutral_value == solution.neutral_value
    stopped = le.certify(le.solve(neuron(), le.QuasiNewton(max_gradients=2), progress=False))
    assert stopped.sentence.startswith("NOT CONVERGED")


def test_an_effort_held_at_its_bounds_is_a_strict_local_maximum():
    control = le.Gain(bounds=(0, 0.02), cost=None)
    certificate = le.certify(le.solve(neuron(control=control, steps=40), progress=False))
    assert certificate.share_at_bounds == 1.0 and certificate.curvature is None and certificate.hessian_products == 0
    assert certificate.sentence.startswith("A strict local maximum, held at its bounds")


def test_a_saddle_is_called_one():
    # Two layers of zeros never learn: stationary, and any pair of small weights does better.
    solution = le.solve(pair(le.InitialWeights(start=0.0)), search="none", progress=False)
    certificate = le.certify(solution)
    assert certificate.converged and certificate.curvature < -0.1
    assert certificate.sentence.startswith("A saddle: there is a direction in which value rises")
    assert certificate.constant_value is None


def test_a_plateau_is_pointed_out():
    problem = pair(le.LearningRate(knots=2), init_scale=1e-4, steps=20)
    certificate = le.certify(le.solve(problem, progress=False))
    assert certificate.plateau and "Near a saddle of learning" in certificate.sentence


def test_flat_directions_are_reported():
    # Turning the two hidden units into each other changes neither loss nor cost.
    problem = pair(le.InitialWeights(cost=le.costs.Quadratic(0.1)))
    certificate = le.certify(le.solve(problem, le.QuasiNewton(tolerance=1e-8), progress=False))
    assert certificate.converged and abs(certificate.curvature) < 1e-4 and certificate.flat_directions >= 1
    assert certificate.sentence.startswith("Stationary, with flat directions (at least 1)")


@pytest.mark.parametrize("discount", [1.0, 0.5])
def test_the_hamiltonian_balances_to_the_order_of_a_step(discount):
    coarse, fine = (neuron(n, 1 / n, discount=discount) for n in (100, 400))
    found = [hamiltonian_variation(p, le.solve(p, progress=False).effort) for p in (coarse, fine)]
    assert found[0] < 0.05 and found[1] == pytest.approx(found[0] / 4, rel=0.2)
    wrong = {"gain": [0.25 + 0.25 * np.sin(np.arange(400) / 40).reshape(-1, 1, 1)]}
    assert hamiltonian_variation(fine, wrong) > 10 * found[1]


def test_the_hamiltonian_is_silent_where_it_says_nothing():
    tasks = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0))]
    switching = le.Problem(le.LinearNetwork(le.tasks.Switching(tasks, 10), hidden=(2,)), le.Gain(), le.Steps(60))
    for problem in (switching, pair(le.Gain(knots=5))):
        assert hamiltonian_variation(problem, problem.initial_effort()) is None
    moving = pair(le.LearningRate(), evaluation=le.tasks.Switching(tasks, 10))
    assert hamiltonian_variation(moving, moving.initial_effort()) is None


def test_never_learning_is_compared():
    rate = le.LearningRate(bounds=(-1, 1), cost=le.costs.Quadratic(0.2))
    problem = neuron(control=rate)
    solution = le.solve(problem, progress=False)
    certificate = le.certify(solution)
    weights = np.asarray(problem.weights(jnp.arange(100)))
    expected = -weights.sum() * (solution.baseline.loss[0] + 0.2)
    assert certificate.never_learn_value == pytest.approx(expected, rel=1e-12)
    assert "more than never learning" in certificate.sentence and certificate.never_learn_value < solution.value
    both = neuron(control=[rate, le.Gain(bounds=(0.1, 0.2), start=0.15, cost=le.costs.Quadratic(1.0))])
    assert never_learn_value(both)[0] == pytest.approx(expected - weights.sum() * 0.01, rel=1e-12)
    value, reason = never_learn_value(neuron(control=le.LearningRate(bounds=(-0.5, 1))))
    assert value is None and "has no -1" in reason


def test_the_exact_optimum_is_compared():
    solution = le.solve(neuron(), progress=False)
    certificate = le.certify(solution)
    assert certificate.exact_value == pytest.approx(solution.value, abs=1e-8)
    assert "The exact solution is worth" in certificate.sentence
    poor = le.certify(le.solve(neuron(), le.QuasiNewton(max_gradients=1), progress=False))
    assert poor.exact_value - poor.constant_value > 1e-6
    value, reason = exact_value(le.solve(pair(le.Gain(knots=2)), le.QuasiNewton(max_gradients=1), progress=False))
    assert value is None and "single neuron" in reason


def test_certificates_survive_a_file(tmp_path):
    solution = le.solve(neuron(steps=40), progress=False)
    solution = dataclasses.replace(solution, certificate=le.certify(solution))
    solution.save(tmp_path / "run.nc")
    assert le.load(tmp_path / "run.nc").certificate == solution.certificate


def test_several_starts_are_told_apart(tmp_path):
    # One chain of two weights: both signs do equally well.
    control = le.InitialWeights(cost=le.costs.Quadratic(0.05), start=[[[0.05]], [[0.05]]])
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(1,), learning_rate=1e-2)
    solution = le.solve(le.Problem(learner, control, le.Steps(50)), starts=6, progress=False)
    assert solution.starts.shape == (6,) and solution.starts.max() == pytest.approx(solution.value, abs=1e-12)
    assert set(solution.optima) == {0, 1}
    np.testing.assert_allclose(solution.starts, solution.value, rtol=1e-6)
    words = solution.starts_in_words()
    assert words.startswith("6 starts reached 2 distinct optima: ") and f"({(solution.optima == 0).sum()}×)" in words
    assert words in solution.summary() and words in le.certify(solution).sentence
    solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    np.testing.assert_array_equal(loaded.starts, solution.starts)
    np.testing.assert_array_equal(loaded.optima, solution.optima)
    assert le.solve(neuron(steps=20), progress=False).starts is None
