"""Seconds of compiling are told from those of solving."""

import pytest

import learning_effort as le
from learning_effort.runtime import compiling


@pytest.mark.parametrize(
    ("events", "total"),
    [
        ([(1.0, 1.0), (3.0, 1.0)], 2.0),
        ([(1.0, 1.0), (2.0, 0.5), (4.0, 4.0)], 4.0),  # all in the last
        ([(1.0, 0.5), (3.0, 1.0), (4.0, 2.5), (9.0, 1.0)], 4.0),  # the second in the third
    ],
)
def test_what_happens_within_something_else_is_counted_once(events, total, monkeypatch):
    monkeypatch.setattr(compiling, "_own", compiling._Spans())
    for end, seconds in events:
        monkeypatch.setattr(compiling.time, "perf_counter", lambda end=end: end)
        compiling._heard("/jax/core/compile/backend_compile_duration", seconds)
        compiling._heard("/jax/something/else", seconds)
    assert compiling.compiled_seconds() == pytest.approx(total)


def test_a_solution_says_how_long_it_took_to_compile(tmp_path):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(3,))
    problem = le.Problem(learner, le.LearningRate(knots=3), 17)
    first = le.solve(problem, le.GradientAscent(0.1, 3), progress=False)
    mapped = le.solve_many([problem], progress=False)[0]
    for solution in (first, mapped):
        assert 0 < solution.compile_seconds <= solution.seconds and "(compiling " in solution.summary()
    first.save(tmp_path / "a.nc")
    assert le.load(tmp_path / "a.nc").compile_seconds == first.compile_seconds
