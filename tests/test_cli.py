"""The command as a user types it."""

import dataclasses
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import learning_effort as le
from learning_effort.cli import main

SMALL = ["run", "single-neuron", "--steps", "40", "--seeds", "2", "--quiet"]


COMMAND = [sys.executable, "-m", "learning_effort"]
EXPERIMENTS = list(le.experiments.registry)


def fails(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert captured.err.startswith("learning-effort: ") and "Traceback" not in captured.err
    return captured.err


def helped(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.fixture(scope="module")
def solution():
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,))
    return le.solve(le.Problem(learner, le.Gain(), le.Steps(20)), le.QuasiNewton(max_gradients=3), progress=False)


@pytest.fixture(scope="module")
def saved_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "run"
    main([*SMALL, "--out", str(folder)])
    return folder


def test_list_names_every_experiment_without_loading_jax():
    code = "import sys; from learning_effort.cli import main; main(['list']); print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == EXPERIMENTS and lines[-1] == "False"


def test_no_help_loads_jax():
    asked = [["run"], ["show"], ["reproduce"], *(["run", name] for name in EXPERIMENTS)]
    code = f"""
import sys
from learning_effort.cli import main
for words in {asked}:
    try:
        main([*words, "--help"])
    except SystemExit as stop:
        assert stop.code == 0
print("jax" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize(
    "words", [[], ["list"], ["run"], ["show"], ["plot"], ["reproduce"], ["--no-cache", "list"]], ids=" ".join
)
def test_every_command_has_help(capsys, words, flag, monkeypatch):
    monkeypatch.setenv("LEARNING_EFFORT_CACHE", "off")
    shown = helped(capsys, *words, flag)
    assert " ".join(["Usage: learning-effort", *words]).replace(" --no-cache", "") in shown
    if words == ["run"]:
        named = [line.split()[0] for line in shown.splitlines() if line.strip()]
        assert [name for name in named if name in EXPERIMENTS] == EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_help_of_an_experiment_has_its_docstring_and_every_field_with_its_default(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "300")
    shown, experiment = helped(capsys, "run", name, "--help"), le.experiments.registry[name]
    lines = {line.split()[0]: line for line in shown.splitlines() if line.strip().startswith("--")}
    assert " ".join(experiment.__doc__.split()) in " ".join(shown.split())
    for field in dataclasses.fields(experiment):
        default = " ".join(str(field.default).replace(",", " ").replace("(", " ").replace(")", " ").split())
        assert f"[default: {default}]" in lines[f"--{field.name.replace('_', '-')}"]
    assert {"--out", "--quiet"} <= set(lines) and f"[default: {os.path.join('runs', name)}]" in lines["--out"]


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["gain-mnist", "--digits", "1", "3", "7", "--weight-decay", "0"], {"digits": (1, 3, 7), "weight_decay": 0.0}),
        (["gain-mnist", "--digits", "2", "--digits", "4", "--source=here"], {"digits": (2, 4), "source": "here"}),
        (["maml", "--pairs", "0", "1", "7", "1", "--seed", "3"], {"pairs": ((0, 1), (7, 1)), "seed": 3}),
        (["single-neuron", "--lower", "-0.5", "--upper", "1e-1", "--gamma=1"], {"lower": -0.5, "upper": 0.1, "gamma": 1.0}),
        (["single-neuron"], {}),
    ],
)
def test_flags_become_fields(monkeypatch, capsys, tmp_path, words, fields):
    class Seen(Exception):
        pass

    def seen(self, progress=True, earlier=None):
        raise Seen(self, progress)

    experiment = le.experiments.registry[words[0]]
    monkeypatch.setattr(experiment, "run", seen)
    for quiet in ([], ["--quiet"]):
        with pytest.raises(Seen) as raised:
            main(["run", *words, *quiet, "--out", str(tmp_path)])
        assert raised.value.args == (experiment(**fields), not quiet)


def test_flags_of_reproduce(monkeypatch, tmp_path):
    import learning_effort.experiments.reproduce as module

    seen = []
    monkeypatch.setattr(module, "reproduce", lambda *given: seen.append(given) or True)
    words = ["--only", "maml", "task-switch", "--compare-ascent", "all", "--quick", "--quiet", "--out", str(tmp_path)]
    main(["reproduce", *words])
    main(["reproduce", "--compare-ascent", "maml"])
    experiments = [e() for e in le.experiments.registry.values()]
    assert seen[0] == ([e.quick() for e in experiments], tmp_path, ["maml", "task-switch"], EXPERIMENTS, False)
    assert seen[1][0] == experiments and seen[1][2:] == ([], ["maml"], True) and str(seen[1][1]) == "reproduction"


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
        (["lst"], "Did you mean list?"),
        (["lst", "--help"], "Did you mean list?"),
        ([""], "There are list, run, show, plot, reproduce"),
        (["--fast", "list"], "no flag '--fast'"),
        (["list", "all"], "'list' has no place for 'all'"),
        (["run", "--quiet"], "needs the name"),
        (["run", "single-neurn", "--help"], "Did you mean single-neuron"),
        (["run", "single-neuron", "0.9"], "no place for '0.9'"),
        ([*SMALL, "--gama", "0.9"], "no flag '--gama' of 'run single-neuron'. Did you mean --gamma"),
        ([*SMALL, "--gama=0.9"], "Did you mean --gamma"),
        ([*SMALL, "--no-quiet"], "no flag '--no-quiet'"),
        ([*SMALL, "-q"], "no flag '-q'"),
        ([*SMALL, "--gamma", "much"], "--gamma must be a number. Got 'much'"),
        ([*SMALL, "--gamma"], "--gamma needs a number. Got none"),
        ([*SMALL, "--gamma", "--beta", "1"], "--gamma needs a number. Got none"),
        ([*SMALL, "--gamma", "1", "--gamma", "0.5"], "--gamma is given more than once"),
        ([*SMALL, "--batch", "2.5"], "--batch must be a whole number. Got '2.5'"),
        ([*SMALL, "--batch", "9" * 30], "--batch must be a whole number"),
        ([*SMALL, "--out"], "--out needs a path"),
        ([*SMALL, "--out", ""], "--out must be a path. Got ''"),
        (["run", "gain-mnist", "--digits"], "--digits needs a whole number. Got none"),
        (["run", "gain-mnist", "--digits", "1", "x"], "--digits must be a whole number. Got 'x'"),
        (["run", "maml", "--pairs", "0", "1", "7"], "--pairs takes values 2 at a time. Got 3: 0 1 7"),
        (["reproduce", "--only"], "--only needs a name. Got none"),
        (["reproduce", "--only", "--quick"], "--only needs a name. Got none"),
        (["reproduce", "--only", "task-swich"], "Did you mean task-switch?"),
        (["reproduce", "--compare-ascent"], "--compare-ascent needs a name. Got none"),
        (["reproduce", "--compare-ascent", "mamml"], "Did you mean maml?"),
        (["reproduce", "--quik"], "Did you mean --quick or --quiet?"),
        (["show"], "'show' needs a PATH"),
        (["plot"], "'plot' needs a PATH"),
        (["show", "a", "b"], "'show' has no place for 'b'"),
        (["show", "--all"], "no flag '--all' of 'show'"),
        (["show", "\x1b[31mnowhere"], r"\x1b[31mnowhere"),
    ],
)
def test_bad_input_is_one_message(capsys, tmp_path, arguments, message):
    told = "--out" in arguments or arguments[-1] in ("--help", "--digits", "--gamma")
    extra = ["--out", tmp_path / "run"] if arguments[0] == "run" and len(arguments) > 1 and not told else []
    said = fails(capsys, *arguments, *extra)
    assert message in said and said.count("\n") == 1 and said.isascii() and "\x1b" not in said
    assert not list(tmp_path.rglob("*.nc")) and not list(tmp_path.rglob("*.png"))


def test_too_little_memory_is_said_so(capsys, monkeypatch, tmp_path):
    for error in (MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8000000000000 bytes.")):

        def exhausted(self, progress=True, error=error):
            raise error

        monkeypatch.setattr(le.experiments.SingleNeuron, "run", exhausted)
        assert "fewer steps" in fails(capsys, *SMALL, "--out", tmp_path)


def test_a_mistake_of_ours_is_not_hidden(monkeypatch, tmp_path):
    def mistaken(self, progress=True):
        raise RuntimeError("by design")

    monkeypatch.setattr(le.experiments.SingleNeuron, "run", mistaken)
    with pytest.raises(RuntimeError, match="by design"):
        main([*SMALL, "--out", str(tmp_path)])


def test_ctrl_c_ends_with_130(capsys, monkeypatch, tmp_path):
    def stopped(self, progress=True):
        raise KeyboardInterrupt

    monkeypatch.setattr(le.experiments.SingleNeuron, "run", stopped)
    with pytest.raises(SystemExit) as stop:
        main([*SMALL, "--out", str(tmp_path)])
    assert stop.value.code == 130 and "interrupted before" in capsys.readouterr().err


def test_show_and_plot_take_what_save_wrote(capsys, tmp_path, solution):
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "digits.nc", tmp_path / "folder" / "run.nc"):
        solution.save(path)
    for given in (tmp_path / "digits.nc", tmp_path / "folder", tmp_path / "folder" / "run.nc"):
        main(["show", str(given)])
        assert capsys.readouterr().out == solution.summary() + "\n"
        main(["plot", str(given)])
        folder = given if given.is_dir() else given.parent
        drawn = [folder / "figure.png", folder / "figure.pdf"]
        assert capsys.readouterr().out.split() == [str(path) for path in drawn]
        assert drawn[0].read_bytes().startswith(b"\x89PNG") and drawn[1].read_bytes().startswith(b"%PDF")
        for path in drawn:
            path.unlink()


def test_a_solution_in_the_folder_of_a_run_leaves_the_run_alone(capsys, tmp_path, solution, saved_run):
    folder = tmp_path / "run"
    shutil.copytree(saved_run, folder)
    solution.save(folder / "mine.nc")
    before = (folder / "figure.png").read_bytes()
    main(["show", str(folder / "mine.nc")])
    assert capsys.readouterr().out == solution.summary() + "\n"
    main(["plot", str(folder / "mine.nc")])
    assert (folder / "mine.png").exists() and (folder / "figure.png").read_bytes() == before
    for part in ("run.nc", "run.json", "figure.png"):
        capsys.readouterr()
        main(["show", str(folder / part)])
        assert capsys.readouterr().out.startswith("single-neuron: ")


def test_control_characters_of_a_file_do_not_reach_the_terminal(capsys, tmp_path, solution):
    dataclasses.replace(solution, reason="stopped \x1b[31m\x07\r\u202e here").save(tmp_path / "a.nc")
    main(["show", str(tmp_path / "a.nc")])
    assert r"stopped \x1b[31m\x07\r\u202e here" in capsys.readouterr().out
    (tmp_path / "b\x1b.nc").write_text("nonsense")
    assert r"b\x1b.nc is damaged" in fails(capsys, "show", tmp_path / "b\x1b.nc")


def typed(*words, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONUTF8"))}
    return subprocess.run([*COMMAND, *words], capture_output=True, env=kept | environment, timeout=120)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=str,
)
def test_what_an_encoding_lacks_is_escaped(environment):
    for words in (["list"], ["run", "learning-rate", "--help"]):
        done = typed(*words, **environment)
        assert done.returncode == 0 and done.stderr == b"" and rb"\u03b2" in done.stdout
    done = typed("show", "\u03b2", PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and rb"no saved run at \u03b2" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="closed pipes are another error elsewhere")
@pytest.mark.parametrize("words", [["list"], ["--help"], ["run", "maml", "--help"], ["--version"]], ids=" ".join)
def test_a_closed_pipe_ends_quietly(words):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE, timeout=120)
    os.close(writing)
    assert done.returncode == 141 and done.stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_message():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 1 and done.stderr.startswith(b"learning-effort: the output cannot be written")
    assert done.stderr.count(b"\n") == 1


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
