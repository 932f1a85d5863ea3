"""The benchmarks run, print their rows and write them down. Nothing is timed here: sizes are tiny, times are not read."""

import importlib
import re
import sys
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def benchmarks(monkeypatch):
    """name → module of the benchmarks folder, found as the script itself finds them."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


def test_rows_are_printed_and_written(benchmarks, monkeypatch, capsys, tmp_path):
    run = benchmarks("run")
    tiny = partial(benchmarks("gradients").gradient, lengths=(40,), rounds=1)
    monkeypatch.setitem(run.BENCHMARKS, "gradient", tiny)
    out = tmp_path / "results.md"
    assert run.main(["gradient", "--out", str(out)]) == 0
    printed, written = capsys.readouterr().out, out.read_text(encoding="utf-8")
    rows = [line for line in printed.splitlines() if line.startswith("| exact gradient")]
    assert len(rows) == 3 and all(row in written for row in rows)
    assert all(row.count("|") == 5 and "N = 40" in row for row in rows)
    differences = [float(re.search(r"difference ([\d.e+-]+)", row)[1]) for row in rows]
    assert max(differences) <= 1e-10
    assert "cores" in written and "JAX" in written


def test_the_interior_point_row_is_there_without_casadi(benchmarks, monkeypatch):
    monkeypatch.setitem(sys.modules, "casadi", None)
    (row,) = benchmarks("solving").interior_point()
    assert "not installed" in row.detail


def test_unknown_names_are_explained(benchmarks, capsys):
    run = benchmarks("run")
    assert run.main(["memory", "speed"]) == 2
    said = capsys.readouterr().err
    assert "No benchmark is called speed" in said and all(name in said for name in run.BENCHMARKS)
    assert run.main(["memory", "--write-docs"]) == 2
    assert "takes all benchmarks" in capsys.readouterr().err


def test_slope_of_a_power(benchmarks):
    assert benchmarks("measuring").slope([10, 20, 50], [7e-3 * n**1.5 for n in (10, 20, 50)]) == pytest.approx(1.5)


def test_the_table_goes_between_its_marks(benchmarks, tmp_path):
    run = benchmarks("run")
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{run.MARKS[0]}old\n{run.MARKS[1]}\nafter\n", encoding="utf-8")
    run.write_between_marks(page, "new\n", run.MARKS)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "new" in text and "old" not in text


@pytest.mark.parametrize("script", ["run", "findings"])
def test_the_page_has_the_marks(benchmarks, script):
    script = benchmarks(script)
    text = script.PAGE.read_text(encoding="utf-8")
    assert all(text.count(mark) == 1 for mark in script.MARKS)


def test_the_page_of_findings_says_what_the_records_say(benchmarks):
    findings = [{"name": "|V| grows", "measured": "1 to 2", "holds": True}, {"name": "b", "measured": "3", "holds": False}]
    known = {"converged": 2, "of": 3, "residual": 2e-3, "gradients": 70, "value": -1.0}
    solved = {"findings": findings, "certificate": known, "seconds": 120.0}
    text = benchmarks("findings").page_text({"one": solved, "two": solved | {"certificate": {}, "seconds": 360.0}})
    assert "2 of 3 converged; largest scaled residual 2.0e-03; 70 gradients; 120 s. **1 not converged.**" in text
    assert r"| \|V\| grows | 1 to 2 | holds |" in text and "| b | 3 | **does not hold** |" in text
    assert "Nothing to optimise; 360 s." in text and "All together: 8 minutes, of which two 6, one 2." in text


def test_a_run_that_is_not_finished_gives_no_page(benchmarks, tmp_path, capsys):
    assert benchmarks("findings").main([str(tmp_path)]) == 2
    assert "not a finished run" in capsys.readouterr().err
