"""How optima move: against derivatives computed independently of this project, and differences of optima solved again."""

import dataclasses
import warnings

import jax
import numpy as np
import pytest
from test_sensitivity import NUMBERS
from test_sensitivity import solved as solved_again

import learning_effort as le
from learning_effort.analysis import newton
from learning_effort.numerics.conjugate_gradients import NotDefinite, NotSolved, conjugate_gradients
from learning_effort.numerics.vectors import raveled

BETA = "controls.gain.cost.beta"


def neuron(discount=0.3, upper=1.0, steps=120, learning_rate=0.01, cost=le.costs.Quadratic(0.3), **extra):
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(2.0, 1.0), hidden=(), learning_rate=learning_rate, weight_decay=0.1, weights=[[[0.0]]]
    )
    return le.Problem(learner, le.Gain(bounds=(0, upper), cost=cost), le.Steps(steps), discount=discount, **extra)


def semantic(control, discount, init_scale):
    task = le.tasks.SemanticHierarchy(3)
    learner = le.LinearNetwork(task, hidden=(6,), learning_rate=0.1, init_scale=init_scale, seed=0)
    return le.Problem(learner, control, le.Steps(200), discount=discount)


RATE = le.LearningRate(bounds=(-1, 4), rest=0.0, cost=le.costs.Quadratic(0.3), knots=25, interpolation="linear")


def solved(problem, **settings):
    return le.solve(problem, search="none", progress=False, **settings)


def in_logarithms(found, discount, beta=0.3):
    """Derivatives in log ρ, ρ = −log γ, and in log β, as columns."""
    rows = [raveled(found["discount"]) * discount * np.log(discount), raveled(found[BETA]) * beta]
    return np.stack(rows, axis=1)


def assert_near(ours, reference, tolerance):
    assert ours.shape == reference.shape
    assert np.abs(ours - reference).max() <= tolerance * np.abs(reference).max()


# Against numbers computed elsewhere -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "problem"), [("neuron", neuron()), ("neuron_bound", neuron(upper=0.3)), ("rate", semantic(RATE, 0.9, 0.05))]
)
def test_the_derivative_by_discount_and_cost(oracle, name, problem):
    numbers = oracle("planning_inverse")
    solution = solved(problem)
    beta = f"controls.{problem.controls[0].name}.cost.beta"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = le.implicit(solution, ["discount", beta])
    assert jax.tree.map(np.shape, found["discount"]) == jax.tree.map(np.shape, solution.effort)
    for number, key in (("discount", "d_gamma"), (beta, "d_beta")):
        ours = raveled(found[number])
        assert_near(ours, numbers[f"{name}_{key}"], 1e-9)
        assert (ours[~numbers[f"{name}_free"]] == 0).all()
        if f"{name}_{key}_fd" in numbers:
            assert_near(ours, numbers[f"{name}_{key}_fd"], 1e-9)


def test_the_total_derivative_of_loss_and_what_observing_it_tells(oracle):
    numbers = oracle("planning_identifiability")
    discount, sigma = np.exp(-1 / 1.2), 0.02
    solution = solved(neuron(discount))
    moved = {of: in_logarithms(le.implicit(solution, ["discount", BETA], of=of), discount) for of in ("effort", "loss")}
    for of, derivatives in moved.items():
        assert_near(derivatives, numbers[f"observe_d_{of}"], 1e-9)
        assert_near(derivatives.T @ derivatives / sigma**2, numbers[f"observe_{of}_fisher"], 1e-7)


def test_six_hundred_numbers(oracle):
    numbers = oracle("planning_claims")
    solution = solved(neuron(0.99, upper=0.5, steps=600, learning_rate=1e-3))
    found = in_logarithms(le.implicit(solution, ["discount", BETA]), 0.99)
    assert_near(found[:, 0], numbers["paper_d_log_rho"], 1e-8)
    assert_near(found[:, 1], numbers["paper_d_log_beta"], 1e-8)


