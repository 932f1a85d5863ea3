"""learning-effort: how an agent should spend effort on its own learning.

Say how a network learns, what effort can act on and what effort costs; get the effort that maximises value over the
whole of learning, with a certificate. The theory is Carrasco-Davis, Masís & Saxe, arXiv 2310.19919.

Everything public is reached as `le.NAME` after `import learning_effort as le`, and imported when first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = ("costs", "experiments", "figures", "losses", "tasks")
_NAMES = {
    "LearningEffortError": "errors",
    "DivergenceError": "errors",
    "LinearNetwork": "learners",
    "TanhNetwork": "learners",
    "SampledNetwork": "learners",
    "Gain": "controls",
    "LearningRate": "controls",
    "Engagement": "controls",
    "MixtureControl": "controls",
    "InitialWeights": "controls",
    "Steps": "horizon",
    "Problem": "problem",
    "Rollout": "problem",
    "solve": "solvers",
    "solve_many": "solvers",
    "GradientAscent": "solvers",
    "QuasiNewton": "solvers",
    "CoarseToFine": "solvers",
    "Exact": "solvers",
    "Policy": "solvers",
    "certify": "certificate",
    "Certificate": "certificate",
    "sensitivities": "sensitivity",
    "Solution": "solution",
    "load": "solution",
    "simulate": "simulation",
    "Simulation": "simulation",
    "citation": "citing",
}

__all__ = [*_SUBMODULES, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name in _NAMES:
        value = getattr(import_module(f".{_NAMES[name]}", __name__), name)
        globals()[name] = value  # also shadows a submodule of the same name
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
