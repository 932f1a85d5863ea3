"""Learning rate, initial weights and tractability: findings hold where they should and fail on their opposites."""

import numpy as np
import pytest

import learning_effort as le
from learning_effort.analysis.hamiltonian import hamiltonian_variation
from learning_effort.experiments import chosen
from learning_effort.experiments.carrasco_davis_2023.learning_rate import (
    LearningRate,
    closed_form,
    distance_from_best,
    learns,
    rate_findings,
)
from learning_effort.experiments.carrasco_davis_2023.maml import Maml, convergence_finding, gained, maml_findings
from learning_effort.experiments.carrasco_davis_2023.tractability import Tractability, tractability_findings
from learning_effort.files import disk as storage


def holding(findings, *parts):
    """Whether each finding holds, or, of `parts` of names, the one finding whose name has each."""
    named = [[f for f in findings if part in f.name] for part in parts] if parts else [[f] for f in findings]
    assert all(len(own) == 1 for own in named), (parts, findings)
    return [own[0].holds for own in named]


def labelled(figure):
    return all(a.get_xlabel() or a.get_ylabel() for a in figure.axes)


@pytest.fixture(scope="module")
def rates():
    """Two values a family; learning is cheap enough at rest −1 for γ = 1 to learn and γ = 0.6 not to."""
    small = LearningRate(points=2, beta=0.1, steps=2800, learning_rate=1e-2, levels=3, hidden=8, init_scale=1e-5)
    return small.run(progress=False)


def test_learning_rate_shows_what_the_paper_says(rates):
    findings = rates.experiment.findings(rates)
    assert len(rates.solutions) == 8
    assert len(findings) == 6 and all(holding(findings)), findings
    assert labelled(rates.experiment.figure(rates))


def test_learning_rate_findings_fail_on_their_opposites(rates):
    backwards = rates.dataset.copy(deep=True)
    for field in ("gamma", "beta"):
        backwards[f"rate_{field}"].values = rates.dataset[f"rate_{field}"].values[..., ::-1]
    # The opposite of waiting for the loss to fall is the patient agent's rate: permuted, below.
    own = rate_findings(backwards)
    assert not any(holding(own, "the rate starts high", "saturates at its bound", "closed form")), own

    permuted = rates.dataset.copy(deep=True)
    for field in ("gamma", "beta"):
        for quantity in ("rate", "loss", "value", "never"):
            permuted[f"{quantity}_{field}"].values = rates.dataset[f"{quantity}_{field}"].values[:, ::-1]
    own = rate_findings(permuted)
    claims = "the rate starts high", "stays at its base", "saturates at its bound", "whether to learn at all"
    assert not any(holding(own, *claims)), own


def test_where_nothing_learns_the_closed_form_is_not_found_to_hold(rates):
    still = rates.dataset.copy(deep=True)
    for field in ("gamma", "beta"):
        still[f"loss_{field}"].values[:] = 1.0
    (found,) = (f for f in rate_findings(still) if "closed form" in f.name)
    assert not found.holds and found.measured == "no problem has γ = 1 and learns"


def test_conditions_of_an_optimum_fail_on_the_baseline_and_on_effort_reversed(rates):
    (solution,) = chosen(rates.solutions, rest=0.0, gamma=1.0).values()
    problem, effort = solution.problem, solution.effort
    assert hamiltonian_variation(problem, effort) < 0.01 and distance_from_best(problem, effort) < 0.01
    assert distance_from_best(problem, problem.neutral_effort()) > 0.1
    reversed_effort = {"learning_rate": effort["learning_rate"][::-1]}
    assert hamiltonian_variation(problem, reversed_effort) > 0.01 and distance_from_best(problem, reversed_effort) > 0.1


def test_the_better_of_learning_and_never_learning_is_kept(rates):
    for rest, field in ((r, f) for r in (0, -1) for f in ("gamma", "beta")):
        own = rates.dataset.sel(rest=rest)
        assert (own[f"value_{field}"] >= own[f"never_{field}"]).all()
    impatient = rates.dataset["loss_gamma"].sel(rest=-1).values[0]
    assert not learns(impatient) and learns(rates.dataset["loss_baseline"].values)


def test_closed_form_rests_and_saturates():
    loss = np.array([1.0, 0.5, 0.0])
    np.testing.assert_allclose(closed_form(loss, 1.0, 0.0, -1, 1), [np.sqrt(2) - 1, np.sqrt(1.5) - 1, 0])
    np.testing.assert_allclose(closed_form(loss, 1.0, -1.0, -1, 1), [0, np.sqrt(0.5) - 1, -1])
    np.testing.assert_allclose(closed_form(loss, 1e-3, 0.0, -1, 1), [1, 1, 0])


