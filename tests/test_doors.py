"""What comes from outside comes through one door: odd numbers and arrays are refused with what was given and what to try."""

import equinox as eqx
import jax
import numpy as np
import optax
import pandas as pd
import pytest
import scipy.sparse
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import learning_effort as le

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(12, 3)), np.arange(12) % 2
ONE_HOT = np.eye(2)[LABELS]
TASK = le.tasks.Arrays(X, ONE_HOT)

#: Every argument of a public constructor that takes one number, and the constructor with it.
NUMBERS = {
    "TwoGaussians.mean": lambda v: le.tasks.TwoGaussians(mean=v),
    "TwoGaussians.std": lambda v: le.tasks.TwoGaussians(std=v),
    "CorrelatedGaussians.flip_probability": lambda v: le.tasks.CorrelatedGaussians(flip_probability=v),
    "LinearNetwork.learning_rate": lambda v: le.LinearNetwork(TASK, learning_rate=v),
    "LinearNetwork.weight_decay": lambda v: le.LinearNetwork(TASK, weight_decay=v),
    "LinearNetwork.noise": lambda v: le.LinearNetwork(TASK, noise=v),
    "LinearNetwork.time_constant": lambda v: le.LinearNetwork(TASK, time_constant=v),
    "LinearNetwork.init_scale": lambda v: le.LinearNetwork(TASK, init_scale=v),
    "SampledNetwork.step_size": lambda v: network(step_size=v),
    "Quadratic.beta": le.costs.Quadratic,
    "Exponential.beta": le.costs.Exponential,
    "NormDeviation.beta": le.costs.NormDeviation,
    "Gain.lower": lambda v: le.Gain(bounds=(v, 0.5)),
    "Gain.upper": lambda v: le.Gain(bounds=(-0.5, v)),
    "LearningRate.rest": lambda v: le.LearningRate(rest=v),
    "Problem.discount": lambda v: problem(discount=v),
    "Problem.reward_scale": lambda v: problem(reward_scale=v),
    "QuasiNewton.tolerance": lambda v: le.QuasiNewton(tolerance=v),
    "GradientAscent.step": lambda v: le.GradientAscent(v, 3),
}
NO_NUMBERS = {
    "two": [0.3, 0.4],
    "one in a list": [0.3],
    "an array with an axis": np.array([0.3]),
    "a Series": pd.Series([0.3]),
    "true": True,
    "None": None,
    "text": "0.3",
    "complex": 0.3 + 0j,
    "masked": np.ma.masked,
    "a date": np.datetime64("2020-01-01"),
    "NaN": np.nan,
    "too large": 10**400,
    "a dict": {},
    "empty": [],
}
#: Those of them that may vary, and so may be arrays; their shapes are looked at by a problem (tests/test_varying.py).
VARIED = ("Quadratic.beta", "Exponential.beta", "NormDeviation.beta", "Gain.lower", "Gain.upper", "LearningRate.rest")
WITH_AXES = ("two", "one in a list", "an array with an axis", "a Series")
#: Every argument that takes an array, and the constructor with it.
ARRAYS = {
    "Arrays.x": lambda v: le.tasks.Arrays(v, np.ones((12, 1))),
    "Arrays.y": lambda v: le.tasks.Arrays(np.ones((12, 1)), v),
    "Arrays.from_labels.x": lambda v: le.tasks.Arrays.from_labels(v, LABELS),
    "CorrelatedGaussians.means": lambda v: le.tasks.CorrelatedGaussians(means=v),
    "ClassGaussians.mean": lambda v: le.tasks.ClassGaussians(v, np.eye(2)),
    "ClassGaussians.covariance": lambda v: le.tasks.ClassGaussians(np.ones(2), v),
    "FromMoments.input_moment": lambda v: le.tasks.FromMoments(v, np.ones((1, 1)), np.ones((1, 1)), [0.0], [0.0]),
    "Mixture.proportions": lambda v: le.tasks.Mixture([TASK, TASK], v) if v is not None else refuse(),
    "LinearNetwork.weights": lambda v: le.LinearNetwork(TASK, weights=[v]),
    "Gain.start": lambda v: gained(start=v) if v is not None else refuse(),
    "Gain.basis": lambda v: le.Gain(basis=v) if v is not None else refuse(),
    "problem.value": lambda v: problem().value({"learning_rate": v}),
    "solve(init=)": lambda v: le.solve(problem(), init={"learning_rate": v}, progress=False),
}
SHAPE = (12, 3)
NO_ARRAYS = {
    "masked": np.ma.masked_array(np.ones(SHAPE), mask=np.eye(12, 3)),
    "complex": 1j * np.ones(SHAPE),
    "dates": np.full(SHAPE, np.datetime64("2020-01-01")),
    "durations": np.full(SHAPE, np.timedelta64(1, "s")),
    "true or false": np.ones(SHAPE, bool),
    "text": np.full(SHAPE, "1"),
    "sparse": scipy.sparse.csr_matrix(np.ones(SHAPE)),
    "ragged": [[1.0, 2.0], [3.0]],
    "None inside": np.full(SHAPE, None),
    "NaN": np.full(SHAPE, np.nan),
    "infinite": np.full(SHAPE, np.inf),
    "no rows": np.ones((0, 3)),
    "no columns": np.ones((12, 0)),
    "None": None,
    "a dict": {"a": 1.0},
}


