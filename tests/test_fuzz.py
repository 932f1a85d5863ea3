"""A few hundred of the cases of `make fuzz`, the same at every run: each is solved, or refused in words."""

import inspect

import pytest
from fuzz.constructors import MAKERS
from fuzz.kinds import CONSTRUCTIONS, KINDS, REFUSED, SOLVED, named, outcome

import learning_effort as le

#: So many of each kind.
SAMPLE = {"construction": 150, "several": 40, "configuration": 12, "file": 30, "command": 25}


@pytest.mark.parametrize("kind", SAMPLE)
def test_nothing_is_neither_solved_nor_refused(kind):
    many = next(count for function, count in KINDS.items() if function.__name__ == kind)
    numbers = range(3, many, many // SAMPLE[kind])
    found = {named(kind, number): outcome(kind, number) for number in numbers}
    neither = {case: came for case, came in found.items() if came not in (SOLVED, REFUSED)}
    assert not neither
    assert REFUSED in found.values()


def test_a_case_that_is_neither_is_seen(monkeypatch):
    name, argument, _ = CONSTRUCTIONS[0]
    monkeypatch.setitem(MAKERS, name, (lambda **given: given["nonesuch"], MAKERS[name][1]))
    assert outcome("construction", 0).startswith("KeyError")


def test_there_are_ten_thousand_cases_and_every_public_class_is_among_them():
    assert sum(KINDS.values()) >= 10_000
    rooms = (le.tasks, le.learners, le.controls, le.costs)
    classes = {name: value for room in rooms for name, value in vars(room).items() if inspect.isclass(value)}
    named = {name for name, value in classes.items() if getattr(value, "file_name", None) and not name.startswith("_")}
    assert named - {"Task", "Learner", "GradientLearner", "Control", "Cost"} <= set(MAKERS)
