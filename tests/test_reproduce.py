"""Every experiment into one folder: the table, going on after a stop, failures, and Algorithm 1 beside it."""

import csv
import json

import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort.cli import main
from learning_effort.experiments import algorithm_1 as ascend
from learning_effort.experiments import registry
from learning_effort.experiments import runs as saved

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
    # Other fields, another version, or a run that was stopped, do not count.
    experiment, folder = le.experiments.SingleNeuron().quick(), reproduced / "single-neuron"
    record = saved.complete(experiment, folder)
    assert record["quick"] and saved.complete(le.experiments.SingleNeuron(), folder) is None
    text = (folder / "run.json").read_text()
    for change in ({"version": "0"}, {"interrupted": True}):
        (folder / "run.json").write_text(json.dumps(record | change))
        assert saved.complete(experiment, folder) is None
    (folder / "run.json").write_text(text)


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
    monkeypatch.setattr(ascend, "EVERY", 3)
    problem = le.experiments.SingleNeuron(steps=30).problem()
    step = {"plain": 10.0, "amsgrad": 0.05}[rule]
    straight = ascend.ascend(problem, ascend.RULES[rule](step), 8, tmp_path / "a.nc")
    ascend.ascend(problem, ascend.RULES[rule](step), 4, tmp_path / "b.nc")
    assert ascend.ascend(problem, ascend.RULES[rule](step), 8, tmp_path / "b.nc") == straight
    optimizer = None if rule == "plain" else ascend.RULES[rule](step)
    assert np.isclose(straight, le.solve(problem, le.GradientAscent(step, 8, optimizer), progress=False).value, rtol=1e-12)
    other = le.experiments.SingleNeuron(steps=31).problem()
    with pytest.raises(le.LearningEffortError, match="another problem"):
        ascend.ascend(other, optax.sgd(step), 8, tmp_path / "a.nc")


def test_algorithm_1_is_in_the_table(reproduced, monkeypatch):
    monkeypatch.setattr(le.experiments.SingleNeuron, "ascent", (10.0, 300))
    main([*NEURON, str(reproduced), "--quiet", "--compare-ascent", "all"])
    row = table(reproduced)[0]
    ascended, ours = float(row["Algorithm 1, first problem"]), float(row["value, first problem"])
    assert ours - 1e-3 < ascended < ours
