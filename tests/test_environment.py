"""Switches of JAX, devices that are not there, and processes that are forked: solved all the same, or refused in words."""

import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning_effort as le

PROBLEM = """
import learning_effort as le
learner = le.LinearNetwork(le.tasks.SemanticHierarchy(2), hidden=(2,), learning_rate=1e-2)
problem = le.Problem(learner, le.Gain(knots=3), le.Steps(20))
"""
TASK = le.tasks.Arrays(np.random.default_rng(0).normal(size=(8, 2)), np.ones((8, 1)))


def python(code, **switches):
    """What a new interpreter prints and complains of."""
    environment = {**os.environ, **switches}
    done = subprocess.run([sys.executable, "-c", PROBLEM + code], env=environment, capture_output=True, text=True, timeout=300)
    return done.stdout.strip(), done.stderr


def sampled(loss=le.losses.squared, optimizer=None):
    module = eqx.nn.MLP(2, 1, 3, 1, key=jax.random.key(0))
    learner = le.SampledNetwork(TASK, module, optimizer or optax.sgd(0.1), loss=loss)
    return le.Problem(learner, le.LearningRate(knots=3), le.Steps(10))


def gained(cost):
    learner = le.LinearNetwork(TASK, hidden=(2,), learning_rate=1e-2)
    return le.Problem(learner, le.Gain(knots=3, cost=cost), le.Steps(10))


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        (
            {
                "JAX_DEBUG_NANS": "1",
                "JAX_DEBUG_INFS": "1",
                "JAX_NUMPY_DTYPE_PROMOTION": "strict",
                "JAX_NUMPY_RANK_PROMOTION": "raise",
                "JAX_TRANSFER_GUARD": "disallow",
                "JAX_CHECK_TRACER_LEAKS": "1",
            },
            "jax_numpy_dtype_promotion=standard",
        ),
        ({"JAX_DISABLE_JIT": "1", "JAX_ENABLE_X64": "0"}, ""),
    ],
    ids=lambda given: "+".join(given) if isinstance(given, dict) else None,
)
def test_switches_of_jax_change_no_number(switches, said):
    scope = {}
    exec(PROBLEM, scope)
    answer, complaints = python("print(repr(le.solve(problem, progress=False).value))", **switches)
    assert float(answer) == pytest.approx(le.solve(scope["problem"], progress=False).value, rel=1e-12)
    assert said in complaints


def test_a_device_that_is_not_there_is_named():
    _, complaints = python("", JAX_PLATFORMS="nonesuch")
    assert "LearningEffortError: JAX is told to compute on 'nonesuch' (JAX_PLATFORMS), which is not there" in complaints


@pytest.mark.skipif(not hasattr(os, "fork"), reason="This system has no fork.")
def test_a_forked_process_says_spawn_and_does_not_hang():
    code = """
import os, pickle
problem.value(problem.initial_effort())
kept = pickle.dumps(problem)
if os.fork() == 0:
    for use in (lambda: problem.value({}), lambda: le.solve(problem), lambda: le.Gain(), lambda: pickle.loads(kept)):
        try:
            use()
        except le.LearningEffortError as error:
            print("'spawn'" in str(error), flush=True)
    os._exit(0)
os.wait()
"""
    answer, _ = python(code)
    assert answer.split() == ["True"] * 4


@pytest.mark.parametrize(
    ("context", "word"),
    [
        (lambda: jax.numpy_dtype_promotion("strict"), "jax_numpy_dtype_promotion is strict"),
        (lambda: jax.transfer_guard("disallow"), "jax_transfer_guard_host_to_device is disallow"),
        (lambda: jax.debug_infs(True), "jax_debug_infs is True"),
    ],
)
def test_switches_set_later_are_named(context, word):
    problem = gained(le.costs.Quadratic())
    with context(), pytest.raises(le.LearningEffortError, match=word):
        le.solve(problem, progress=False)


# Numbers that are not finite ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("debugging", [False, True])
@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (lambda: sampled(lambda p, y: (p - y) ** 2 + jnp.sqrt(jnp.abs(0 * p))), "its slope with respect to the weights is not"),
        (lambda: sampled(lambda p, y: jnp.log(-1 - p**2)), "not finite at step 0, where nothing is learned yet"),
        (lambda: gained(lambda effort: jnp.sqrt(jnp.sum(effort**2))), "no derivative there"),
        (lambda: gained(lambda effort: jnp.log(-1 - jnp.sum(effort**2))), "not a number at step 0"),
    ],
)
def test_what_is_not_finite_is_reported_as_what_it_is(problem, words, debugging):
    with jax.debug_nans(debugging), pytest.raises(le.LearningEffortError, match=words) as caught:
        le.solve(problem(), progress=False)
    assert not isinstance(caught.value, le.errors.DivergenceError)


def test_a_rate_that_is_too_large_is_still_told_from_a_slope_that_is_none():
    with pytest.raises(le.errors.DivergenceError, match="Lower the learning rate"):
        le.solve(sampled(optimizer=optax.sgd(1e200)), progress=False)


# Optimisers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.MultiSteps(optax.sgd(0.1), 2),
        optax.adam(0.1, mu_dtype=jnp.float32),
        optax.sgd(0.1, 0.9, accumulator_dtype="float32"),
    ],
)
def test_optimisers_that_lose_digits_are_refused(optimizer):
    with pytest.raises(le.LearningEffortError, match="'optimizer' of SampledNetwork keeps float32 numbers"):
        sampled(optimizer=optimizer)
    with pytest.raises(le.LearningEffortError, match="'optimizer' of GradientAscent keeps float32 numbers"):
        le.solve(gained(le.costs.Quadratic()), le.GradientAscent(0.1, 2, optimizer), progress=False)


def test_optimisers_told_to_keep_float64_are_not():
    optimizer = optax.MultiSteps(optax.sgd(0.1), 2, accumulator_dtype=jnp.float64)
    assert np.isfinite(sampled(optimizer=optimizer).baseline_value())
    assert np.isfinite(le.solve(gained(le.costs.Quadratic()), le.GradientAscent(0.1, 2, optimizer), progress=False).value)
