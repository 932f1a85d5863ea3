"""Searches that end early: by Ctrl-C, SIGTERM, time that is over, callables. What there is, is kept and counted right."""

import dataclasses
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import learning_effort as le
from learning_effort.results.certificate import Status
from learning_effort.runtime import devices
from learning_effort.runtime.interruption import Stop
from learning_effort.solvers import coarse_to_fine, longer_steps, one
from learning_effort.solvers.progress import Line, Progress


def neuron(steps=60, gamma=0.99, learning_rate=1e-3, **control):
    learner = le.LinearNetwork(
        le.tasks.TwoGaussians(), hidden=(), learning_rate=learning_rate, weight_decay=0.1, weights=[np.zeros((1, 1))]
    )
    return le.Problem(learner, le.Gain(bounds=(0, 0.5), **control), le.Steps(steps), discount=gamma)


@pytest.fixture
def coarse(monkeypatch):
    """A problem that is solved in long steps first, although it is short; refined from knots if `large`."""
    monkeypatch.setattr(longer_steps, "SHORT", 100)
    monkeypatch.setattr(longer_steps, "FEWEST_STEPS", 40)
    monkeypatch.setattr(coarse_to_fine, "COARSE_TOLERANCE", 1e-6)

    def of(large):
        changed = dataclasses.replace(devices.TUNED["cpu"], paired_effort=0 if large else 2_000_000)
        monkeypatch.setitem(devices.TUNED, "cpu", changed)
        return neuron(steps=400, cost=le.costs.Quadratic(0.3))

    return of


def handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


def agrees(solution):
    """Whether what is said of gradients is the same everywhere; None where the reason says nothing of them."""
    assert solution.history.gradients[-1] == solution.gradients
    exact = re.search(r"(\d+) gradient at the learner's own", solution.reason)  # before it stand those in long steps
    said = exact or re.search(r"(\d+) gradients were used|after (\d+) gradient", solution.reason)
    return None if said is None else int(next(filter(None, said.groups()))) == solution.gradients


SLOW = le.GradientAscent(1e-9, 10**7)


# Signals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [None, le.QuasiNewton(), le.GradientAscent(1.0, 50)], ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_the_best_so_far(number, method):
    before = handlers()

    def interrupt(iteration, value, residual):
        if iteration == 3:
            signal.raise_signal(number)

    solution = le.solve(neuron(), method, progress=interrupt)
    assert solution.status is Status.INTERRUPTED and "Interrupted after" in solution.reason and agrees(solution)
    assert solution.value > solution.baseline_value and handlers() == before
    assert solution.certificate.residual == solution.history.residual[np.argmax(solution.history.value)]


def test_a_second_ctrl_c_ends_at_once():
    def interrupt(iteration, value, residual):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = handlers()
    with pytest.raises(KeyboardInterrupt):
        le.solve(neuron(), progress=interrupt)
    assert handlers() == before


def test_before_there_is_a_value_ctrl_c_is_what_it_is_anywhere(monkeypatch):
    before = handlers()
    monkeypatch.setattr(one, "check_learns", lambda problem, effort: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        le.solve(neuron(), progress=False)
    assert handlers() == before


def test_ctrl_c_when_the_search_is_done_is_not_forgotten(monkeypatch):
    whole = one.solution_of

    def interrupted(*arguments, **keywords):
        signal.raise_signal(signal.SIGINT)
        return whole(*arguments, **keywords)

    monkeypatch.setattr(one, "solution_of", interrupted)
    solution = le.solve(neuron(), progress=False)
    assert solution.interrupted and solution.stages[-1].status is Status.CONVERGED
    assert "when the search was done" in solution.reason
    with pytest.raises(KeyboardInterrupt):  # the search for the best constant, or the exact solution, hears of it
        le.certify(solution)


def test_a_handler_of_the_users_own_is_left_alone(monkeypatch):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        solution = le.solve(neuron(), progress=lambda i, v, r: signal.raise_signal(signal.SIGTERM) if i == 2 else None)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] and solution.certificate.converged


