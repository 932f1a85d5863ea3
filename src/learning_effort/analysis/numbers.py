"""The numbers of a problem, by names in words."""

from __future__ import annotations

from typing import Any

import jax
from jaxtyping import PyTree

from ..problem.problem import Problem


def named_numbers(tree: PyTree, problem: Problem) -> dict[str, Any]:
    """What a `tree` in the shape of a problem's has for each number that V depends on, by names such as "discount" or
    "controls.gain.cost.beta"; what it has None for is left out."""
    named = {_name(path, problem): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    return {name: leaf for name, leaf in named.items() if not _is_no_number(name)}


def _is_no_number(name: str) -> bool:
    """Whether it is of the horizon, of a control's start, or of how a solver keeps budgets."""
    return name.startswith("horizon.") or ".start" in name or name.endswith((".price", ".stiffness"))


def _name(path: Any, problem: Problem) -> str:
    """A number of the problem in words, from its place in the tree; controls by their names."""
    words = [str(getattr(key, "name", getattr(key, "idx", getattr(key, "key", "")))) for key in path]
    if words[0] == "controls":
        words[1] = problem.controls[int(words[1])].name
    return ".".join(words).removesuffix(".values")  # of what varies in time