def refuse():
    raise le.LearningEffortError("None means something else here.")


def network(task=TASK, loss=le.losses.squared, **keywords):
    module = eqx.nn.Linear(task.input_size, task.output_size, key=jax.random.key(0))
    return le.SampledNetwork(task, module, optax.sgd(0.1), loss=loss, **keywords)


def gained(**keywords):
    return le.Problem(le.LinearNetwork(TASK, hidden=()), le.Gain(**keywords), le.Steps(12))


def problem(**keywords):
    return le.Problem(le.LinearNetwork(TASK, hidden=()), le.LearningRate(), le.Steps(12), **keywords)


@pytest.mark.parametrize(
    ("argument", "odd"), [(a, odd) for a in NUMBERS for odd in NO_NUMBERS if not (a in VARIED and odd in WITH_AXES)]
)
def test_one_number_is_one_number(argument, odd):
    with pytest.raises(le.LearningEffortError, match=r"must be"):
        NUMBERS[argument](NO_NUMBERS[odd])


@pytest.mark.parametrize("number", [np.float32(0.3), np.array(0.3), np.int64(0), 0, xr.DataArray(0.3), jax.numpy.asarray(0.3)])
def test_every_kind_of_number_is_one(number):
    assert float(le.tasks.TwoGaussians(mean=number).mean) == pytest.approx(float(number))


@pytest.mark.parametrize("argument", ARRAYS)
@pytest.mark.parametrize("odd", NO_ARRAYS)
def test_arrays_that_would_lose_their_meaning_are_refused(argument, odd):
    with pytest.raises(le.LearningEffortError):
        ARRAYS[argument](NO_ARRAYS[odd])


@pytest.mark.parametrize("kind", [pd.Series, xr.DataArray, list, tuple, np.float32, jax.numpy.asarray, np.ma.masked_array])
def test_every_kind_of_column_is_one(kind):
    y = np.arange(12.0)
    task = le.tasks.Arrays(X, y.astype(np.float32) if kind is np.float32 else kind(y))
    np.testing.assert_array_equal(task.y, y[:, None])


@given(st.one_of(st.none(), st.text(), st.binary(), st.booleans(), st.lists(st.text()), st.complex_numbers(), st.dates()))
def test_whatever_is_no_number_is_refused(value):
    with pytest.raises(le.LearningEffortError, match="'beta' of Quadratic must be a number"):
        le.costs.Quadratic(value)


# Targets under cross-entropy ------------------------------------------------------------------------------------------

NO_TARGETS = {
    "labels in one column": LABELS.astype(float),
    "signs in two columns": 2 * ONE_HOT - 1,
    "twice one": 2 * ONE_HOT,
    "nothing in a row": ONE_HOT * (np.arange(12) > 0)[:, None],
}
PLACES = {
    "learned": lambda task: network(task, le.losses.cross_entropy),
    "in a mixture": lambda task: network(le.tasks.Mixture([task, task]), le.losses.cross_entropy),
    "in a blend": lambda task: network(le.tasks.Blend([task, task]), le.losses.cross_entropy),
    "in turns": lambda task: network(le.tasks.Switching([task, task], 3), le.losses.cross_entropy),
    "in a set": lambda task: network(le.tasks.TaskSet([task, task]), le.losses.cross_entropy),
    "in batches": lambda task: network(task, le.losses.cross_entropy, batch_size=4),
}


