"""Bounds, rests and costs that vary in time, by layer or by element (theory.md §3)."""

import jax
import numpy as np
import pytest

import learning_effort as le

K, N = 6, 24
LEARNER = le.LinearNetwork(le.tasks.SemanticHierarchy(2), hidden=(4,), init_scale=0.3)
(HIDDEN, INPUTS), (OUTPUTS, _) = (w.shape for w in LEARNER.initial_weights)
RNG = np.random.default_rng(0)
COURSE = np.linspace(0.1, 0.4, K)


def problem(control, steps=N, learner=LEARNER):
    return le.Problem(learner, control, le.Steps(steps), discount=0.9)


def gain(**keywords):
    return le.Gain(**{"knots": K, "cost": le.costs.Quadratic(0.02)} | keywords)


#: What an upper bound of gain may be, and the bounds of its two layers that it stands for.
FIRST, SECOND = RNG.uniform(0.1, 0.5, (HIDDEN, INPUTS)), RNG.uniform(0.1, 0.5, (K, OUTPUTS, HIDDEN))
BOUNDS = {
    "a number": (0.3, (0.3, 0.3)),
    "in time": (COURSE, (COURSE[:, None, None], COURSE[:, None, None])),
    "by layer": ([0.1, 0.2], (0.1, 0.2)),
    "by element": ([FIRST, 0.2], (FIRST, 0.2)),
    "by both": ([FIRST, SECOND], (FIRST, SECOND)),
    "one for all rows": ([FIRST[:1], SECOND[:, :, :1]], (FIRST[:1], SECOND[:, :, :1])),
}


@pytest.mark.parametrize("form", BOUNDS)
def test_bounds_stand_for_every_number_they_are_said_for(form):
    given, meant = BOUNDS[form]
    lower, upper = problem(gain(bounds=(-0.5, given))).bounds()
    for low, high, shape, own in zip(
        lower["gain"], upper["gain"], ((K, HIDDEN, INPUTS), (K, OUTPUTS, HIDDEN)), meant, strict=True
    ):
        np.testing.assert_array_equal(high, np.broadcast_to(own, shape))
        np.testing.assert_array_equal(low, np.full(shape, -0.5))


WRONG = {
    "another length in time": lambda: gain(bounds=(-0.5, COURSE[1:])),
    "a list of another length": lambda: gain(bounds=(-0.5, [0.1, 0.2, 0.3])),
    "another layer's shape": lambda: gain(bounds=(-0.5, [FIRST, FIRST])),
    "reversed somewhere": lambda: gain(bounds=(-0.5, np.linspace(-1, 1, K))),
    "nowhere apart": lambda: gain(bounds=(COURSE, COURSE)),
    "beta of another length": lambda: gain(cost=le.costs.Quadratic(COURSE[1:])),
    "a norm's beta by element": lambda: gain(cost=le.costs.NormDeviation([FIRST, 0.1])),
    "a rate by element": lambda: le.LearningRate(rest=[0.1, 0.2], knots=K),
    "time for what has none": lambda: le.InitialWeights(bounds=(-1, COURSE)),
    "two readings": lambda: le.Engagement(over="outputs", knots=OUTPUTS, bounds=(0, np.full(OUTPUTS, 1.5))),
}


@pytest.mark.parametrize("case", WRONG)
def test_other_shapes_are_refused_and_the_shapes_said(case):
    with pytest.raises(le.LearningEffortError, match=r"shape|lower nowhere above upper"):
        problem(WRONG[case]())