def test_initial_weights_are_optimised_each_from_the_one_before():
    result = Maml(
        spacing=10,
        longest=10,
        evaluation_steps=100,
        hidden=6,
        pairs=((0, 1), (8, 9)),
        max_gradients=40,
        rounds=2,
        iterations=20,
    ).run(progress=False)
    short, long = chosen(result.solutions, found="converged").values()
    (ascended,) = chosen(result.solutions, found="ascent", n=2).values()
    assert ascended.gradients == 21 and ascended.value > ascended.baseline_value
    assert short.value > ascended.value
    assert short.problem.horizon.length == 2 and long.problem.horizon.length == 10
    assert long.history.gradients[0] == 1 and long.gradients > long.history.gradients[-1] - 1
    assert long.history.value[0] > long.baseline_value  # it did not begin from the drawn weights
    losses = result.dataset["loss_training"].sel(found="converged")
    np.testing.assert_allclose(-losses.values[1, :10].sum() * 5e-3, long.value, rtol=1e-9)
    assert not np.allclose(losses, result.dataset["loss_test"].sel(found="converged"))
    assert len(result.experiment.findings(result)) == 10
    assert labelled(result.experiment.figure(result))


def test_initial_weights_findings_hold_on_the_papers_shape_and_fail_on_its_opposite():
    lengths = np.array([2, 20, 40, 60, 80])
    steps = np.arange(300)
    curves = np.array([0.3 * np.exp(-steps * n / 2000) + 0.001 * n * np.exp(-steps) for n in lengths])
    losses = {"training": curves, "test": curves * 1.1}
    drawn = {name: np.full(300, 0.5) for name in losses}
    ordered = ("raises the one-step loss", "lowers the cumulative loss")
    for method, claims in (("ascent", ordered), ("converged", (*ordered, "lowers the loss summed over"))):
        assert all(holding(maml_findings(lengths, losses, drawn, 5e-3, method)))
        backwards = {name: c[::-1] for name, c in losses.items()}
        assert not any(holding(maml_findings(lengths, backwards, drawn, 5e-3, method), *claims))
    unrelated = losses | {"test": losses["test"][::-1]}
    assert holding(maml_findings(lengths, unrelated, drawn, 5e-3), "test follows training") == [False]
    ahead = maml_findings(lengths, losses, {name: curves[-1] for name in losses}, 5e-3)
    assert holding(ahead, "ahead of learning from drawn ones") == [False]


def test_convergence_is_what_the_last_round_gained():
    assert gained(np.array([-2.0, -1.2, -1.0])) == pytest.approx(1.0)
    residual = np.array([0.1, 10.0])
    assert convergence_finding(np.array([0.001, 0.009]), residual, 0.01).holds
    assert not convergence_finding(np.array([0.001, 0.2]), residual, 0.01).holds


def test_tractability_compares_both_ascents_and_the_solver():
    result = Tractability(steps=150, knots=10, iterations=4, hidden=6, init_scale=0.1).run(progress=False)
    dataset = result.dataset
    problems = result.experiment.problems()
    start = problems["average"].initial_effort()
    assert problems["samples"].check_effort(start).keys() == start.keys()
    neutral = float(problems["average"].value(start))
    np.testing.assert_allclose(dataset["judged"][:, 0], neutral)
    np.testing.assert_allclose(dataset["value"].sel(ascent="average"), dataset["judged"].sel(ascent="average"), rtol=1e-9)
    stepped = le.solve(problems["average"], le.GradientAscent(10.0, 4), progress=False)
    np.testing.assert_allclose(dataset["judged"].sel(ascent="average"), stepped.history.value, rtol=1e-9)
    findings = result.experiment.findings(result)
    # Which takes less time depends on what else the machine does.
    others = [f for f in findings if "takes less time" not in f.name]
    assert len(others) == len(findings) - 1 == 3 and all(holding(others)), findings
    assert labelled(result.experiment.figure(result))


def test_tractability_findings_fail_on_their_opposites():
    rising, falling = -1 + np.linspace(0, 0.1, 11), -1 - np.linspace(0, 0.1, 11)
    quick, slow = np.linspace(0, 1, 11), np.linspace(0, 10, 11)
    good = {"average": {"judged": rising, "seconds": quick}, "samples": {"judged": rising - 0.01, "seconds": slow}}
    bad = {"average": {"judged": falling, "seconds": slow}, "samples": {"judged": falling, "seconds": quick}}
    solver = {"value": np.array([-1, -0.8]), "gradients": np.array([1, 2])}
    assert all(holding(tractability_findings(good, solver, -1.0)))
    poor = {"value": np.array([-2.0, -1.9]), "gradients": np.array([1, 2])}
    assert not any(holding(tractability_findings(bad, poor, -1.0)))


def test_datasets_hold_all_that_findings_and_figures_need(rates, tmp_path):
    storage.write(rates.dataset, tmp_path / "run.nc")
    assert rate_findings(storage.read(tmp_path / "run.nc")) == rates.experiment.findings(rates)
