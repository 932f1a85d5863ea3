"""The exact optima: of the learning rate, by the flow, and of the single neuron, by dynamic programming."""

import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le

SMALL = le.tasks.CorrelatedGaussians()
FREE = (-np.inf, np.inf)


def rate_problem(learner, steps=600, gamma=1.0, beta=0.3, bounds=FREE, rest=0.0, **control):
    control = le.LearningRate(bounds=bounds, rest=rest, cost=le.costs.Quadratic(beta), **control)
    return le.Problem(learner, control, le.Steps(steps), discount=gamma)


def small(**keywords):
    return le.LinearNetwork(SMALL, hidden=(4,), weight_decay=0.01, init_scale=0.05, **keywords)


def neuron(steps=600, weight=0.0, discount=0.99, learner=None, **control):
    if learner is None:
        weights = [np.full((1, 1), weight)]
        task = le.tasks.TwoGaussians(2.0, 1.0)
        learner = le.LinearNetwork(task, hidden=(), learning_rate=1e-3, weight_decay=0.1, weights=weights)
    control = le.Gain(**{"bounds": (0, 0.5), "cost": le.costs.Quadratic(0.3)} | control)
    return le.Problem(learner, control, le.Steps(steps), discount=discount)


@pytest.mark.parametrize("case", [0, 1])
def test_known_optima_of_the_learning_rate(oracle, case):
    o = oracle("s11_known_optima_semantic_h4")
    learner = le.LinearNetwork(le.tasks.SemanticHierarchy(4), weight_decay=0.01, weights=[o["W1_0"], o["W2_0"]])
    problem = rate_problem(learner, int(o["rate_n_steps"][case]), float(o["rate_gamma"][case]), float(o["rate_beta"][case]))
    solution = le.solve(problem, le.Exact(), progress=False)
    assert abs(solution.value - o["rate_V_best"][case]) < 1e-4
    assert "Exact for the flow" in solution.reason and "Never learning" not in solution.reason.split(".")[0]


@pytest.mark.parametrize(
    "learner, keywords",
    [
        (small(), {"gamma": 0.6}),
        (small(), {"gamma": 0.9, "beta": 0.05, "bounds": (-1, 1)}),
        (small(), {"beta": 0.05, "bounds": (-1, 1)}),
        (small(), {"beta": 0.1, "bounds": (-1, 1), "rest": -1.0}),
        (small(time_constant=2.0), {"gamma": 0.99, "beta": 0.1, "bounds": (-1, 2)}),
        (le.TanhNetwork(SMALL, hidden=(4,), init_scale=0.1), {"gamma": 0.8, "beta": 0.1}),
        (le.LinearNetwork(le.tasks.SemanticHierarchy(3), hidden=(6, 6), init_scale=0.4), {"beta": 0.1, "bounds": (0, 1)}),
    ],
)
def test_within_reach_of_the_direct_optimum(learner, keywords):
    problem = rate_problem(learner, **keywords)
    exact = le.solve(problem, le.Exact(), progress=False)
    direct = le.solve(problem, le.QuasiNewton(tolerance=1e-6, max_gradients=100), init=exact.effort, progress=False)
    assert abs(exact.value - direct.value) < 5e-5
    # And it is no worse than what a local search finds from no control.
    assert exact.value > le.solve(problem, le.QuasiNewton(max_gradients=100), progress=False).value - 5e-5


def test_without_discount_it_is_the_closed_form():
    learner = small(learning_rate=5e-4)
    problem = rate_problem(learner, 4000, beta=0.1, bounds=(-1, 1), rest=-0.5)
    solution = le.solve(problem, le.Exact(), progress=False)
    still_to_gain = solution.rollout.loss - solution.rollout.loss[-1]
    wanted = np.clip(-1 + np.sqrt(0.5**2 + still_to_gain / 0.1), -1, 1)
    np.testing.assert_allclose(solution.effort["learning_rate"], wanted, atol=5e-3)
    assert 0.05 < np.mean(wanted == 1) < 0.95


def test_a_plateau_has_several_stationary_courses_and_the_best_is_returned():
    learner = le.LinearNetwork(SMALL, hidden=(4,), init_scale=1e-3)
    problem = rate_problem(learner, 1500, beta=0.1, bounds=(-1, 1), rest=-1.0)
    solution = le.solve(problem, le.Exact(), progress=False)
    never = le.Exact().never_learn(problem)
    assert "stationary courses" in solution.reason and f"{never:.8g}" in solution.reason
    assert solution.value > never + 0.1


def test_never_learning_is_best_where_learning_is_dear():
    learner = le.LinearNetwork(SMALL, hidden=(4,), init_scale=1e-5)
    problem = rate_problem(learner, 200, beta=50.0, bounds=(-1, 1), rest=-1.0)
    solution = le.solve(problem, le.Exact(), progress=False)
    never = le.Exact().never_learn(problem)
    assert solution.value == pytest.approx(never, abs=1e-8)
    assert solution.effort["learning_rate"].max() < -0.999
    assert le.Exact().never_learn(rate_problem(learner, 200, bounds=(0, 1))) is None


