"""Engagement with tasks and categories, and the proportions of tasks: findings hold, and fail on their opposites."""

import numpy as np
import pytest

import learning_effort as le
from learning_effort.experiments import (
    CategoryEngagement,
    ClassProportion,
    OptimalProportion,
    TaskEngagement,
    TaskModulation,
)
from learning_effort.experiments.carrasco_davis_2023.category_engagement import (
    by_level,
    common_findings,
    engaged_at,
    learning_ends,
    mnist_findings,
    semantic_findings,
)
from learning_effort.experiments.carrasco_davis_2023.class_proportion import (
    engagement_at,
    learn_on_batches,
    proportion_findings,
)
from learning_effort.experiments.carrasco_davis_2023.optimal_proportion import optimal_findings
from learning_effort.experiments.carrasco_davis_2023.task_engagement import given_up, half_times, sustained, task_findings
from learning_effort.experiments.carrasco_davis_2023.task_modulation import modulation_findings


def holding(findings, *parts):
    """Whether each finding holds, or, of `parts` of names, the one finding whose name has each."""
    named = [[f for f in findings if part in f.name] for part in parts] if parts else [[f] for f in findings]
    assert all(len(own) == 1 for own in named), (parts, findings)
    return [own[0].holds for own in named]


def labelled(figure):
    return all(a.get_xlabel() and a.get_ylabel() for a in figure.axes)


# Engagement with categories ----------------------------------------------------------------------------------------

TIMES = np.linspace(0, 10, 401)


@pytest.fixture(scope="module")
def hierarchy():
    return CategoryEngagement(
        levels=3, hidden=8, init_scale=1e-2, learning_rate=2e-2, steps=1000, seeds=1, starts=2, knots=40, max_gradients=200
    )


@pytest.fixture(scope="module")
def categories(hierarchy):
    return hierarchy.result(hierarchy.solved(hierarchy.part_problems("semantic"), progress=False))


def test_engagement_with_a_hierarchy_shows_what_the_paper_says(categories):
    findings = categories.experiment.findings(categories)
    assert len(findings) == 8 and all(holding(findings)), findings
    assert labelled(categories.experiment.figure(categories))


def test_engagement_with_a_hierarchy_is_told_from_its_opposites(categories):
    d = categories.dataset
    times, effort = d["semantic_weight_time"].values, d["semantic_effort"].values
    kept = np.searchsorted(d["semantic_time"].values, times - 1e-9)
    loss = d["semantic_loss_control"].values[:, kept]
    assert all(holding(semantic_findings(times, effort, loss)))
    assert not any(holding(semantic_findings(times, np.ones_like(effort), loss)))
    order = "the root first", "levels are engaged in their order"
    assert not any(holding(semantic_findings(times, effort[:, ::-1], loss), *order))
    assert not any(holding(semantic_findings(times, effort[..., ::-1], loss), *order))


def test_digits_engaged_late_are_not_taken_for_early_ones():
    digits = np.arange(10)
    centre = np.where(digits < 2, 1.0, np.where(np.isin(digits, (5, 8)), 6.0, 3.0))
    effort = (0.2 + 1.8 * np.exp(-((TIMES[:, None] - centre) ** 2)))[None]
    loss = np.exp(-TIMES / 3)[None]
    assert all(holding(mnist_findings(TIMES, effort, loss, digits)))
    assert not any(holding(mnist_findings(TIMES, effort, loss, (digits + 5) % 10)))
    assert not any(holding(mnist_findings(TIMES, np.ones_like(effort), loss, digits)))
    assert not any(holding(mnist_findings(TIMES, effort[:, ::-1], loss, digits)))


def test_common_findings_fail_on_their_opposites():
    effort, loss, baseline = np.ones((2, 401, 4)), np.exp(-TIMES)[None], np.exp(-TIMES / 2)[None]
    low, high = np.array([-2.0, -2.1]), np.array([-1.0, -1.1])
    assert all(holding(common_findings(TIMES, effort, loss, baseline, high, low, high[:1])))
    assert all(holding(common_findings(TIMES, effort, loss, baseline, high, low, np.array([-1.0, -1.2]))))
    assert not any(holding(common_findings(TIMES, 1.2 * effort, baseline, loss, low, high, np.array([-1.2, -1.0]))))


