"""Optimal dropout, noise and curricula: findings hold for the published optima and fail on their opposites; nothing is solved
here."""

from types import SimpleNamespace

import numpy as np
import pytest

from learning_effort.experiments.mignacco_mori_2025.denoising_schedule import DenoisingSchedule, denoising_findings
from learning_effort.experiments.mignacco_mori_2025.optimal_curriculum import OptimalCurriculum, curriculum_findings
from learning_effort.experiments.mignacco_mori_2025.optimal_dropout import OptimalDropout, dropout_findings, least, onset
from learning_effort.experiments.mignacco_mori_2025.protocols import held


def holding(findings, *parts):
    """Whether each finding holds, or, of `parts` of names, the one finding whose name has each."""
    named = [[f for f in findings if part in f.name] for part in parts] if parts else [[f] for f in findings]
    assert all(len(own) == 1 for own in named), (parts, findings)
    return [own[0].holds for own in named]


def answer(problem, effort):
    """What an experiment reads of a solution."""
    effort = problem.check_effort(effort)
    value = float(problem.value(effort))
    return SimpleNamespace(
        problem=problem, effort=effort, rollout=problem.rollout(effort), value=value, budget=SimpleNamespace(multiplier=0.0028)
    )


def judged(experiment, efforts):
    """The dataset of an experiment whose problems have these efforts for answers, by label."""
    problems = experiment.problems()
    assert list(problems) == list(efforts)
    return experiment.dataset({label: answer(problem, efforts[label]) for label, problem in problems.items()})


def failing(findings, dataset, changed, *parts):
    """That the findings named by `parts` fail once `changed` has put new values into the dataset."""
    other = dataset.copy(deep=True)
    for name, values in changed.items():
        other[name].values[...] = values
    assert not any(holding(findings(other), *parts)), findings(other)


@pytest.fixture(scope="module")
def dropout(oracle):
    o = oracle("order_dropout")
    early = held(np.where(np.arange(50) < 9, 1.0, np.linspace(1.1, 0.42, 50)).clip(max=1.0))
    efforts = {
        "optimum, noise=0.2": {"activation": held(o["activation_optimum"]), "test_scale": o["test_scale_optimum"]},
        "best constant, noise=0.2": {"activation": 0.7415, "test_scale": 0.7672},
        "optimum, noise=0.5": {"activation": early, "test_scale": 0.562},
        "best constant, noise=0.5": {"activation": 0.6228, "test_scale": 0.5718},
        "constant rate, noise=0.2": {"rate": -0.56},
        "rate, noise=0.2": {"rate": held(np.linspace(0.0, -0.9, 50))},
        "rate and dropout, noise=0.2": {"activation": 1.0, "test_scale": 0.98, "rate": held(np.linspace(0.0, -0.9, 50))},
    }
    return judged(OptimalDropout(seeds=8, dimension=400), efforts)


def test_dropout_is_as_published_and_not_needed_with_a_rate(dropout):
    findings = dropout_findings(dropout)
    assert len(findings) == 7 and all(holding(findings)), findings
    last = dropout["error"].isel(time=-1).sel(noise=0.2)
    assert last.sel(protocol="optimum") == pytest.approx(0.01189787713, abs=1e-9)
    assert last.sel(protocol="none") == pytest.approx(0.0174281, abs=1e-7)
    assert last.sel(protocol="line") == pytest.approx(0.0120037, abs=5e-6)
    assert last.sel(protocol="reversed") == pytest.approx(0.014120, abs=5e-6)
    assert dropout["scale"].sel(noise=0.2, protocol="best constant") == pytest.approx(0.7672, abs=1e-4)


def test_findings_of_dropout_fail_on_their_opposites(dropout):
    d = dropout
    failing(dropout_findings, d, {"activation": d["activation"].values[..., ::-1]}, "all units learn at first")
    failing(dropout_findings, d, {"error": d["error"].values[:, ::-1]}, "better than the best constant", "backwards is worse")
    swapped = {name: d[name].values[::-1] for name in ("activation", "error")}
    failing(dropout_findings, d, swapped, "the noisier the labels")
    failing(dropout_findings, d, {"rate_activation": 0.8}, "no unit is dropped")
    failing(dropout_findings, d, {"rate_error": 2 * d["rate_error"].values}, "a well chosen constant learning rate")
    failing(dropout_findings, d, {"simulated": d["simulated"].values[::-1]}, "as theory says")
    failing(dropout_findings, d, {"simulated_error": 1.0}, "as theory says")