def test_other_threads_leave_signals_alone():
    found = []
    thread = threading.Thread(target=lambda: found.append((le.solve(neuron(), progress=False), handlers())))
    before = handlers()
    thread.start()
    thread.join()
    assert found[0][0].certificate.converged and found[0][1] == before


def test_several_starts_are_kept_as_far_as_they_came():
    seen = []

    def interrupt(iteration, value, residual):
        seen.append(iteration)
        if len(seen) > 1 and seen[-1] < seen[-2]:
            raise StopIteration

    solution = le.solve(neuron(), starts=4, progress=interrupt)
    assert solution.interrupted and solution.starts.shape == (2,) and "in start 2 of 4" in solution.reason
    assert solution.stages[-1].status is Status.CONVERGED


SCRIPT = """
import sys, time
import numpy as np
import learning_effort as le
learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), weights=[np.zeros((1, 1))])
problem = le.Problem(learner, le.Gain(), le.Steps(50))
seen = []
def hear(iteration, value, residual):
    if iteration == 5:
        print("begun", flush=True)
    if iteration >= 5 and sys.argv[1] == "twice":
        time.sleep(60)
solution = le.solve(problem, le.GradientAscent(1e-9, 10**7), progress=hear)
print(solution.status.value, solution.history.gradients[-1] == solution.gradients, flush=True)
"""


def begun(how):
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, how], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n", process.stderr.read()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_goes_on_after_a_signal_with_what_it_has(number):
    process = begun("once")
    process.send_signal(number)
    sent = time.perf_counter()
    said, errors = process.communicate(timeout=120)
    assert (process.returncode, said) == (0, "interrupted True\n"), errors
    assert time.perf_counter() - sent < 30  # rollouts are compiled then


def test_a_process_ends_at_once_on_a_second_ctrl_c():
    process = begun("twice")
    process.send_signal(signal.SIGINT)
    time.sleep(1.0)  # the callable sleeps: nothing looks at the first
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors


# At every stage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["signal", "time"])
@pytest.mark.parametrize(("stage", "large"), [(1, False), (2, False), (2, True), (3, True)])
def test_what_is_said_of_gradients_agrees_at_every_stage(stage, large, how, coarse, monkeypatch):
    stages, last, over = [0], [np.inf], []
    monkeypatch.setattr(Stop, "seconds_left", property(lambda self: 0.0 if over else self.max_seconds))

    def stop(iteration, value, residual):
        stages[0] += iteration < last[0]
        last[0] = iteration
        if stages[0] == stage and iteration >= 2:
            over.append(iteration) if how == "time" else signal.raise_signal(signal.SIGINT)

    solution = le.solve(coarse(large), progress=stop, max_seconds=50)
    assert stages[0] == stage and solution.status is (Status.TIME if how == "time" else Status.INTERRUPTED)
    assert agrees(solution), solution.reason
    assert ("the 50 seconds allowed are over" in solution.reason) == (how == "time")
    assert ("long steps" in solution.reason) == (stage == 1)
    assert np.all(np.diff(solution.history.seconds) >= 0)


@pytest.mark.parametrize("large", [False, True])
def test_what_is_said_of_gradients_agrees_after_convergence(large, coarse, capsys):
    solution = le.solve(coarse(large))
    assert solution.certificate.converged and solution.history.gradients[-1] == solution.gradients
    shown = capsys.readouterr().err.splitlines()
    name = "refining" if large else "own steps"
    own = [int(re.search(r"gradient (\d+) of", line)[1]) for line in shown if line.startswith(f"  {name}: gradient")]
    assert own[-1] == solution.stages[-1].gradients
    assert (own[-1] == solution.gradients) != large


def test_what_is_said_of_gradients_agrees_at_the_limit():
    # The last step was not accepted; its gradient is counted nevertheless.
    longer, shorter = (
        le.solve(neuron(), le.QuasiNewton(tolerance=1e-300, max_gradients=most), progress=False) for most in (30, 29)
    )
    assert shorter.history.value.size == longer.history.value.size
    for solution, most in ((longer, 30), (shorter, 29)):
        assert solution.status is Status.LIMIT and agrees(solution) and solution.gradients == most
        assert solution.stages[-1].gradients == most


