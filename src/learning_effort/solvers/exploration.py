"""Looking for a better optimum than the nearest, where gradients are cheap, within a stated number of them (theory.md §7.7).

Searches from other starts go on side by side, a few gradients at a time. One that has come to an optimum that is known is
not followed any further; of the others the best goes on first. What a start is worth early does not tell where it leads, so
all of them get their first few.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from itertools import islice

import jax
import numpy as np

from ..numerics.vectors import unraveled
from ..problem.effort import Effort
from ..problem.problem import Problem
from ..results.certificate import Method, Status
from ..results.explored import Explored
from .box_search import BoxSearch
from .outcome import Outcome
from .progress import Progress
from .quasi_newton import Evaluation, QuasiNewton, evaluation
from .starts import VALUE_TOLERANCE, distance
from .structured_starts import Start, structured_starts

#: A search is looked at after so many gradients.
TURN = 8
#: The first turns of all starts take at most this share of what is allowed, but there are some.
FIRST, FEWEST = 0.6, 2
#: Starts at most, and numbers that all searches may keep.
MOST, KEPT = 24, 80_000_000
#: A search that is no further from a known optimum than this, as a share of the box, and worth less, is on its way there.
NEAR = 0.05
#: Pairs that each search keeps.
MEMORY = 10


@dataclasses.dataclass
class _Candidate:
    """A search from one start: what is known of it, and the number of the optimum it came to, once it has."""

    start: Start
    search: BoxSearch | None
    seconds: list[float] = dataclasses.field(default_factory=list)
    optimum: int | None = None
    value: float = -np.inf

    @property
    def goes_on(self) -> bool:
        """Whether it is still on its way."""
        return self.optimum is None and self.search is not None and self.search.goes_on


class Exploration:
    """Searches from other starts than the one that led to `found`, an outcome of `solver` on `problem`.

    **Arguments:** besides, `scale`, the metric D; `effort`, where that began; `allowed`, how many gradients there are, none
    more being made but to finish a search that is better already; `starts`, how many (None: as many as get their first turn);
    `baseline`, the value without control.

    `spent`: the gradients that were made. `ended`: the status, if Ctrl-C or the time allowed ended it.
    """

    def __init__(
        self,
        problem: Problem,
        solver: QuasiNewton,
        scale: Effort,
        effort: Effort,
        found: Outcome,
        allowed: float,
        starts: int | None,
        baseline: float,
        progress: Progress,
    ):
        self._problem, self._scale, self._like, self._progress = problem, scale, effort, progress
        self._solver = dataclasses.replace(solver, memory=min(solver.memory, MEMORY))
        self._evaluate = evaluation([problem], effort)
        self._allowed, self.spent, self._baseline = allowed, 0, baseline
        self._clock = time.perf_counter()
        self._optima: list[tuple[float, Effort]] = [(float(found.value[-1]), found.effort)]
        self._candidates: list[_Candidate] = []
        progress.begin()
        try:
            self._begin(effort, starts)
            self._go_on()
        except KeyboardInterrupt as error:
            self.ended: Status | None = progress.status_of(error)
        else:
            self.ended = None

    def _begin(self, effort: Effort, starts: int | None) -> None:
        """Give every start its first turn."""
        room = max(int(KEPT / (2 * self._solver.memory * self._problem.space.size)), 1)
        first = min(max(int(self._allowed * FIRST / TURN), FEWEST), MOST) if starts is None else starts
        if first < 1:
            return
        value, slope = self._gradient(effort)
        for start in islice(structured_starts(self._problem, effort, slope, self._scale, value), first):
            if sum(c.search is not None for c in self._candidates) >= room:
                return
            self._candidates.append(_Candidate(start, self._search(self._reached(start))))
            self._turn(self._candidates[-1])

    def _go_on(self) -> None:
        """Follow the best of those that go on, until nothing is left to be spent; then only what is better already."""
        while open_ones := [c for c in self._candidates if c.goes_on]:
            best = max(open_ones, key=lambda c: c.value)
            if self.spent + TURN > self._allowed and best.value <= self._optima[0][0] + self._tolerance:
                return
            self._turn(best)

    def _turn(self, candidate: _Candidate) -> None:
        """A few more gradients, and a look at where they led."""
        search = candidate.search
        assert search is not None  # it goes on
        for _ in self._turns(search, self._evaluate):
            candidate.seconds += [time.perf_counter() - self._clock] * (len(search.values) - len(candidate.seconds))
            candidate.value = search.values[-1]
            best = max(self._optima[0][0], *(c.value for c in self._candidates))
            self._progress.looking(f"{1 + len(self._candidates)} starts", self.spent, best)
        if np.isfinite(candidate.value):
            self._recognise(candidate)

    def _turns(self, search: BoxSearch, evaluate: Evaluation) -> Iterator[None]:
        """A turn of a search, after each of its gradients."""
        for _ in range(TURN):
            if not search.goes_on:
                return
            search.told(*evaluate([search.asked()])[0])
            self.spent += 1
            yield

    def _recognise(self, candidate: _Candidate) -> None:
        """Whether a search has come to an optimum that is known, or to a new one."""
        assert candidate.search is not None  # it has just gone on
        effort, done = self._effort(candidate), candidate.search.status is Status.CONVERGED
        for number, (value, known) in enumerate(self._optima):
            far = distance(self._problem, effort, known)
            if far <= NEAR and candidate.value <= value + self._tolerance:
                candidate.optimum, candidate.search = number, None  # its pairs take room
                return
        if done:
            candidate.optimum = len(self._optima)
            self._optima.append((candidate.value, effort))

    @property
    def _tolerance(self) -> float:
        """By how much values of one optimum may differ."""
        return VALUE_TOLERANCE * max(abs(value) for value, _ in self._optima)

    def _reached(self, start: Start) -> Effort:
        """Where a start begins in the problem: as it is, or where a turn in its variant leads."""
        if start.variant is None:
            return start.effort
        search = self._search(start.effort)
        for _ in self._turns(search, evaluation([start.variant], self._like)):
            self._progress.stop.check()
        return unraveled(search.found, self._like)

    def _search(self, effort: Effort) -> BoxSearch:
        """A search that begins at an effort."""
        return self._solver.search(self._problem, effort, self._scale)

    def _gradient(self, effort: Effort) -> tuple[float, Effort]:
        """V and its gradient."""
        value, gradient = self._problem.value_and_gradient(effort)
        self.spent += 1
        return float(value), jax.tree.map(np.asarray, gradient)

    def _effort(self, candidate: _Candidate) -> Effort:
        """Where a search is."""
        assert candidate.search is not None  # it is not on its way to a known optimum
        return unraveled(candidate.search.found, self._like)

    # What came of it ----------------------------------------------------------------------------------------------

    def better(self, most: int = 1) -> list[Outcome]:
        """At most so many outcomes worth more than what was found before, each another optimum, the best first."""
        ahead = [c for c in self._candidates if c.search is not None and c.value > self._optima[0][0] + self._tolerance]
        kept: list[_Candidate] = []
        for candidate in sorted(ahead, key=lambda c: -c.value):
            if all(distance(self._problem, self._effort(candidate), self._effort(k)) > NEAR for k in kept):
                kept.append(candidate)
        return [self._outcome(c) for c in kept[:most]]

    def _outcome(self, candidate: _Candidate) -> Outcome:
        """A candidate as an outcome: the course of its search, and what it knows of the curvature."""
        assert candidate.search is not None
        outcome = self._solver.outcome(candidate.search, self._like, candidate.seconds)
        return outcome.staged(Method.QUASI_NEWTON, self._problem.horizon.length)

    def record(self) -> Explored:
        """How far the search went."""
        values: dict[int, list[float]] = {0: [self._optima[0][0]]}
        for candidate in self._candidates:
            if candidate.optimum is not None:
                values.setdefault(candidate.optimum, []).append(candidate.value)
        optima = sorted(((max(self._optima[i][0], *of), len(of)) for i, of in values.items()), reverse=True)
        unfinished = [c.value for c in self._candidates if c.optimum is None]
        reached = [value for value in unfinished if np.isfinite(value)]
        return Explored(
            starts=1 + len(self._candidates),
            unfinished=len(unfinished),
            optima=tuple(optima),
            best_unfinished=max(reached) if reached else None,
            steps=self._problem.horizon.length,
            gradients=self.spent,
            baseline_value=self._baseline,
        )
