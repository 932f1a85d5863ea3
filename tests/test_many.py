"""Many problems at once: what fails, what is no problem, and Ctrl-C; and what the front doors refuse."""

import os
import re
import signal
import threading
import time

import numpy as np
import pytest

import learning_effort as le
from learning_effort.results.certificate import Status
from learning_effort.runtime import threads
from learning_effort.solvers import many, mapped

SMALL, LARGE = "mapped", "side by side"


def small(steps=40, gamma=0.99, learning_rate=1e-3):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), learning_rate=learning_rate, weights=[np.zeros((1, 1))])
    return le.Problem(learner, le.Gain(bounds=(0, 0.5)), le.Steps(steps), discount=gamma)


def large(steps=40, gamma=0.99, learning_rate=1e-3):
    learner = le.LinearNetwork(le.tasks.CorrelatedGaussians(), hidden=(4,), learning_rate=learning_rate, init_scale=0.3)
    return le.Problem(learner, le.Gain(knots=3), le.Steps(steps), discount=gamma)


MAKES = {SMALL: small, LARGE: large}


@pytest.fixture(params=MAKES)
def problems(request):
    """Three problems, of which the second diverges."""
    make = MAKES[request.param]
    return [make(), make(learning_rate=90.0), make(gamma=0.5)]


# What fails -----------------------------------------------------------------------------------------------------------


def test_the_others_are_kept(problems):
    first, failure, last = le.solve_many(problems, progress=False, on_error="keep")
    assert isinstance(failure, le.Failure) and failure.index == 1 and "Learning diverges" in failure.reason
    assert isinstance(failure.error, le.DivergenceError)
    alone = le.solve_many([problems[0], problems[2]], progress=False)
    for solution, same in zip((first, last), alone, strict=True):
        assert solution.certificate.converged and solution.value == same.value


def test_an_error_names_its_problem_and_how_to_keep_the_others(problems):
    running = threading.active_count()
    with pytest.raises(le.DivergenceError, match=r"Problem 2 of 3 \(index 1\): Learning diverges.* on_error='keep'"):
        le.solve_many(problems, progress=False)
    assert threading.active_count() <= running


def test_errors_that_are_not_ours_are_kept_and_named_too(monkeypatch):
    def broken(*arguments):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(mapped, "outcomes", broken)
    failures = le.solve_many([small(), large(), small()], progress=False, on_error="keep")
    assert [isinstance(f, le.Failure) for f in failures] == [True, False, True]
    assert [f.index for f in failures if isinstance(f, le.Failure)] == [0, 2] and failures[0].reason == "out of memory"
    with pytest.raises(RuntimeError, match="out of memory") as raised:
        le.solve_many([small()], progress=False)
    assert "Problem 1 of 1" in raised.value.__notes__[0]


def test_one_error_stops_what_runs_beside_it(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 2)
    begun = time.perf_counter()
    with pytest.raises(le.DivergenceError, match="Problem 2 of 2"):
        le.solve_many([large(), large(learning_rate=90.0)], le.GradientAscent(1e-9, 10**7), progress=False)
    assert time.perf_counter() - begun < 60


def test_threads_raise_the_first_error_and_begin_nothing_more():
    done, stopped = [], []

    def work(item):
        done.append(item)
        if item == 1:
            raise ValueError("one")
        time.sleep(0.1)
        return item

    with pytest.raises(ValueError, match="one"):
        threads.in_threads(work, range(50), lambda: stopped.append(True))
    assert len(done) < 50 and stopped == [True]
    assert threads.in_threads(str, []) == [] and threads.in_threads(str, range(3)) == ["0", "1", "2"]


# What is given --------------------------------------------------------------------------------------------------------


def test_anything_that_yields_problems_is_taken():
    wanted = [s.value for s in le.solve_many([small(), small(gamma=0.5)], progress=False)]
    for given in ((small(), small(gamma=0.5)), (p for p in (small(), small(gamma=0.5)))):
        assert [s.value for s in le.solve_many(given, progress=False)] == wanted
    assert le.solve_many([], progress=False) == [] == le.solve_many(iter(()), progress=False, on_error="keep")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: {"a": small()}, r"Got a dict: give list\(problems.values\(\)\)"),
        (lambda: small(), r"one problem is for le.solve\(problem\)"),
        (lambda: 3, "Got 3 instead"),
        (lambda: None, "Got None instead"),
        (lambda: [small(), "b", small()], "Got 'b' at index 1 instead of a Problem"),
    ],
)
def test_what_is_no_list_of_problems_is_refused(given, message):
    for on_error in ("raise", "keep"):
        with pytest.raises(le.LearningEffortError, match=message):
            le.solve_many(given(), progress=False, on_error=on_error)