def test_what_could_be_read_in_two_ways_says_which_by_axes_of_length_one():
    by_time, by_output = (
        problem(le.Engagement(over="outputs", knots=OUTPUTS, bounds=(0, np.reshape(np.linspace(1, 2, OUTPUTS), shape))))
        for shape in ((OUTPUTS, 1), (1, OUTPUTS))
    )
    np.testing.assert_array_equal(by_time.bounds()[1]["engagement"], np.linspace(1, 2, OUTPUTS)[:, None] * np.ones(OUTPUTS))
    np.testing.assert_array_equal(by_output.bounds()[1]["engagement"], np.linspace(1, 2, OUTPUTS) * np.ones((OUTPUTS, 1)))


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
def test_a_cost_that_varies_is_that_of_every_step(interpolation):
    """Against NumPy: β and rest at each step, by their own knots."""
    beta, rest = RNG.uniform(0.1, 1, K), RNG.uniform(-0.2, 0.2, K)
    own = problem(le.LearningRate(knots=K, interpolation=interpolation, rest=rest, cost=le.costs.Quadratic(beta)))
    rate = RNG.uniform(-0.5, 0.5, K)

    def course(values):
        return (
            values[np.arange(N) * K // N] if interpolation == "hold" else np.interp(np.linspace(0, K - 1, N), range(K), values)
        )

    wanted = course(beta) * (course(rate) - course(rest)) ** 2
    np.testing.assert_allclose(own.rollout({"learning_rate": rate}).cost, wanted, rtol=1e-12)
    neutral = course(beta) * course(rest) ** 2
    weights = np.asarray(own.weights(np.arange(N)))
    solution = le.solve(own, le.QuasiNewton(max_gradients=1), progress=False)
    assert solution.neutral_value == pytest.approx(solution.baseline_value - weights @ neutral, rel=1e-12)
    assert solution.neutral_value == pytest.approx(float(own.value(own.neutral_effort())), rel=1e-12)


@pytest.mark.parametrize("cost", [le.costs.Quadratic, le.costs.Exponential])
def test_a_cost_by_layer_and_by_element_is_the_weighted_sum(cost):
    own = problem(gain(knots=1, cost=cost([RNG_BETA, 0.3])))
    effort = [RNG.uniform(-0.3, 0.3, (1, HIDDEN, INPUTS)), RNG.uniform(-0.3, 0.3, (1, OUTPUTS, HIDDEN))]
    total = (RNG_BETA * effort[0] ** 2).sum() + 0.3 * (effort[1] ** 2).sum()
    wanted = total if cost is le.costs.Quadratic else np.expm1(total)
    np.testing.assert_allclose(own.rollout({"gain": effort}).cost, np.full(N, wanted), rtol=1e-12)


RNG_BETA = np.random.default_rng(1).uniform(0.1, 1, (HIDDEN, INPUTS))


def test_what_varies_but_is_the_same_everywhere_is_what_one_number_is():
    one = problem(gain(bounds=(-0.1, 0.1)))
    same = problem(
        gain(bounds=(np.full(K, -0.1), [0.1, np.full((OUTPUTS, HIDDEN), 0.1)]), cost=le.costs.Quadratic(np.full(K, 0.02)))
    )
    a, b = (le.solve(p, progress=False) for p in (one, same))
    assert b.value == pytest.approx(a.value, rel=1e-12) and 0 < b.certificate.share_at_bounds == a.certificate.share_at_bounds
    for x, y in zip(a.effort["gain"], b.effort["gain"], strict=True):
        np.testing.assert_allclose(x, y, atol=1e-9)


def test_the_answer_lies_in_a_box_that_varies_and_its_certificate_knows():
    """Where the box is shut nothing happens; where it is open more is done than there, and it is worth more."""
    shut = np.where(np.arange(K) < 3, 0.0, 0.5)
    solution = le.solve(problem(gain(bounds=(0.0, shut))), progress=False)
    first, second = solution.effort["gain"]
    assert (first[:3] == 0).all() and (second[:3] == 0).all() and first[3:].max() > 0.1
    assert solution.certificate.converged and solution.certificate.share_at_bounds >= 0.5
    certificate = le.certify(solution, products=4)
    assert certificate.constant_value == pytest.approx(solution.baseline_value)  # only nothing lies in the box at all times
    below = le.solve(problem(gain(bounds=(np.where(shut == 0, -0.5, 0.2), shut))), progress=False)
    assert "no constant effort" in le.certify(below, products=4).why_absent("constant_value")


def test_sensitivities_of_bounds_that_vary_are_differences_of_the_best_value():
    upper = np.full(K, 0.05)

    def best(change):
        return le.solve(problem(gain(bounds=(-0.5, upper + change))), le.QuasiNewton(tolerance=1e-10), progress=False)

    slope = (
        le.sensitivities(best(0.0))["controls.gain.upper.0"].ravel()
        + le.sensitivities(best(0.0))["controls.gain.upper.1"].ravel()
    )
    bump = np.zeros(K)
    bump[2] = 1e-4
    assert slope.shape == (K,) and slope[2] > 0
    assert slope[2] == pytest.approx((best(bump).value - best(-bump).value) / 2e-4, rel=1e-3)


def test_bounds_in_time_follow_to_long_steps_and_back():
    from learning_effort.problem.variants import in_longer_steps, on_longer_horizon, resampled, with_linear_knots_of

    steps = 40
    course = np.linspace(0.1, 0.5, steps)
    own = problem(le.Gain(bounds=(-0.5, course)), steps)
    coarse = in_longer_steps(own, 4)
    np.testing.assert_allclose(coarse.bounds()[1]["gain"][0][:, 0, 0], course[::4])
    knotted = with_linear_knots_of(own, coarse)
    at = np.round(np.linspace(0, steps - 1, steps // 4)).astype(int)
    np.testing.assert_allclose(knotted.bounds()[1]["gain"][0][:, 0, 0], course[at])
    effort = resampled(coarse, own, coarse.bounds()[1])
    assert all(jax.tree.leaves(jax.tree.map(lambda e, u: bool((e <= u).all()), effort, own.bounds()[1])))
    longer = on_longer_horizon(own, 50).bounds()[1]["gain"][0][:, 0, 0]
    np.testing.assert_allclose(longer, np.append(course, np.full(10, 0.5)))


def test_problems_that_vary_are_solved_together_and_read_from_files(tmp_path):
    own = [
        problem(le.Gain(bounds=(-0.5, np.linspace(0.01, top, n)), cost=le.costs.Quadratic(np.linspace(0.01, 0.02, n))), n)
        for n, top in ((16, 0.2), (24, 0.3))
    ]
    for p, solution in zip(own, le.solve_many(own, progress=False), strict=True):
        alone = le.solve(p, progress=False)
        assert solution.value == pytest.approx(alone.value, rel=1e-8)
        p.space.require_inside(solution.effort)
    solution.save(tmp_path / "a.nc")
    loaded = le.load(tmp_path / "a.nc")
    assert float(loaded.problem.value(loaded.effort)) == float(p.value(solution.effort))
    np.testing.assert_array_equal(loaded.problem.bounds()[1]["gain"][0], p.bounds()[1]["gain"][0])
    assert le.Problem(p.learner, p.controls, p.horizon).bounds()[1]["gain"][0].shape == (
        24,
        HIDDEN,
        INPUTS,
    )  # controls can be used again


def test_exact_solvers_say_that_they_want_one_number():
    rate = le.LearningRate(bounds=(-1, np.linspace(0.5, 1, N)))
    with pytest.raises(le.LearningEffortError, match="vary in time or by element"):
        le.solve(problem(rate), le.Exact(), progress=False)
