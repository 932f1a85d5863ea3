"""Whole samples in place of shares: sums are kept, swaps lead to the best choice, budgets hold, and what it costs is told."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le
from learning_effort.problem.rounding import summed_up, whole

EASY = le.costs.Linear(1.0)
QUICK = le.QuasiNewton(max_gradients=60)


def curriculum(steps=241, amount=6.0, exact=True, control=None, **learner):
    """Easy and hard samples, `amount` of easy ones in all, judged by the last state."""
    budget = None if amount is None else le.Budget(amount, cost=EASY, exact=exact, of="share")
    control = le.Control("share") if control is None else control
    return le.Problem(le.CurriculumPerceptron(**learner), control, steps, 1.0, 0, 1, budget)


def mixture(kind=le.tasks.Mixture, steps=7, control=None, **problem):
    """Three tasks, of which the last state is judged on one that is none of them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    parts = [le.tasks.Arrays(x, x @ weights) for weights in rng.normal(size=(3, 3, 1))]
    task = kind(parts, (0.3, 0.4, 0.3))
    judged = le.tasks.Arrays(x, x @ np.array([[0.2], [-0.1], [0.3]]))
    network = le.LinearNetwork(task, (), 0.1, weights=[[[0.1, 0.0, -0.1]]], evaluation=judged)
    return le.Problem(network, le.Shares() if control is None else control, steps, **problem)


def one_move_away(choice, other):
    """Whether two choices differ at one update, or at two that have each other's sample."""
    places = np.flatnonzero(choice != other)
    return places.size == 1 or (places.size == 2 and (choice[places] == other[places[::-1]]).all())


def enumerated(problem, choices, pure):
    """The best of all `choices` (many, updates), each valued: V, and the choice."""
    ends = np.concatenate([choices, np.repeat(choices[:, -1:], problem.horizon.length - choices.shape[1], 1)], 1)
    (name,) = problem.initial_effort()
    values = np.asarray(jax.jit(jax.vmap(lambda own: problem.value({name: own})))(jnp.asarray(pure[ends])))
    return values.max(), choices[values.argmax()]


@pytest.mark.parametrize("samples", [2, 3, 6])
def test_sums_of_whole_samples_stay_near_those_of_shares(samples):
    rng = np.random.default_rng(samples)
    for concentration in (0.1, 1.0, 10.0):
        shares = rng.dirichlet([concentration] * samples, 300)
        whole_shares = np.eye(samples)[summed_up(shares)]
        off = np.abs(np.cumsum(shares - whole_shares, 0)).max()
        assert 0.2 < off <= sum(1 / i for i in range(2, samples + 1)) + 1e-9


def test_whole_shares_stay_as_they_are():
    shares = np.eye(3)[np.random.default_rng(0).integers(0, 3, 50)]
    np.testing.assert_array_equal(summed_up(shares), shares.argmax(1))


def test_the_published_curriculum_is_rounded_to_the_best_known_one(oracle):
    """From the relaxed optimum known: .1463436 as rounded; after swaps the best choice of 120 easy updates that is known."""
    o = oracle("order_curriculum")
    problem = curriculum()
    relaxed = np.append(o["share_optimum_relaxed"], 0.0)
    assert float(problem.value({"share": relaxed})) == pytest.approx(-float(o["terminal_share_optimum_relaxed"]), abs=1e-12)
    found = whole(problem, {"share": relaxed}, None, 40_000)
    assert found.rounded == pytest.approx(-0.1463436, abs=1e-6)
    assert found.ended and found.swaps > 0 and found.evaluations <= 40_000
    assert found.value >= -float(o["terminal_share_optimum_binary"]) - 5e-10
    assert (found.choice == 0).sum() == 120


