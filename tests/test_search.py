"""Looking for a better optimum than the nearest: starts, how far they are followed, and what the certificate says."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import learning_effort as le
from learning_effort.problem.metric import metric
from learning_effort.problem.variants import in_longer_steps
from learning_effort.solvers import coarse_to_fine, longer_steps
from learning_effort.solvers.extrapolation import CombinedSteps, combined_steps, extrapolation_weights
from learning_effort.solvers.structured_starts import structured_starts


def saddle(steps=200):
    """A network of which nothing is learned: all its weights are zero, and so are all gradients."""
    learner = le.LinearNetwork(
        le.tasks.CorrelatedGaussians(), hidden=(2,), weights=[np.zeros((2, 3)), np.zeros((2, 2))], learning_rate=2e-2
    )
    return le.Problem(learner, le.InitialWeights(), le.Steps(steps))


def semantic(steps=1200, knots=12, **changes):
    settings = dict(hidden=(3,), learning_rate=2e-2, weight_decay=0.01, init_scale=0.05) | changes
    learner = le.LinearNetwork(le.tasks.SemanticHierarchy(2), **settings)
    return le.Problem(learner, le.Gain(knots=knots, interpolation="linear"), le.Steps(steps))


@pytest.fixture
def long_steps(monkeypatch):
    """Short horizons have long steps too."""
    monkeypatch.setattr(longer_steps, "SHORT", 500)
    monkeypatch.setattr(longer_steps, "FEWEST_STEPS", 50)


# What the search is for -------------------------------------------------------------------------------------------------


def test_a_symmetric_saddle_is_left():
    problem = saddle()
    nearest = le.solve(problem, search="none", progress=False)
    assert nearest.value == pytest.approx(nearest.baseline_value) and nearest.certificate.explored is None
    best = le.solve(problem, progress=False)
    assert best.certificate.converged and best.value > nearest.value + 0.1 * abs(nearest.value)
    values = [value for value, _ in best.certificate.explored.optima]
    assert values == sorted(values, reverse=True) and values[0] == pytest.approx(best.value)


@pytest.mark.parametrize("search", ["default", 4])
def test_the_nearest_optimum_is_never_lost(search, long_steps):
    for seed in range(2):
        problem = semantic(seed=seed)
        nearest = le.solve(problem, search="none", progress=False)
        best = le.solve(problem, search=search, progress=False)
        assert best.value >= nearest.value - 1e-9 * abs(nearest.value)
        explored = best.certificate.explored
        assert explored.steps < problem.horizon.length
        assert sum(count for _, count in explored.optima) + explored.unfinished == explored.starts
        if search == 4:
            assert explored.starts == 4 and explored.unfinished == 0


def test_the_search_costs_what_it_may(long_steps):
    problem = semantic()
    solution = le.solve(problem, progress=False)
    first, explored = solution.stages[0], solution.certificate.explored
    factor = problem.horizon.length // first.steps
    allowed = coarse_to_fine.SHARES["default"] * (first.gradients + factor * coarse_to_fine.USUAL)
    assert 0 < explored.gradients <= allowed + 20  # a search that is better already is finished
    assert le.solve(problem, progress=False).value == solution.value


def test_starts_lie_in_the_box_and_are_not_too_dear():
    problem = semantic(300, 6)
    effort, scale = problem.initial_effort(), metric(problem)
    value, gradient = problem.value_and_gradient(effort)
    seen = list(islice(structured_starts(problem, effort, gradient, scale, float(value)), 24))
    assert len({start.name for start in seen}) > 12
    lower, upper = problem.bounds()
    for start in seen:
        for leaf, low, high in zip(start.effort["gain"], lower["gain"], upper["gain"], strict=True):
            assert (np.asarray(leaf) >= low).all() and (np.asarray(leaf) <= high).all()
        if start.variant is None:
            cost = float(value) - float(problem.value(start.effort))
            assert np.isfinite(cost) and any((np.asarray(leaf) != 0).any() for leaf in start.effort["gain"])


@pytest.mark.parametrize(("search", "says"), [("global", "'none', 'default' or 'thorough'"), (0, "at least 1"), (1.5, "whole")])
def test_what_search_may_be_is_said(search, says):
    with pytest.raises(le.LearningEffortError, match="search"):
        le.solve(saddle(), search=search)
    with pytest.raises(le.LearningEffortError, match="without a method"):
        le.solve(saddle(), le.QuasiNewton(), search="thorough")


def test_how_far_the_search_went_is_kept_and_said(tmp_path):
    solution = le.solve(saddle(), progress=False)
    explored = solution.certificate.explored
    assert f"{explored.starts} starts" in solution.summary() and "There may be better ones" in solution.summary()
    solution.save(tmp_path / "a.nc")
    assert le.load(tmp_path / "a.nc").certificate.explored == explored
    assert 0 <= explored.runner_up_share <= 1


# Long steps that stand for the learner's own ------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True), st.sampled_from([0.0, 1.0]), st.data())
def test_extrapolation_is_exact_for_polynomials(lengths, length, data):
    weights = extrapolation_weights(lengths, length)
    coefficients = data.draw(st.lists(st.floats(-1, 1), min_size=len(lengths), max_size=len(lengths)))
    values = np.polynomial.polynomial.polyval(np.array(lengths, float), coefficients)
    wanted = np.polynomial.polynomial.polyval(length, coefficients)
    assert weights @ values == pytest.approx(wanted, abs=1e-10 * np.abs(weights).sum() * max(1, np.abs(values).max()))


def test_combined_steps_are_nearer_to_the_learners_own_than_each_alone():
    problem = semantic(1600, 8)
    coarse = in_longer_steps(problem, 8)
    rng = np.random.default_rng(0)
    effort = {"gain": [np.asarray(e + 0.1 * rng.uniform(-1, 1, e.shape)) for e in problem.initial_effort()["gain"]]}
    model = combined_steps(problem, coarse, effort)
    assert model.lengths == [4, 8]
    vector = np.concatenate([leaf.ravel() for leaf in effort["gain"]])
    own, gradient = problem.value_and_gradient(effort)
    value, slope = model(vector)
    exact = np.concatenate([np.ravel(g) for g in gradient["gain"]])
    nearest = in_longer_steps(problem, 4)
    alone = np.concatenate([np.ravel(g) for g in nearest.value_and_gradient(effort)[1]["gain"]])
    assert abs(value - float(own)) < 0.1 * abs(float(nearest.value(effort)) - float(own))
    assert np.abs(slope - exact).max() < 0.1 * np.abs(alone - exact).max()
    lengths = (1, 2, 4, 8, 16)
    values = [float(own), *(float(in_longer_steps(problem, c).value(effort)) for c in lengths[1:])]
    flow = extrapolation_weights(lengths, 0) @ values
    assert abs(model.flow_value(float(own)) - flow) < 0.05 * abs(float(own) - flow)


def test_knots_that_the_longest_steps_hardly_see_are_not_combined():
    """An effort that alternates from knot to knot would cost another share in steps of each length, without bound."""
    combined = {}
    for knots in (100, 101, 200):
        problem = semantic(1600, knots)
        combined[knots] = combined_steps(problem, in_longer_steps(problem, 8), problem.initial_effort()) is not None
    assert combined == {100: True, 101: False, 200: False}
    alternating = semantic(1600, None)  # one value a step: knots as many as long steps
    assert combined_steps(alternating, in_longer_steps(alternating, 8), alternating.initial_effort()) is None


def test_corrected_long_steps_reach_the_same_optimum_with_fewer_gradients(monkeypatch, long_steps):
    problem = semantic(1600, 8, learning_rate=5e-3, init_scale=0.2)
    corrected = le.solve(problem, search="none", progress=False)
    assert corrected.stages[-1].method.value == "corrected long steps" and corrected.certificate.converged
    monkeypatch.setattr(coarse_to_fine, "combined_steps", lambda *given: None)
    plain = le.solve(problem, search="none", progress=False)
    assert plain.certificate.converged and plain.stages[-1].method.value == "quasi-Newton"
    assert corrected.value == pytest.approx(plain.value, abs=1e-9 * abs(plain.value))
    assert corrected.gradients < plain.gradients
    assert corrected.certificate.flow_value is not None and plain.certificate.flow_value is None


def test_a_model_that_misleads_is_given_up(monkeypatch, long_steps):
    problem = semantic(1600, 8, learning_rate=5e-3, init_scale=0.2)
    wanted = le.solve(problem, search="none", progress=False).value
    called = CombinedSteps.__call__

    def misleading(self, effort):
        value, slope = called(self, effort)
        return value - 50 * float(effort @ effort), slope - 100 * effort

    monkeypatch.setattr(CombinedSteps, "__call__", misleading)
    solution = le.solve(problem, search="none", progress=False)
    assert solution.certificate.converged and solution.value == pytest.approx(wanted, abs=1e-8 * abs(wanted))
    assert [stage.method.value for stage in solution.stages[-2:]] == ["corrected long steps", "quasi-Newton"]


# Ever shorter steps ---------------------------------------------------------------------------------------------------------


def rate_alone(steps):
    learner = le.LinearNetwork(
        le.tasks.SemanticHierarchy(2), hidden=(2,), learning_rate=8.0 / steps, weight_decay=0.01, init_scale=0.3
    )
    control = le.LearningRate(bounds=(-1.0, 5.0), rest=0.0, cost=le.costs.Quadratic(0.3))
    return le.Problem(learner, control, le.Steps(steps), discount=1.0)


def test_the_flow_limit_keeps_the_law_of_the_exact_learning_rate():
    """With γ = 1, β(1 + u)² − ηL is constant along an optimum of the flow (theory.md §4.4)."""
    problem = rate_alone(400)
    solution = le.solve(problem, progress=False)
    limit = le.flow_limit(solution)
    own = 0.3 * (1 + solution.effort["learning_rate"]) ** 2 - solution.rollout.loss
    flow = 0.3 * (1 + limit.effort["learning_rate"]) ** 2 - limit.loss
    assert np.ptp(flow) < 0.05 * np.ptp(own)
    finer = le.solve(rate_alone(3200), progress=False)
    assert abs(limit.value - finer.value) < 0.2 * abs(solution.value - finer.value)
    assert limit.error is not None and abs(limit.value - le.flow_limit(finer).value) < 5 * limit.error
    assert limit.times.shape == limit.loss.shape == limit.baseline_loss.shape == limit.effort["learning_rate"].shape


def test_where_there_is_no_flow_limit_it_is_said():
    with pytest.raises(le.LearningEffortError, match="takes a Solution"):
        le.flow_limit(3)
    problem = semantic(211, 4)  # a prime
    with pytest.raises(le.LearningEffortError, match="cover the horizon evenly"):
        le.flow_limit(le.solve(problem, search="none", progress=False))
