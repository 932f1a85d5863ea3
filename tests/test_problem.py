"""The problem's value, gradient and costates, for every port, depth, basis and interpolation."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le
from learning_effort.problem import unrolled
from learning_effort.runtime import devices

PAIR = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]


def linear(task=PAIR[0], hidden=(4,), **keywords):
    settings = dict(learning_rate=0.02, weight_decay=0.05, noise=0.3, time_constant=1.7, init_scale=0.4, seed=3) | keywords
    return le.LinearNetwork(task, hidden=hidden, **settings)


BASIS = [np.random.default_rng(0).normal(size=(3, 4, 3)), np.random.default_rng(1).normal(size=(2, 2, 4))]

CASES = {
    "single layer": (linear(hidden=()), le.Gain()),
    "two layers": (linear(), le.Gain(cost=le.costs.Quadratic(0.2))),
    "three layers": (linear(hidden=(4, 5)), le.Gain()),
    "one layer of three": (linear(hidden=(4, 5)), le.Gain(layers=(1,))),
    "neuron basis": (linear(), le.Gain(layers=(1,), basis="neuron")),
    "own basis": (linear(), le.Gain(basis=BASIS)),
    "rate": (linear(hidden=(4, 5)), le.LearningRate(rest=-1.0)),
    "rate, linear knots": (linear(), le.LearningRate(knots=5, interpolation="linear")),
    "gain, held knots": (linear(), le.Gain(knots=7)),
    "gain, linear knots": (linear(), le.Gain(knots=7, interpolation="linear")),
    "gain and rate": (linear(), [le.Gain(knots=4), le.LearningRate()]),
    "two gains": (linear(), [le.Gain(layers=0, name="first"), le.Gain(layers=1, knots=3, name="second")]),
    "attention by task": (linear(le.tasks.Concatenated(PAIR)), le.Engagement()),
    "attention by output, squared": (
        linear(hidden=(4, 3)),
        le.Engagement(over="outputs", squared=True, cost=le.costs.NormDeviation(2.0)),
    ),
    "engagement and rate": (linear(le.tasks.Concatenated(PAIR)), [le.Engagement(), le.LearningRate()]),
    "mixture": (linear(le.tasks.Mixture(PAIR, (0.3, 0.7))), le.MixtureControl(bounds=(-1, 3))),
    "blend, judged on one part": (linear(le.tasks.Blend(PAIR), evaluation=PAIR[0]), le.MixtureControl()),
    "switching": (linear(le.tasks.Switching(PAIR, every=4)), le.Gain()),
    "initial weights of a set": (linear(le.tasks.TaskSet(PAIR)), le.InitialWeights(le.costs.Quadratic(0.1))),
    "a set under gain": (linear(le.tasks.TaskSet(PAIR)), [le.Gain(), le.LearningRate()]),
}


def build(case, steps=18):
    learner, controls = CASES[case]
    problem = le.Problem(learner, controls, le.Steps(steps), discount=0.8, reward_scale=1.3)
    rng = np.random.default_rng(0)
    effort = jax.tree.map(lambda e: e + 0.2 * rng.normal(size=e.shape), problem.initial_effort())
    return problem, effort


def along(effort, direction, distance):
    return jax.tree.map(lambda e, d: e + distance * d, effort, direction)


@pytest.mark.parametrize("case", CASES)
def test_gradient_is_that_of_the_value(case):
    problem, effort = build(case)
    value, gradient = problem.value_and_gradient(effort)
    assert value == pytest.approx(float(problem.value(effort)), rel=1e-12)
    automatic = jax.grad(problem.value)(effort)
    for ours, theirs in zip(jax.tree.leaves(gradient), jax.tree.leaves(automatic), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12 * float(jnp.abs(theirs).max() + 1))
    rng = np.random.default_rng(1)
    for _ in range(3):
        direction = jax.tree.map(lambda e: jnp.asarray(rng.normal(size=e.shape)), effort)
        difference = (problem.value(along(effort, direction, 1e-5)) - problem.value(along(effort, direction, -1e-5))) / 2e-5
        slope = sum(jnp.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (gradient, direction)), strict=True))
        assert slope == pytest.approx(float(difference), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("case", ["gain, linear knots", "gain and rate", "initial weights of a set", "switching"])
def test_blocks_change_nothing(case, monkeypatch):
    problem, effort = build(case, steps=23)
    given = problem.space, problem.objective, effort
    value, gradient = unrolled.value_and_gradient(*given)
    monkeypatch.setitem(devices.TUNED, "cpu", dataclasses.replace(devices.TUNED["cpu"], block_bytes=0))
    cut_value, cut_gradient = unrolled.value_and_gradient(*given)
    assert cut_value == pytest.approx(float(value), rel=1e-12)
    assert unrolled.value(*given) == pytest.approx(float(value), rel=1e-12)
    for ours, theirs in zip(jax.tree.leaves(cut_gradient), jax.tree.leaves(gradient), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_the_gradient_can_be_differentiated_forwards():
    problem, effort = build("two layers", steps=8)
    direction = jax.tree.map(jnp.ones_like, effort)
    _, product = jax.jvp(lambda e: problem.value_and_gradient(e)[1], (effort,), (direction,))
    ahead, behind = (problem.value_and_gradient(along(effort, direction, s))[1] for s in (1e-5, -1e-5))
    for p, a, b in zip(*map(jax.tree.leaves, (product, ahead, behind)), strict=True):
        np.testing.assert_allclose(p, (a - b) / 2e-5, rtol=1e-5, atol=1e-7)


def test_the_first_costate_prices_the_initial_weights():
    learner = linear()
    problem = le.Problem(learner, [le.LearningRate(), le.InitialWeights()], le.Steps(15), discount=0.9)
    effort = problem.initial_effort()
    costates = problem.costates(effort)
    gradient = problem.value_and_gradient(effort)[1]["initial_weights"]
    for price, slope in zip(costates, gradient, strict=True):
        assert price.shape == (15, *slope.shape)
        np.testing.assert_allclose(price[0], slope, rtol=1e-12)


def test_a_horizon_need_not_be_a_multiple_of_its_knots():
    learner = linear()
    held = le.Problem(learner, le.LearningRate(knots=3), le.Steps(8))
    knots = jnp.array([0.1, 0.2, 0.3])
    steps = knots[np.arange(8) * 3 // 8]
    full = le.Problem(learner, le.LearningRate(), le.Steps(8))
    assert held.value({"learning_rate": knots}) == pytest.approx(float(full.value({"learning_rate": steps})), rel=1e-13)
    straight = le.Problem(learner, le.LearningRate(knots=3, interpolation="linear"), le.Steps(8))
    steps = jnp.interp(jnp.arange(8), jnp.array([0, 3.5, 7]), knots)
    assert straight.value({"learning_rate": knots}) == pytest.approx(float(full.value({"learning_rate": steps})), rel=1e-13)


def test_numpy_effort_is_taken_and_a_user_may_compile():
    problem, effort = build("gain and rate")
    plain = jax.tree.map(np.asarray, effort)
    value, gradient = problem.value_and_gradient(plain)
    assert jax.jit(problem.value)(plain) == pytest.approx(float(value), rel=1e-13)
    assert jax.tree.structure(gradient) == jax.tree.structure(effort)
    assert np.asarray(gradient["gain"][0]).dtype == np.float64


def test_effort_may_be_a_number_or_a_schedule():
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,), init_scale=0.3)
    controls = [le.Gain(knots=4, interpolation="linear"), le.LearningRate(knots=3)]
    problem = le.Problem(learner, controls, le.Steps(13))
    times = np.array([0, 5, 9]) * 5e-3  # the first step of each knot, ⌈jN/K⌉
    written = {"gain": [np.full((4, 3, 3), 0.2), np.full((4, 2, 3), 0.2)], "learning_rate": np.exp(-times)}
    short = {"gain": 0.2, "learning_rate": lambda t: np.exp(-t)}
    assert problem.value(short) == problem.value(written)
    np.testing.assert_array_equal(problem.rollout(short).loss, problem.rollout(written).loss)
    rows = problem.check_effort({"gain": lambda t: [np.full((3, 3), t), np.zeros((2, 3))], "learning_rate": 0})["gain"]
    np.testing.assert_allclose(rows[0][:, 0, 0], np.linspace(0, 12, 4) * 5e-3)
    for odd in (lambda t: [0.1, 0.2, 0.3], lambda t: "fast", lambda t: np.nan, True):
        with pytest.raises(le.LearningEffortError):
            problem.value({"gain": 0.1, "learning_rate": odd})


def test_a_plain_function_may_be_a_cost(tmp_path):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), learning_rate=1e-2, weights=[[[0.0]]])
    plain, ours = (
        le.Problem(learner, le.Gain(bounds=(0, 0.5), cost=cost), le.Steps(30))
        for cost in (lambda g: 0.3 * jnp.sum(g**2), le.costs.Quadratic(0.3))
    )
    effort = {"gain": 0.2}
    assert plain.value(effort) == pytest.approx(float(ours.value(effort)), rel=1e-14)
    solution = le.solve(plain, progress=False)
    assert solution.value == pytest.approx(le.solve(ours, progress=False).value, abs=1e-12)
    with pytest.warns(UserWarning, match="keeps the answer but not its problem"):
        solution.save(tmp_path / "run.nc")
    odd = {"one number": lambda g: g**2, "could not be computed": lambda g: g.nothing, "must be a cost": 3.0}
    for message, cost in odd.items():
        with pytest.raises(le.LearningEffortError, match=message):
            le.Problem(learner, le.Gain(cost=cost), le.Steps(30))