def test_other_arguments_are_checked():
    with pytest.raises(le.LearningEffortError, match="'on_error' of solve_many must be one of 'raise', 'keep'.*mean 'keep'"):
        le.solve_many([small()], progress=False, on_error="kep")
    with pytest.raises(le.LearningEffortError, match=r"'method' of solve_many must be a solver. Got the class QuasiNewton"):
        le.solve_many([small()], le.QuasiNewton, progress=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": le.QuasiNewton}, r"Got the class QuasiNewton: make one, as with QuasiNewton\(\)"),
        ({"method": "quasi-Newton"}, "must be a solver, such as"),
        ({"starts": 0}, "'starts' of solve must be a whole number of at least 1. Got 0"),
        ({"starts": 1.5}, "Got 1.5"),
        ({"starts": True}, "Got True"),
        ({"init": [1.0]}, "Effort must be"),
    ],
)
def test_solve_says_what_it_takes(arguments, message):
    with pytest.raises(le.LearningEffortError, match=message):
        le.solve(small(), progress=False, **arguments)


def test_a_solution_is_an_effort_to_start_from():
    solution = le.solve(small(), progress=False)
    for init in (solution, solution.effort):
        again = le.solve(small(), le.QuasiNewton(), init=init, progress=False)
        assert again.gradients == 1 and again.value == pytest.approx(solution.value, rel=1e-12)


# Ctrl-C ---------------------------------------------------------------------------------------------------------------


def test_ctrl_c_stops_problems_mapped_together_at_their_best():
    before = signal.getsignal(signal.SIGINT)

    def interrupt(iteration, value, residual):
        if iteration == 2:
            signal.raise_signal(signal.SIGINT)

    group = [small(), small(gamma=0.5)]
    solutions = le.solve_many(group, le.QuasiNewton(tolerance=1e-14), progress=interrupt)
    assert [s.status for s in solutions] == [Status.INTERRUPTED] * 2
    assert all(s.value > s.baseline_value and s.history.gradients[-1] == s.gradients for s in solutions)
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize("on_error", ["raise", "keep"])
def test_ctrl_c_keeps_what_is_solved_and_names_what_was_not_begun(on_error, monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 1)

    def interrupt(done, value, residual):
        if done == 2:
            raise StopIteration

    def solved():
        return le.solve_many([large(gamma=g) for g in (0.9, 0.8, 0.7, 0.6)], progress=interrupt, on_error=on_error)

    if on_error == "keep":
        answers = solved()
    else:
        with pytest.raises(KeyboardInterrupt, match="2 of 4 problems were begun") as raised:
            solved()
        answers = raised.value.solutions
    assert [a.certificate.converged for a in answers[:2]] == [True, True]
    assert [(a.index, a.reason) for a in answers[2:]] == [(i, "interrupted before it began") for i in (2, 3)]


def test_threads_hear_of_ctrl_c(monkeypatch):
    monkeypatch.setattr(threads, "processors", lambda: 1)
    slow = le.GradientAscent(1e-9, 10**7)
    one, whole = threading.Event(), many.searched

    def begun(*arguments):
        one.set()
        return whole(*arguments)

    monkeypatch.setattr(many, "searched", begun)

    def send():
        one.wait()
        time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    running, waiting = le.solve_many([large(), large()], slow, progress=False, on_error="keep")
    thread.join()
    assert running.status is Status.INTERRUPTED and isinstance(waiting, le.Failure)


# Progress -------------------------------------------------------------------------------------------------------------


def test_problems_mapped_together_are_not_added_up(capsys):
    heard = []
    group = [small(), small(gamma=0.5)]
    solutions = le.solve_many(group)
    shown = capsys.readouterr().err.splitlines()
    last = r"  2 problems together: gradient \d+ of 1000   2 of 2 converged   largest scaled residual .*"
    assert re.fullmatch(last, shown[-1])
    assert "value" not in "".join(shown)
    le.solve_many(group, progress=lambda i, v, r: heard.append((v, r)))
    assert heard[-1][0] == pytest.approx(np.mean([s.value for s in solutions]))
    assert heard[-1][1] == max(s.history.residual[-1] for s in solutions)


def test_problems_side_by_side_have_a_line_each(capsys):
    le.solve_many([large(), large(learning_rate=90.0)], on_error="keep")
    shown = capsys.readouterr().err
    assert "1 of 2: " in shown and "2 of 2: " in shown and "problem 2 failed: Learning diverges" in shown
    with pytest.raises(ZeroDivisionError):
        le.solve_many([large()], progress=lambda *heard: 1 / 0, on_error="keep")
