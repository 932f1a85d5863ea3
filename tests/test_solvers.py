"""The solvers: known optima, each other, and their words."""

import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le


def neuron(steps=600, gamma=0.99, beta=0.3, std=1.0, weight_decay=0.1, **control):
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(2.0, std),
        hidden=(),
        learning_rate=1e-3,
        weight_decay=weight_decay,
        weights=[np.zeros((1, 1))],
    )
    control = le.Gain(bounds=(0, 0.5), cost=le.costs.Quadratic(beta), **control)
    return le.Problem(learner, control, le.Steps(steps), discount=gamma)


def test_single_neuron_optimum(oracle):
    solution = le.solve(neuron(), progress=False)
    assert solution.value == pytest.approx(float(oracle("s11_known_optima_semantic_h4")["single_neuron_V"]), abs=1e-9)
    assert solution.certificate.converged and solution.certificate.residual <= 1e-6
    assert solution.value > solution.baseline_value
    assert "Converged" in solution.reason


def test_learning_rate_optimum(oracle):
    o = oracle("s11_known_optima_semantic_h4")
    learner = le.LinearNetwork(le.tasks.SemanticHierarchy(4), weight_decay=0.01, weights=[o["W1_0"], o["W2_0"]])
    steps, beta = int(o["rate_n_steps"][0]), float(o["rate_beta"][0])
    control = le.LearningRate(bounds=(-np.inf, np.inf), cost=le.costs.Quadratic(beta))
    problem = le.Problem(learner, control, le.Steps(steps), discount=float(o["rate_gamma"][0]))
    solution = le.solve(problem, le.QuasiNewton(tolerance=1e-5, max_gradients=60), progress=False)
    assert solution.value == pytest.approx(float(o["rate_V_best"][0]), abs=1e-6)


def test_ascent_and_quasi_newton_agree_and_ascent_needs_more():
    problem = neuron(steps=100)
    quick = le.solve(problem, progress=False)
    slow = le.solve(problem, le.GradientAscent(10.0, 2000), progress=False)
    assert slow.value == pytest.approx(quick.value, abs=1e-8)
    assert slow.gradients > 10 * quick.gradients
    assert slow.history.value.size == 2001


def test_the_best_iterate_is_kept():
    problem = neuron(steps=50)
    solution = le.solve(problem, le.GradientAscent(3e4, 10), progress=False)
    assert solution.value == pytest.approx(np.nanmax(solution.history.value), rel=1e-12)


def test_interruption_keeps_the_best_so_far():
    def interrupt(iteration, value, residual):
        if iteration >= 3:
            raise KeyboardInterrupt

    solution = le.solve(neuron(steps=50), le.QuasiNewton(tolerance=1e-14), progress=interrupt)
    assert "Interrupted" in solution.reason
    assert solution.value > solution.baseline_value


def test_solving_together_equals_one_by_one():
    problems = [neuron(gamma=0.5), neuron(beta=1.0), neuron(steps=200), neuron(std=3.0, weight_decay=2.0)]
    together = le.solve_many(problems, progress=False)
    for problem, solution in zip(problems, together, strict=True):
        alone = le.solve(problem, progress=False)
        assert solution.value == pytest.approx(alone.value, abs=1e-11)
        assert solution.effort["gain"][0].shape == (problem.horizon.length, 1, 1)
        np.testing.assert_allclose(solution.effort["gain"][0], alone.effort["gain"][0], atol=2e-5)


def test_two_controls_are_worth_at_least_one():
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(4,), init_scale=0.3)
    gain, rate = le.Gain(), le.LearningRate()
    values = {
        name: le.solve(le.Problem(learner, controls, le.Steps(150)), le.QuasiNewton(), progress=False).value
        for name, controls in {"gain": gain, "rate": rate, "both": [gain, rate]}.items()
    }
    assert values["both"] >= max(values["gain"], values["rate"]) - 1e-9


def test_bounds_hold_and_bind():
    solution = le.solve(neuron(beta=1e-3), progress=False)
    gain = np.asarray(solution.effort["gain"][0])
    assert gain.min() >= 0 and gain.max() <= 0.5
    assert solution.certificate.share_at_bounds > 0.3


def test_the_best_constant_is_worth_less_than_the_best():
    solution = le.solve(neuron(), progress=False)
    certificate = le.certify(solution)
    assert solution.baseline_value < certificate.constant_value < solution.value
    gain = jnp.full((600, 1, 1), 0.2)
    assert certificate.constant_value >= solution.problem.value({"gain": [gain]})
    assert "best constant" in certificate.sentence


def test_several_starts_return_the_best():
    problem = neuron(steps=60)
    assert le.solve(problem, starts=2, progress=False).value >= le.solve(problem, progress=False).value - 1e-12


def test_divergence_is_found_and_explained():
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(4,), learning_rate=1.0, init_scale=0.3)
    problem = le.Problem(learner, le.Gain(), le.Steps(300))
    with pytest.raises(le.DivergenceError, match="largest that stays finite"):
        le.solve(problem, progress=False)
