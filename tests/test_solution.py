"""Solutions on disk, and simulation on samples."""

import os

import numpy as np
import pytest

import learning_effort as le
from learning_effort.files import disk as storage


def problem(steps=60, **control):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,), weight_decay=0.01, init_scale=0.3)
    return le.Problem(learner, [le.Gain(knots=5, **control), le.LearningRate()], le.Steps(steps))


@pytest.fixture(scope="module")
def solution():
    return le.solve(problem(), le.QuasiNewton(max_gradients=15), progress=False)


def leaves(solution):
    parts = [*solution.effort["gain"], solution.effort["learning_rate"], *solution.rollout[:4], *solution.rollout.weights]
    return [*parts, *solution.baseline[:4], solution.weight_steps, *vars(solution.history).values()]


def test_save_then_load_is_identity(solution, tmp_path):
    solution.save(tmp_path / "deep" / "run.nc")
    loaded = le.load(tmp_path / "deep" / "run.nc")
    for a, b in zip(leaves(solution), leaves(loaded), strict=True):
        np.testing.assert_array_equal(a, b)
    assert loaded.certificate == solution.certificate
    assert loaded.summary() == solution.summary()
    assert loaded.problem.value(loaded.effort) == pytest.approx(solution.value, rel=1e-13)
    assert le.certify(loaded).constant_value <= loaded.value
    assert le.load(tmp_path / "deep").value == solution.value
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["run.nc"]


class MyRate(le.LearningRate):
    """A user's own control."""


def test_a_users_own_control_loads_without_its_problem(tmp_path):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=())
    mine = le.Problem(learner, MyRate(), le.Steps(20))
    solved = le.solve(mine, progress=False)
    solved.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert loaded.problem is None
    np.testing.assert_array_equal(loaded.effort["learning_rate"], solved.effort["learning_rate"])
    assert le.load(tmp_path / "run.nc", problem=mine).problem is mine
    with pytest.raises(le.LearningEffortError, match="no problem to certify"):
        le.certify(loaded)
    with pytest.raises(le.LearningEffortError, match="must have shape"):
        le.load(tmp_path / "run.nc", problem=le.Problem(learner, MyRate(), le.Steps(21)))


def test_weights_are_thinned_and_losses_kept():
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=())
    solved = le.solve(le.Problem(learner, le.LearningRate(knots=2), le.Steps(3000)), progress=False)
    assert solved.rollout.weights[0].shape == (500, 1, 1) and solved.rollout.loss.shape == (3000,)
    full = solved.problem.rollout(solved.effort).weights[0]
    np.testing.assert_array_equal(solved.rollout.weights[0], full[solved.weight_steps])


def test_files_that_cannot_be_read(tmp_path, solution):
    with pytest.raises(le.LearningEffortError, match="There is no file"):
        le.load(tmp_path / "none.nc")
    (tmp_path / "text.nc").write_text("not a solution")
    with pytest.raises(le.LearningEffortError, match="damaged or not a netCDF"):
        le.load(tmp_path / "text.nc")
    solution.save(tmp_path / "run.nc")
    whole = (tmp_path / "run.nc").read_bytes()
    (tmp_path / "half.nc").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(le.LearningEffortError):
        le.load(tmp_path / "half.nc")
    dataset = solution.to_xarray()
    dataset.attrs["format"] = 99
    storage.write(dataset, tmp_path / "new.nc")
    with pytest.raises(le.LearningEffortError, match="of format 99"):
        le.load(tmp_path / "new.nc")
    storage.write(dataset[["loss_control"]].drop_attrs(), tmp_path / "foreign.nc")
    with pytest.raises(le.LearningEffortError, match="not a solution"):
        le.load(tmp_path / "foreign.nc")


def test_names_that_look_like_layers_do_not_collide(tmp_path):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=())
    controls = [le.Gain(), le.LearningRate(name="gain_0")]
    solved = le.solve(le.Problem(learner, controls, le.Steps(20)), le.QuasiNewton(max_gradients=3), progress=False)
    solved.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    np.testing.assert_array_equal(loaded.effort["gain"][0], solved.effort["gain"][0])
    np.testing.assert_array_equal(loaded.effort["gain_0"], solved.effort["gain_0"])
    assert (tmp_path / "run.nc").stat().st_mode & 0o777 == 0o666 & ~current_mask()
    with pytest.raises(le.LearningEffortError, match="must be a word"):
        le.Gain(name="a/b")


