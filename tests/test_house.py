"""What import contracts cannot see of how the package is built; the contracts themselves are checked with the style."""

import ast
import re
from pathlib import Path

import pytest

from learning_effort.learners import ports

PACKAGE = Path(__file__).parents[1] / "src" / "learning_effort"
FILES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
#: What is said in words, and so decides nothing.
WORDS = {"reason", "method", "sentence", "label"}
PORTS = {ports.GAIN, ports.RATE, ports.ATTENTION, ports.PROPORTIONS, ports.INITIAL_WEIGHTS}


def said(node) -> bool:
    """Whether a node is an attribute that is said in words, or a piece of one."""
    while isinstance(node, (ast.Subscript, ast.Call)):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return isinstance(node, ast.Attribute) and (node.attr in WORDS or said(node.value))


def decisions_on_words(tree) -> list[int]:
    """Lines that compare or search what is said in words, or take it apart."""
    lines = []
    for node in ast.walk(tree):
        identity = isinstance(node, ast.Compare) and all(isinstance(op, (ast.Is, ast.IsNot)) for op in node.ops)
        if isinstance(node, ast.Compare) and not identity and any(map(said, [node.left, *node.comparators])):
            lines.append(node.lineno)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and said(node.func.value):
            lines.append(node.lineno)
    return lines


def port_literals(tree) -> list[int]:
    """Lines that name a port by a bare string: as a key of signals or ports, or beside a control's port."""
    lines = []
    for node in ast.walk(tree):
        strings, place = [], ""
        if isinstance(node, ast.Subscript):
            strings, place = [node.slice], ast.unparse(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            strings, place = node.args[:1], ast.unparse(node.func.value)
        elif isinstance(node, ast.Compare):
            strings, place = [node.left, *node.comparators], ast.unparse(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            strings, place = [node.value], ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        named = any(isinstance(s, ast.Constant) and s.value in PORTS for s in strings)
        if named and re.search(r"signal|\bports?\b", place):
            lines.append(node.lineno)
    return lines


def found(check, but=()) -> dict[str, list[int]]:
    """Where `check` finds something, in all files but those whose names begin with one of `but`."""
    places = {name: check(ast.parse(text)) for name, text in FILES.items() if not name.startswith(tuple(but))}
    return {name: lines for name, lines in places.items() if lines}


def test_few_files_lie_at_the_root():
    assert len([path for path in PACKAGE.iterdir() if path.is_file()]) <= 9


def test_no_decision_is_taken_on_a_sentence():
    assert not found(decisions_on_words)


def test_no_port_is_named_by_a_bare_string_outside_learners_and_controls():
    assert not found(port_literals, but=("learners/", "controls/"))


def test_jax_is_configured_in_one_room():
    def configures(tree) -> list[int]:
        calls = (n for n in ast.walk(tree) if isinstance(n, ast.Call))
        return [n.lineno for n in calls if ast.unparse(n.func).endswith("config.update")]

    assert found(configures) and not found(configures, but=("runtime/",))


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (decisions_on_words, "if 'Interrupted' in solution.reason: pass"),
        (decisions_on_words, "solution.method.startswith('exact')"),
        (decisions_on_words, "x = outcome.reason.split('(')[1]"),
        (port_literals, "signals['gain']"),
        (port_literals, "signals.get('rate', 0)"),
        (port_literals, "'attention' in signals"),
        (port_literals, "control.port == 'gain'"),
    ],
)
def test_what_is_forbidden_is_found(check, code):
    assert check(ast.parse(code)) == [1]