@pytest.mark.parametrize("odd", NO_TARGETS)
@pytest.mark.parametrize("place", PLACES)
def test_targets_of_cross_entropy_are_probabilities(odd, place):
    with pytest.raises(le.LearningEffortError, match="cross_entropy.*from_labels"):
        PLACES[place](le.tasks.Arrays(X, NO_TARGETS[odd]))


def test_what_performance_is_judged_on_is_looked_at_too():
    with pytest.raises(le.LearningEffortError, match="does not fit its evaluation"):
        network(TASK, le.losses.cross_entropy, evaluation=le.tasks.Arrays(X, 2 * ONE_HOT))
    with pytest.raises(le.LearningEffortError, match="cross_entropy has no meaning for one output"):
        network(le.tasks.TwoGaussians(), le.losses.cross_entropy, batch_size=4)


def test_labels_become_one_hot_targets():
    named = le.tasks.Arrays.from_labels(X, np.array(["no", "yes"])[LABELS])
    np.testing.assert_array_equal(named.y, ONE_HOT)
    np.testing.assert_array_equal(le.tasks.Arrays.from_labels(X, LABELS, classes=[1, 0]).y, ONE_HOT[:, ::-1])
    assert network(named, le.losses.cross_entropy).task is named
    for labels, classes in ((np.zeros(12), None), (LABELS, [0, 2]), (LABELS, [0, 1, 1]), (ONE_HOT, None)):
        with pytest.raises(le.LearningEffortError, match=r"Arrays\.from_labels"):
            le.tasks.Arrays.from_labels(X, labels, classes)


def test_binary_cross_entropy_is_that_of_two_classes():
    logit, yes = np.linspace(-3, 3, 12)[:, None], LABELS[:, None].astype(float)
    both = le.losses.cross_entropy(np.hstack([np.zeros_like(logit), logit]), np.hstack([1 - yes, yes])).sum(1)
    np.testing.assert_allclose(le.losses.binary_cross_entropy(logit, yes)[:, 0], both, rtol=1e-12)
    assert network(le.tasks.Arrays(X, yes), le.losses.binary_cross_entropy).task.output_size == 1
    with pytest.raises(le.LearningEffortError, match="from 0 to 1"):
        network(le.tasks.Arrays(X, 2 * yes - 1), le.losses.binary_cross_entropy)


# What would be silently another question --------------------------------------------------------------------------------


def test_a_file_is_not_bound_to_another_problem(tmp_path):
    solved = le.solve(problem(), progress=False)
    solved.save(tmp_path / "run.nc")
    assert le.load(tmp_path / "run.nc", problem=problem()).value == solved.value
    with pytest.raises(le.LearningEffortError, match="answer to another problem"):
        le.load(tmp_path / "run.nc", problem=problem(reward_scale=1.1))


def test_an_effort_outside_the_box_is_no_start():
    with pytest.raises(le.LearningEffortError, match=r"runs from 0 to 1.5, outside its bounds \[-1, 1\]"):
        le.solve(problem(), init={"learning_rate": np.linspace(0, 1.5, 12)}, progress=False)


def test_a_start_whose_cost_is_not_finite_is_refused_and_other_starts_come_nearer():
    digits = le.LinearNetwork(le.tasks.Digits((1, 3), size=10))
    steep = le.Problem(digits, le.Gain(bounds=(-5, 5), start=4.0, knots=2), le.Steps(10))
    with pytest.raises(le.LearningEffortError, match="The cost at the starting effort is not finite"):
        le.solve(steep, progress=False)
    near = le.Problem(digits, le.Gain(bounds=(-5, 5), knots=2), le.Steps(10))
    assert np.isfinite(le.solve(near, le.QuasiNewton(max_gradients=2), starts=2, progress=False).starts).all()


def test_a_part_of_no_proportion_cannot_be_given_some_by_softmax():
    learner = le.LinearNetwork(le.tasks.Mixture([TASK, TASK], (0.0, 1.0)), hidden=())
    with pytest.raises(le.LearningEffortError, match="Leave the parts of proportion 0 out"):
        le.Problem(learner, le.MixtureControl(), le.Steps(5))


