"""Types: every definition says its own in full, and the shapes that annotations promise are checked as the tests run."""

import ast
from pathlib import Path

import jax.numpy as jnp
import pytest

import learning_effort as le

PACKAGE = Path(__file__).parents[1] / "src" / "learning_effort"
#: Rooms of which users read the signatures.
ROOMS = ("analysis", "controls", "files", "learners", "numerics", "problem", "results", "runtime", "solvers", "tasks")
FILES = [path for room in ROOMS for path in (PACKAGE / room).rglob("*.py")]
FILES += [PACKAGE / f"{name}.py" for name in ("costs", "losses", "errors")]


def definitions(tree):
    """Functions of a module and methods of its classes, but not functions within functions."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        elif isinstance(node, (ast.ClassDef, ast.If)):
            yield from definitions(node)


def not_annotated(tree) -> list[str]:
    """What has an argument, or an answer, of which nothing is said."""
    found = []
    for function in definitions(tree):
        arguments = function.args
        said = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        bare = [a.arg for a in said if a is not None and a.annotation is None and a.arg not in ("self", "cls")]
        answers = function.returns is not None or function.name in ("__init__", "__init_subclass__")
        if bare or not answers:
            found.append(f"{function.name} (line {function.lineno})")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_definition_is_annotated_in_full(path):
    assert not not_annotated(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "code", ["def f(x): pass", "def f(x) -> int: pass", "class A:\n def f(self): pass", "def f(*x) -> int: pass"]
)
def test_what_is_not_annotated_is_found(code):
    assert not_annotated(ast.parse(code))


@pytest.mark.parametrize("given", ["liner", "Linear"])
def test_a_word_that_is_nearly_right_is_named(given):
    with pytest.raises(le.LearningEffortError, match="Did you mean 'linear'"):
        le.LearningRate(interpolation=given)


def test_shapes_are_checked_as_the_tests_run(request):
    if not request.config.getoption("jaxtyping_packages"):
        pytest.fail("Run the tests with --jaxtyping-packages=learning_effort,beartype.beartype, as `make test` does.")
    with pytest.raises(Exception, match="Type-check error"):
        le.losses.squared(jnp.ones((3, 2)), jnp.ones((4, 2)))