def current_mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("attribute", "content"),
    [
        ("format", None),
        ("value", "much"),
        ("problem", '{"class": "learning_effort.nothing:X", "fields": {}}'),
        ("problem", '{"class": "learning_effort.__main__:X", "fields": {}}'),
        ("problem", '{"class": "learning_effort.tasks.nothing:X", "fields": {}}'),
        ("certificate", "[1"),
    ],
)
def test_a_doctored_file_is_refused(tmp_path, solution, attribute, content):
    solution.save(tmp_path / "run.nc")
    dataset = storage.read(tmp_path / "run.nc")
    dataset.attrs.pop(attribute) if content is None else dataset.attrs.update({attribute: content})
    storage.write(dataset, tmp_path / "run.nc")
    with pytest.raises(le.LearningEffortError):
        le.load(tmp_path / "run.nc")


def test_nothing_half_written(tmp_path, solution, monkeypatch):
    path = tmp_path / "run.nc"
    path.write_text("what was there")

    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(le.LearningEffortError, match="No space left"):
        solution.save(path)
    assert [p.read_text() for p in tmp_path.iterdir()] == ["what was there"]
    (tmp_path / "file").write_text("")
    with pytest.raises(le.LearningEffortError, match="cannot be written"):
        solution.save(tmp_path / "file" / "run.nc")


def test_citation_names_the_paper_and_the_method(solution):
    assert "2310.19919" in le.citation(solution) and "Nocedal" in le.citation(solution)


def test_the_figure_has_labelled_axes(solution):
    figure = solution.plot()
    drawn = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert len(drawn) == 5 and all(a.get_xlabel() and a.get_ylabel() for a in drawn)  # with a map of the gains


def test_large_batches_approach_the_average_dynamics():
    p = problem(40)
    effort = p.initial_effort()
    effort["gain"] = [g + 0.3 for g in effort["gain"]]
    effort["learning_rate"] = effort["learning_rate"] + 0.5
    simulated = le.simulate(p, effort, 4000, 4)
    np.testing.assert_allclose(simulated.mean, p.rollout(effort).loss, rtol=0.05)
    baseline = le.simulate(p, None, 4000, [7, 8])
    np.testing.assert_allclose(baseline.mean, p.baseline().loss, rtol=0.05)
    assert np.abs(simulated.mean - baseline.mean).max() > 0.05
    np.testing.assert_allclose(le.simulate(p, None, 4000, [8]).loss[0], baseline.loss[1], rtol=1e-12)


def test_simulation_agrees_better_the_larger_the_batch():
    p = problem(40)
    errors = [np.abs(le.simulate(p, None, b, 8).loss - p.baseline().loss).mean() for b in (4, 4096)]
    assert errors[1] < errors[0] / 10


def test_simulation_in_every_composition():
    pair = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]
    for task, control in [
        (le.tasks.Switching(pair, 10), le.Gain()),
        (le.tasks.Concatenated(pair), le.Engagement(start=0.5)),
        (le.tasks.Mixture(pair), le.MixtureControl(bounds=(-2, 2), start=[0.0, 1.5])),
        (le.tasks.Blend(pair), le.MixtureControl(start=[0.5, 1.5])),
        (le.tasks.TaskSet(pair), le.LearningRate(start=0.5)),
    ]:
        p = le.Problem(le.LinearNetwork(task, hidden=(3,), init_scale=0.3), control, le.Steps(30))
        effort = p.initial_effort()
        simulated = le.simulate(p, effort, 4000, 4).mean
        np.testing.assert_allclose(simulated, p.rollout(effort).loss, rtol=0.06, err_msg=type(task).__name__)


def test_a_task_of_moments_cannot_be_simulated():
    task = le.tasks.FromMoments(*le.tasks.TwoGaussians().moments())
    p = le.Problem(le.LinearNetwork(task, hidden=()), le.Gain(), le.Steps(10))
    with pytest.raises(le.LearningEffortError, match="cannot be sampled"):
        le.simulate(p, None, 4)
    with pytest.raises(le.LearningEffortError, match="batch_size"):
        le.simulate(p, None, 0)
    for seeds in ([], [1.5], "ab", None, [-1], 0):
        with pytest.raises(le.LearningEffortError, match="seeds"):
            le.simulate(p, None, 4, seeds)
