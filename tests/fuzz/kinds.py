"""The kinds of cases: what each makes of its number, the same at every run, and how what comes of it is judged."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

import learning_effort as le
from learning_effort.cli import main

from . import odd
from .constructors import MAKERS, SOLUTION, TASK, arguments

SOLVED, REFUSED = "solved", "refused"


def finite(answer: Any) -> str:
    """What came of a case: every number of an answer should be finite."""
    numbers = [leaf for leaf in jax.tree.leaves(answer) if isinstance(leaf, (float, np.ndarray, jax.Array))]
    sound = all(bool(np.isfinite(leaf).all()) for leaf in numbers if np.issubdtype(np.asarray(leaf).dtype, np.floating))
    return SOLVED if sound else "an answer that is not finite"


# Constructors and arrays ----------------------------------------------------------------------------------------------

CONSTRUCTIONS = [(name, argument, value) for name in MAKERS for argument in arguments(name) for value in odd.ODD]
PLACES = [(name, argument) for name in MAKERS for argument in arguments(name)]


def construction(number: int) -> str:
    """One argument of a public constructor is an odd value."""
    name, argument, value = CONSTRUCTIONS[number % len(CONSTRUCTIONS)]
    return _made(name, {argument: odd.ODD[value]()})


def several(number: int) -> str:
    """Two arguments are odd at once, or one an odd array."""
    random = np.random.default_rng(number)
    name, argument = PLACES[int(random.integers(len(PLACES)))]
    given = {argument: odd.array(random)}
    if random.random() < 0.3:
        given[str(random.choice(arguments(name)))] = odd.ODD[str(random.choice(list(odd.ODD)))]()
    return _made(name, given)


def _made(name: str, given: dict[str, Any]) -> str:
    function, fits = MAKERS[name]
    with contextlib.redirect_stderr(io.StringIO()):  # progress
        answer = function(**{**fits, **given})
    if isinstance(answer, list):
        return finite([s.value for s in answer])
    if isinstance(answer, le.Solution):
        return finite(answer.value)
    return SOLVED


# Numbers --------------------------------------------------------------------------------------------------------------


def configuration(number: int) -> str:
    """A small problem of numbers from the whole range, valued and, one in five, solved."""
    random = np.random.default_rng(number)

    def any_of(*values: float) -> float:
        return float(random.choice([*values, 10.0 ** random.uniform(-9, 9), random.uniform(0, 1)]))

    learner = le.LinearNetwork(
        TASK,
        hidden=[(), (2,)][random.integers(2)],
        learning_rate=any_of(1e-2, 1e-2, 0.1, 1.0),
        weight_decay=any_of(0.0, 0.0),
        noise=any_of(0.0, 0.0),
        init_scale=any_of(0.0, 0.01, 0.01),
    )
    cost = [le.costs.Quadratic, le.costs.Exponential, le.costs.NormDeviation][random.integers(3)](any_of(0.0, 0.3, 0.3))
    low, high = np.sort([random.normal() * any_of(1.0, 1.0), random.normal() * any_of(1.0, 1.0)])
    control = [le.Gain, le.LearningRate][random.integers(2)](bounds=(low, high), cost=cost, knots=3)
    problem = le.Problem(learner, control, le.Steps(6), discount=any_of(0.99, 1.0), reward_scale=any_of(0.0, 1.0, 1.0))
    if number % 5:  # a value may overflow; `solve` is what refuses it
        problem.value(problem.initial_effort())
        return SOLVED
    solution = le.solve(problem, le.QuasiNewton(max_gradients=4), progress=False)
    solution.summary()
    return finite([solution.value, solution.baseline_value, solution.effort])


# Files and commands ---------------------------------------------------------------------------------------------------


@functools.cache
def _written() -> tuple[bytes, dict[str, bytes]]:
    """A saved solution, and a saved run by file name."""
    with tempfile.TemporaryDirectory() as folder:
        SOLUTION.save(Path(folder) / "solution.nc")
        with contextlib.redirect_stdout(io.StringIO()):
            main(["run", "single-neuron", "--steps", "20", "--seeds", "1", "--quiet", "--out", f"{folder}/run"])
        run = {path.name: path.read_bytes() for path in (Path(folder) / "run").iterdir()}
        return (Path(folder) / "solution.nc").read_bytes(), run


def file(number: int) -> str:
    """A saved solution, damaged, is opened; if its checksum is made anew, so that what lies behind is reached."""
    from learning_effort.files.reading import seal, unsealed

    random, whole = np.random.default_rng(number), _written()[0]
    content = unsealed(whole)
    broken = odd.damaged(content, random)
    data = broken + seal(broken) if number % 2 else odd.damaged(whole, random)
    with tempfile.NamedTemporaryFile(suffix=".nc") as kept:
        Path(kept.name).write_bytes(data)
        solution = le.load(kept.name)
        solution.summary()
    return SOLVED  # its checksum fits, or what was hit does not matter


#: What is asked of a damaged folder.
COMMANDS = [
    ["show", "{run}"],
    ["plot", "{run}", "--out", "{folder}/figure.png"],
    ["show", "{run}/run.nc"],
    ["show", "{run}/run.json"],
    ["plot", "{folder}/nonesuch"],
    ["run", "single-neuron", "--steps", "{word}"],
    ["run", "single-neuron", "--seeds", "{word}"],
    ["run", "single-neuron", "--out", "{run}/run.nc", "--steps", "{word}"],
    ["run", "{word}"],
    ["reproduce", "--only", "{word}"],
    ["{word}", "{word}"],
    ["show", "{word}"],
    ["list", "{word}"],
]
WORDS = ["", "-1", "0", "1e400", "nan", "a", "1000000000000", "--", "--help", "\x1b[31m", "ü", "None", "[]", "/", "0.5", "-"]
WORDS += ["x" * 300]


def command(number: int) -> str:
    """A command line, on a saved run whose files are damaged, or whose record has fields of other types."""
    random = np.random.default_rng(number)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        run.mkdir()
        for name, data in _written()[1].items():
            (run / name).write_bytes(data)
        if random.random() < 0.6:
            record = run / "run.json"
            record.write_text(json.dumps(odd.changed(json.loads(record.read_bytes()), random)))
        else:
            name = str(random.choice(sorted(_written()[1])))
            if random.random() < 0.2:
                (run / name).unlink()
            else:
                (run / name).write_bytes(odd.damaged((run / name).read_bytes(), random))
        shape = COMMANDS[int(random.integers(5 if random.random() < 0.7 else len(COMMANDS)))]
        words = iter(random.choice(WORDS, 3))
        line = [part.format(run=run, folder=folder, word=next(words) if "{word}" in part else "") for part in shape]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.chdir(folder):
            try:
                main(line)
                code = 0
            except SystemExit as stop:
                code = stop.code or 0
    if "Traceback" in said.getvalue():
        return f"a traceback of {line}"
    return {0: SOLVED, 1: SOLVED, 2: REFUSED}.get(code, f"exit status {code} of {line}")


#: Each kind, and how many of its cases a whole fuzz makes.
KINDS = {
    construction: len(CONSTRUCTIONS),
    several: 1500,
    configuration: 800,
    file: 1200,
    command: 500,
}


def outcome(kind: str, number: int) -> str:
    """SOLVED, REFUSED, or what else came of a case."""
    function = next(f for f in KINDS if f.__name__ == kind)
    try:
        return function(number)
    except le.LearningEffortError as error:
        return REFUSED if str(error).strip() else "a refusal without words"
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())[:150]
        return f"{type(error).__name__}: {text}"


def named(kind: str, number: int) -> str:
    """A case in words."""
    return f"{kind} {number}" + (f" {CONSTRUCTIONS[number % len(CONSTRUCTIONS)]}" if kind == "construction" else "")
