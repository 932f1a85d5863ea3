"""Every experiment into one folder: the table, going on after a stop, failures, and Algorithm 1 beside it."""

import csv
import json
import shutil

import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort.cli import main
from learning_effort.experiments import registry
from learning_effort.experiments import runs as saved
from learning_effort.solvers import ascent

NEURON = ["reproduce", "--quick", "--only", "single-neuron", "--out"]


class Failing(le.experiments.SingleNeuron):
    name = "single-neuron-sweeps"

    def solve(self, progress=True):
        raise ZeroDivisionError("by | design")


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduction")
    main([*NEURON, str(folder), "--quiet"])
    return folder


def table(folder):
    with (folder / "table.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_says_what_holds_and_how_far_to_trust_it(reproduced):
    assert {p.name for p in reproduced.iterdir()} == {"single-neuron", "table.md", "table.csv", "contact-sheet.png"}
    rows = table(reproduced)
    findings = json.loads((reproduced / "single-neuron" / "run.json").read_text())["findings"]
    assert [(r["finding"], r["measured"]) for r in rows] == [(f["name"], f["measured"]) for f in findings]
    assert [r["holds"] == "holds" for r in rows] == [f["holds"] for f in findings]
    assert all(r["converged"] == "1 of 1" and float(r["worst scaled residual"]) < 1e-6 for r in rows)
    assert all(int(r["gradients"]) > 1 and float(r["seconds"]) > 0 for r in rows)
    assert "single-neuron (quick)" in (reproduced / "table.md").read_text(encoding="utf-8")
    assert (reproduced / "contact-sheet.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_done_is_not_done_again(reproduced, capsys, monkeypatch):
    def solved(*arguments, **keywords):
        raise AssertionError("it was solved again")

    monkeypatch.setattr(le.experiments.SingleNeuron, "solve", solved)
    before = table(reproduced)
    main([*NEURON, str(reproduced)])
    assert "already done" in capsys.readouterr().err and table(reproduced) == before
    # Other fields do not count.
    experiment, folder = le.experiments.SingleNeuron().quick(), reproduced / "single-neuron"
    assert saved.complete(experiment, folder)["quick"] and saved.complete(le.experiments.SingleNeuron(), folder) is None


@pytest.fixture
def neuron(reproduced, tmp_path):
    """A copy of the complete run's folder, to be damaged, and its experiment."""
    shutil.copytree(reproduced / "single-neuron", tmp_path / "single-neuron")
    experiment = le.experiments.SingleNeuron().quick()
    assert saved.complete(experiment, tmp_path / "single-neuron")
    return experiment, tmp_path / "single-neuron"


def without(name):
    return lambda record: {k: v for k, v in record.items() if k != name}


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record | {"version": "0"},
        lambda record: record | {"interrupted": True},
        *map(without, saved.FIELDS),
        lambda record: record | {"findings": [{"name": "one"}]},
        lambda record: record | {"findings": ["one"]},
        lambda record: record | {"findings": {}},
        lambda record: record | {"certificate": {"converged": 1}},
        lambda record: record | {"certificate": []},
        lambda record: record | {"seconds": "long"},
        lambda record: record | {"solutions": 3},
        lambda record: record | {"solutions": None},
        lambda record: record | {"fields": None},
        lambda record: [record],
        lambda record: None,
    ],
)
def test_a_record_of_another_run_or_a_damaged_one_is_not_complete(neuron, change):
    experiment, folder = neuron
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(change(record)))
    assert saved.complete(experiment, folder) is None


@pytest.mark.parametrize("name", ["run.json", "run.nc", "figure.png"])
@pytest.mark.parametrize("left", [0.0, 0.3, 0.99, None])
def test_a_file_that_is_missing_or_cut_off_is_not_complete(neuron, name, left):
    experiment, folder = neuron
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if left is not None:
        (folder / name).write_bytes(whole[: int(left * len(whole))])
    assert saved.complete(experiment, folder) is None


@pytest.mark.parametrize("name", ["run.nc", "figure.png"])
def test_a_file_with_nonsense_in_it_is_not_complete(neuron, name):
    experiment, folder = neuron
    content = bytearray((folder / name).read_bytes())
    begin, end = len(content) // 5, 4 * len(content) // 5
    content[begin:end] = bytes(end - begin)
    (folder / name).write_bytes(content)
    assert saved.complete(experiment, folder) is None


def test_a_dataset_with_other_answers_is_not_complete(tmp_path):
    experiment = le.experiments.TaskDifficulty(digits=(0, 1, 5, 7, 8, 9))
    saved.solve_and_save(experiment, tmp_path, progress=False)
    record = saved.complete(experiment, tmp_path)
    assert record["certificate"] == {}
    known = {"converged": 2, "of": 2, "residual": 0.0, "gradients": 1, "value": 0.0}
    (tmp_path / "run.json").write_text(json.dumps(record | {"certificate": known}))
    assert saved.complete(experiment, tmp_path) is None


