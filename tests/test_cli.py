"""The command as a user types it."""

import subprocess
import sys

import numpy as np
import pytest

import learning_effort as le
from learning_effort.cli import main

SMALL = ["run", "single-neuron", "--steps", "40", "--seeds", "2", "--quiet"]


def fails(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert captured.err.startswith("learning-effort: ") and "Traceback" not in captured.err
    return captured.err


def test_list_names_every_experiment_without_loading_jax():
    code = "import sys; from learning_effort.cli import main; main(['list']); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(le.experiments.registry) and lines[-1] == "False"


def test_run_show_plot(tmp_path, capsys):
    folder = tmp_path / "a" / "b"
    main([*SMALL, "--gamma", "0.9", "--out", str(folder)])
    out = capsys.readouterr().out
    assert all(word in out for word in ("value", "baseline", "best constant", "scaled residual", "holds", "run.nc"))
    assert sorted(p.name for p in folder.iterdir()) == ["figure.pdf", "figure.png", "run.json", "run.nc"]
    main(["show", str(folder)])
    shown = capsys.readouterr().out
    assert "gamma=0.9" in shown and "Findings" in shown
    (folder / "figure.png").unlink()
    main(["plot", str(folder)])
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG")
    assert le.load(folder).effort["gain"][0].shape == (40, 1, 1)
    assert np.isclose(float(le.load(folder).problem.discount), 0.9)


def test_help_and_version(capsys):
    main([])
    assert "list" in capsys.readouterr().out
    main(["--version"])
    assert le.__version__ in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["run", "gain-mnist", "--help"])
    assert stop.value.code == 0 and "--weight-decay" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "single-neurn"], "Did you mean single-neuron"),
        (["run"], "needs the name"),
        (["fly"], "no command 'fly'"),
        ([*SMALL, "--gama", "0.9"], "gama"),
        ([*SMALL, "--gamma", "much"], "gamma"),
        ([*SMALL, "--gamma", "1.3"], "must be a number in (0, 1]. Got 1.3"),
        ([*SMALL, "--beta", "-1"], "must be a number in [0, inf)"),
        (["run", "single-neuron", "--steps", "1"], "at least 2"),
        ([*SMALL, "--lower", "0.6"], "reversed"),
        ([*SMALL, "--lower", "0.1"], "outside its bounds"),
        ([*SMALL, "--learning-rate", "50"], "diverges"),
        (["run", "gain-mnist", "--source", "nowhere"], "no folder"),
        (["show", "nowhere"], "no saved run"),
        (["plot", "nowhere"], "no saved run"),
    ],
)
def test_bad_input_is_one_message(capsys, tmp_path, arguments, message):
    extra = ["--out", tmp_path / "run"] if arguments[0] == "run" and len(arguments) > 1 else []
    assert message in fails(capsys, *arguments, *extra)
    assert not list(tmp_path.rglob("*.nc")) and not list(tmp_path.rglob("*.png"))


def test_damaged_runs_and_folders_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in fails(capsys, *SMALL, "--out", tmp_path / "file" / "run")
    (tmp_path / "run.json").write_text("{")
    assert "damaged" in fails(capsys, "show", tmp_path)
    (tmp_path / "run.json").write_text('{"findings": [], "fields": {}, "experiment": "single-neuron", "solutions": 1}')
    (tmp_path / "run.nc").write_text("nonsense")
    assert "damaged" in fails(capsys, "show", tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.nc").write_text("nonsense")
    assert "damaged" in fails(capsys, "show", tmp_path / "other" / "run.nc")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: le.Problem(p.learner, p.controls, p.horizon, discount=0), r"\(0, 1\]"),
        (lambda p: le.Problem(p.learner, [], p.horizon), "a control, or a list"),
        (lambda p: le.Problem(p.learner, [le.Gain(), le.Gain()], p.horizon), "a name of its own"),
        (lambda p: le.Problem(p.learner, [le.Gain(), le.Gain(name="b")], p.horizon), "both drive"),
        (lambda p: le.Problem(p.learner, le.MixtureControl(), p.horizon), "does not have"),
        (lambda p: le.Problem(p.learner, le.Gain(layers=(3,)), p.horizon), "must be among"),
        (lambda p: le.Problem(p.learner, le.Gain(knots=99), p.horizon), "at most the number of steps"),
        (lambda p: le.Problem(p.learner, le.Gain(start=0.7), p.horizon), "outside its bounds"),
        (lambda p: le.Gain(bounds=(1, 0)), "reversed"),
        (lambda p: le.Gain(cost="cheap"), "must be a cost"),
        (lambda p: le.costs.Quadratic(float("nan")), "Got nan"),
        (lambda p: le.Steps(1), "at least 2"),
        (lambda p: le.LinearNetwork(p.learner.task, weights=[np.ones((2, 2))]), "must have shapes"),
        (lambda p: le.LinearNetwork(p.learner.task, hidden=(0,)), "at least 1"),
        (lambda p: le.LinearNetwork(p.learner.task, learning_rate=0), r"\(0, inf\)"),
        (lambda p: le.LinearNetwork(p.learner.task, evaluation=le.tasks.TwoGaussians()), "sizes of its task"),
        (lambda p: p.value({"gian": 1}), "names as keys"),
        (lambda p: p.value({"gain": [np.zeros((3, 2))]}), "must have shape"),
        (lambda p: le.solve(p, method="fast"), "must be a solver"),
        (lambda p: le.QuasiNewton(tolerance=-1), "tolerance"),
        (lambda p: le.GradientAscent(0.0, 5), "step"),
    ],
)
def test_bad_input_in_python(build, message):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,))
    with pytest.raises(le.LearningEffortError, match=message):
        build(le.Problem(learner, le.Gain(), le.Steps(20)))
