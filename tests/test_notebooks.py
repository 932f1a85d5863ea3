"""How answers show themselves: in notebooks, in axes of a user's own, and beside each other."""

import functools
import re
import subprocess
import sys

import matplotlib.figure
import numpy as np
import pytest
from test_figures import curves, drawn_at, network, solved

import learning_effort as le
from learning_effort.figures.style import BASELINE, CONTROL

STEPS = 60
COURSE = np.linspace(0.1, 0.6, 5)


@functools.cache
def answer(hidden=(4,), discount=0.9):
    """An effort of many gains and one rate, random inside its box."""
    controls = [le.Gain(knots=5), le.LearningRate(knots=5, cost=le.costs.Quadratic(np.linspace(0.1, 0.2, 5)))]
    return solved(le.Problem(network(*hidden), controls, le.Steps(STEPS), discount=discount))


def test_a_solution_and_a_problem_show_themselves_briefly():
    solution = answer()
    for shown in (solution, solution.problem):
        assert len(repr(shown)) < 300 and "\n" not in repr(shown)
    for shown in (solution, solution.problem, solution.certificate):
        page = shown._repr_html_()
        words = re.sub(r"<img[^>]*>", "", page)
        assert page.count("<table>") == page.count("</table>") == 1 and len(words) < 3000
    page = solution._repr_html_()
    assert f"{solution.value:.8g}" in page and 'src="data:image/png;base64,iVBOR' in page and len(page) < 400_000
    table = solution.problem._repr_html_()
    assert "0.9" in table and "Gain in [-0.5, 0.5]" in table and "60 steps of 0.005" in table and "Quadratic(varying)" in table


def test_what_a_page_says_cannot_break_it():
    page = answer().problem._repr_html_()
    from learning_effort.files.html import table

    assert "<script>" not in table("<script>", [("<b>", "&" * 1000)], after="<script>") and "<b>" not in page


def test_figures_show_themselves_without_pyplot():
    """What IPython asks for; and pyplot, which would show them a second time, does not know of them."""
    code = (
        "import sys, numpy as np, learning_effort as le\n"
        "p = le.Problem(le.LinearNetwork(le.tasks.TwoGaussians(), hidden=()), le.LearningRate(knots=2), 6)\n"
        "s = le.solve(p, le.GradientAscent(1e-3, 1), progress=False)\n"
        "figure = s.plot()\n"
        "assert figure._repr_png_().startswith(b'\\x89PNG') and 'matplotlib.pyplot' not in sys.modules\n"
        "import matplotlib; matplotlib.use('agg'); import matplotlib.pyplot as plt\n"
        "s.plot(); assert plt.get_fignums() == []\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert isinstance(answer().plot(), matplotlib.figure.Figure)


@pytest.mark.parametrize("kind", ["loss", "reward", "cost", "weights", "map", "effort"])
def test_a_kind_is_drawn_into_axes_of_ones_own(kind):
    figure = matplotlib.figure.Figure()
    axes = figure.subplots(1, 2)
    given = axes if kind == "effort" else axes[0]
    assert answer().plot(ax=given, kind=kind) is given
    assert axes[0].has_data() and axes[1].has_data() == (kind == "effort")
    if kind in ("loss", "reward", "cost"):
        np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), getattr(answer().rollout, kind))
    if kind == "weights":
        for i, weights in enumerate(answer().rollout.weights):
            own = np.linalg.norm(np.reshape(weights, (STEPS, -1)), axis=1)
            assert any(np.allclose(line.get_ydata(), own) for line in axes[0].lines), i


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "losses"}, "one of 'all', 'loss'"),
        ({"ax": "here", "kind": "loss"}, "must be matplotlib's axes"),
        ({"ax": matplotlib.figure.Figure().subplots()}, "as many as there are panels: 5"),
        ({"labels": ["a", "b"]}, "a name for each of 1"),
        ({"others": [3]}, "a list of solutions"),
    ],
)
def test_what_plot_does_not_take_is_said(arguments, message):
    with pytest.raises(le.LearningEffortError, match=message):
        answer().plot(**arguments)


def test_a_map_shows_every_gain_with_its_sign_around_what_leaves_the_learner_alone():
    solution = answer()
    figure = matplotlib.figure.Figure()
    axis = figure.subplots()
    solution.plot(ax=axis, kind="map")
    (image,) = axis.collections
    shown = image.get_array().reshape(-1, STEPS)
    wanted = np.concatenate([np.reshape(p, (5, -1)) for p in solution.effort["gain"]], axis=1).T
    np.testing.assert_array_equal(shown, np.repeat(wanted, STEPS // 5, axis=1))
    low, high = image.norm.vmin, image.norm.vmax
    assert low == -high and high == np.abs(wanted).max()  # zero is the middle of the colours
    red, blue = image.cmap(image.norm(high)), image.cmap(image.norm(low))
    assert red[0] > red[2] and blue[2] > blue[0] and min(image.cmap(image.norm(0.0))[:3]) > 0.9


def test_the_caption_says_what_was_solved():
    text = answer().plot().get_supxlabel().replace("\xa0", " ")
    assert "γ = 0.9" in text and "β of gain = 0.3" in text and "β of learning rate = 0.1 … 0.2" in text and "N = 60" in text
    both = answer().plot(others=[answer(discount=0.5)]).get_supxlabel().replace("\xa0", " ")
    assert "γ = 0.9, 0.5" in both


def test_several_solutions_stand_in_one_figure():
    one, other = answer(), answer(discount=0.5)
    figure = one.plot(others=[other], labels=["patient", "not"])
    loss = figure.axes[0]
    drawn = {line.get_label(): line for line in loss.lines}
    np.testing.assert_array_equal(drawn["patient"].get_ydata(), one.rollout.loss)
    np.testing.assert_array_equal(drawn["not"].get_ydata(), other.rollout.loss)
    assert set(drawn) == {"patient", "not", "baseline"}  # the same for both, and drawn once
    assert len({line.get_color() for line in loss.lines}) == 3 and loss.lines[-1] is drawn["baseline"]
    rate = [line for line in curves(figure.axes[3]) if line.get_label() in drawn]
    for line, solution in zip(rate, (one, other), strict=True):
        np.testing.assert_allclose(drawn_at(line, solution.rollout.times)[::12], solution.effort["learning_rate"])


def test_reward_is_drawn_with_what_of_it_is_cost():
    axis = answer().plot(kind="reward").axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axis.lines}
    np.testing.assert_array_equal(drawn["− cost"], -np.asarray(answer().rollout.cost))
    assert {line.get_color() for line in axis.lines} >= {CONTROL, BASELINE}


@pytest.mark.parametrize("interpolation", ["hold", "linear"])
def test_bounds_that_vary_are_drawn_as_they_vary(interpolation):
    control = le.LearningRate(bounds=(-0.2, COURSE), knots=5, interpolation=interpolation)
    solution = solved(le.Problem(network(), control, le.Steps(STEPS)), {"learning_rate": COURSE / 2})
    axis = solution.plot(kind="effort").axes[0]
    effort, upper = curves(axis)
    times = solution.rollout.times
    np.testing.assert_allclose(drawn_at(upper, times), 2 * drawn_at(effort, times))
    low, high = axis.get_ylim()
    assert low < -0.2 and high > 0.6