def test_a_rate_in_knots_is_close_to_the_best_in_knots():
    for control in ({"knots": 40}, {"knots": 40, "interpolation": "linear"}):
        problem = rate_problem(small(), beta=0.1, bounds=(-1, 1), **control)
        exact = le.solve(problem, le.Exact(), progress=False)
        assert exact.effort["learning_rate"].shape == (40,)
        direct = le.solve(problem, le.QuasiNewton(), init=exact.effort, progress=False)
        assert abs(exact.value - direct.value) < 1e-3


TWO = le.tasks.Switching([SMALL, le.tasks.CorrelatedGaussians(means=(-2.0, 2.0))], every=50)


@pytest.mark.parametrize(
    "problem, reason",
    [
        (lambda: le.Problem(small(), [le.LearningRate(), le.Gain()], 50), "2 controls"),
        (lambda: le.Problem(small(), le.Engagement(over="outputs"), 50), "Engagement"),
        (lambda: le.Problem(small(), le.Gain(), 50), "single neuron"),
        (lambda: le.Problem(small(), le.LearningRate(cost=None), 50), "must be Quadratic"),
        (lambda: le.Problem(small(), le.LearningRate(cost=le.costs.Quadratic(0.0)), 50), "beta must be greater"),
        (lambda: le.Problem(small(), le.LearningRate(bounds=(-0.5, 1), rest=-1.0), 50), "outside its bounds"),
        (lambda: le.Problem(small(), le.LearningRate(bounds=(-3, 1), rest=-2.0), 50), "un-learns"),
        (lambda: le.Problem(le.LinearNetwork(TWO, hidden=(4,)), le.LearningRate(), 50), "changes during learning"),
        (lambda: le.Problem(small(evaluation=le.tasks.CorrelatedGaussians((1.0, 1.0))), le.LearningRate(), 50), "another task"),
        (lambda: le.Problem(le.LinearNetwork(le.tasks.TaskSet([SMALL, SMALL])), le.LearningRate(), 50), "set of tasks"),
        (lambda: neuron(50, knots=10), "one value a step"),
        (lambda: neuron(50, bounds=(-np.inf, 1)), "finite box"),
    ],
)
def test_what_has_no_exact_solution_is_refused_with_the_reason(problem, reason):
    problem = problem()
    assert reason in le.Exact().applies(problem)
    with pytest.raises(le.LearningEffortError, match=r"QuasiNewton"):
        le.solve(problem, le.Exact(), progress=False)


def test_dynamic_programming_and_open_loop_agree(oracle):
    problem = neuron()
    exact = le.solve(problem, le.Exact(), progress=False)
    direct = le.solve(problem, le.QuasiNewton(tolerance=1e-9), progress=False)
    assert exact.value == pytest.approx(float(oracle("s11_known_optima_semantic_h4")["single_neuron_V"]), abs=1e-9)
    assert exact.value == pytest.approx(direct.value, abs=1e-9)
    assert "global optimum" in exact.reason and "Bellman" in le.citation(exact)


@pytest.mark.parametrize(
    "control", [{"cost": le.costs.Exponential(0.3), "bounds": (-1, 2)}, {"cost": le.costs.Quadratic(1e-3)}]
)
def test_dynamic_programming_under_other_costs_and_at_the_bounds(control):
    problem = neuron(200, **control)
    exact = le.solve(problem, le.Exact(), progress=False)
    direct = le.solve(problem, le.QuasiNewton(tolerance=1e-8), progress=False)
    assert exact.value == pytest.approx(direct.value, abs=1e-8)


def test_the_policy_is_worth_more_than_open_loop_from_another_start():
    problem = neuron(300)
    policy = le.Exact().policy(problem)
    effort, value = policy.rollout()
    for weight in (-0.1, 0.2):
        moved = neuron(300, weight=weight)
        closed, best = policy.rollout(moved)
        assert best > float(moved.value(effort)) + 1e-6
        assert best == pytest.approx(float(moved.value(closed)), abs=1e-12)
        assert best == policy.rollout(problem, weight)[1]
        assert best == pytest.approx(np.interp(weight, policy.weights, policy.value), abs=1e-5)
        direct = le.solve(moved, le.QuasiNewton(tolerance=1e-8), progress=False)
        assert best == pytest.approx(direct.value, abs=1e-8)
    assert value == pytest.approx(float(problem.value(effort)), abs=1e-12)


def test_the_policy_knows_where_it_holds():
    problem = neuron(100)
    policy = le.Exact().policy(problem, weights=(-0.3, 0.3))
    assert policy.gain.shape == (100, len(policy.weights)) and policy.valid == (-0.3, 0.3)
    assert float(policy(0.0, 0)) == pytest.approx(float(jnp.ravel(policy.rollout()[0]["gain"][0])[0]), abs=1e-12)
    assert policy(np.array([0.0, 0.1]), 99).shape == (2,)
    with pytest.raises(le.LearningEffortError, match="valid from initial weights"):
        policy.rollout(initial_weight=5.0)
    with pytest.raises(le.LearningEffortError, match="covers weights"):
        policy(5.0, 0)
    with pytest.raises(le.LearningEffortError, match="covers the steps"):
        policy(0.0, 100)
    with pytest.raises(le.LearningEffortError, match="must be equal"):
        policy.rollout(neuron(50))
    figure = policy.plot()
    assert {"optimal course", "baseline"} <= {t.get_text() for t in figure.axes[0].get_legend().get_texts()}
