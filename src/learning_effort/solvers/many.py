"""Many problems at once: tiny ones of equal shape mapped together, larger ones side by side."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, TypeVar, overload

from ..errors import Given, LearningEffortError, choice, shown
from ..problem.problem import Problem, Rollout
from ..results.solution import Solution
from ..runtime.compiling import compiled_seconds
from ..runtime.devices import tuning
from ..runtime.interruption import Stop, Stopped, signals_request
from ..runtime.precision import nans_allowed, require_settings
from ..runtime.threads import in_threads
from . import mapped
from .coarse_to_fine import CoarseToFine
from .divergence import check_learns
from .one import Solver, check_method, check_search, searched
from .progress import Counted, Progress, Show
from .quasi_newton import QuasiNewton

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Failure:
    """A problem of `le.solve_many` that has no solution.

    **Arguments:** `index` of the problem, counted from 0; `reason`, in words; `error`, the exception that was raised, a
    `KeyboardInterrupt` where Ctrl-C came before the problem was begun.
    """

    index: int
    reason: str
    error: BaseException


Answer = Solution | Failure


class SolvingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended `le.solve_many`; `solutions`: a `Solution` for each problem that was begun, a `Failure` for the others."""

    def __init__(self, solutions: list[Answer]):
        there = sum(isinstance(answer, Solution) for answer in solutions)
        super().__init__(f"{there} of {len(solutions)} problems were begun; this error's 'solutions' has what was found")
        self.solutions = solutions


@overload
def solve_many(
    problems: Given[Iterable[Problem]],
    method: Given[Solver | None] = None,
    progress: Show = True,
    on_error: Given[Literal["raise"]] = "raise",
    search: Given[str | int] = "default",
) -> list[Solution]: ...
@overload
def solve_many(
    problems: Given[Iterable[Problem]],
    method: Given[Solver | None] = None,
    progress: Show = True,
    *,
    on_error: Given[Literal["keep"]],
    search: Given[str | int] = "default",
) -> list[Answer]: ...
def solve_many(
    problems: Given[Iterable[Problem]],
    method: Given[Solver | None] = None,
    progress: Show = True,
    on_error: Given[str] = "raise",
    search: Given[str | int] = "default",
) -> Any:
    """Solve many problems. Small ones of equal shape are mapped together, each stopping on its own; large ones run side by
    side, as many as there are processors.

    Problems that differ only in numbers and in the length of their horizon count as equal, if every control has one
    value a step.

    **Arguments:** `problems`, a list, or anything else that yields them; `method`, a solver (None: as for `solve`; a
    `QuasiNewton` where problems are mapped); `progress` as for `solve`, but a callable hears of the mean value and the largest
    residual of problems mapped together, and of each of the others when it is done: (how many are, its value, its residual);
    `on_error`: "raise" ends everything at the first problem that fails, "keep" solves the others;
    `search` as for `solve`, of the problems that run side by side.

    **Returns:** one `Solution` a problem, in order; with on_error="keep", a `Failure` for each problem that failed. `seconds`
    of mapped problems is an equal share of their group's time. Ctrl-C, or SIGTERM, keeps what is solved, and what runs stops
    at its best, with the status INTERRUPTED; a second one ends at once.

    **Raises:** the error of a problem that failed, with its number, once what else runs has ended; `KeyboardInterrupt` if
    Ctrl-C came before all problems were begun, its `solutions` being what on_error="keep" returns then;
    `LearningEffortError` if something else than problems is given.
    """
    require_settings("solve_many")
    choice(on_error, "on_error", "solve_many", ("raise", "keep"))
    method = check_method(method, "solve_many")
    work = _Work(_checked(problems), method, progress, on_error == "keep", check_search(search, method))
    with signals_request(work.stop), nans_allowed():
        answers = work.done()
    if on_error == "raise" and any(isinstance(answer, Failure) for answer in answers):
        raise SolvingInterrupted(answers)
    return answers


def _checked(problems: object) -> list[Problem]:
    """`problems` as a list. **Raises:** `LearningEffortError` if it is something else than problems, with the index."""
    what = "'solve_many' takes problems in a list"
    if isinstance(problems, Mapping):
        raise LearningEffortError(f"{what}. Got a {type(problems).__name__}: give list(problems.values()).")
    if isinstance(problems, Problem) or not isinstance(problems, Iterable):
        raise LearningEffortError(f"{what}. Got {shown(problems)} instead; one problem is for le.solve(problem).")
    given = list(problems)
    for index, problem in enumerate(given):
        if not isinstance(problem, Problem):
            raise LearningEffortError(f"{what}. Got {shown(problem)} at index {index} instead of a Problem.")
    return given