def test_many_numbers_by_conjugate_gradients(oracle):
    numbers = oracle("planning_implicit_gain")
    gain = le.Gain(bounds=(-0.5, 0.5), basis="neuron", cost=le.costs.Quadratic(0.3))
    solution = solved(semantic(gain, 0.95, 0.1))
    assert raveled(solution.effort).size == 2600 > newton.DENSE
    found = in_logarithms(le.implicit(solution, ["discount", BETA]), 0.95)
    assert_near(found[:, 0], numbers["d_log_rho"], 1e-8)
    assert_near(found[:, 1], numbers["d_log_beta"], 1e-8)


def test_both_ways_to_solve_the_equations_agree(monkeypatch):
    solution = solved(neuron(upper=0.3))
    dense = le.implicit(solution, ["discount", BETA])
    monkeypatch.setattr(newton, "DENSE", 10)
    for name, products in le.implicit(solution, ["discount", BETA]).items():
        assert_near(raveled(products), raveled(dense[name]), 1e-9)


# Against optima solved again --------------------------------------------------------------------------------------------

OBSERVED = ("effort", "loss", "cost", "weights")


def observed(solution):
    """What the optimum is and leads to, to the last digits."""
    effort = newton.finished(solution.problem, solution.effort).effort
    rollout = solution.problem.rollout(effort)
    curves = {"effort": effort} | {of: getattr(rollout, of) for of in OBSERVED[1:]}
    return {of: raveled(curve) for of, curve in curves.items()}


@pytest.fixture(scope="module")
def moved():
    solution = solved_again()
    assert 0 < solution.certificate.share_at_bounds < 1
    return {of: le.implicit(solution, list(NUMBERS), of=of) for of in OBSERVED}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_moves_effort_loss_cost_and_weights(moved, name, monkeypatch):
    monkeypatch.setattr(newton, "FINISHED", 1e-13)
    argument, at = NUMBERS[name]
    h = 1e-4 * at
    near = {step: observed(solved_again(**{argument: at + step * h})) for step in (-2, -1, 1, 2)}
    for of in OBSERVED:
        difference = (near[-2][of] - 8 * near[-1][of] + 8 * near[1][of] - near[2][of]) / (12 * h)
        ours = raveled(moved[of][name])
        assert np.abs(ours - difference).max() <= 1e-5 * max(np.abs(difference).max(), 1e-2)
        # Noise costs performance, and no effort changes that.
        assert np.abs(ours).max() > 1e-5 or (name == "learner.noise" and of != "loss")


def test_an_array_of_numbers_has_its_axes_first_and_its_parts_add_up(moved):
    solution = solved_again()
    found = le.implicit(solution, ["learner.initial_weights.0"], of="weights")["learner.initial_weights.0"]
    assert found[0].shape == (1, 1, *np.shape(solution.problem.rollout(solution.effort).weights[0]))
    varying = le.Gain(bounds=(0, 1), cost=le.costs.Quadratic(np.full(20, 0.3)))
    solution = solved(le.Problem(solution.problem.learner, varying, le.Steps(20), discount=0.9))
    (each,) = le.implicit(solution, [f"{BETA}.0"], of="loss").values()
    assert each.shape == (20, 1, 1, 20)
    plain = le.Gain(bounds=(0, 1), cost=le.costs.Quadratic(0.3))
    whole = le.implicit(solved(le.Problem(solution.problem.learner, plain, le.Steps(20), discount=0.9)), [BETA], of="loss")
    assert_near(each.sum((0, 1, 2)), whole[BETA], 1e-7)


def test_newton_steps_finish_a_rough_answer():
    names = ["discount", BETA]
    rough = le.solve(neuron(), le.QuasiNewton(tolerance=1e-3), progress=False)
    assert rough.certificate.residual > 1e-6
    fine = le.implicit(solved(neuron()), names)
    for name, found in le.implicit(rough, names).items():
        assert_near(raveled(found), raveled(fine[name]), 1e-9)


# Where there is no derivative -------------------------------------------------------------------------------------------


