"""Plain `le.solve` finds the optima of the oracles' tables, or better ones."""

import numpy as np
import pytest

import learning_effort as le
from learning_effort.experiments import registry


@pytest.mark.parametrize(
    ("name", "label", "loss", "digits"),
    [
        ("optimal-dropout", "optimum, noise=0.2", 2 * 0.01189787713, 1e-9),
        ("denoising-schedule", "optimum, exact, noise=0.3", 10.3525851925, 1e-9),
    ],
)
def test_published_optima_are_found(name, label, loss, digits):
    solution = le.solve(registry[name]().problems()[label], progress=False)
    assert solution.certificate.converged, solution.reason
    assert -solution.value < loss + digits
    assert -solution.value == pytest.approx(float(solution.rollout.loss[-1]), abs=1e-14)


def test_a_curriculum_with_its_learning_rate_is_found_in_observables_too():
    """Easy to hard, κ(α) at most 15; and the last state it is judged by."""
    experiment = registry["optimal-curriculum"]()
    problem = experiment.problems()["rate, easy to hard"]
    share = experiment._shares()["easy to hard"]
    solution = le.solve(problem, init=problem.initial_effort() | {"share": share}, progress=False)
    assert solution.certificate.converged and -solution.value < 0.10766565432 + 1e-9
    np.testing.assert_array_equal(np.asarray(solution.effort["share"])[:-1], share[:-1])
    seen = solution.rollout.observables
    assert set(seen) == {"Q", "P", "M", "cosine"}
    q, p, m = (float(seen[name][-1]) for name in ("Q", "P", "M"))
    wrong = [np.arccos(m / np.sqrt(2 * (q + d * p))) / np.pi for d in (0, 2)]
    assert np.mean(wrong) == pytest.approx(float(solution.rollout.loss[-1]), abs=1e-13)
