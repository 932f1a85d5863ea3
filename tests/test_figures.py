"""What figures draw: the numbers in their lines, bars and maps, not what is written beside them."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex

import learning_effort as le
from learning_effort.figures.style import BASELINE, CONTROL, CYCLE

STEPS = 60
KNOTS = {
    "held": {"knots": 5},
    "held unevenly": {"knots": 7},
    "held throughout": {"knots": 1},
    "one a step": {},
    "linear": {"knots": 5, "interpolation": "linear"},
    "linear, one a step": {"knots": STEPS, "interpolation": "linear"},
}


def network(*hidden, task=None):
    """A small linear network."""
    return le.LinearNetwork(task or le.tasks.CorrelatedGaussians(), hidden=hidden, init_scale=0.3)


@functools.cache
def solved_once():
    """A solution of a small problem, to take from what is not drawn."""
    return le.solve(le.Problem(network(), le.LearningRate(knots=1), le.Steps(STEPS)), progress=False)


def solved(problem, effort=None):
    """A solution of `problem` with `effort`; None: random inside the box, so that every knot and number is another one."""
    random, controls = np.random.default_rng(0), {control.name: control for control in problem.controls}

    def within(control, part):
        return random.uniform(max(float(control.lower), -1.0), min(float(control.upper), 1.0), part.shape)

    if effort is None:
        start = problem.initial_effort()
        effort = {name: jax.tree.map(functools.partial(within, controls[name]), parts) for name, parts in start.items()}
    rollouts = (jax.tree.map(np.asarray, rollout) for rollout in (problem.rollout(effort), problem.baseline()))
    knots = {name: None if control.static else problem.space.knots(control) for name, control in controls.items()}
    seen = dict(zip(("rollout", "baseline"), rollouts, strict=True)) | {"weight_steps": np.arange(STEPS)}
    return dataclasses.replace(solved_once(), problem=problem, effort=effort, knots=knots, **seen)


def panel(solution, name):
    """The axes on which the effort of a control is drawn."""
    return solution.plot().axes[2 + list(solution.effort).index(name)]


def curves(axis):
    """The lines of an axis but for those right across it, which are bounds."""
    return [line for line in axis.lines if line.get_transform() == axis.transData]


def drawn_at(line, times):
    """What a line shows at `times`: its last corner if it is drawn in steps, straight lines between corners otherwise."""
    x, y = line.get_data()
    if line.get_drawstyle() == "default":
        return np.interp(times, x, y)
    assert line.get_drawstyle() == "steps-post"
    return y[np.searchsorted(x, times, side="right") - 1]


def in_force(solution, name):
    """The parameters of a control in force at every step, (N, n) an array."""
    parts = solution.problem.parameters_at(solution.effort, jnp.arange(STEPS))[name]
    return [np.reshape(part, (STEPS, -1)) for part in (parts if isinstance(parts, list) else [parts])]


@pytest.mark.parametrize("kind", KNOTS)
def test_effort_is_drawn_as_it_is_in_force(kind):
    solution = solved(le.Problem(network(), [le.Gain(**KNOTS[kind]), le.LearningRate(**KNOTS[kind])], le.Steps(STEPS)))
    times = solution.rollout.times
    for name in ("gain", "learning_rate"):
        lines, (wanted,) = curves(panel(solution, name)), in_force(solution, name)
        assert len(lines) == wanted.shape[1] <= 8
        for line, course in zip(lines, wanted.T, strict=True):
            np.testing.assert_allclose(drawn_at(line, times), course, rtol=1e-12, atol=1e-12)
            held = solution.knots[name].held
            ends = STEPS if held else STEPS - 1
            assert line.get_xdata()[0] == 0 and line.get_xdata()[-1] == pytest.approx(ends * times[1], rel=1e-12)
            if held:  # within a step, too, until just before the next one
                np.testing.assert_array_equal(drawn_at(line, times + 0.99 * times[1]), course)


def test_what_is_drawn_is_not_evenly_spaced_points_joined_by_lines():
    solution = solved(le.Problem(network(), le.LearningRate(knots=5), le.Steps(STEPS)))
    times, (wanted,) = solution.rollout.times, in_force(solution, "learning_rate")
    wrong = np.interp(times, np.linspace(times[0], times[-1], 5), solution.effort["learning_rate"])
    assert np.abs(wrong - wanted[:, 0]).max() > 0.1


@pytest.mark.parametrize("kind", KNOTS)
@pytest.mark.parametrize("hidden", [(4,), (3,) * 9])
def test_many_numbers_are_drawn_as_the_norms_of_their_layers(kind, hidden):
    solution = solved(le.Problem(network(*hidden), le.Gain(**KNOTS[kind]), le.Steps(STEPS)))
    axis, wanted = panel(solution, "gain"), in_force(solution, "gain")
    assert len(axis.lines) == len(wanted) == len(hidden) + 1
    for line, part in zip(axis.lines, wanted, strict=True):
        norm, times = np.linalg.norm(part, axis=1), solution.rollout.times
        slack = 0.02 * norm.max() if kind == "linear" else 1e-10  # between knots norms are curved, and drawn in pieces
        np.testing.assert_allclose(drawn_at(line, times), norm, rtol=0, atol=slack)
    looks = {(line.get_color(), line.get_linestyle()) for line in axis.lines}
    assert len(looks) == len(wanted) and {colour for colour, _ in looks} <= set(CYCLE)


def test_the_norm_between_two_knots_that_cancel_is_not_a_straight_line():
    problem = le.Problem(network(4), le.Gain(knots=2, interpolation="linear"), le.Steps(STEPS))
    gains = [np.full(part.shape[1:], 0.3) for part in problem.initial_effort()["gain"]]
    solution = solved(problem, {"gain": [np.stack([gain, -gain]) for gain in gains]})
    for line, gain in zip(panel(solution, "gain").lines, gains, strict=True):
        assert drawn_at(line, 0) == pytest.approx(np.linalg.norm(gain))
        assert drawn_at(line, solution.rollout.times[-1] / 2) == pytest.approx(0, abs=1e-12)


def test_a_gain_says_which_layer_it_drives():
    solution = solved(le.Problem(network(5), le.Gain(layers=(1,), knots=3), le.Steps(STEPS)))
    (text,) = panel(solution, "gain").get_legend().get_texts()
    assert text.get_text() == "layer 2 (2 × 5)"


def test_several_controls_are_drawn_each_with_its_own_knots():
    task = le.tasks.Mixture([le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0))])
    controls = [
        le.MixtureControl(knots=4),
        le.Gain(knots=6, basis="neuron", interpolation="linear"),
        le.LearningRate(),
        le.Engagement(knots=1),
    ]
    solution = solved(le.Problem(network(3, task=task), controls, le.Steps(STEPS)))
    assert len(solution.plot().axes) == 2 + len(controls)
    for name in solution.effort:
        wanted = np.concatenate(in_force(solution, name), axis=1).T
        for line, course in zip(curves(panel(solution, name)), wanted, strict=True):
            np.testing.assert_allclose(drawn_at(line, solution.rollout.times), course, rtol=1e-12, atol=1e-12)


def test_loss_and_reward_are_those_of_the_rollouts():
    solution = solved(le.Problem(network(3), le.LearningRate(knots=4), le.Steps(STEPS)))
    for axis, quantity in zip(solution.plot().axes, ("loss", "reward"), strict=False):
        drawn = {line.get_color(): line for line in axis.lines}
        for colour, rollout in ((CONTROL, solution.rollout), (BASELINE, solution.baseline)):
            np.testing.assert_array_equal(drawn[colour].get_xdata(), rollout.times)
            np.testing.assert_array_equal(drawn[colour].get_ydata(), getattr(rollout, quantity))
        assert drawn[BASELINE].get_linestyle() == "--" and axis.lines[-1] is drawn[BASELINE]  # seen where both are equal


def test_finite_bounds_are_drawn_and_far_ones_leave_the_view_alone():
    learner = network()

    def bounds(*box, effort=0.5):
        problem = le.Problem(learner, le.LearningRate(bounds=box, knots=2), le.Steps(STEPS))
        axis = panel(solved(problem, {"learning_rate": np.array([0.0, effort])}), "learning_rate")
        return {line.get_ydata()[0] for line in axis.lines if line not in curves(axis)}, axis.get_ylim()

    assert bounds(-np.inf, np.inf)[0] == set()
    drawn, (low, high) = bounds(-0.25, np.inf)
    assert drawn == {-0.25} and low < -0.25 < 0.5 < high < 0.6
    drawn, (low, high) = bounds(-100, 100)
    assert drawn == {-100, 100} and -0.1 < low < 0 < 0.5 < high < 0.6
    drawn, (low, high) = bounds(0, 0.5)
    assert drawn == {0, 0.5} and low < 0 < 0.5 < high


def test_ticks_have_no_offset_and_the_value_is_told():
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), learning_rate=1e-7)
    solution = solved(le.Problem(learner, le.LearningRate(), le.Steps(STEPS)))
    figure = solution.plot()
    figure.draw_without_rendering()
    assert np.ptp(solution.rollout.loss) < 1e-4 * solution.rollout.loss[0]
    assert [axis.yaxis.get_major_formatter().get_offset() for axis in figure.axes[:2]] == ["", ""]
    assert f"{solution.value:.6g}" in figure.get_suptitle() and f"{solution.baseline_value:.6g}" in figure.get_suptitle()
    assert "NOT CONVERGED" not in figure.get_suptitle() or not solution.certificate.converged


def test_no_legend_hides_what_is_drawn_or_written():
    solution = solved(le.Problem(network(*(3,) * 9), [le.Gain(knots=3), le.LearningRate()], le.Steps(STEPS)))
    figure = solution.plot()
    figure.draw_without_rendering()
    told = [axis for axis in figure.axes if axis.get_legend() is not None]
    assert len(told) == 4  # all but the map and its colours
    for axis in told:
        legend = axis.get_legend().get_window_extent()
        assert legend.y1 <= axis.xaxis.label.get_window_extent().y0 and legend.y0 >= 0
        assert axis.get_window_extent().height > 1.2 * figure.dpi


class Start(le.InitialWeights):
    """A user's own static control, which files cannot describe."""