def test_what_engagement_is_measured_by():
    loss = np.exp(-TIMES)
    assert TIMES[learning_ends(loss, 0.95) - 1] == pytest.approx(3.0, abs=0.03)
    attention = np.stack([np.ones_like(TIMES), TIMES < 1.5], axis=1)
    np.testing.assert_allclose(engaged_at(TIMES, attention, loss), [0.5, 0.25], atol=0.02)
    np.testing.assert_allclose(by_level(np.array([1.0, 2.0, 4.0, 5, 6, 7, 8])), [1.0, 3.0, 6.5])
    np.testing.assert_allclose(half_times(TIMES, np.stack([10 - TIMES, (TIMES < 2) * 1.0], axis=1)), [5.0, 2.0], atol=0.05)


# Engagement with tasks ---------------------------------------------------------------------------------------------


def staged(order):
    """ψ (modes, seeds, T, tasks) that stays with each task in turn, and comes to rest."""
    until = 2.0 + 2.0 * np.asarray(order)
    falls = 1 / (1 + np.exp(4 * (TIMES[:, None] - until)))
    return np.stack([falls, 1 + falls, 1.8 * falls])[:, None]


def test_task_findings_fail_on_their_opposites():
    loss, baseline = np.exp(-TIMES / 2) * np.ones((3, 1, 1)), np.exp(-TIMES / 3) * np.ones((3, 1, 1))
    low, high = np.full((3, 1), -2.0), np.full((3, 1), -1.0)
    difficulty = np.array([0.01, 0.02, 0.1])
    inorder, permuted, lower = staged([0, 1, 2]), staged([2, 1, 0]), low - 1
    findings = task_findings(TIMES, inorder, high, low, loss, baseline, difficulty, inorder, lower)
    assert len(findings) == 17 and all(holding(findings)), findings
    opposite = task_findings(TIMES, permuted, low, high, baseline, loss, difficulty, permuted, lower)
    kept = [f.name for f in opposite if f.holds]
    assert all("at first" in name or "at rest" in name or "difficulty rises" in name for name in kept), kept
    reversed_ = inorder[:, :, ::-1]
    backwards = task_findings(TIMES, reversed_, low, high, baseline, loss, difficulty[::-1], inorder, high)
    assert not any(holding(backwards)), backwards


@pytest.fixture(scope="module")
def tasks():
    return TaskEngagement(steps=1100, learning_rate=6e-2, hidden=6, knots=20, seeds=1, max_gradients=25).run(progress=False)


def test_attentive_engagement_shows_what_the_paper_says(tasks):
    findings = tasks.experiment.findings(tasks)
    assert all(f.holds for f in findings if f.name.startswith(("attentive", "difficulty"))), findings
    assert all(f.holds for f in findings if "value above" in f.name or "at rest" in f.name), findings
    assert labelled(tasks.experiment.figure(tasks))


def test_the_best_of_several_starts_is_kept(tasks):
    values = tasks.dataset["start_value"].values
    assert np.isfinite(values).sum(-1).ravel().tolist() == [3, 3, 6]
    np.testing.assert_allclose(np.nanmax(values, axis=-1), tasks.dataset["value"].values)


def test_sustained_engagement_ends_with_the_hardest_task():
    problem = next(iter(TaskEngagement(steps=100, knots=0, seeds=1).problems().values()))
    ends = (sustained(problem)["engagement"] > 0.5).sum(0)
    assert (np.diff(ends) > 0).all() and ends[-1] < 100
    without = (given_up(problem)["engagement"] > 0.5).sum(0)
    assert without[:-1].tolist() == ends[:-1].tolist() and 0 < without[-1] < 10


# Proportions -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engagement():
    """The digits' part of `category-engagement`, on a short horizon."""
    experiment = CategoryEngagement(mnist_steps=900, mnist_hidden=10, seeds=1, starts=1, knots=15, mnist_max_gradients=15)
    return {"category-engagement": experiment.result(experiment.solved(experiment.part_problems("mnist"), False)).dataset}


def test_batches_of_many_samples_follow_the_average_dynamics_of_their_proportions():
    digits = le.tasks.Digits((0, 1, 7))
    mixture = le.tasks.Mixture(digits.by_class())
    learner = le.LinearNetwork(mixture, hidden=(5,), learning_rate=5e-2, init_scale=0.3)
    counts = np.tile([1200, 600, 300], (200, 1))
    on_batches, by_class = learn_on_batches(learner, digits.by_class(), counts, 700, seed=0)
    control = le.MixtureControl((-3, 3), rest=0.0, cost=None)
    problem = le.Problem(learner, control, le.Steps(200))
    logits = np.tile(np.log([1200, 600, 300]), (200, 1))
    judged_evenly = np.asarray(problem.rollout({"mixture": logits}).loss)
    np.testing.assert_allclose(by_class.mean(1), judged_evenly, atol=0.02 * judged_evenly[0])
    uniform = np.asarray(problem.baseline().loss)
    apart = np.abs(uniform - judged_evenly).max()
    assert np.abs(by_class.mean(1) - judged_evenly).mean() < 0.3 * apart
    learned = le.LinearNetwork(le.tasks.Mixture(digits.by_class(), np.array([4, 2, 1]) / 7), hidden=(5,), learning_rate=5e-2)
    learned = le.Problem(learned, le.LearningRate(), le.Steps(2)).baseline()
    assert on_batches[-1] < on_batches[0] and learned.loss[0] == pytest.approx(0.5, abs=0.01)


