"""Sensitivities, against differences of the values of optima solved again."""

import numpy as np
import pytest

import learning_effort as le

NUMBERS = {
    "controls.gain.cost.beta": ("beta", 0.3),
    "controls.gain.upper": ("upper", 0.3),
    "discount": ("discount", 0.9),
    "reward_scale": ("reward_scale", 1.0),
    "learner.weight_decay": ("weight_decay", 0.1),
    "learner.learning_rate": ("learning_rate", 1e-2),
    "learner.time_constant": ("time_constant", 1.5),
    "learner.noise": ("noise", 0.2),
    "learner.task.mean": ("mean", 2.0),
    "learner.task.std": ("std", 1.0),
    "learner.initial_weights.0": ("weight", 0.05),
}


def solved(**changes):
    given = {key: value for key, value in NUMBERS.values()} | changes
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(given["mean"], given["std"]),
        hidden=(),
        learning_rate=given["learning_rate"],
        weight_decay=given["weight_decay"],
        time_constant=given["time_constant"],
        noise=given["noise"],
        weights=[np.full((1, 1), given["weight"])],
    )
    gain = le.Gain(bounds=(0, given["upper"]), cost=le.costs.Quadratic(given["beta"]))
    problem = le.Problem(learner, gain, le.Steps(90), discount=given["discount"], reward_scale=given["reward_scale"])
    return le.solve(problem, le.QuasiNewton(tolerance=1e-9), progress=False)


@pytest.fixture(scope="module")
def sensitivities():
    solution = solved()
    assert 0 < solution.certificate.share_at_bounds < 1 and solution.certificate.converged
    return le.sensitivities(solution)


@pytest.mark.parametrize("name", NUMBERS)
def test_the_envelope_theorem_against_optima_solved_again(sensitivities, name):
    argument, at = NUMBERS[name]
    h = 1e-5 * at
    difference = (solved(**{argument: at + h}).value - solved(**{argument: at - h}).value) / (2 * h)
    assert difference != 0
    np.testing.assert_allclose(np.squeeze(sensitivities[name]), difference, rtol=1e-5)


def test_every_number_is_named_and_plain(sensitivities):
    assert set(sensitivities) == {*NUMBERS, "controls.gain.lower", "controls.gain.rest", "terminal_scale"}
    assert sensitivities["controls.gain.lower"] == 0.0
    assert all(isinstance(v, float) for n, v in sensitivities.items() if n != "learner.initial_weights.0")
    assert sensitivities["learner.initial_weights.0"].shape == (1, 1)


def test_compositions_and_several_controls():
    tasks = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0))]
    learner = le.LinearNetwork(le.tasks.Mixture(tasks, [0.4, 0.6]), hidden=(2,), init_scale=0.3)
    controls = [le.Gain(knots=4, interpolation="linear", start=0.1), le.LearningRate(bounds=(-1, 0.05), name="speed")]
    problem = le.Problem(learner, controls, le.Steps(50))
    solution = le.solve(problem, progress=False)
    found = le.sensitivities(solution)
    assert found["learner.task.tasks.1.means"].shape == (2,) and found["learner.task.proportions"].shape == (2,)
    assert found["controls.speed.upper"] > 0
    assert not any("start" in name for name in found)
    h = 1e-6

    def value(flip):
        other = [tasks[0], le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=flip)]
        other = le.LinearNetwork(le.tasks.Mixture(other, [0.4, 0.6]), hidden=(2,), init_scale=0.3)
        return float(le.Problem(other, controls, le.Steps(50)).value(solution.effort))

    difference = (value(0.8 + h) - value(0.8 - h)) / (2 * h)
    assert found["learner.task.tasks.1.flip_probability"] == pytest.approx(difference, rel=1e-6)


def test_a_solution_without_its_problem_is_refused():
    import dataclasses

    with pytest.raises(le.LearningEffortError, match="no problem to differentiate"):
        le.sensitivities(dataclasses.replace(solved(), problem=None))