class _Work:
    """One call of `solve_many`. What fails is kept as a `Failure` if `keep`, and raised with its number otherwise."""

    def __init__(self, problems: list[Problem], method: Solver | None, progress: Show, keep: bool, search: str | int):
        self.problems, self.method, self.progress, self.keep, self.search = problems, method, progress, keep, search
        self.stop = Stop(something_to_keep=True)  # once asked to, everything stops at its best: nothing is torn apart

    def done(self) -> list[Answer]:
        """The answers, in the order of the problems."""
        answers: dict[int, Answer] = {}
        small: list[int] = []
        mapping = QuasiNewton() if self.method is None else self.method
        if isinstance(mapping, QuasiNewton):
            for index, problem in enumerate(self.problems):
                size = self._tried(index, mapped.state_size, problem)
                if isinstance(size, Failure):
                    answers[index] = size
                elif size <= tuning().mapped_state and not problem.budget:
                    small.append(index)
            answers.update(self._mapped(small, mapping))
        large = [index for index in range(len(self.problems)) if index not in answers]
        count = Counted(self.progress, len(large), self.stop)

        def one(index: int) -> Answer:
            if self.stop.requested:
                return _not_begun(index)
            try:
                answer = self._tried(index, self._alone, self.problems[index])
            except Stopped as stopped:  # a solver that does not catch it
                return Failure(index, "interrupted, and its solver kept nothing", stopped)
            count(answer if isinstance(answer, Solution) else f"problem {index + 1} failed: {answer.reason}")
            return answer

        answers.update(zip(large, in_threads(one, large, self.stop.request), strict=True))
        return [answers[index] for index in range(len(self.problems))]

    def _tried(self, index: int, function: Callable[..., T], *arguments: Any) -> T | Failure:
        """What `function` makes of `arguments`, or a problem's `Failure`. **Raises:** its error, if that is not to be kept."""
        try:
            return function(*arguments)
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            if self.keep:
                return Failure(index, text, error)
            where = f"Problem {index + 1} of {len(self.problems)} (index {index})"
            hint = "To keep the solutions of the others, call le.solve_many(…, on_error='keep')."
            if isinstance(error, LearningEffortError):
                error.args = (f"{where}: {text} {hint}",)
            else:
                error.add_note(f"{where} of le.solve_many. {hint}")
            raise

    def _alone(self, problem: Problem) -> Solution:
        """A problem solved on its own."""
        method = self.method or CoarseToFine(search=self.search)
        return searched(problem, method, problem.initial_effort(), 1, Progress(False, self.stop))

    def _mapped(self, indices: list[int], method: QuasiNewton) -> Iterator[tuple[int, Answer]]:
        """(index, answer) of each problem, those of equal shape mapped over one leading axis."""
        learning: dict[int, Rollout] = {}
        for index in indices:
            if self.stop.requested:
                yield index, _not_begun(index)
                continue
            baseline = self._tried(index, lambda p: check_learns(p, p.initial_effort()), self.problems[index])
            if isinstance(baseline, Failure):
                yield index, baseline
            else:
                learning[index] = baseline
        for group in mapped.groups({index: self.problems[index] for index in learning}):
            if self.stop.requested:
                yield from ((index, _not_begun(index)) for index in group)
                continue
            begun, before = time.perf_counter(), compiled_seconds()
            report = Progress(self.progress, self.stop)
            outcomes = self._tried(next(iter(group)), mapped.outcomes, list(group.values()), method, report)
            seconds = (time.perf_counter() - begun) / len(group)
            compiled = (compiled_seconds() - before) / len(group)
            for place, index in enumerate(group):
                if isinstance(outcomes, Failure):
                    yield index, dataclasses.replace(outcomes, index=index)
                else:
                    problem, outcome = self.problems[index], outcomes[place]
                    known = method.name, seconds, compiled, learning[index]
                    yield index, self._tried(index, mapped.found, problem, outcome, *known)


def _not_begun(index: int) -> Failure:
    """What is known of a problem that Ctrl-C came before."""
    return Failure(index, "interrupted before it began", KeyboardInterrupt())