def test_engagement_becomes_the_share_of_each_class(engagement):
    experiment = ClassProportion(steps=60, hidden=10, batch=400, seeds=2)
    result = experiment.run(progress=False, earlier=engagement)
    d = result.dataset
    phi = engagement_at(engagement["category-engagement"], 0, d["kept_time"].values)
    np.testing.assert_allclose(d["share"].values[1], phi / phi.sum(1, keepdims=True))
    np.testing.assert_allclose(d["batch_size"].values[0], np.round(phi * 40).sum(1))
    assert len(experiment.findings(result)) == 2
    assert labelled(experiment.figure(result))


def test_a_curriculum_that_is_behind_is_found():
    rng = np.random.default_rng(0)
    uniform, ahead = (np.exp(-TIMES / scale) + 1e-4 * rng.normal(size=(2, 401)) for scale in (3, 2))
    sizes = np.full((2, 5), 900)
    assert all(holding(proportion_findings(TIMES, ahead, uniform, sizes, 1000)))
    assert not any(holding(proportion_findings(TIMES, uniform, ahead, 2 * sizes, 1000)))


def test_controlled_proportions_are_worth_more_than_others(engagement):
    experiment = OptimalProportion(steps=400, hidden=10, knots=20, max_gradients=60)
    result = experiment.run(progress=False, earlier=engagement)
    d = result.dataset
    findings = experiment.findings(result)
    assert len(findings) == 4 and all(holding(findings)), findings
    assert labelled(experiment.figure(result))
    loss, performance, value, share = (d[name].values for name in ("loss", "performance", "value", "share"))
    order = [3, 1, 0, 2]
    opposite = optimal_findings(d["time"].values, loss[::-1], performance[order], value[order], share[order])
    assert not any(holding(opposite)), opposite
    np.testing.assert_allclose(share.sum(-1), 1)


@pytest.fixture(scope="module")
def modulation():
    return TaskModulation(steps=800, learning_rate=7.5e-2, hidden=6, knots=15, seeds=1, max_gradients=60).run(progress=False)


def test_the_pair_that_is_judged_is_practised(modulation):
    findings = modulation.experiment.findings(modulation)
    assert len(findings) == 8 and all(holding(findings)), findings
    assert labelled(modulation.experiment.figure(modulation))


def test_modulation_findings_fail_on_their_opposites(modulation):
    d = modulation.dataset
    share, value, baseline = (d[name].values for name in ("share", "value", "baseline_value"))
    times, followed = d["weight_time"].values, "the others follow"
    permuted = modulation_findings(times, np.roll(share, 1, -1), baseline, value)
    assert not any(f.holds for f in permuted if followed not in f.name), permuted
    exchanged = modulation_findings(times, share[:, ::-1], baseline, value)
    assert not any(f.holds for f in exchanged if followed in f.name), exchanged


def test_defaults_are_the_paper_s_table_row():
    problem = CategoryEngagement(seeds=1, starts=1, knots=0).part_problems("mnist")["mnist, seed 0"]
    (control,) = problem.controls
    assert problem.horizon.length == 30000 and float(problem.learner.learning_rate) == 5e-2
    assert control.squared and control.over == "outputs" and float(control.cost.beta) == 5
    assert [w.shape for w in problem.learner.initial_weights] == [(50, 26), (10, 50)]
    problems = TaskEngagement(seeds=1).problems()
    boxes = {label: (float(p.controls[0].lower), float(p.controls[0].upper)) for label, p in problems.items()}
    assert boxes == {"active, seed 0": (0, 1), "attentive, seed 0": (0, 2), "vector, seed 0": (0, 2)}
    assert [float(p.controls[0].rest) for p in problems.values()] == [0, 1, 0]
    problem = OptimalProportion().problems()["control"]
    assert problem.learner.task.parts == 10 and problem.learner.evaluation is None and float(problem.discount) == 0.99