# Time -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [le.QuasiNewton(tolerance=1e-300), SLOW, le.CoarseToFine()], ids=str)
def test_at_least_one_gradient_is_made_in_the_time_allowed(method):
    solution = le.solve(neuron(), method, progress=False, max_seconds=1e-9)
    assert solution.status is Status.TIME and solution.gradients == 1 and agrees(solution)
    assert "Not converged: the 1e-09 seconds allowed are over" in solution.reason
    assert solution.certificate.sentence.startswith("NOT CONVERGED")


def test_time_ends_a_long_search(tmp_path):
    begun = time.perf_counter()
    solution = le.solve(neuron(), SLOW, progress=False, max_seconds=6.0)  # compiling takes a part of it
    assert 6.0 < time.perf_counter() - begun < 30 and solution.status is Status.TIME and solution.gradients > 1
    solution.save(tmp_path / "run.nc")
    assert le.load(tmp_path / "run.nc").status is Status.TIME


def test_time_is_for_all_starts_together():
    solution = le.solve(neuron(), starts=3, progress=False, max_seconds=1e-9)
    assert solution.starts is None and "in start 1 of 3" in solution.reason
    assert le.solve(neuron(), starts=2, progress=False, max_seconds=1000).starts.shape == (2,)


@pytest.mark.parametrize("wrong", [0, -1, "60", True, np.nan, [1.0]])
def test_a_time_that_is_none_is_refused(wrong):
    with pytest.raises(le.LearningEffortError, match="'max_seconds' of solve must be a number in"):
        le.solve(neuron(), progress=False, max_seconds=wrong)


def test_a_solver_that_does_not_know_of_time_is_named():
    class Stubborn:
        name = "stubborn"

        def run(self, problem, effort, scale, progress):
            progress(1, 0.0, 1.0)

    with pytest.raises(le.LearningEffortError, match="'stubborn' does not keep what it has"):
        le.solve(neuron(), Stubborn(), progress=False, max_seconds=1e-9)


# Callables and lines --------------------------------------------------------------------------------------------------


def test_stop_iteration_in_a_callable_stops_and_anything_else_is_raised():
    def stop(iteration, value, residual):
        if iteration == 2:
            raise StopIteration

    assert le.solve(neuron(), progress=stop).interrupted
    before = handlers()
    with pytest.raises(ZeroDivisionError):
        le.solve(neuron(), progress=lambda iteration, value, residual: 1 / 0)
    assert handlers() == before


def test_every_stage_has_a_line_of_its_own(coarse, capsys):
    le.solve(coarse(True), max_seconds=500, starts=2)
    shown = capsys.readouterr().err.splitlines()
    names = list(dict.fromkeys(line.split(":")[0].strip() for line in shown))
    stages = ["long steps (40)", "own steps, on knots", "refining"]
    wanted = [f"start {i} of 2, {stage}" for i in (1, 2) for stage in stages]
    wanted.insert(1, "start 1 of 2, other starts, long steps (40)")
    assert names[0] == "learning without control"
    assert [re.sub(r"\(\d+\)", "(40)", n) for n in names[1:]] == wanted
    said = r"compiling|gradient \d+ of \d+   \d+ s left   value|\d+ starts, \d+ gradients   \d+ s left   best value"
    assert all(re.search(said, line) for line in shown)


def test_a_terminal_gets_one_line_a_stage(monkeypatch):
    written = []

    class Terminal:
        def isatty(self):
            return True

        def write(self, text):
            written.append(text)

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress(True)
    progress.begin(9)
    for i in range(3):
        progress(i, 1.0, 0.1, i + 1)
    progress.stage = "refining"
    progress.begin(3)
    progress(1, 2.0, 0.1, 1)
    progress.close()
    rows = [row.split("\r")[-1].strip() for row in "".join(written).split("\n")]
    assert [row.split("   ")[0] for row in rows] == ["own steps: gradient 3 of 9", "refining: gradient 1 of 3", ""]
    assert "".join(written).startswith("\r  own steps: compiling …")


def test_there_need_be_no_stream(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    line = Line(True)
    line.begin("something")
    line.end()
    assert le.solve(neuron(), le.QuasiNewton(max_gradients=2)).gradients == 2
