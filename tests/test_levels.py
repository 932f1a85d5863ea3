"""From coarse to fine: blocks of steps, longer steps, refinement, and the curvature of costs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le
from learning_effort import blocks
from learning_effort.metric import metric, scaled_residual
from learning_effort.solvers import levels

PAIR = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]


def semantic(controls, steps=1500, **keywords):
    settings = dict(hidden=(4,), learning_rate=1e-2, weight_decay=0.01, init_scale=0.05) | keywords
    return le.Problem(le.LinearNetwork(le.tasks.SemanticHierarchy(3), **settings), controls, le.Steps(steps))


def switching(every, steps=1500):
    learner = le.LinearNetwork(le.tasks.Switching(PAIR, every), hidden=(3,), init_scale=0.3, weight_decay=0.001)
    return le.Problem(learner, le.Gain(), le.Steps(steps))


# Blocks ---------------------------------------------------------------------------------------------------------------

CONTROLS = {
    "one a step": le.Gain(),
    "held": le.Gain(knots=7),
    "one held": le.Gain(knots=1),
    "linear": le.Gain(knots=7, interpolation="linear"),
    "nearly one a step, linear": le.Gain(knots=46, interpolation="linear"),
    "held and a static one": [le.LearningRate(knots=5), le.InitialWeights()],
}


@pytest.mark.parametrize("steps", [47, 48, 60])
@pytest.mark.parametrize("controls", CONTROLS.values(), ids=CONTROLS)
def test_blocks_share_effort_out_and_gather_its_gradient(controls, steps, monkeypatch):
    learner = le.LinearNetwork(PAIR[0], hidden=(2,), init_scale=0.3)
    problem = le.Problem(learner, controls, le.Steps(steps))
    monkeypatch.setattr(blocks, "CACHED_BYTES", 0)
    cut = blocks.Blocks(problem, learner.init({}))
    assert 1 < cut.number < steps and (cut.number - 1) * cut.length < steps <= cut.number * cut.length
    rng = np.random.default_rng(0)
    effort = jax.tree.map(lambda e: jnp.asarray(rng.normal(size=e.shape)), problem.initial_effort())
    padded, wanted = cut.padded(effort), problem.parameters_at(effort, jnp.arange(steps))
    gathered, product = jax.tree.map(jnp.zeros_like, padded), 0.0
    for start in cut.starts:
        inside = np.asarray(cut.steps(start)) < steps
        window = cut.window(padded, start)
        parameters, pull = jax.vjp(lambda w, start=start: cut.parameters(w, start), window)
        cotangents = {}
        for control in problem.controls:
            ours, theirs = parameters[control.name], wanted[control.name]
            if not control.static:
                theirs = jax.tree.map(lambda a, start=start: a[start : start + cut.length], theirs)
                ours = jax.tree.map(lambda a, inside=inside: a[inside], ours)
            for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
            # What lies beyond the horizon is worth nothing.
            mask = 1.0 if control.static else inside
            cotangents[control.name] = jax.tree.map(
                lambda a, mask=mask: rng.normal(size=a.shape) * np.reshape(mask, (-1, *[1] * (a.ndim - 1)))[: len(a)],
                parameters[control.name],
            )
        product += sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (parameters, cotangents)), strict=True))
        gathered = cut.add_window(gathered, pull(cotangents)[0], start)
    gathered = cut.cropped(gathered)
    assert jax.tree.map(jnp.shape, gathered) == jax.tree.map(jnp.shape, effort)
    transposed = sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (gathered, effort)), strict=True))
    assert transposed == pytest.approx(float(product), rel=1e-12)


@pytest.mark.parametrize("steps", [997, 10_000, 9_973, 160_000])
def test_what_is_kept_grows_as_the_root_of_the_horizon(steps):
    problem = le.Problem(le.LinearNetwork(PAIR[0], hidden=(2,)), le.Gain(knots=10), le.Steps(steps))
    cut = blocks.Blocks(problem, jnp.zeros(10**6))
    assert cut.number + cut.length <= 3.1 * np.sqrt(steps)
    # A state that fits in the cache many times over is given longer blocks, no longer than it has room for.
    small = blocks.Blocks(problem, jnp.zeros(64))
    assert cut.length <= small.length <= blocks.CACHED_BYTES // (8 * 64)


@pytest.mark.parametrize("steps", [47, 60])
def test_a_thinned_rollout_is_the_rollout_at_its_steps(steps, monkeypatch):
    problem = le.Problem(le.LinearNetwork(PAIR[0], hidden=(3,), init_scale=0.3), le.Gain(), le.Steps(steps))
    monkeypatch.setattr(blocks, "CACHED_BYTES", 0)
    kept = np.array([0, 1, 5, 20, steps - 2, steps - 1])
    effort = {"gain": [0.1 + g for g in problem.initial_effort()["gain"]]}
    for thinned, full in [
        (problem.thinned_rollout(effort, kept), problem.rollout(effort)),
        (problem.thinned_rollout(None, kept), problem.baseline()),
    ]:
        np.testing.assert_allclose(thinned.loss, full.loss, rtol=1e-13)
        np.testing.assert_allclose(thinned.reward, full.reward, rtol=1e-13)
        for few, all_of_them in zip(thinned.weights, full.weights, strict=True):
            assert len(few) == 6 and len(all_of_them) == steps
            np.testing.assert_allclose(few, all_of_them[kept], rtol=1e-13)


# From long steps to the learner's own ---------------------------------------------------------------------------------



@pytest.fixture(scope="module", autouse=True)
def longer_steps_for_short_horizons():
    """Horizons here are short, so that the tests are; solvers would leave their steps as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "SHORT", 1000)
        yield


