"""Looking ahead and planning again: known values, the optimum where all is seen, windows that are not compiled twice."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort.learners import Learner, ports
from learning_effort.planning.replan import TOLERANCE
from learning_effort.problem.metric import metric
from learning_effort.solvers.progress import Progress


def neuron(steps=120, **more):
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(2.0, 1.0), hidden=(), weights=[[[0.0]]], weight_decay=0.1, learning_rate=0.6 / steps
    )
    return le.Problem(learner, le.Gain((0, 0.5), cost=le.costs.Quadratic(0.3)), steps, 0.99, **more)


def semantic():
    network = le.LinearNetwork(le.tasks.SemanticHierarchy(4), (10,), learning_rate=0.25, init_scale=0.05)
    return le.Problem(network, le.LearningRate((-1, 3), cost=le.costs.Quadratic(0.3)), 160, 0.95)


def leaves(effort):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(effort)])


# Known values ---------------------------------------------------------------------------------------------------------


def test_each_step_more_that_is_seen_is_worth_what_is_known(oracle):
    known = oracle("lookahead_neuron")
    places = [list(known["h"]).index(h) for h in (1, 5, 120)]
    table = le.look_ahead(neuron(), known["h"][places], every=1)
    full = known["optimum"] - known["baseline"]
    np.testing.assert_allclose(table.value, known["value"][places], rtol=0, atol=1e-10)
    np.testing.assert_allclose(table.share, (known["value"][places] - known["baseline"]) / full, rtol=0, atol=1e-8)
    for own, place in zip(table.replanned, places, strict=True):
        # The programme's spline is 9e-7 off at the kink of one state, w = 0.
        np.testing.assert_allclose(own.effort["gain"][0].ravel(), known["effort"][place], rtol=0, atol=1e-6)
        assert own.converged and own.solves == 120 and own.gradients == sum(w.gradients for w in own.windows)
    present = table.replanned[0]  # in closed form, with m = μ² + σ²: g = (wμ − w²m)/(w²m + 2β)
    w = present.rollout.weights[0].ravel()
    gain = np.clip((2 * w - 5 * w**2) / (5 * w**2 + 2 * 0.3), 0, 0.5)
    np.testing.assert_allclose(present.effort["gain"][0].ravel(), gain, rtol=0, atol=2e-8)
    assert table.value[2] == pytest.approx(table.optimum.value, abs=1e-13)
    assert [(v.start, v.length) for v in table.replanned[1].windows[-3:]] == [(117, 3), (118, 2), (119, 1)]


def test_an_agent_with_two_layers_that_sees_enough_gets_out_of_the_plateau(oracle):
    known = oracle("lookahead_semantic")
    for h in (8, 16):
        own = le.replan(semantic(), look_ahead=h, every=8, progress=False)
        place = list(known["h"]).index(h)
        assert own.value == pytest.approx(known["value"][place], abs=1e-8) and own.solves == 20
        np.testing.assert_allclose(own.effort["learning_rate"].ravel(), known["effort"][place], rtol=0, atol=1e-6)
    assert own.value > known["baseline"] + 0.9 * (known["optimum"] - known["baseline"])


def test_who_sees_only_the_present_does_not_learn_faster():
    own = le.replan(semantic(), look_ahead=1, progress=False)
    assert (own.effort["learning_rate"] == 0).all() and own.spent == 0
    assert own.value == own.baseline_value


# Where all is seen ------------------------------------------------------------------------------------------------------


def affine(n=2, seed=0):
    x = np.random.default_rng(seed).normal(size=(12, n))
    return le.tasks.Arrays(x, x @ np.random.default_rng(seed + 1).normal(size=(n, n)))


def switching():
    course = np.linspace(0.3, 1.5, 12)
    gain = le.Gain((-course, course[::-1]), cost=le.costs.Quadratic(0.3 + course / 4))
    network = le.LinearNetwork(le.tasks.Switching([affine(), affine(seed=5)], every=3), (2,), 0.1, init_scale=0.5)
    return le.Problem(network, gain, 12, 0.8)


def batches():
    network = eqx.nn.Linear(2, 2, key=jax.random.key(0))
    learner = le.SampledNetwork(affine(), network, optax.adam(0.05, eps_root=1e-8), batch_size=4, step_size=0.05)
    return le.Problem(learner, le.LearningRate((-1, 2), cost=le.costs.Quadratic(0.01)), 8, 0.9)


def curriculum():
    learner = le.CurriculumPerceptron(step_size=0.5)
    return le.Problem(learner, le.Control("share", (0, 1)), 10, 1.0, reward_scale=0.0, terminal_scale=1.0)


ALL = {"a task that switches under bounds and a cost that vary": switching, "batches and Adam": batches, "an end": curriculum}


@pytest.mark.parametrize("name", ALL)
def test_what_is_left_of_the_best_plan_is_the_best_plan_for_what_is_left(name):
    problem = ALL[name]()
    steps = problem.horizon.length
    once, again = (le.replan(problem, steps, every, progress=False) for every in (steps, 5))
    assert once.solves == 1 and again.solves == -(-steps // 5) and once.converged and again.converged
    np.testing.assert_allclose(leaves(again.effort), leaves(once.effort), rtol=0, atol=1e-5)
    assert np.ptp(leaves(once.effort)) > 1e-3
    assert again.value == pytest.approx(once.value, abs=1e-10) and once.value > once.baseline_value
    start = problem.initial_effort()
    nearest = le.QuasiNewton(tolerance=TOLERANCE).run(problem, start, metric(problem), Progress())
    assert once.value == pytest.approx(float(nearest.value[-1]), abs=1e-12)
    assert once.windows[0].value == pytest.approx(once.value, abs=1e-12)


def test_a_window_is_the_problem_of_what_is_seen_from_the_state_reached():
    problem = le.Problem(
        le.LinearNetwork(le.tasks.Switching([affine(), affine(seed=5)], 3), (2,), 0.1, init_scale=0.5), le.Gain(), 12, 0.8
    )
    own = le.replan(problem, look_ahead=6, every=3, progress=False)
    second = own.windows[1]
    reached = [w[3] for w in own.rollout.weights]
    turned = le.tasks.Switching([affine(seed=5), affine()], 3)
    by_hand = le.Problem(le.LinearNetwork(turned, (2,), 0.1, weights=reached), le.Gain(), 6, 0.8)
    start = by_hand.initial_effort()
    found = le.QuasiNewton(tolerance=1e-9).run(by_hand, start, metric(by_hand), Progress())
    assert (second.start, second.length) == (3, 6) and second.value == pytest.approx(float(found.value[-1]), abs=1e-12)
    np.testing.assert_allclose(leaves(second.effort), leaves(found.effort), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(own.effort["gain"][0][3:6], second.effort["gain"][0][:3])
    assert own.value == float(problem.worth(problem.rollout(own.effort)))


def test_a_neutral_tail_is_learning_left_alone_to_the_end():
    problem = switching()
    own = le.replan(problem, 4, 4, tail="neutral", progress=False)
    first = own.windows[0]
    effort = jax.tree.map(lambda e, n: jnp.concatenate([e, n[4:]]), first.effort, problem.neutral_effort())
    value, slope = problem.value_and_gradient(effort)
    low, high = (jax.tree.map(lambda b: b[:4], bound) for bound in problem.bounds())
    scale = jax.tree.map(lambda m: m[:4], metric(problem))
    moved = jax.tree.map(lambda e, s, m, a, b: np.clip(e + s[:4] / m, a, b) - e, first.effort, slope, scale, low, high)
    assert np.abs(leaves(moved)).max() < 1e-6 and first.value == pytest.approx(float(value), abs=1e-12)
    assert first.length == 4 and own.value > own.baseline_value


# How it is done ---------------------------------------------------------------------------------------------------------


class Traced(Learner):
    """A number that decays towards 1, and how often JAX has read how."""

    readings = [0]

    @property
    def step_size(self):
        return jnp.asarray(0.1)

    @property
    def ports(self):
        return ports.named(ports.rate())

    def init(self, static):
        return jnp.zeros(())

    def step(self, state, k, signals):
        self.readings[0] += 1
        return state + 0.1 * (1 + signals.get("rate", 0.0)) * (1 - state)

    def loss(self, state, k, signals):
        return (1 - state) ** 2


def test_windows_are_compiled_once_though_they_shrink():
    problem = le.Problem(Traced(), le.LearningRate((-1, 1)), 9, 0.9)
    readings, seen = [], []

    def heard(number, value, residual):
        readings.append(Traced.readings[0])
        seen.append((number, value, residual))

    own = le.replan(problem, look_ahead=5, progress=heard)
    assert [n for n, *_ in seen] == list(range(1, 10)) and [v for _, v, _ in seen] == [w.value for w in own.windows]
    # The first window compiles its gradient, and the step to the next; nothing after that.
    assert readings[0] > 0 and len(set(readings[1:])) == 1

    def stop(*_):
        raise StopIteration

    with pytest.raises(KeyboardInterrupt):
        le.replan(problem, 5, progress=stop)


def test_a_table_and_a_figure_of_what_looking_ahead_is_worth():
    problem = switching()
    optimum = le.solve(problem, le.QuasiNewton(tolerance=1e-8), progress=False)
    found = le.look_ahead(problem, [1, 4, 12], every=2, optimum=optimum)
    table = found.table()
    assert list(table.look_ahead.values) == [1, 4, 12] and found.optimum is optimum
    assert table.effort_gain_0.shape == (3, 12, 2, 2) and table.sizes["time"] == 12
    np.testing.assert_array_equal(table.effort_gain_1.values[1], found.effort[1]["gain"][1])
    np.testing.assert_allclose(table.share, (table.value - table.baseline_value) / (table.optimal_value - table.baseline_value))
    assert found.share[0] < found.share[1] < found.share[2] == pytest.approx(1, abs=1e-8)
    weights = 0.8 ** (0.1 * np.arange(12)) * 0.1
    assert table.spent.values[1] == pytest.approx(weights @ found.replanned[1].rollout.cost, rel=1e-12)
    assert [own.every for own in found.replanned] == [1, 2, 2]
    panels = found.plot().axes
    assert len(panels) == 2 and [text.get_text() for text in panels[1].get_legend().get_texts()] == ["1", "4", "12", "optimum"]
    np.testing.assert_allclose(panels[0].lines[0].get_ydata(), found.share)


def static():
    network = le.LinearNetwork(affine(), (2,))
    return le.Problem(network, [le.Gain(), le.InitialWeights()], 5)


def short():
    return le.solve(neuron(4), le.QuasiNewton(max_gradients=1), progress=False)


BAD = {
    "no problem": (lambda: le.replan(3, 1), "must be a Problem"),
    "nothing seen": (lambda: le.replan(neuron(5), 0), "'look_ahead'"),
    "more than there is": (lambda: le.replan(neuron(5), 6), "1 to 5 states.*look_ahead=6"),
    "more kept than planned": (lambda: le.replan(neuron(5), 2, 3), "look_ahead=2 and every=3"),
    "another tail": (lambda: le.replan(neuron(5), 2, tail="neutrl"), "Did you mean 'neutral'"),
    "a solver's name": (lambda: le.replan(neuron(5), 2, method="newton"), "must be a solver"),
    "what is chosen once": (lambda: le.replan(static(), 2), "InitialWeights.*is chosen once"),
    "knots": (lambda: le.replan(le.Problem(le.LinearNetwork(affine()), le.Gain(knots=2), 5), 2), "2 knots over 5"),
    "a budget": (lambda: le.replan(neuron(5, budget=le.Budget(1.0)), 2), "cannot keep to a budget"),
    "no horizons": (lambda: le.look_ahead(neuron(5), []), "from 1 to 5"),
    "a horizon too long": (lambda: le.look_ahead(neuron(5), [1, 6]), "from 1 to 5"),
    "a number": (lambda: le.look_ahead(neuron(5), 3), "list of whole numbers"),
    "half a step": (lambda: le.look_ahead(neuron(5), [1.5]), "whole number"),
    "the optimum of another problem": (lambda: le.look_ahead(neuron(5), [1], optimum=short()), "must have shape"),
    "no optimum": (lambda: le.look_ahead(neuron(5), [1], optimum=3), "must be a Solution"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_planned_is_refused_in_words(name):
    call, words = BAD[name]
    with pytest.raises(le.LearningEffortError, match=words):
        call()


def test_the_signature_is_the_one_agreed_on():
    parameters = list(inspect.signature(le.replan).parameters)
    assert parameters[:4] == ["problem", "look_ahead", "every", "tail"] and parameters[-2:] == ["method", "progress"]
