"""Files outlive the code that wrote them: runs saved by version 0.1.0 load, rebuild their problems, and are saved again.

`saved_0_1_0` holds one run of every task, learner and control that version had, and some that ended in other ways;
`expected.json` says what that version knew of each.
"""

import json
import warnings
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le
from learning_effort.files.describe import ALIASES, SIGNED, Described, NotDescribed, describe, rebuild
from learning_effort.results.certificate import Method, Status

SAVED = Path(__file__).parent / "saved_0_1_0"
EXPECTED = json.loads((SAVED / "expected.json").read_text())
STATUS = {"interrupted.nc": Status.INTERRUPTED, "certified.nc": Status.CONVERGED, "learner-linear.nc": Status.LIMIT}


def test_every_run_is_there():
    assert {path.name for path in SAVED.glob("*.nc")} == set(EXPECTED) and len(EXPECTED) > 25


@pytest.mark.parametrize("name", EXPECTED)
def test_an_old_run_loads_rebuilds_its_problem_and_is_saved_again(name, tmp_path):
    known = EXPECTED[name]
    old = le.load(SAVED / name)
    assert (old.value, old.reason, old.method) == (known["value"], known["reason"], known["method"])
    assert (old.problem is not None) == known["rebuilt"]
    assert old.certificate.sentence.split(":")[0] == known["sentence"].split(":")[0]
    assert old.status is STATUS.get(name, old.status)
    if old.problem is not None:
        assert float(old.problem.value(old.effort)) == pytest.approx(known["value"], rel=1e-13)
        assert old.knots == {c.name: None if c.static else old.problem.space.knots(c) for c in old.problem.controls}
    old.save(tmp_path / "again.nc")
    again = le.load(tmp_path / "again.nc")
    assert again.summary() == old.summary() and again.certificate == old.certificate and again.knots == old.knots
    assert again.stages == old.stages and (again.problem is None) == (old.problem is None)
    np.testing.assert_array_equal(again.rollout.loss, old.rollout.loss)
    text = (tmp_path / "again.nc").read_bytes()
    assert b"learning_effort." not in text  # no file names a module


def test_what_an_old_certificate_knew_is_still_known():
    old = le.load(SAVED / "certified.nc").certificate
    assert old.sentence == EXPECTED["certified.nc"]["sentence"]
    assert old.curvature > 0 and old.hessian_products > 0 and old.never_learn_value is None
    assert "version" in old.why_absent("never_learn_value") and old.why_absent("curvature") is None
    assert le.load(SAVED / "exact.nc").stages[0].method is Method.DYNAMIC_PROGRAMMING
    assert "Bellman" in le.citation(le.load(SAVED / "exact.nc"))
    assert sum(count for _, count in le.load(SAVED / "starts.nc").certificate.optima) == 3


def test_every_old_name_is_an_alias_of_a_class_that_is_there():
    assert issubclass(le.Problem, Described)  # importing it defines all of them
    assert set(ALIASES.values()) <= set(SIGNED)


def test_every_public_class_of_which_problems_are_made_has_a_name_of_its_own():
    modules = (le, le.tasks, le.learners, le.controls, le.costs)
    public = [getattr(module, name) for module in modules for name in dir(module) if not name.startswith("_")]
    classes = {c for c in public if isinstance(c, type) and issubclass(c, Described)} - {Described}
    names = [c.file_name for c in classes]
    assert len(classes) > 25 and None not in names and len(set(names)) == len(names)
    assert all("learning_effort" not in name for name in names)


class Halved(le.LearningRate):
    """A user's own control, which files can describe."""

    file_name = "tests.Halved"

    def signal(self, parameters, learner):
        return parameters / 2


class Nameless(le.LearningRate):
    """A user's own control, which they cannot."""


def solved(control):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=())
    return le.solve(le.Problem(learner, control, le.Steps(20)), le.GradientAscent(0.1, 2), progress=False)


def test_a_users_class_with_a_file_name_is_rebuilt(tmp_path):
    solution = solved(Halved())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert type(loaded.problem.controls[0]) is Halved
    assert float(loaded.problem.value(loaded.effort)) == pytest.approx(solution.value, rel=1e-13)


def test_a_problem_that_cannot_be_described_is_said_when_it_is_saved(tmp_path):
    solution = solved(Nameless())
    with pytest.warns(UserWarning, match=r"keeps the answer but not its problem: Nameless is a class of your own"):
        solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert loaded.problem is None and loaded.value == solution.value
    assert le.load(tmp_path / "run.nc", problem=solution.problem).problem is solution.problem


def test_two_classes_cannot_have_one_name():
    with pytest.raises(le.LearningEffortError, match="another file_name"):
        type("Other", (le.LearningRate,), {"file_name": "tests.Halved", "__module__": __name__})


def test_a_static_control_is_known_to_be_one_without_its_problem(tmp_path):
    class Start(le.InitialWeights):
        """A user's own static control."""

    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(2,))
    solution = le.solve(le.Problem(learner, [Start(), le.LearningRate(knots=4)], le.Steps(20)), progress=False)
    with pytest.warns(UserWarning, match="Start is a class of your own"):
        solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert loaded.problem is None and loaded.knots == solution.knots and loaded.knots["initial_weights"] is None
    assert loaded.to_xarray().identical(solution.to_xarray())
    assert "knot_learning_rate" in loaded.to_xarray().coords and "knot_initial_weights" not in loaded.to_xarray().dims
    loaded.save(tmp_path / "again.nc")
    assert loaded.plot().axes


class Later(Described):
    """A class that was given a field after files of it had been written."""

    file_name = "tests.Later"
    rate: jnp.ndarray
    added: jnp.ndarray
    label: str = eqx.field(static=True, default="none")

    def __init__(self, rate, added=0.5):
        self.rate, self.added = jnp.asarray(rate), jnp.asarray(added)


def test_a_field_that_came_later_gets_its_default():
    description, arrays = describe(Later(2.0, 3.0))
    assert float(rebuild(description, arrays.__getitem__).added) == 3.0
    del description["fields"]["added"], description["fields"]["label"]
    older = rebuild(description, arrays.__getitem__)
    assert float(older.rate) == 2.0 and float(older.added) == 0.5 and older.added.dtype == float and older.label == "none"
    with pytest.raises(le.LearningEffortError, match="lacks 'rate' of Later"):
        rebuild({"class": "tests.Later", "fields": {}}, arrays.__getitem__)
    description["fields"]["newer"] = {"value": 1}
    with pytest.raises(le.LearningEffortError, match="newer for Later, which this version does not know"):
        rebuild(description, arrays.__getitem__)


def test_what_json_does_not_have_is_not_described():
    with pytest.raises(NotDescribed, match="cannot be written down"):
        describe(eqx.tree_at(lambda module: module.rate, Later(1.0), len))
