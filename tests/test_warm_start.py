"""Where a search begins: from an answer to another problem, other knots, a number, a function of time; and what it keeps."""

import functools

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort.controls.knots import Knots
from learning_effort.solvers.warm_start import effort_to_start_from

DELTA = 5e-3
NOTHING = le.GradientAscent(1e-9, 1)


def problem(steps=24, learning_rate=DELTA, bounds=(-1, 1), **knots):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(), learning_rate=learning_rate)
    return le.Problem(learner, le.LearningRate(bounds=bounds, **knots), le.Steps(steps))


def answer(own, rate):
    """A solution of `own` that is `rate`, or nearly."""
    return le.solve(own, NOTHING, init={"learning_rate": np.asarray(rate)}, progress=False)


SOURCES = {
    "held": {"knots": 6},
    "linear": {"knots": 6, "interpolation": "linear"},
    "one a step": {},
}


@functools.cache
def answer_of(source):
    """A solution on the knots of `source`, random in time."""
    rate = np.random.default_rng(0).uniform(-0.5, 0.5, SOURCES[source].get("knots", 24))
    return answer(problem(**SOURCES[source]), rate)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("steps", [12, 24, 48])
@pytest.mark.parametrize("factor", [1, 2])
def test_a_solution_says_what_to_begin_with_at_the_times_of_the_knots(source, steps, factor):
    """Other horizons, steps and knots: at every step in force what the other had in force at that time, its last beyond it."""
    solution = answer_of(source)
    rate = solution.effort["learning_rate"]
    other = problem(steps, learning_rate=DELTA * factor)
    begun = np.asarray(effort_to_start_from(other, solution)["learning_rate"])
    places = np.minimum(np.arange(steps) * factor, 23)
    in_force = Knots(rate.size, 24, SOURCES[source].get("interpolation", "hold")).at(rate, np.arange(24))
    np.testing.assert_allclose(begun, in_force[places], atol=1e-12)


def test_what_needs_no_other_knots_is_as_it_was():
    solution = answer_of("held")
    np.testing.assert_array_equal(
        effort_to_start_from(problem(knots=6), solution)["learning_rate"], solution.effort["learning_rate"]
    )


FORMS = {
    "a number": (0.25, np.full(6, 0.25)),
    "an array without axes": (np.float64(0.25), np.full(6, 0.25)),
    "a function of time": (lambda t: 0.1 + t, 0.1 + np.arange(6) * 4 * DELTA),
    "a number for the control": ({"learning_rate": 0.25}, np.full(6, 0.25)),
    "other knots": ({"learning_rate": np.array([0.1, 0.2, 0.3])}, [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]),
    "one a step": ({"learning_rate": np.arange(24) / 24}, np.arange(0, 24, 4) / 24),
}


@pytest.mark.parametrize("form", FORMS)
def test_an_effort_is_given_in_many_ways(form):
    given, wanted = FORMS[form]
    own = problem(knots=6)
    np.testing.assert_allclose(effort_to_start_from(own, given)["learning_rate"], wanted, rtol=1e-12)
    if not isinstance(given, dict) or np.ndim(given["learning_rate"]) == 0:
        for ask in (own.value, lambda e: own.rollout(e).cost.sum()):
            assert float(ask(given)) == float(ask({"learning_rate": np.asarray(wanted)}))


def two(knots=4):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,))
    return le.Problem(learner, [le.Gain(knots=knots), le.LearningRate(knots=2)], le.Steps(24))


REFUSED = {
    "other controls": (lambda: two(), lambda: answer(problem(), np.zeros(24)), r"controls \['learning_rate'\]"),
    "other elements": (
        lambda: two(),
        lambda: le.solve(
            le.Problem(le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(2,)), two().controls, 24),
            NOTHING,
            progress=False,
        ),
        "Effort 'gain' must have shape",
    ),
    "a function for two": (lambda: two(), lambda: lambda t: 0.1, "a dict with one for each"),
    "outside the box": (lambda: problem(bounds=(0, 0.1)), lambda: answer(problem(), np.full(24, 0.5)), "outside its bounds"),
    "more than steps": (lambda: problem(12), lambda: {"learning_rate": np.zeros(24)}, "at most one a step"),
    "other knots in value": (lambda: problem(), lambda: {"learning_rate": np.zeros(5)}, None),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_begun_with_is_refused_with_a_reason(case):
    own, init, message = REFUSED[case][0](), REFUSED[case][1](), REFUSED[case][2]
    with pytest.raises(le.LearningEffortError, match=message or "must have shape"):
        own.value(init) if message is None else le.solve(own, init=init, progress=False)


def test_gains_of_two_layers_are_moved_together():
    own = two()
    shapes = [w.shape for w in own.learner.initial_weights]
    start = [np.random.default_rng(i).uniform(-0.2, 0.2, (2, *s)) for i, s in enumerate(shapes)]
    begun = effort_to_start_from(own, {"gain": start, "learning_rate": 0.1})
    for part, wanted in zip(begun["gain"], start, strict=True):
        np.testing.assert_array_equal(part, np.repeat(wanted, 2, axis=0))


def test_bounds_in_time_are_kept_by_what_is_moved():
    own = problem(knots=12, bounds=(-1, np.linspace(0.5, 0.1, 12)))
    begun = effort_to_start_from(own, {"learning_rate": np.array([0.5, 0.1])})["learning_rate"]
    np.testing.assert_allclose(begun, np.minimum(np.repeat([0.5, 0.1], 6), np.linspace(0.5, 0.1, 12)))


def test_certifying_is_kept_with_the_answer(tmp_path):
    solution = le.solve(problem(knots=3), progress=False)
    assert solution.certificate.curvature is None
    certificate = le.certify(solution, products=4)
    assert solution.certificate is certificate and certificate.sentence in solution.summary()
    solution.save(tmp_path / "a.nc")
    assert le.load(tmp_path / "a.nc").certificate == certificate


OPTIMISERS = {
    "Adam": (optax.adam(1e-2, eps_root=1e-8), True),
    "AdamW": (optax.adamw(1e-2, eps_root=1e-8), True),
    "RMSprop": (optax.rmsprop(1e-2, eps=1e-8), True),
    "sign": (optax.sign_sgd(1e-2), True),
    "SGD": (optax.sgd(1e-2), False),
    "momentum": (optax.sgd(1e-2, momentum=0.9), False),
    "SGD with decay": (optax.chain(optax.add_decayed_weights(1e-3), optax.sgd(1e-2)), False),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_effort_under_an_optimiser_that_ignores_scale_comes_with_a_note(name, tmp_path):
    optimizer, ignores = OPTIMISERS[name]
    task = le.tasks.CorrelatedGaussians()
    module = eqx.nn.Linear(task.input_size, task.output_size, use_bias=False, key=jax.random.key(0))
    learner = le.SampledNetwork(task, module, optimizer, batch_size=4)
    assert learner.notes(frozenset()) == learner.notes(frozenset({"initial_weights"})) == ()
    for port in ("gain", "attention", "rate"):
        assert [note for note in learner.notes(frozenset({port})) if "scale invariant" in note] != [] or not ignores
        assert bool(learner.notes(frozenset({port}))) == ignores
    if name == "Adam":
        own = le.Problem(learner, le.Engagement(over="outputs", knots=2), 6)
        solution = le.solve(own, NOTHING, progress=False)
        assert "scale invariant" in solution.summary()
        with pytest.warns(UserWarning, match="not its problem"):
            solution.save(tmp_path / "a.nc")
        assert le.load(tmp_path / "a.nc", own).notes == solution.notes
