"""The scripts in examples/ run as they are."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import learning_effort as le

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_own_data(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["own_data.py", "out", "--steps", "60"])
    script = runpy.run_path(str(EXAMPLES / "own_data.py"), run_name="__main__")
    assert "Solved by" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["figure.png", "run.nc"]
    assert le.load("out").problem is None
    problem = script["problem"](60)
    solution = le.load("out", problem=problem)
    assert solution.value > solution.baseline_value and np.shape(solution.effort["learning_rate"]) == (20,)
    assert float(problem.value(solution.effort)) == pytest.approx(solution.value, rel=1e-12)