def pair(control, **settings):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(2,), learning_rate=2e-2, **settings)
    return le.Problem(learner, control, le.Steps(40))


def refused(match, solution, names=("discount",), **settings):
    with pytest.raises(le.LearningEffortError, match=match):
        le.implicit(solution, names, **settings)


def test_a_saddle_is_refused():
    nothing = [np.zeros((2, 3)), np.zeros((2, 2))]
    refused("is a saddle", solved(pair(le.InitialWeights(), weights=nothing)))


def test_flat_directions_are_refused():
    # Turning the two hidden units into each other changes neither loss nor cost.
    refused("not determined there", solved(pair(le.InitialWeights(cost=le.costs.Quadratic(0.1))), method=le.QuasiNewton(1e-8)))


@pytest.mark.parametrize("cost", [None, le.costs.Quadratic(0.0)])
def test_effort_that_costs_nothing_is_not_determined(cost):
    # At the last step there is nothing left to learn for.
    problem = le.Problem(neuron().learner, le.LearningRate(bounds=(-1, 1), cost=cost), le.Steps(40))
    refused("not determined there. The effort of 'learning_rate' costs nothing", solved(problem))


def test_an_effort_that_is_no_optimum_is_refused():
    refused("not at an optimum", solved(semantic(RATE, 0.9, 0.05), method=le.QuasiNewton(max_gradients=2)))


@pytest.mark.parametrize(
    ("names", "settings", "match"),
    [
        (["discuont"], {}, "Did you mean 'discount'"),
        (["seed"], {}, "has no derivative"),
        (["horizon.n"], {}, "has no derivative"),
        (["controls.gain.start"], {}, "must be one of"),
        ("discount", {}, "must be a list"),
        ([], {}, "a number at least"),
        ([3], {}, "Got 3"),
        ([["discount"]], {}, "must be one of"),
        ([np.zeros(2)], {}, "must be one of"),
        (["discount"], {"of": "value"}, "'of' of implicit"),
    ],
)
def test_what_is_asked_wrongly_is_refused(names, settings, match):
    refused(match, solved(neuron(steps=40)), names, **settings)


def test_budgets_and_solutions_without_a_problem_are_refused():
    refused("without budgets", solved(neuron(steps=40, budget=le.Budget(0.005))))
    refused("no problem", dataclasses.replace(solved(neuron(steps=40)), problem=None))
    refused("must be a Solution", 3)


def test_it_is_said_that_a_derivative_is_one_sided():
    free = solved(neuron(), method=le.QuasiNewton(tolerance=1e-12))
    highest = raveled(free.effort).max()
    touching = dataclasses.replace(free, problem=neuron(upper=float(highest)))
    with pytest.warns(UserWarning, match="one-sided"):
        found = le.implicit(touching, [BETA])
    assert_near(raveled(found[BETA]), raveled(le.implicit(free, [BETA])[BETA]), 1e-7)


# The equations ----------------------------------------------------------------------------------------------------------


def test_conjugate_gradients_solve_and_say_where_they_cannot():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(30, 30))
    matrix, right = root @ root.T + np.diag(10.0 ** np.linspace(0, 6, 30)), rng.normal(size=30)
    found = conjugate_gradients(lambda x: matrix @ x, right, np.diag(matrix), 1e-12, 200)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-8)
    assert (conjugate_gradients(lambda x: matrix @ x, 0 * right, np.diag(matrix), 1e-12, 200) == 0).all()
    with pytest.raises(NotSolved, match="3 products"):
        conjugate_gradients(lambda x: matrix @ x, right, np.ones(30), 1e-12, 3)
    with pytest.raises(NotDefinite):
        conjugate_gradients(lambda x: x * np.sign(np.arange(30) - 5.5), right, np.ones(30), 1e-12, 200)
    with pytest.raises(NotSolved, match="not finite"):
        conjugate_gradients(lambda x: x * np.nan, right, np.ones(30), 1e-12, 200)
