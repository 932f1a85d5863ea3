"""The paper's experiments: findings hold at the optimum and fail on their opposites."""

import dataclasses

import numpy as np
import pytest

import learning_effort as le
from learning_effort.experiments import registry
from learning_effort.experiments.gain import gain_findings
from learning_effort.experiments.measures import times_to_fall
from learning_effort.experiments.single_neuron import neuron_findings
from learning_effort.experiments.single_neuron_sweeps import SWEEPS, sweep_findings


@pytest.fixture(scope="module")
def neuron():
    return le.experiments.SingleNeuron().run(progress=False)


def holding(findings):
    return [finding.holds for finding in findings]


def test_single_neuron_shows_what_the_paper_says(neuron):
    findings = neuron.experiment.findings(neuron)
    assert len(findings) == 6 and all(holding(findings)), findings


def test_single_neuron_findings_fail_on_their_opposites(neuron):
    solution = neuron.solutions["control"]
    gain = solution.effort["gain"][0].ravel()
    value, baseline_value = solution.value, solution.baseline_value
    scatter = {k: (s.mean, s.std / np.sqrt(len(s.loss))) for k, s in neuron.simulations.items()}
    permuted = neuron_findings(solution.baseline, solution.rollout, gain[::-1], baseline_value, value, scatter)
    assert not any(holding(permuted)), permuted
    reversed_effort = {"gain": [solution.effort["gain"][0][::-1]]}
    late = solution.problem.rollout(reversed_effort)
    findings = neuron_findings(late, solution.baseline, gain[::-1], float(solution.problem.value(reversed_effort)), value, {})
    assert not any(holding(findings)[i] for i in (2, 3)), findings


def test_the_141_problems_are_solved_together_and_show_what_the_paper_says():
    result = le.experiments.SingleNeuronSweeps().run(progress=False)
    assert len(result.solutions) == 141
    assert all(s.certificate.converged for s in result.solutions.values())
    findings = result.experiment.findings(result)
    assert all(holding(findings)), findings
    gains = {field: result.dataset[f"gain_{field}"].values for field in SWEEPS}
    opposite = {field: g[::-1] for field, g in gains.items()}
    assert not any(holding(sweep_findings(opposite, 0.5))), sweep_findings(opposite, 0.5)
    assert len(result.experiment.figure(result).axes) == 15


@pytest.fixture(scope="module")
def gaussians():
    return le.experiments.GainGaussians(steps=4000, knots=100).run(progress=False)


@pytest.fixture(scope="module")
def semantic():
    return le.experiments.GainSemantic(steps=5000, knots=50, levels=3, hidden=8, init_scale=1e-2).run(progress=False)


@pytest.mark.parametrize("name", ["gaussians", "semantic"])
def test_gain_findings_hold_and_fail_on_their_opposites(name, request):
    result = request.getfixturevalue(name)
    solution = result.solutions["control"]
    norm = result.dataset["effort_norm"].values
    findings = result.experiment.findings(result)
    # The horizon is a third of the paper's or less: effort need not have come to rest at its end (finding 3).
    assert [f.holds for i, f in enumerate(findings) if i != 3] == [True] * 5, findings
    opposite = gain_findings(solution.baseline, solution.rollout, norm[::-1], solution.baseline_value, solution.value)
    assert not any(holding(opposite)), opposite


def test_an_interruption_while_certifying_keeps_the_solution(monkeypatch):
    def interrupted(solution):
        raise KeyboardInterrupt

    monkeypatch.setattr("learning_effort.certificate.certify", interrupted)
    result = le.experiments.SingleNeuron(steps=40, seeds=1).run(progress=False)
    assert result.solutions["control"].certificate.converged
    assert result.solutions["control"].certificate.constant_value is None


def test_times_to_fall_are_those_of_the_curve():
    times = np.linspace(0, 1, 101)
    baseline, control = 1 - times, 1 - 0.5 * times
    np.testing.assert_allclose(times_to_fall(baseline, baseline, times, [0.25, 1.0]), [0.25, 1.0])
    np.testing.assert_allclose(times_to_fall(control, baseline, times, [0.25, 0.9]), [0.5, np.inf])


def test_a_stage_that_is_not_shortened_is_found():
    """A control that wins the first stages and loses the last does not pass."""
    t = np.linspace(0, 10, 2000)

    def stages(first, second):
        loss = 2 - 1 / (1 + np.exp(-5 * (t - first))) - 1 / (1 + np.exp(-5 * (t - second)))
        return le.Rollout(t, loss, 0 * t, -loss, [])

    norm = np.exp(-t)
    baseline = stages(3, 6)
    assert gain_findings(stages(2, 5), baseline, norm, -1.0, -2.0)[4].holds
    assert not gain_findings(stages(2, 7), baseline, norm, -1.0, -2.0)[4].holds
    assert not gain_findings(stages(4, 5), baseline, norm, -1.0, -2.0)[4].holds


@pytest.mark.parametrize("name", registry)
def test_every_experiment_is_a_frozen_dataclass_with_words(name):
    experiment = registry[name]()
    assert experiment.name == name and experiment.description and experiment.__doc__
    assert dataclasses.asdict(experiment)["gamma"] == 0.99
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.gamma = 0.5
    with pytest.raises(le.LearningEffortError, match=r"\(0, 1\]"):
        type(experiment)(gamma=1.3).problems()


def test_figures_have_labelled_axes(neuron, gaussians):
    for result in (neuron, gaussians):
        figure = result.experiment.figure(result)
        assert all(a.get_xlabel() and a.get_ylabel() for a in figure.axes)