def test_the_best_scale_and_the_onset_are_where_they_are():
    assert least([(x - 0.3) ** 2 + 1 for x in (0, 0.5, 1)]) == pytest.approx(0.3)
    assert least([(x - 1.7) ** 2 for x in (0, 0.5, 1)]) == 1.0
    assert onset(np.arange(5.0), np.array([1, 1, 0.9, 0.8, 0.8])) == 2.0 and onset(np.arange(3.0), np.ones(3)) == np.inf


#: Noise and learning rate, controlled together, at ten places from the start to the end, nearly the best.
LOW_TO_HIGH = [0.02, 0.05, 0.08, 0.088, 0.1, 0.126, 0.18, 0.29, 0.45, 0.6]
FAST_TO_SLOW = [20.0, 14.0, 7.5, 5.6, 4.2, 2.9, 1.9, 1.2, 0.8, 0.6]


def spread(values):
    """Values at evenly spaced places, (400,)."""
    return np.interp(np.linspace(0, 1, 400), np.linspace(0, 1, len(values)), values)


@pytest.fixture(scope="module")
def denoising(oracle):
    o = oracle("order_autoencoder")
    low = np.full(400, 0.01)
    efforts = {
        "optimum, published, noise=0.1": {"noise": low},
        "best constant, published, noise=0.1": {"noise": 0.01},
        "optimum, published, noise=0.3": {"noise": held(o["noise_optimum"])},
        "best constant, published, noise=0.3": {"noise": 0.1366},
        "optimum, exact, noise=0.1": {"noise": low},
        "best constant, exact, noise=0.1": {"noise": 0.01},
        "optimum, exact, noise=0.3": {"noise": held(o["noise_optimum_exact"])},
        "best constant, exact, noise=0.3": {"noise": 0.1331},
        "rate and noise, exact, noise=0.3": {"noise": spread(LOW_TO_HIGH), "rate": spread(FAST_TO_SLOW) / 5 - 1},
    }
    return judged(DenoisingSchedule(seeds=60), efforts)


def test_noise_is_scheduled_as_published_and_finite_networks_have_a_part_of_its_gain(denoising):
    findings = denoising_findings(denoising)
    assert len(findings) == 7 and all(holding(findings)), findings
    last = denoising["loss"].isel(time=-1).sel(noise=0.3)
    targets = {"test's noise": (9.519745, 10.452383), "best constant": (9.4400573, 10.3646974)}
    targets |= {"optimum": (9.4268692527, 10.3525851925), "reversed": (9.800118, 10.750308)}
    for protocol, numbers in targets.items():
        np.testing.assert_allclose(last.sel(protocol=protocol), numbers, rtol=0, atol=1e-6)


def test_findings_of_noise_fail_on_their_opposites(denoising):
    d = denoising
    swapped = {name: d[name].values[:, ::-1] for name in ("schedule", "loss")}
    failing(denoising_findings, d, swapped, "next to nothing", "falls to a dip", "0.05% to 0.5%", "backwards the schedule")
    failing(denoising_findings, d, {"schedule": d["schedule"].values[..., ::-1]}, "falls to a dip")
    failing(denoising_findings, d, {"loss": d["loss"].values[::-1]}, "lacks terms")
    failing(denoising_findings, d, {"loss": d["loss"].values[:1]}, "lacks terms")
    failing(denoising_findings, d, {"gain": -d["gain"].values}, "a part of the predicted gain")
    failing(denoising_findings, d, {"gain": 2 * d["gain"].values + 0.01}, "a part of the predicted gain")
    failing(denoising_findings, d, {"rate_loss": d["rate_loss"].values + 0.1}, "controlled too")
    failing(denoising_findings, d, {"rate_schedule": d["rate_schedule"].values[::-1]}, "controlled too")


#: Learning rates that are nearly the best for each curriculum, at even places of its halves.
RATES = {
    "easy to hard": ([3.9, 3.9, 3.1, 2.45, 1.98], [1.14, 1.07, 0.98, 0.9, 0.81]),
    "hard to easy": ([0.87, 0.88, 0.85, 0.81, 0.75], [6.4, 4.1, 3.0, 2.3, 1.86]),
    "half and half": ([1.5, 1.57, 1.53, 1.45, 1.35], [1.35, 1.25, 1.15, 1.04, 0.93]),
}