def test_a_solution_tells_what_its_rounding_costs(oracle):
    solution = le.solve(curriculum(), progress=False)
    rounded = solution.rounded()
    share = rounded.effort["share"]
    assert set(np.unique(share)) == {0.0, 1.0} and share[:240].sum() == 120 and rounded.counts == {0: 120, 1: 120}
    np.testing.assert_array_equal(share[:240], rounded.choice)
    assert rounded.value == pytest.approx(float(rounded.problem.value(rounded.effort)), abs=1e-14)
    assert rounded.value >= -float(oracle("order_curriculum")["terminal_share_optimum_binary"]) - 5e-8
    assert rounded.relaxed_value == solution.value and rounded.loss_of_value == solution.value - rounded.value
    assert abs(rounded.loss_of_value) < 1e-6 < solution.value - solution.baseline_value
    assert rounded.before_swaps < rounded.value and rounded.spent == pytest.approx((6.0,), rel=1e-12)
    assert rounded.evaluations <= 20_000
    said = rounded.summary()
    assert "120" in said and f"{rounded.evaluations}" in said and rounded.sentence in said
    assert f"{rounded.value:.8g}" in rounded._repr_html_() and "swaps=" in repr(rounded)
    plain = solution.rounded(evaluations=1)
    assert (plain.value, plain.swaps, plain.evaluations) == (plain.before_swaps, 0, 1) and not plain.swap_optimal
    assert plain.value == rounded.before_swaps


@pytest.mark.parametrize("method", ["euler", "rk4"])
def test_swaps_find_the_best_of_all_choices(method):
    """Of 12 updates 6 easy ones: 924 choices."""
    problem = curriculum(13, 0.3 * 6, method=method, step_size=0.3)
    all_of_them = np.array([[k not in easy for k in range(12)] for easy in itertools.combinations(range(12), 6)], int)
    best, choice = enumerated(problem, all_of_them, np.array([1.0, 0.0]))
    start = np.full(13, 0.5)
    found = whole(problem, {"share": start}, "share", 10_000)
    assert found.rounded < found.value and found.ended
    assert found.value == pytest.approx(best, abs=1e-15)
    np.testing.assert_array_equal(found.choice, choice)


def test_a_budget_that_may_be_left_leaves_the_count_free():
    """With half an update more than 6 at most, and with nothing said, the best of all such choices of 10 updates."""
    every = np.array(list(itertools.product((0, 1), repeat=10)))
    for amount in (0.3 * 6.6, None):
        problem = curriculum(11, amount, exact=False, step_size=0.3)
        allowed = every if amount is None else every[(every == 0).sum(1) <= 6]
        best, _ = enumerated(problem, allowed, np.array([1.0, 0.0]))
        found = whole(problem, {"share": np.full(11, 0.66)}, None, 10_000)
        assert (found.choice == 0).sum() <= (6 if amount else 10) and found.ended
        assert found.value == pytest.approx(best, abs=1e-15)


def test_shares_of_several_parts_become_one_part_each():
    problem = mixture(reward_scale=0, terminal_scale=1, discount=1.0)
    solution = le.solve(problem, QUICK, progress=False)
    rounded = solution.rounded()
    assert rounded.effort["shares"].shape == (7, 3) and (np.sort(rounded.effort["shares"], 1) == [0, 0, 1]).all()
    every = np.array(list(itertools.product(range(3), repeat=6)))
    best, _ = enumerated(problem, every, np.eye(3))
    near = [choice for choice in every if one_move_away(choice, rounded.choice)]
    near, _ = enumerated(problem, np.array(near), np.eye(3))
    assert rounded.swap_optimal and near <= rounded.value <= best + 1e-15 and rounded.swaps > 0
    assert rounded.loss_of_value > 0  # it is judged on what no part alone teaches