def test_what_is_damaged_is_done_again(neuron, capsys):
    experiment, folder = neuron
    (folder / "run.nc").write_bytes(b"")
    (folder / "ascent.nc").write_bytes(b"")
    main([*NEURON, str(folder.parent)])
    shown = capsys.readouterr().err
    assert "1/1 single-neuron\n" in shown and "done" not in shown
    assert saved.complete(experiment, folder)
    assert {row["Algorithm 1, first problem"] for row in table(folder.parent)} == {""}


def test_those_that_run_are_counted(reproduced, tmp_path, capsys):
    shutil.copytree(reproduced, tmp_path / "r")
    main(["reproduce", "--quick", "--only", "task-difficulty", "--out", str(tmp_path / "r")])
    lines = [line.split("] ")[1] for line in capsys.readouterr().err.splitlines() if "] " in line]
    assert lines == ["single-neuron: already done", "1/1 task-difficulty"]


def test_a_run_without_its_seconds_is_in_the_table(neuron):
    _, folder = neuron
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"seconds": None}))
    main([*NEURON, str(folder.parent), "--quiet"])
    assert {row["seconds"] for row in table(folder.parent)} == {""}


def test_a_failure_is_in_the_table_and_the_others_go_on(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(registry, "single-neuron-sweeps", Failing)
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", "--only", "single-neuron-sweeps", "task-difficulty", "--out", str(tmp_path)])
    assert stop.value.code == 1
    rows = table(tmp_path)
    assert rows[0]["experiment"] == "single-neuron-sweeps" and rows[0]["holds"] == "failed"
    assert "by | design" in rows[0]["measured"]
    assert [r["holds"] for r in rows if r["experiment"] == "task-difficulty"] == ["holds", "holds"]
    assert r"by \| design" in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "Traceback" in capsys.readouterr().err


def test_a_run_that_is_stopped_leaves_a_table_and_is_done_again(tmp_path, capsys, monkeypatch):
    def stopped(self, progress=True):
        raise KeyboardInterrupt

    monkeypatch.setattr(le.experiments.SingleNeuron, "solve", stopped)
    with pytest.raises(SystemExit) as stop:
        main([*NEURON, str(tmp_path), "--quiet"])
    assert stop.value.code == 130 and "goes on from here" in capsys.readouterr().err
    assert table(tmp_path) == [] and not (tmp_path / "single-neuron" / "run.json").exists()


def test_a_name_that_does_not_exist_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["reproduce", "--only", "single-neurn", "--out", str(tmp_path / "a")])
    assert stop.value.code == 2 and "Did you mean single-neuron" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def test_what_an_experiment_needs_is_passed_on(tmp_path, monkeypatch, reproduced):
    seen = {}

    class Follower(le.experiments.TaskDifficulty):
        name = "follower"
        needs = ("single-neuron",)

        def run(self, progress=True, earlier=None):
            seen.update(earlier)
            return super().run(progress)

    from learning_effort.experiments.reproduce import reproduce

    experiments = [le.experiments.SingleNeuron().quick(), Follower(digits=(0, 1, 5, 7, 8, 9))]
    assert reproduce(experiments, reproduced, only=("follower",), progress=False)
    assert seen["single-neuron"]["loss_control"].shape == (100,)


@pytest.mark.parametrize("rule", ["plain", "amsgrad"])
def test_algorithm_1_goes_on_where_it_stopped(tmp_path, monkeypatch, rule):
    monkeypatch.setattr(ascent, "EVERY", 3)
    problem = le.experiments.SingleNeuron(steps=30).problem()
    step = {"plain": 10.0, "amsgrad": 0.05}[rule]
    straight = ascent.ascend(problem, ascent.RULES[rule](step), 8, tmp_path / "a.nc")
    ascent.ascend(problem, ascent.RULES[rule](step), 4, tmp_path / "b.nc")
    assert ascent.ascend(problem, ascent.RULES[rule](step), 8, tmp_path / "b.nc") == straight
    optimizer = None if rule == "plain" else ascent.RULES[rule](step)
    assert np.isclose(straight, le.solve(problem, le.GradientAscent(step, 8, optimizer), progress=False).value, rtol=1e-12)
    other = le.experiments.SingleNeuron(steps=31).problem()
    with pytest.raises(le.LearningEffortError, match="another problem"):
        ascent.ascend(other, optax.sgd(step), 8, tmp_path / "a.nc")


def test_algorithm_1_is_in_the_table(reproduced, monkeypatch):
    monkeypatch.setattr(le.experiments.SingleNeuron, "ascent", (10.0, 300))
    main([*NEURON, str(reproduced), "--quiet", "--compare-ascent", "all"])
    row = table(reproduced)[0]
    ascended, ours = float(row["Algorithm 1, first problem"]), float(row["value, first problem"])
    assert ours - 1e-3 < ascended < ours
    # A damaged course of Algorithm 1 is begun again.
    (reproduced / "single-neuron" / "ascent.nc").write_bytes(b"")
    main([*NEURON, str(reproduced), "--quiet", "--compare-ascent", "single-neuron"])
    assert float(table(reproduced)[0]["Algorithm 1, first problem"]) == ascended
