"""From coarse to fine: blocks of steps, longer steps, refinement, and the curvature of costs."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort.numerics.vectors import raveled
from learning_effort.problem import blocks
from learning_effort.problem.box import scaled_residual
from learning_effort.problem.metric import metric
from learning_effort.runtime import devices
from learning_effort.solvers import coarse_to_fine, cost_curvature, longer_steps

PAIR = [le.tasks.CorrelatedGaussians(), le.tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]


def tuned(monkeypatch, **changes):
    """Other numbers for this device."""
    monkeypatch.setitem(devices.TUNED, "cpu", dataclasses.replace(devices.TUNED["cpu"], **changes))


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
    tuned(monkeypatch, block_bytes=0)
    cut = blocks.Blocks(problem.space, learner.init({}))
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
    cut = blocks.Blocks(problem.space, jnp.zeros(10**6))
    assert cut.number + cut.length <= 3.1 * np.sqrt(steps)
    # A state that fits in the cache many times over is given longer blocks, no longer than it has room for.
    small = blocks.Blocks(problem.space, jnp.zeros(64))
    assert cut.length <= small.length <= devices.tuning().block_bytes // (8 * 64)


@pytest.mark.parametrize("steps", [47, 60])
def test_a_thinned_rollout_is_the_rollout_at_its_steps(steps, monkeypatch):
    problem = le.Problem(le.LinearNetwork(PAIR[0], hidden=(3,), init_scale=0.3), le.Gain(), le.Steps(steps))
    tuned(monkeypatch, block_bytes=0)
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
        patch.setattr(longer_steps, "SHORT", 1000)
        yield


BINDING = le.Gain(bounds=(-0.1, 0.1), cost=le.costs.Quadratic(0.02))
PROBLEMS = {
    "one gain a step, bounds that bind": lambda: semantic(BINDING),
    "gain on linear knots": lambda: semantic(le.Gain(knots=30, interpolation="linear")),
    "gain and rate": lambda: semantic([le.Gain(knots=20), le.LearningRate(bounds=(-1, 0.2))]),
    "tasks that switch": lambda: switching(300),
}


@pytest.fixture(scope="module", params=PROBLEMS.values(), ids=PROBLEMS)
def solved(request):
    problem = request.param()
    assert longer_steps.longer_steps(problem) is not None
    return problem, le.solve(problem, progress=False), le.solve(problem, le.QuasiNewton(), progress=False)


def test_the_same_optimum_in_fewer_of_the_learners_own_gradients(solved):
    problem, ours, alone = solved
    assert ours.certificate.converged and alone.certificate.converged
    assert ours.value == pytest.approx(alone.value, abs=1e-10)
    for a, b in zip(*map(jax.tree.leaves, (ours.effort, alone.effort)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert ours.gradients <= alone.gradients
    assert "came first" in ours.reason


def residual_of(problem, effort):
    effort = problem.check_effort(effort)
    return float(scaled_residual(problem, effort, problem.value_and_gradient(effort)[1], metric(problem)))


def inside_the_box(problem, effort):
    within = jax.tree.map(lambda e, low, high: bool(((e >= low) & (e <= high)).all()), effort, *problem.bounds())
    return all(jax.tree.leaves(within))


def test_value_and_residual_are_those_at_the_learners_own_steps(solved):
    problem, ours, _ = solved
    assert ours.value == pytest.approx(float(problem.value(ours.effort)), rel=1e-13)
    assert ours.certificate.residual == pytest.approx(residual_of(problem, ours.effort), rel=1e-3)
    assert ours.certificate.residual <= 1e-6
    assert inside_the_box(problem, ours.effort)
    if problem.controls[0].upper == 0.1:
        assert 0.05 < ours.certificate.share_at_bounds < 0.95


def test_effort_with_no_room_for_pairs_is_refined_from_knots(monkeypatch):
    # One control has a value a step, is refined, and meets its bound; the other keeps its knots.
    tuned(monkeypatch, paired_effort=0)
    problem = PROBLEMS["gain and rate"]()
    refined = le.solve(problem, progress=False)
    assert refined.value == pytest.approx(float(problem.value(refined.effort)), rel=1e-13)
    residual = residual_of(problem, refined.effort)
    assert refined.certificate.residual == pytest.approx(residual, rel=1e-3)
    assert refined.certificate.converged == (residual <= 1e-6)
    alone = le.solve(problem, le.QuasiNewton(), progress=False)
    assert refined.value == pytest.approx(alone.value, abs=1e-6)
    assert inside_the_box(problem, refined.effort)
    assert 0.01 < refined.certificate.share_at_bounds < 0.95


@pytest.mark.parametrize(("stage", "large"), [(1, 2_000_000), (2, 2_000_000), (2, 0), (3, 0)])
def test_an_interruption_at_any_stage_keeps_the_best(stage, large, monkeypatch, tmp_path):
    tuned(monkeypatch, paired_effort=large)
    problem = semantic(BINDING)
    stages, last = [0], [np.inf]

    def interrupt(iteration, value, residual):
        stages[0] += iteration < last[0]
        last[0] = iteration
        if stages[0] == stage and iteration >= 2:
            raise KeyboardInterrupt

    solution = le.solve(problem, progress=interrupt)
    assert stages[0] == stage and "Interrupted" in solution.reason and not solution.certificate.converged
    assert solution.value > solution.neutral_value
    assert solution.value == pytest.approx(float(problem.value(solution.effort)), rel=1e-13)
    assert solution.certificate.residual == pytest.approx(residual_of(problem, solution.effort), rel=1e-3)
    solution.save(tmp_path / "run.nc")
    assert le.load(tmp_path / "run.nc").value == solution.value


def test_what_has_no_longer_steps_is_solved_at_its_own():
    module = eqx.nn.Linear(2, 3, use_bias=False, key=jax.random.key(0))
    data = le.tasks.Arrays(np.eye(2), np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]))
    learner = le.SampledNetwork(data, module, optax.sgd(5e-3), step_size=5e-3)
    problem = le.Problem(learner, le.Gain(knots=5), le.Steps(1200))
    assert longer_steps.longer_steps(problem) is None
    ours, alone = (le.solve(problem, method, search="none", progress=False) for method in (None, le.QuasiNewton()))
    assert ours.value == alone.value and ours.gradients == alone.gradients and ours.method == alone.method


def test_steps_between_come_next_where_the_longest_took_many_gradients(monkeypatch):
    problem = PROBLEMS["gain on linear knots"]()
    monkeypatch.setattr(coarse_to_fine, "MANY", 0)
    ours = le.solve(problem, progress=False)
    longest, shortest = (longer_steps.longer_steps(problem, None, f) for f in (longer_steps.FACTORS, coarse_to_fine.BETWEEN))
    assert longest.horizon.length < shortest.horizon.length == 375
    first, then, last = ours.stages
    assert [stage.steps for stage in ours.stages] == [longest.horizon.length, 375, 1500]
    assert then.gradients < first.gradients  # from where the longest steps ended
    assert last.gradients == ours.gradients and last.status is ours.status
    assert f"{first.steps} steps, {first.gradients} gradients, and 375 steps" in ours.reason
    assert ours.certificate.converged
    assert ours.value == pytest.approx(le.solve(problem, le.QuasiNewton(), progress=False).value, abs=1e-10)


def test_longer_steps_do_not_oscillate(monkeypatch):
    monkeypatch.setattr(longer_steps, "ACCURACY", 0.3)
    problem, oscillating = (
        le.Problem(le.LinearNetwork(PAIR[0], hidden=(4,), learning_rate=rate), le.Gain(knots=10), le.Steps(steps))
        for rate, steps in ((0.03, 3000), (0.3, 300))
    )
    course = longer_steps._curve(oscillating, None)
    assert course.value == pytest.approx(float(problem.baseline_value()), rel=longer_steps.ACCURACY)
    assert course.rises > course.spread
    longest = longer_steps.longer_steps(problem)
    assert longest.horizon.length == 375 and longer_steps._curve(longest, None).rises < 1e-9
    # Gain makes learning steeper, and what does not oscillate without it does so with it.
    start = problem.constant_effort({"gain": [np.full(g.shape[1:], 0.4) for g in problem.initial_effort()["gain"]]})
    assert longer_steps.longer_steps(problem, start).horizon.length > 375


def test_tasks_that_switch_at_a_step_no_factor_divides_keep_their_steps():
    assert longer_steps.longer_steps(switching(307)) is None and longer_steps.longer_steps(switching(304)).horizon.length == 375


def test_a_lone_learning_rate_starts_from_the_exact_solution():
    problem = semantic(le.LearningRate(cost=le.costs.Quadratic(0.2)))
    ours, alone = (le.solve(problem, method, progress=False) for method in (None, le.QuasiNewton()))
    assert "The exact solution came first" in ours.reason and ours.certificate.converged
    assert ours.value == pytest.approx(alone.value, abs=1e-9)
    assert ours.gradients < alone.gradients
    np.testing.assert_allclose(ours.effort["learning_rate"], alone.effort["learning_rate"], atol=1e-4)


def test_a_short_horizon_is_left_as_it_is(monkeypatch):
    problem = semantic(le.Gain(knots=10))
    assert longer_steps.longer_steps(problem).horizon.length == 250
    monkeypatch.setattr(longer_steps, "SHORT", 1501)
    assert longer_steps.longer_steps(problem) is None
    assert "long steps" not in le.solve(problem, progress=False).method


# The curvature of costs -----------------------------------------------------------------------------------------------

COSTLY = {
    "norm deviation": le.Engagement(over="outputs", cost=le.costs.NormDeviation(2.0)),
    "quadratic": le.Engagement(over="outputs", cost=le.costs.Quadratic(0.7)),
    "exponential, two layers": le.Gain(bounds=(-1, 1), cost=le.costs.Exponential(0.3)),
}


@pytest.mark.parametrize("control", COSTLY.values(), ids=COSTLY)
def test_the_inverse_of_the_costs_curvature_is_that_of_the_dense_hessian(control):
    problem = semantic(control, steps=5)
    rng = np.random.default_rng(0)
    effort = jax.tree.map(lambda e: jnp.asarray(e + 0.5 * rng.normal(size=e.shape)), problem.initial_effort())
    flat, unravel = jax.flatten_util.ravel_pytree(effort)
    root = np.sqrt(raveled(metric(problem)))
    free = rng.random(flat.size) < 0.7
    vector = free * rng.normal(size=flat.size)
    found = cost_curvature.CostCurvature(problem, root).inverse(np.asarray(flat) * root, free)(vector) * free

    weights = problem.weights(jnp.arange(5))
    hessian = np.asarray(jax.hessian(lambda e: jnp.sum(weights * problem.rollout(unravel(e)).cost))(flat))
    hessian = hessian / np.outer(root, root) * np.outer(free, free)
    wanted = np.zeros(flat.size)
    moments = jax.flatten_util.ravel_pytree(
        jax.tree.map(lambda e: jnp.broadcast_to(jnp.arange(5.0).reshape(-1, *[1] * (e.ndim - 1)), e.shape), effort)
    )[0]
    for k in range(5):
        own = np.flatnonzero((np.asarray(moments) == k) & (free > 0))
        values, vectors = np.linalg.eigh(hessian[np.ix_(own, own)])
        wanted[own] = vectors / np.maximum(values, cost_curvature.FLOOR) @ vectors.T @ vector[own]
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-10)


def test_engagement_under_a_norm_deviation_needs_fewer_gradients_for_it(monkeypatch):
    control = le.Engagement(bounds=(0, 2), over="outputs", squared=True, cost=le.costs.NormDeviation(0.3), knots=20)
    problem = semantic(control, steps=300, weight_decay=0.0, init_scale=0.3)

    def solution():
        return le.solve(problem, le.QuasiNewton(tolerance=1e-4, max_gradients=350), progress=False)

    ours = solution()
    monkeypatch.setattr(cost_curvature.CostCurvature, "inverse", lambda self, z, free: lambda vector: vector)
    plain = solution()
    assert ours.certificate.converged and ours.gradients < 0.8 * plain.gradients
    assert ours.value == pytest.approx(plain.value, abs=1e-4)
