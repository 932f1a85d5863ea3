"""Experiments with gain: findings hold on short runs that show them and fail on their opposites."""

import dataclasses

import numpy as np
import pytest

import learning_effort as le
from learning_effort.experiments import chosen, registry
from learning_effort.experiments.carrasco_davis_2023.category_assimilation import assimilation_findings
from learning_effort.experiments.carrasco_davis_2023.gain import gain_findings
from learning_effort.experiments.carrasco_davis_2023.nonlinear import simulation_findings
from learning_effort.experiments.carrasco_davis_2023.task_difficulty import difficulty_findings, least_loss
from learning_effort.experiments.carrasco_davis_2023.task_switch import switch_findings
from learning_effort.experiments.collect import Course, course
from learning_effort.measures import at_switches, by_level, shrinkage


def holding(findings, *parts):
    """Whether each finding holds, or, of `parts` of names, the one finding whose name has each."""
    named = [[f for f in findings if part in f.name] for part in parts] if parts else [[f] for f in findings]
    assert all(len(own) == 1 for own in named), (parts, findings)
    return [own[0].holds for own in named]


def solved(experiment):
    """What `run` gives, without the fuller certificate of a single solution, which takes its time."""
    return experiment.result({label: le.solve(p, progress=False) for label, p in experiment.problems().items()})


@pytest.fixture(scope="module")
def gaussians():
    return le.experiments.GainGaussians(steps=4000, knots=50, seeds=2).run(progress=False)


@pytest.fixture(scope="module")
def semantic():
    return solved(le.experiments.GainSemantic(steps=5000, knots=50, levels=3, hidden=8, init_scale=1e-2, seeds=1))


@pytest.fixture(scope="module")
def switching():
    return solved(le.experiments.TaskSwitch().quick())


@pytest.fixture(scope="module")
def assimilation():
    short = {"steps": 3000, "learning_rate": 1e-2, "hidden": 6, "levels": 3, "init_scale": 1e-2, "knots": 40}
    return solved(le.experiments.CategoryAssimilation(**short, mnist_steps=60, mnist_hidden=4, seeds=1))


@pytest.fixture(scope="module")
def nonlinear():
    short = {"steps": 300, "other_steps": 200, "levels": 2, "semantic_hidden": 4, "mnist_hidden": 4}
    return solved(dataclasses.replace(le.experiments.Nonlinear().quick(), **short))


@pytest.fixture(scope="module")
def difficulty():
    return le.experiments.TaskDifficulty(digits=(0, 1, 5, 7, 8, 9)).run(progress=False)


@pytest.mark.parametrize("name", ["gaussians", "semantic"])
def test_gain_findings_hold_and_fail_on_their_opposites(name, request):
    result = request.getfixturevalue(name)
    d = result.dataset
    findings = result.experiment.findings(result)
    # The horizon is a third of the paper's or less: effort need not have come to rest at its end.
    others = [f for f in findings if "near zero at the end" not in f.name]
    assert len(others) == len(findings) - 1 == 5 and all(holding(others)), findings
    values = d["answer_baseline"].values, d["answer_value"].values
    opposite = gain_findings(course(d, "baseline"), course(d, "control"), d["effort_norm"].values[:, ::-1], *values)
    assert not any(holding(opposite)), opposite


def test_a_gain_experiment_solves_a_problem_a_seed(gaussians):
    assert list(gaussians.solutions) == ["seed 0", "seed 1"]
    first, second = (s.problem.learner.initial_weights[0] for s in gaussians.solutions.values())
    assert not np.allclose(first, second)
    d = gaussians.dataset
    assert d["loss_control"].dims == ("seed", "time") and d["shown_gains"].shape == (500, 10)
    together = np.sqrt((d["layer_norm"].values ** 2).sum(-1))
    np.testing.assert_allclose(together, d["effort_norm"].values, rtol=1e-12)
    assert all("2 of 2 seeds" in f.measured for f in gaussians.experiment.findings(gaussians) if f.holds)


def test_a_stage_that_is_not_shortened_is_found():
    """A control that wins the first stages and loses the last does not pass; nor one that does so for one seed of two."""
    t = np.linspace(0, 10, 2000)

    def stages(first, second):
        loss = 2 - 1 / (1 + np.exp(-5 * (t - first))) - 1 / (1 + np.exp(-5 * (t - second)))
        return Course(t, loss, -loss)

    def shortened(*arguments):
        (found,) = (f for f in gain_findings(*arguments) if f.name.startswith("plateaus are shortened"))
        return found

    norm = np.exp(-t)
    baseline = stages(3, 6)
    assert shortened(stages(2, 5), baseline, norm, -1.0, -2.0).holds
    assert not shortened(stages(2, 7), baseline, norm, -1.0, -2.0).holds
    assert not shortened(stages(4, 5), baseline, norm, -1.0, -2.0).holds

    def two(a, b):
        return Course(t, np.stack([a.loss, b.loss]), np.stack([a.reward, b.reward]))

    values = np.full(2, -1.0), np.full(2, -2.0)
    norms = np.stack([norm, norm])
    found = shortened(two(stages(2, 5), stages(2, 7)), two(baseline, baseline), norms, *values)
    assert not found.holds and "1 of 2 seeds" in found.measured


