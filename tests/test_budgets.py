"""Budgets: what is spent is within them, at a price that is the slope of what they are worth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import learning_effort as le
from learning_effort.solvers.budgets import with_prices

#: μ and performance at E = .02, of γ .6, β .3, N 120, Δt .01 and C = g² in [0, 1] (by duality and by SLSQP), for ω = 1 and γ^t.
KNOWN = {False: (0.277352463, -0.120869906), True: (0.281944574, None)}


def neuron(budget, steps=120, **more):
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(2.0, 1.0), hidden=(), weights=[[[0.0]]], weight_decay=0.1, learning_rate=1.2 / steps
    )
    return le.Problem(learner, le.Gain((0, 1), cost=le.costs.Quadratic(1.0), **more), steps, 0.6, budget=budget)


@pytest.mark.parametrize("discounted", KNOWN)
def test_a_budget_is_spent_at_its_known_price(discounted, tmp_path):
    solution = le.solve(neuron(le.Budget(0.02, discounted=discounted)), progress=False)
    price, performance = KNOWN[discounted]
    budget = solution.budget
    assert solution.certificate.converged
    assert budget.multiplier == pytest.approx(price, abs=2e-6) and abs(budget.slack) < 1e-9
    assert performance is None or solution.value == pytest.approx(performance, abs=2e-9)
    assert -1e-9 < budget.dual_bound - solution.value < 1e-9
    by_hand = (0.6 ** (0.01 * np.arange(120)) if discounted else 1.0) * 0.01 * solution.effort["gain"][0].ravel() ** 2
    assert budget.spent == pytest.approx(by_hand.sum(), rel=1e-12)
    assert (solution.rollout.cost == 0).all()  # it is counted, not paid for
    slopes = le.sensitivities(solution)
    assert slopes["budget.0.amount"] == pytest.approx(budget.multiplier, rel=1e-9)
    assert not any("price" in name or "stiffness" in name for name in slopes)
    solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert loaded.budget == budget and loaded.summary() == solution.summary() and "at a price of" in loaded.summary()
    assert loaded.problem.budget[0].discounted is discounted


def test_the_price_is_the_slope_of_the_frontier_and_falls():
    found = le.frontier(neuron(le.Budget(1.0), 40), [0.04, 0.01, 0.02, 0.0205, 0.0195])
    order = np.argsort(found.amounts)
    assert (np.diff(found.performance[order]) > 0).all() and (np.diff(found.multiplier[order]) < 0).all()
    assert (found.performance[3] - found.performance[4]) / 0.001 == pytest.approx(found.multiplier[2], rel=1e-3)
    np.testing.assert_allclose(found.spent, found.amounts, rtol=1e-7)


def test_more_than_is_worth_spending_is_left():
    loose = le.solve(neuron(le.Budget(50.0), 30), progress=False).budget
    assert loose.multiplier == 0.0 and loose.slack > 10
    with pytest.raises(le.LearningEffortError, match="cannot be met"):
        le.solve(neuron(le.Budget(50.0, exact=True), 30), progress=False)


def test_a_certificate_is_that_of_the_priced_problem():
    solution = le.solve(neuron(le.Budget(0.02), 60), progress=False)
    certificate = le.certify(solution)
    assert certificate.curvature > 0 and certificate.value == solution.value and certificate.budgets
    assert certificate.constant_value < solution.value
    assert "budget" in certificate.why_absent("hamiltonian") and "budget" in certificate.why_absent("exact_value")


def test_the_gradient_of_a_priced_problem_is_that_of_its_value_under_several_budgets_and_knots():
    network = le.LinearNetwork(le.tasks.SemanticHierarchy(2), (3,), init_scale=0.3, learning_rate=0.05)
    controls = [
        le.Gain(knots=4, interpolation="linear"),
        le.LearningRate(knots=3),
        le.InitialWeights(le.costs.Quadratic(0.3), bounds=(-5, 5)),
    ]
    joint = le.Budget(0.3, of=["gain", "initial_weights"], discounted=True)
    budgets = [joint, le.Budget(0.2, "learning_rate", le.costs.Linear(2.0))]
    problem = with_prices(le.Problem(network, controls, 9, 0.7, budget=budgets), np.array([0.4, 0.7]), np.array([2.0, 3.0]))
    effort = jax.tree.map(lambda e: e + 0.3, problem.initial_effort())
    flat, unravel = ravel_pytree(effort)
    direction = jnp.asarray(np.random.default_rng(0).normal(size=flat.size))
    ahead, behind = (problem.value(unravel(flat + h * direction)) for h in (1e-6, -1e-6))
    value, gradient = problem.value_and_gradient(effort)
    assert value == pytest.approx(float(problem.value(effort)), rel=1e-13)
    assert float(ravel_pytree(gradient)[0] @ direction) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-7)
    rate = 2 * 0.3 * 9 * 0.05
    assert float(problem.spent(effort)[1]) == pytest.approx(rate, rel=1e-12)
    plain = le.Problem(network, controls, 9, 0.7, budget=budgets)
    own = plain.rollout(effort)
    assert float(plain.value(effort)) == pytest.approx(plain.worth(own), rel=1e-13)  # without prices it is performance


def test_easy_samples_are_rationed_over_the_updates():
    learner = le.CurriculumPerceptron()
    budget = le.Budget(6.0, cost=le.costs.Linear(1.0), exact=True)  # 120 easy updates of 0.05
    problem = le.Problem(learner, le.Control("share"), 241, 1.0, 0, 1, budget)
    solution = le.solve(problem, progress=False)
    assert -solution.value < 0.1463432  # the best of 25 starts by another method: .14634257 to .14634318
    assert solution.budget.spent == pytest.approx(6.0, rel=1e-6) and solution.budget.multiplier > 0
    assert solution.effort["share"][:-1].sum() == pytest.approx(120, rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: le.Budget(0.0), "amount"),
        (lambda: le.Budget(1.0, of=3), "'of' of Budget must be the name"),
        (lambda: le.Budget(1.0, cost="all"), "'cost' of Budget"),
        (lambda: neuron(le.Budget(1.0, of="rate")), "must name controls"),
        (lambda: neuron(7), "'budget' of Problem must be"),
        (lambda: le.Problem(neuron(None).learner, le.Control("rate"), 5, budget=le.Budget(1.0)), "which is None"),
        (lambda: le.solve(neuron(le.Budget(1.0)), le.Exact(), progress=False), "keep within a budget"),
        (lambda: le.frontier(neuron(None), [1.0]), "one budget"),
        (lambda: le.frontier(neuron(le.Budget(1.0)), [0.0]), "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(le.LearningEffortError, match=message):
        make()


def test_problems_with_budgets_are_solved_among_others():
    problems = [neuron(None, 20), neuron(le.Budget(0.02), 20)]
    free, rationed = le.solve_many(problems, progress=False)
    assert free.budget is None and rationed.budget.spent == pytest.approx(0.02, rel=1e-6)
    assert rationed.value == pytest.approx(le.solve(problems[1], progress=False).value, abs=1e-9)