@pytest.mark.parametrize("hidden", [(2,), (5,)])
def test_a_static_control_is_drawn_loaded_and_saved_again_without_its_problem(hidden, tmp_path):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=hidden)
    solution = solved(le.Problem(learner, [Start(), le.LearningRate(knots=4)], le.Steps(STEPS)))
    with pytest.warns(UserWarning, match="Start is a class of your own"):
        solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert loaded.problem is None and loaded.to_xarray().identical(solution.to_xarray())
    loaded.save(tmp_path / "again.nc")
    assert le.load(tmp_path / "again.nc").to_xarray().identical(solution.to_xarray())

    start = solution.effort["initial_weights"]
    own = [np.asarray(weights) for weights in learner.initial_weights]
    for shown in (solution, loaded):
        axis = panel(shown, "initial_weights")
        if hidden == (2,):  # few numbers: a bar each, and a mark where the uncontrolled learner starts
            heights = [bar.get_height() for bar in axis.patches]
            np.testing.assert_array_equal(heights, np.concatenate([part.ravel() for part in start]))
            assert [to_hex(bar.get_facecolor()).upper() for bar in axis.patches] == [*CYCLE[:1] * 2, *CYCLE[1:2] * 2]
            marks = [line.get_ydata() for line in axis.lines]
            wanted = own if shown is solution else []
        else:  # many: sorted, layer by layer
            marks = [line.get_ydata() for line in axis.lines if line.get_linestyle() == ":"]
            lines = [line for line in axis.lines if line.get_linestyle() == "-"]
            for line, part in zip(lines, start, strict=True):
                np.testing.assert_array_equal(line.get_ydata(), np.sort(part.ravel()))
            wanted = [np.sort(part, axis=None) for part in own] if shown is solution else []
        for mark, part in zip(marks, wanted, strict=True):
            np.testing.assert_array_equal(mark, np.ravel(part))
        (line,) = curves(panel(shown, "learning_rate"))
        np.testing.assert_array_equal(drawn_at(line, shown.rollout.times), in_force(solution, "learning_rate")[0][:, 0])