@pytest.mark.parametrize("name", ["gain-semantic", "category-assimilation", "nonlinear"])
def test_a_quick_look_at_a_hierarchy_sees_learning_and_control(name):
    """From the paper's weights nothing would be learned in so short a time."""
    problems = registry[name]().quick().problems()
    problem = next(iter((chosen(problems, part="semantic") or problems).values()))
    solution = le.solve(problem, progress=False)
    loss, baseline = solution.rollout.loss, solution.baseline.loss
    assert baseline[-1] < 0.7 * baseline[0] and loss[-1] < 0.7 * loss[0]
    assert np.abs(baseline - loss).max() > 0.1 * np.ptp(baseline)


def test_switch_findings_hold_and_fail_on_their_opposites(switching):
    d, experiment = switching.dataset, switching.experiment
    findings = experiment.findings(switching)
    assert all(holding(findings)), findings
    loss, baseline, cost = (d[name].values for name in ("loss_control", "loss_baseline", "cost_control"))
    values = d["answer_baseline"].values, d["answer_value"].values
    # Baseline in place of control, and effort in the middle of turns instead of at switches, growing.
    shifted = np.roll(cost, experiment.every // 2, axis=1)
    opposite = switch_findings(baseline, loss, shifted, *values, experiment.every)
    others = "value above baseline", "effort peaks at switches", "shrink under control", "do not shrink at baseline"
    assert not any(holding(opposite, *others)), opposite
    reversed_in_time = switch_findings(loss, baseline, cost[:, ::-1], *values, experiment.every)
    assert holding(reversed_in_time, "effort spent at a switch shrinks") == [False], reversed_in_time


def test_measures_at_switches():
    curve = np.zeros(100)
    curve[[20, 40, 60, 80]] = [8.0, 4.0, 4.0, 2.0]
    largest, mean = at_switches(curve, 20)
    assert largest.tolist() == [8, 4, 4, 2] and mean.tolist() == [4, 2, 2, 1]
    assert shrinkage(largest) == 0.5


def test_effort_can_change_just_at_every_switch():
    experiment = le.experiments.TaskSwitch()
    assert experiment.every % (experiment.steps // experiment.knots) == 0 == experiment.steps % experiment.knots


def test_assimilation_findings_hold_and_fail_on_their_opposites(assimilation):
    d = assimilation.dataset
    findings = assimilation.experiment.findings(assimilation)
    assert all(holding(findings)), findings
    effort = d["semantic_effort"].values
    values = d["answer_baseline"].values, d["answer_value"].values
    permuted = assimilation_findings(effort[..., ::-1], *values)
    assert not any(holding(permuted, "value above baseline", "root is engaged first", "effort is the largest")), permuted
    late = assimilation_findings(effort[:, ::-1], *values)
    assert holding(late, "decays after its level is learned") == [False], late


def test_the_outputs_of_a_hierarchy_belong_to_levels():
    assert by_level(np.array([1.0, 2, 4, 5, 6, 7, 8])).tolist() == [1.0, 3.0, 6.5]


def test_nonlinear_findings_compare_theory_with_samples(nonlinear):
    findings = nonlinear.experiment.findings(nonlinear)
    assert len(findings) == 3 * 8 and {f.name.split(":")[0] for f in findings} == {"gaussians", "semantic", "mnist"}
    d = nonlinear.dataset
    control, baseline = course(d, "control", "gaussians"), course(d, "baseline", "gaussians")
    faithful = simulation_findings(control, baseline, control.loss, baseline.loss, 0.99)
    assert all(holding(faithful)), faithful
    opposite = simulation_findings(control, baseline, baseline.loss + 0.5, control.loss, 0.99)
    assert not any(holding(opposite)), opposite


def test_difficulty_findings_hold_and_fail_on_their_opposites(difficulty):
    findings = difficulty.experiment.findings(difficulty)
    assert all(holding(findings)), findings
    digits = list(difficulty.dataset["digit"].values)
    opposite = difficulty_findings(-difficulty.dataset["loss"].values, digits)
    assert not any(holding(opposite)), opposite


def test_the_least_loss_is_that_of_least_squares():
    task = le.tasks.Digits((1, 3))
    x, y = np.asarray(task.x), np.asarray(task.y)
    best, *_ = np.linalg.lstsq(x, y, rcond=None)
    assert np.isclose(least_loss(task.moments()), ((y - x @ best) ** 2).sum(1).mean() / 2)


@pytest.mark.parametrize("name", ["gaussians", "switching", "assimilation", "nonlinear", "difficulty"])
def test_figures_have_labelled_axes_and_need_the_dataset_alone(name, request):
    result = dataclasses.replace(request.getfixturevalue(name), solutions={})
    axes = [a for a in result.experiment.figure(result).axes if a.get_label() != "<colorbar>"]
    assert all(a.get_xlabel() and a.get_ylabel() and a.get_title(loc="left") for a in axes)