@pytest.fixture(scope="module")
def curriculum(oracle):
    experiment = OptimalCurriculum(seeds=6, dimension=600)
    shares = experiment._shares()

    def rated(first, last):
        halves = [np.interp(np.linspace(0, 1, n), np.linspace(0, 1, 5), own) for n, own in ((120, first), (121, last))]
        return np.concatenate(halves) / 3 - 1

    o = oracle("order_curriculum")
    share, difficulty = held(o["share_optimum_relaxed"]), held(o["difficulty_optimum"])
    efforts = {"share": {"share": share}, "difficulty": {"difficulty": difficulty}}
    efforts |= {"constant rate, half and half": {"share": shares["half and half"], "rate": [1.2555 / 3 - 1]}}
    efforts |= {f"rate, {name}": {"share": shares[name], "rate": rated(*halves)} for name, halves in RATES.items()}
    for gamma, last in (("gamma=1", 207), ("gamma=0.8", 196)):
        efforts[gamma] = {"share": (np.arange(241) <= last).astype(float)}
    return judged(experiment, efforts)


def test_curricula_are_as_published_and_easy_to_hard_with_a_rate(curriculum):
    findings = curriculum_findings(curriculum)
    assert len(findings) == 10 and all(holding(findings)), findings
    known = [0.155547, 0.162480, 0.152400, 0.146354, 0.1463426]
    np.testing.assert_allclose(curriculum["loss"][:, -1], known, rtol=0, atol=1e-6)
    assert curriculum["difficulty_loss"][-1] == pytest.approx(0.14016476, abs=1e-8)
    np.testing.assert_allclose(curriculum["theory"][:3, -1], [0.155862, 0.162820, 0.152777], rtol=0, atol=1e-5)
    np.testing.assert_allclose(240 * curriculum["last_block"], [0, 24, 32, 48, 64], atol=1e-9)
    np.testing.assert_allclose(curriculum["paid_value"], [-2.5769458, -1.1524857], rtol=0, atol=1e-7)
    np.testing.assert_allclose(curriculum["neutral_value"], [-2.9232170, -1.2565217], rtol=0, atol=1e-7)


def test_findings_of_curricula_fail_on_their_opposites(curriculum):
    d = curriculum
    failing(curriculum_findings, d, {"loss": d["loss"].values[::-1]}, "half easy and half hard", "easy samples first and last")
    failing(curriculum_findings, d, {"share": 1 - d["share"].values}, "easy samples first and last", "the best of all")
    failing(curriculum_findings, d, {"share": d["share"].values[::-1]}, "the best of all curricula")
    failing(curriculum_findings, d, {"difficulty": d["difficulty"].values[::-1]}, "difficulty that may be anything")
    failing(curriculum_findings, d, {"difficulty_loss": 0.15}, "difficulty that may be anything")
    failing(curriculum_findings, d, {"multiplier": -0.0028}, "one more easy sample")
    failing(curriculum_findings, d, {"last_block": d["last_block"].values[::-1]}, "an easy end")
    failing(curriculum_findings, d, {"rate_loss": d["rate_loss"].values[[0, 2, 1, 3]]}, "easy to hard is better than half")
    failing(curriculum_findings, d, {"rate_loss": 1.2 * d["rate_loss"].values}, "a well chosen constant learning rate")
    failing(curriculum_findings, d, {"paid_share": d["paid_share"].values[:, ::-1]}, "paid for")
    failing(curriculum_findings, d, {"paid_share": 0.5}, "paid for")
    failing(curriculum_findings, d, {"paid_value": d["neutral_value"].values - 1}, "paid for")
    failing(curriculum_findings, d, {"simulated": d["simulated"].values[::-1]}, "as theory says")


def test_figures_are_drawn_from_datasets_alone(dropout, denoising, curriculum):
    cases = (OptimalDropout(), dropout), (DenoisingSchedule(), denoising), (OptimalCurriculum(), curriculum)
    for experiment, dataset in cases:
        figure = experiment.figure(SimpleNamespace(dataset=dataset))
        assert len(figure.axes) >= 6 and all(a.get_xlabel() or not a.axison for a in figure.axes)