def test_the_policy_is_drawn_with_its_gains_and_courses():
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), learning_rate=5e-3, weights=[[[0.0]]])
    problem = le.Problem(learner, le.Gain(cost=le.costs.Quadratic(0.3)), le.Steps(300))
    policy = le.Exact(weights=61, gains=11).policy(problem, weights=(-0.3, 0.2))
    axis = policy.plot().axes[0]
    (image,) = axis.collections
    corners = image.get_coordinates()
    times, weights = (corners[0, 1:, 0] + corners[0, :-1, 0]) / 2, (corners[1:, 0, 1] + corners[:-1, 0, 1]) / 2
    np.testing.assert_allclose(times, policy.times, atol=1e-12)  # the middle of each cell is where the policy was asked
    shown = image.get_array().reshape(len(weights), len(times))
    for k in (0, 7, 150, 299):
        np.testing.assert_allclose(shown[:, k], policy(weights, k), atol=1e-12)
    assert np.ptp(shown) > 0.2

    effort, _ = policy.rollout()
    drawn = {line.get_color(): line.get_ydata() for line in axis.lines}
    np.testing.assert_array_equal(drawn[CONTROL], np.ravel(problem.rollout(effort).weights[0]))
    np.testing.assert_array_equal(drawn[BASELINE], np.ravel(problem.baseline().weights[0]))
    step = weights[1] - weights[0]
    for course in drawn.values():  # the map lies under all of both, beyond the weights where learning may start
        assert corners[..., 1].min() - step <= course.min() and course.max() <= corners[..., 1].max() + step
    assert drawn[CONTROL].max() > policy.valid[1]
