"""The paper's experiments: findings hold at the optimum and fail on their opposites."""

import dataclasses

import numpy as np
import pytest

import learning_effort as le
from learning_effort.experiments import registry
from learning_effort.experiments.carrasco_davis_2023.single_neuron import neuron_findings
from learning_effort.experiments.carrasco_davis_2023.single_neuron_sweeps import SWEEPS, sweep_findings
from learning_effort.experiments.collect import course
from learning_effort.measures import times_to_fall


@pytest.fixture(scope="module")
def neuron():
    return le.experiments.SingleNeuron().run(progress=False)


def holding(findings, *parts):
    """Whether each finding holds, or, of `parts` of names, the one finding whose name has each."""
    named = [[f for f in findings if part in f.name] for part in parts] if parts else [[f] for f in findings]
    assert all(len(own) == 1 for own in named), (parts, findings)
    return [own[0].holds for own in named]


def test_single_neuron_shows_what_the_paper_says(neuron):
    findings = neuron.experiment.findings(neuron)
    assert len(findings) == 7 and all(holding(findings)), findings


def test_single_neuron_findings_fail_on_their_opposites(neuron):
    solution, d = neuron.solutions["control"], neuron.dataset
    gain = d["gain"].values
    value, baseline_value = solution.value, solution.baseline_value
    scatter = {k: (d[f"simulated_{k}"].mean("simulation"), d[f"simulated_{k}_std"] / 10**0.5) for k in ("control", "baseline")}
    permuted = neuron_findings(course(d, "baseline"), course(d, "control"), gain[::-1], baseline_value, value, scatter, value)
    assert not any(holding(permuted)), permuted
    reversed_effort = {"gain": [solution.effort["gain"][0][::-1]]}
    late = solution.problem.rollout(reversed_effort)
    worth = float(solution.problem.value(reversed_effort))
    findings = neuron_findings(late, solution.baseline, gain[::-1], worth, value, {}, value)
    assert not any(holding(findings, "value is higher", "falls monotonically", "global optimum")), findings


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


def test_an_interruption_while_certifying_keeps_the_solution(monkeypatch):
    def interrupted(solution):
        raise KeyboardInterrupt

    monkeypatch.setattr("learning_effort.analysis.certify.certify", interrupted)
    result = le.experiments.SingleNeuron(steps=40, seeds=1).run(progress=False)
    assert result.solutions["control"].certificate.converged
    assert result.solutions["control"].certificate.constant_value is None


def test_times_to_fall_are_those_of_the_curve():
    times = np.linspace(0, 1, 101)
    baseline, control = 1 - times, 1 - 0.5 * times
    np.testing.assert_allclose(times_to_fall(baseline, baseline, times, [0.25, 1.0]), [0.25, 1.0])
    np.testing.assert_allclose(times_to_fall(control, baseline, times, [0.25, 0.9]), [0.5, np.inf])


@pytest.mark.parametrize("name", registry)
def test_every_experiment_is_a_frozen_dataclass_with_words(name):
    experiment = registry[name]()
    assert experiment.name == name and experiment.description and experiment.__doc__
    assert all(need in registry for need in experiment.needs)
    fields = dataclasses.asdict(experiment)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(experiment, next(iter(fields)), 0.5)
    if "gamma" in fields:
        with pytest.raises(le.LearningEffortError, match=r"\(0, 1\]"):
            type(experiment)(gamma=1.3).problems()


def test_the_discount_is_the_papers_where_an_experiment_has_one():
    discounts = {name: dataclasses.asdict(e())["gamma"] for name, e in registry.items() if hasattr(e, "gamma")}
    assert {"single-neuron", "gain-mnist", "task-switch", "nonlinear", "category-assimilation"} <= set(discounts)
    # Initial weights (MAML) and the sweeps over β of the learning rate are the paper's only experiments with γ = 1.
    assert all(gamma == (1.0 if name in ("maml", "learning-rate") else 0.99) for name, gamma in discounts.items()), discounts


def test_a_result_read_from_its_dataset_alone_is_judged_and_drawn_the_same(neuron):
    bare = dataclasses.replace(neuron, solutions={})
    assert neuron.experiment.findings(bare) == neuron.experiment.findings(neuron)
    figure = neuron.experiment.figure(bare)
    assert all(a.get_xlabel() and a.get_ylabel() for a in figure.axes)


def test_what_an_experiment_needs_is_taken_from_earlier_runs_or_solved():
    class Follower(le.experiments.TaskDifficulty):
        needs = ("single-neuron",)

    earlier = {"single-neuron": "its dataset"}
    assert Follower().needed(earlier=earlier) == earlier
