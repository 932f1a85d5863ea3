"""Every public constructor with arguments that fit, of which the fuzz makes one or two odd."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
import optax

import learning_effort as le
from learning_effort import controls, costs, learners, tasks

RANDOM = np.random.default_rng(0)
X, LABELS = RANDOM.normal(size=(6, 2)), np.arange(6) % 2
TASK = tasks.Arrays(X, np.eye(2)[LABELS])
PAIR = [TASK, tasks.Arrays(X[:4], X[:4])]
MODULE = eqx.nn.Linear(2, 2, key=jax.random.key(0))
LEARNER = le.LinearNetwork(TASK, hidden=())
PROBLEM = le.Problem(LEARNER, le.LearningRate(knots=3), le.Steps(6))
EACH_STEP = le.Problem(LEARNER, le.LearningRate(), le.Steps(6))
EFFORT = {"learning_rate": np.zeros(3)}
SHORT = le.QuasiNewton(max_gradients=2)
SOLUTION = le.solve(PROBLEM, SHORT, progress=False)
OVERLAP = [[1.0, 0.1], [0.1, 0.8]]

#: By name: what makes it, and arguments that fit. The others have their defaults.
MAKERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Arrays": (tasks.Arrays, {"x": X, "y": X}),
    "Arrays.from_labels": (tasks.Arrays.from_labels, {"x": X, "labels": LABELS}),
    "Blend": (tasks.Blend, {"tasks": PAIR, "proportions": (0.3, 0.7)}),
    "ClassGaussians": (tasks.ClassGaussians, {"mean": [1.0, 0.0], "covariance": np.eye(2)}),
    "Concatenated": (tasks.Concatenated, {"tasks": PAIR}),
    "CorrelatedGaussians": (tasks.CorrelatedGaussians, {}),
    "Digits": (tasks.Digits, {"size": 2}),
    "FromMoments": (tasks.FromMoments, dict(zip(inspect.signature(tasks.FromMoments).parameters, TASK.moments(), strict=True))),
    "Mixture": (tasks.Mixture, {"tasks": PAIR, "proportions": (0.3, 0.7)}),
    "SemanticHierarchy": (tasks.SemanticHierarchy, {"levels": 2}),
    "Switching": (tasks.Switching, {"tasks": PAIR, "every": 3}),
    "TaskSet": (tasks.TaskSet, {"tasks": PAIR}),
    "TwoGaussians": (tasks.TwoGaussians, {}),
    "CurriculumPerceptron": (learners.CurriculumPerceptron, {}),
    "DenoisingAutoencoder": (
        learners.DenoisingAutoencoder,
        {"centroid_overlap": OVERLAP, "stds": [0.1, 0.2], "shares": [0.4, 0.6]},
    ),
    "DropoutCommittee": (
        learners.DropoutCommittee,
        {"teacher_overlap": [[1.0]], "student_weights": [1.0, 0.7], "teacher_weights": [1.0]},
    ),
    "LinearNetwork": (learners.LinearNetwork, {"task": TASK, "hidden": (2,)}),
    "TanhNetwork": (learners.TanhNetwork, {"task": TASK, "hidden": (2,)}),
    "SampledNetwork": (learners.SampledNetwork, {"task": TASK, "module": MODULE, "optimizer": optax.sgd(0.1)}),
    "Engagement": (controls.Engagement, {}),
    "Gain": (controls.Gain, {}),
    "InitialWeights": (controls.InitialWeights, {}),
    "LearningRate": (controls.LearningRate, {}),
    "MixtureControl": (controls.MixtureControl, {}),
    "Shares": (controls.Shares, {}),
    "Exponential": (costs.Exponential, {}),
    "Linear": (costs.Linear, {}),
    "NormDeviation": (costs.NormDeviation, {}),
    "Quadratic": (costs.Quadratic, {}),
    "costs.from_function": (costs.from_function, {"function": lambda effort: 0.0}),
    "Steps": (le.Steps, {"n": 6}),
    "Problem": (le.Problem, {"learner": LEARNER, "controls": le.LearningRate(knots=3), "horizon": le.Steps(6)}),
    "Exact": (le.Exact, {}),
    "QuasiNewton": (le.QuasiNewton, {}),
    "CoarseToFine": (le.CoarseToFine, {}),
    "GradientAscent": (le.GradientAscent, {"step": 0.1, "iterations": 2}),
    "Problem.value": (PROBLEM.value, {"effort": EFFORT}),
    "Problem.value of an array": (lambda array: PROBLEM.value({"learning_rate": array}), {"array": np.zeros(3)}),
    "Problem.value_and_gradient": (PROBLEM.value_and_gradient, {"effort": EFFORT}),
    "Problem.rollout": (PROBLEM.rollout, {"effort": EFFORT}),
    "Problem.constant_effort": (PROBLEM.constant_effort, {"parameters": {"learning_rate": 0.1}}),
    "solve": (le.solve, {"problem": PROBLEM, "method": SHORT, "progress": False}),
    "solve_many": (le.solve_many, {"problems": [PROBLEM], "method": SHORT, "progress": False}),
    "replan": (le.replan, {"problem": EACH_STEP, "look_ahead": 2, "progress": False}),
    "look_ahead": (le.look_ahead, {"problem": EACH_STEP, "horizons": [2]}),
    "load": (le.load, {"path": "/nonesuch/run.nc"}),
    "certify": (le.certify, {"solution": SOLUTION, "products": 3}),
    "implicit": (le.implicit, {"solution": SOLUTION, "names": ["discount"], "of": "effort"}),
    "simulate": (le.simulate, {"problem": PROBLEM, "effort": EFFORT, "seeds": 1}),
    "Solution.save": (lambda path: SOLUTION.save(path), {"path": "/nonesuch/folder\0/run.nc"}),
}
#: Arguments whose oddness costs minutes, or writes files in places nobody meant, and those that are no one's to give.
LEFT_OUT = {("Digits", "source"), ("Digits", "split"), ("Solution.save", "path")}


def arguments(name: str) -> list[str]:
    """The arguments of a maker that are made odd."""
    function, given = MAKERS[name]
    named = [p.name for p in inspect.signature(function).parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [argument for argument in dict.fromkeys([*named, *given]) if (name, argument) not in LEFT_OUT]