def test_a_discounted_budget_and_costs_on_the_way_are_counted_at_their_instants():
    """What is spent depends on when: the best of all 3⁶ choices that keep within."""
    budget = le.Budget(0.25, cost=lambda p: p[0] + 0.5 * p[1], discounted=True)
    problem = mixture(steps=6, control=le.Shares(cost=le.costs.Linear(0.01)), discount=0.2, budget=budget)
    every = np.array(list(itertools.product(range(3), repeat=6)))
    spent = np.asarray(jax.jit(jax.vmap(lambda own: problem.spent({"shares": own})))(jnp.eye(3)[every]))[:, 0]
    assert 0 < (spent <= 0.25).sum() < len(every)
    best, _ = enumerated(problem, every[spent <= 0.25], np.eye(3))
    found = whole(problem, {"shares": np.tile([0.5, 0.4, 0.1], (6, 1))}, None, 10_000)
    assert float(found.samples.spent(found.choice)[0]) == pytest.approx(spent[(every == found.choice).all(1)][0], rel=1e-12)
    assert float(found.samples.spent(found.choice)[0]) <= 0.25 * (1 + 1e-6) and found.ended
    assert found.rounded < found.value <= best + 1e-14
    assert best - found.value < 0.02 * (best - found.rounded)


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
def test_knots_are_rounded_update_by_update_and_other_controls_stay(interpolation):
    control = [le.Control("share", knots=4, interpolation=interpolation), le.Control("rate", (-0.5, 0.5))]
    problem = curriculum(25, 0.05 * 10, control=control)
    effort = {"share": np.array([0.9, 0.1, 0.6, 0.2]), "rate": np.linspace(-0.3, 0.3, 25)}
    amount = float(problem.spent(effort)[0])
    problem = curriculum(25, amount, exact=False, control=control)
    found = whole(problem, effort, "share", 1)
    own = found.samples.effort_of(found.choice)
    assert own["share"].shape == (25,)
    np.testing.assert_array_equal(own["rate"], effort["rate"])
    assert float(found.samples.problem.value(own)) == pytest.approx(found.value, abs=1e-15)
    at_steps = {"share": problem.parameters_at(problem.check_effort(effort), np.arange(25))["share"], "rate": effort["rate"]}
    finer = found.samples.problem
    assert float(finer.value(at_steps)) == pytest.approx(float(problem.value(effort)), abs=1e-15)
    assert float(finer.spent(own)[0]) <= amount * (1 + 1e-6)
    assert abs(float(finer.spent(own)[0]) - amount) < 0.05


def test_what_changes_promise_is_the_slope_of_the_value():
    problem = mixture(steps=6)
    found = whole(problem, {"shares": np.tile([0.3, 0.3, 0.4], (6, 1))}, None, 1)
    slopes = found.samples.slopes(found.choice)
    pure = np.eye(3)[found.choice]
    for k, part in [(0, (found.choice[0] + 1) % 3), (3, (found.choice[3] + 2) % 3)]:
        moved = pure.copy()
        moved[k] += 1e-6 * (np.eye(3)[part] - pure[k])
        rise = (float(problem.value({"shares": moved})) - float(problem.value({"shares": pure}))) / 1e-6
        assert slopes[k, part] - slopes[k, found.choice[k]] == pytest.approx(rise, rel=1e-4)


def committee(control):
    learner = le.DropoutCommittee(np.eye(2), np.ones(2), np.ones(2))
    return le.Problem(learner, control, 6, 1.0, 0, 1)


NETWORK = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=())


@pytest.mark.parametrize(
    ("make", "of", "message"),
    [
        (lambda: le.Problem(NETWORK, le.LearningRate(), 6), None, r"'learning_rate' has other bounds than \(0, 1\)"),
        (lambda: le.Problem(NETWORK, le.InitialWeights(), 6), None, "one value for all of learning"),
        (lambda: le.Problem(NETWORK, le.Gain((0, 1)), 6), None, "'gain' has numbers of shape"),
        (lambda: mixture(control=le.MixtureControl()), None, r"softmax, which gives every part some; le\.Shares"),
        (lambda: committee(le.Control("activation", (0, 1), start=0.5)), None, "does not enter learning linearly"),
        (lambda: mixture(le.tasks.Blend), None, "does not enter learning linearly"),
        (lambda: curriculum(13, 0.05 * 6.4), None, r"Whole samples spend 0\.\d+ of budgets of 0\.32"),
        (lambda: curriculum(13, 0.3, control=[le.Control("share"), le.Control("rate")]), None, "must say which"),
        (lambda: curriculum(13, 0.3), "shares", "Did you mean 'share'"),
        (lambda: curriculum(13, 0.3), 3, "'of' of rounded"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, of, message):
    problem = make()
    with pytest.raises(le.LearningEffortError, match=message):
        whole(problem, problem.initial_effort(), of, 100)


def test_a_solution_asks_for_whole_numbers_and_a_problem():
    solution = le.solve(le.Problem(NETWORK, le.LearningRate((0, 1)), 6), QUICK, progress=False)
    with pytest.raises(le.LearningEffortError, match="'evaluations' of rounded"):
        solution.rounded(evaluations=0)
    rounded = solution.rounded()
    assert set(np.unique(rounded.effort["learning_rate"])) <= {0.0, 1.0}
    object.__setattr__(solution, "problem", None)
    with pytest.raises(le.LearningEffortError, match="no problem to be rounded in"):
        solution.rounded()
