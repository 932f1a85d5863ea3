"""Answers as datasets: the schema that docs/results.md tells, names that attributes may have, and several in one."""

import functools
import json
import keyword
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import learning_effort as le

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "results.md").read_text()
LEARNER = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,), init_scale=0.3)


@functools.cache
def answer(steps=12, gamma=0.9, starts=1, gradients=3):
    """Three controls: with an array for each layer, with one, and one that does not vary in time."""
    controls = [
        le.Gain(knots=4, bounds=([-0.5, -0.4], 0.5)),
        le.LearningRate(knots=3, interpolation="linear", bounds=(-1, np.linspace(0.5, 1, 3)), cost=le.costs.Quadratic(2.0)),
        le.InitialWeights(cost=None),
    ]
    problem = le.Problem(LEARNER, controls, steps, discount=gamma)
    return le.solve(problem, le.QuasiNewton(max_gradients=gradients), starts=starts, progress=False)


def rows(first):
    """The rows of the table of the page whose first column is called so: (names, other columns)."""
    table = PAGE[PAGE.index(f"| {first} |") :].split("\n\n")[0].splitlines()[2:]
    for row in table:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        yield re.findall(r"`([^`]+)`", cells[0]), cells[0].startswith("["), cells[1:]


def pattern(name):
    """A name of the page as a regular expression."""
    controls = "(gain|learning_rate|initial_weights)"
    return name.replace("CONTROL", controls).replace("_I", r"_\d+").replace("_N", r"_\d+")


@pytest.mark.parametrize("starts", [1, 2])
def test_the_page_tells_every_variable_coordinate_and_attribute_and_no_other(starts):
    dataset = answer(starts=starts).to_xarray()
    told = {"coordinate": [], "variable": []}
    for names, only_sometimes, (kind, axes, _) in rows("name"):
        for name in names:
            told[kind].append(name)
            found = [
                v for v in (dataset.coords if kind == "coordinate" else dataset.data_vars) if re.fullmatch(pattern(name), v)
            ]
            assert found or (only_sometimes and starts == 1), name
            for variable in found:
                for axis in dataset[variable].dims:
                    wanted = [re.sub(r"CONTROL", "(gain|learning_rate|initial_weights)", a.strip()) for a in axes.split(",")]
                    wanted = [w.replace("_I", r"_\d+").replace("_N", r"_\d+") for w in wanted]
                    own = "initial_weights" in variable and axis.endswith("axis_0")
                    assert own or any(re.fullmatch(w, axis) for w in wanted), (variable, axis)
    for kind, those in (("coordinate", dataset.coords), ("variable", dataset.data_vars)):
        for variable in those:
            assert any(re.fullmatch(pattern(name), variable) for name in told[kind]), variable
    attributes = [name for names, *_ in rows("attribute") for name in names]
    for name in dataset.attrs:
        assert any(re.fullmatch(pattern(told_name), name) for told_name in attributes), name
    for told_name in attributes:
        assert any(re.fullmatch(pattern(told_name), name) for name in dataset.attrs), told_name


def test_names_are_identifiers_and_effort_has_times():
    dataset = answer().to_xarray()
    for name in (*dataset.variables, *dataset.dims, *dataset.attrs):
        assert name.isidentifier() and not keyword.iskeyword(name)
    np.testing.assert_allclose(dataset.effort_gain_0["knot_gain"], np.arange(0, 12, 3) * 5e-3)
    np.testing.assert_allclose(dataset.effort_learning_rate["knot_learning_rate"], np.array([0, 5.5, 11]) * 5e-3)


def test_attributes_say_what_was_solved_and_files_keep_them(tmp_path):
    solution = answer()
    solution.save(tmp_path / "a.nc")
    for given in (
        solution.to_xarray().attrs,
        le.load(tmp_path / "a.nc").to_xarray().attrs,
        xr.load_dataset(tmp_path / "a.nc").attrs,
    ):
        assert given["discount"] == 0.9 and given["step_size"] == 5e-3 and given["reward_scale"] == 1.0
        assert given["upper_gain"] == 0.5 and given["lower_gain"] == "varies by element" and given["beta_gain"] == 0.3
        np.testing.assert_array_equal(given["upper_learning_rate"], np.linspace(0.5, 1, 3))
        assert given["cost_learning_rate"] == "Quadratic" and given["beta_learning_rate"] == 2.0
        assert given["cost_initial_weights"] == "none" and given["lower_initial_weights"] == -np.inf


def test_answers_of_other_lengths_and_courses_stand_in_one_dataset():
    several = [answer(), answer(gamma=0.5, gradients=6), answer(steps=9)]
    table = xr.concat([s.to_xarray() for s in several], "answer", join="outer")
    np.testing.assert_array_equal(table.value, [s.value for s in several])
    assert len({len(s.history.value) for s in several}) > 1
    for i, solution in enumerate(several):
        own = table.isel(answer=i)
        for name, wanted in (("history_value", solution.history.value), ("loss_control", solution.rollout.loss)):
            np.testing.assert_array_equal(own[name].values[: len(wanted)], wanted)
            assert np.isnan(own[name].values[len(wanted) :]).all()
        gain = own.effort_gain_0.dropna("knot_gain", how="all")
        np.testing.assert_array_equal(gain, solution.effort["gain"][0])


def test_names_that_would_meet_are_told_apart(tmp_path):
    problem = le.Problem(LEARNER, [le.Gain(knots=2), le.LearningRate(knots=3, name="gain_0")], 6)
    solution = le.solve(problem, le.GradientAscent(1e-3, 2), progress=False)
    solution.save(tmp_path / "a.nc")
    loaded = le.load(tmp_path / "a.nc")
    np.testing.assert_array_equal(loaded.effort["gain_0"], solution.effort["gain_0"])
    for one, other in zip(loaded.effort["gain"], solution.effort["gain"], strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_of_format_2_is_read(tmp_path):
    """As it was written, and saved again in the present format."""
    old = le.load(Path(__file__).parent / "saved_format_2" / "gain-and-rate.nc")
    raw = xr.load_dataset(Path(__file__).parent / "saved_format_2" / "gain-and-rate.nc")
    assert raw.attrs["format"] == 2 and "effort_gain.0" in raw
    np.testing.assert_array_equal(old.effort["gain"][1], raw["effort_gain.1"])
    assert float(old.problem.value(old.effort)) == pytest.approx(old.value, rel=1e-12)
    old.save(tmp_path / "again.nc")
    again = le.load(tmp_path / "again.nc")
    assert again.to_xarray().identical(old.to_xarray()) and json.loads(again.to_xarray().attrs["certificate"])