PROBLEMS = {
    "one gain a step": (lambda: semantic(le.Gain()), True),
    "gain on held knots": (lambda: semantic(le.Gain(knots=30)), True),
    "gain on linear knots": (lambda: semantic(le.Gain(knots=30, interpolation="linear")), True),
    "gain at its bounds": (lambda: semantic(le.Gain(bounds=(-0.1, 0.1), cost=le.costs.Quadratic(0.02))), True),
    "gain and rate": (lambda: semantic([le.Gain(knots=20), le.LearningRate(bounds=(-1, 0.2))]), True),
    "tasks that switch": (lambda: switching(300), True),
    "tasks that switch at a prime": (lambda: switching(307), False),
}


@pytest.fixture(scope="module", params=PROBLEMS.values(), ids=PROBLEMS)
def solved(request):
    build, longer = request.param
    problem = build()
    assert (levels.longer_steps(problem) is not None) == longer
    return problem, longer, le.solve(problem, progress=False), le.solve(problem, le.QuasiNewton(), progress=False)


def test_the_same_optimum_in_fewer_of_the_learners_own_gradients(solved):
    problem, longer, ours, alone = solved
    assert ours.certificate.converged and alone.certificate.converged
    assert ours.value == pytest.approx(alone.value, abs=1e-10)
    for a, b in zip(*map(jax.tree.leaves, (ours.effort, alone.effort)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert ours.gradients <= alone.gradients
    assert ("came first" in ours.reason) == longer


def test_value_and_residual_are_those_at_the_learners_own_steps(solved):
    problem, _, ours, _ = solved
    value, gradient = problem.value_and_gradient(ours.effort)
    assert ours.value == pytest.approx(float(value), rel=1e-13)
    residual = float(scaled_residual(problem, problem.check_effort(ours.effort), gradient, metric(problem)))
    assert ours.certificate.residual == pytest.approx(residual, rel=1e-3) and residual <= 1e-6


def test_bounds_that_bind_are_kept():
    problem = PROBLEMS["gain at its bounds"][0]()
    solution = le.solve(problem, progress=False)
    assert 0.05 < solution.certificate.share_at_bounds < 0.95
    assert max(float(np.abs(g).max()) for g in solution.effort["gain"]) <= 0.1