def test_accuracy_knows_the_gains_in_force():
    gain = le.Gain(bounds=(-2, 2), cost=le.costs.Quadratic(1e-4), knots=3)
    solved = le.solve(le.Problem(le.LinearNetwork(TASK, (4,), init_scale=0.3), gain, le.Steps(60)), progress=False)
    learner, signals = solved.problem.learner, solved.problem.signals_at(solved.effort, np.arange(60))
    weights = [w[-1] for w in solved.rollout.weights]
    outputs = learner.predict(weights, TASK.x, {"gain": tuple(g[-1] for g in signals["gain"])})
    assert solved.accuracy()[-1] == pytest.approx(np.mean(np.asarray(outputs).argmax(1) == LABELS))
    assert solved.accuracy().shape == solved.weight_times.shape
    with pytest.raises(le.LearningEffortError, match="must be told them"):
        learner.accuracy(solved.rollout.weights)
    with pytest.raises(le.LearningEffortError, match="at least 2 outputs"):
        le.solve(le.Problem(le.LinearNetwork(le.tasks.TwoGaussians(), ()), gain, le.Steps(9)), progress=False).accuracy()


def test_starts_break_the_symmetry_of_hidden_units_and_vary_smoothly_in_time():
    from learning_effort.solvers.starts import another_start

    learner = le.LinearNetwork(TASK, hidden=(4,), init_scale=0.1)
    both = le.Problem(learner, [le.InitialWeights(), le.Gain()], le.Steps(50))
    start, moved = both.initial_effort(), another_start(both, both.initial_effort(), 1)
    rows = np.asarray(moved["initial_weights"][0] - start["initial_weights"][0])
    assert len(np.unique(rows.round(12))) == rows.size  # every weight on its own
    course = np.asarray(moved["gain"][0])[:, 0, 0]
    assert np.ptp(course) > 0.01 and np.abs(np.diff(course)).max() < 0.1 * np.ptp(course)
    again = another_start(both, start, 1)
    np.testing.assert_array_equal(again["gain"][0], moved["gain"][0])
    assert np.abs(np.asarray(another_start(both, start, 2)["gain"][0]) - moved["gain"][0]).max() > 0.01


# Sizes -----------------------------------------------------------------------------------------------------------------

SMALL = le.LinearNetwork(TASK, hidden=(2,))
HUGE = {
    "steps": lambda n: le.Problem(SMALL, le.Gain(), le.Steps(n)),
    "steps under knots": lambda n: le.Problem(SMALL, le.Gain(knots=4), le.Steps(n)),
    "hidden units": lambda n: le.LinearNetwork(TASK, hidden=(n,)),
    "levels": lambda n: le.LinearNetwork(le.tasks.SemanticHierarchy(40), hidden=(2,)),
    "pairs": lambda n: le.solve(problem(), le.QuasiNewton(memory=n), progress=False),
    "gradients": lambda n: le.solve(problem(), le.QuasiNewton(max_gradients=n), progress=False),
    "batch": lambda n: le.simulate(problem(), None, n, 2),
    "seeds": lambda n: le.simulate(problem(), None, 4, n),
}


@pytest.mark.parametrize("size", [10**11, 10**20])
@pytest.mark.parametrize("what", HUGE)
def test_what_does_not_fit_into_memory_is_refused_before_anything_is_allocated(what, size):
    with pytest.raises(le.LearningEffortError, match=r"needs about .* of memory, and .* are free. Try|whole number"):
        HUGE[what](size)


def test_numbers_that_are_being_compiled_pass():
    learner = le.LinearNetwork(le.tasks.Mixture([TASK, TASK]), hidden=())
    mixed = le.Problem(learner, le.MixtureControl(start=[0.5, 1.5]), le.Steps(5))  # a list of numbers, traced one by one
    assert le.simulate(mixed, mixed.initial_effort(), 8, 2).loss.shape == (2, 5)
    values = jax.vmap(lambda beta: problem_with(beta).value({"learning_rate": 0.2}))(jax.numpy.array([0.1, 0.2]))
    assert values[1] < values[0]


def problem_with(beta):
    return le.Problem(le.LinearNetwork(TASK, hidden=()), le.LearningRate(cost=le.costs.Quadratic(beta)), le.Steps(12))
