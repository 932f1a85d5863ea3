"""What to cite for a solution."""

from __future__ import annotations

from typing import Any

#: The source of the theory.
PAPER = (
    "Carrasco-Davis, R., Masís, J. & Saxe, A. M. Meta-Learning Strategies through Value Maximization in Neural "
    "Networks. arXiv:2310.19919."
)
#: The sources of a method, by its value.
METHODS = {
    "exact solution of the flow": "Pontryagin, L. S., Boltyanskii, V. G., Gamkrelidze, R. V. & Mishchenko, E. F. The "
    "Mathematical Theory of Optimal Processes (Wiley, 1962).",
    "exact solution by dynamic programming": "Bellman, R. Dynamic Programming (Princeton University Press, 1957).",
    "quasi-Newton": "Liu, D. C. & Nocedal, J. On the limited memory BFGS method for large scale optimization. "
    "Mathematical Programming 45, 503–528 (1989); Bertsekas, D. P. Projected Newton methods for optimization problems "
    "with simple constraints. SIAM Journal on Control and Optimization 20, 221–246 (1982).",
}


def citation(solution: Any) -> str:
    """The references of the theory and of the methods that the stages of a `Solution` used, one a line."""
    used = [stage.method.value for stage in solution.stages]
    return "\n".join([PAPER, *(source for method, source in METHODS.items() if method in used)])
