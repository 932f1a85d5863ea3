"""Learners in order parameters: their equations, losses and gradients are the oracles'; symmetries hold; bad input is told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import learning_effort as le

CURRICULA = {
    "share": ("easy_to_hard", "wave", "optimum_binary", "optimum_relaxed"),
    "difficulty": ("constant", "optimum"),
}


@jax.jit
def velocity(learner, signals):
    """How fast the first state moves."""
    return learner.velocity(learner.init({}), signals)


@jax.jit
def unrolled(learner, signals, static):
    """The states and losses at all steps under signals with a leading axis of updates."""

    def body(state, signal):
        after = learner.step(state, 0, signal | static)
        return after, (after, learner.loss(after, 0, signal | static))

    start = learner.init(static)
    _, (states, losses) = jax.lax.scan(body, start, signals)
    return states, jnp.concatenate([learner.loss(start, 0, static)[None], losses])


@jax.jit
def differentiated(learner, signals, static):
    """The states and losses at all steps, and the slopes of the last loss along signals and static signals."""

    def last(both):
        states, losses = unrolled(learner, *both)
        return losses[-1], (states, losses)

    slopes, learned = jax.grad(last, has_aux=True)((signals, static))
    return *learned, *slopes


def committee(o, **changes):
    return le.DropoutCommittee(
        o["T"], o["v"], o["v_teacher"], o["eta"], o["noise"], initial=(o["Q0"], o["R0"]), step_size=o["alpha"] / 50, **changes
    )


def autoencoder(o, **changes):
    return le.DenoisingAutoencoder(
        *(o[name] for name in ("Omega", "std", "weight", "eta")),
        dimension=int(o["N"]),
        initial=(o["M0"], o["Q0"], o["b0"]),
        **{"step_size": o["duration"] / 399, "test_noise": o["test_noise"]} | changes,
    )


def test_fields_at_random_states(oracle):
    o = oracle("order_fields")
    assert len(o["curriculum_field"]) == 12 and len(o["committee_dQ"]) == 4
    for i, field in enumerate(o["curriculum_field"]):
        norm, rate = o["curriculum_T"][i], o["curriculum_eta"][i]
        learner = le.CurriculumPerceptron(teacher_norm=norm, learning_rate=rate, initial=o["curriculum_QPM"][i])
        signals = {"difficulty": jnp.asarray(o["curriculum_difficulty"][i])}
        np.testing.assert_allclose(velocity(learner, signals), field, rtol=0, atol=1e-12)
    for i, covariance in enumerate(o["committee_covariance"]):
        numbers = (o[f"committee_{name}"][i] for name in ("v", "v_teacher", "eta", "noise"))
        learner = le.DropoutCommittee(covariance[2:, 2:], *numbers, initial=(covariance[:2, :2], covariance[:2, 2:]))
        found = velocity(learner, {"activation": jnp.asarray(o["committee_activation"][i])})
        np.testing.assert_allclose(found.students, o["committee_dQ"][i], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.teachers, o["committee_dR"][i], rtol=0, atol=1e-12)


@pytest.mark.parametrize("port", CURRICULA)
def test_curricula_and_their_gradients(oracle, port):
    o, learner, flow = oracle("order_curriculum"), le.CurriculumPerceptron(), le.CurriculumPerceptron(method="rk4", substeps=2)
    for name in CURRICULA[port]:
        signals = {port: jnp.asarray(o[f"{port}_{name}"])}
        states, losses, slope, _ = differentiated(learner, signals, {})
        np.testing.assert_allclose(losses, o[f"error_{port}_{name}"], rtol=0, atol=1e-13)
        np.testing.assert_allclose(states, o[f"state_{port}_{name}"][1:], rtol=1e-12, atol=1e-12)
        assert losses[-1] == pytest.approx(float(o[f"terminal_{port}_{name}"]), abs=1e-13)
        np.testing.assert_allclose(unrolled(flow, signals, {})[0], o[f"flow_state_{port}_{name}"][1:], rtol=1e-8, atol=1e-8)
        np.testing.assert_allclose(slope[port], o[f"gradient_{port}_{name}"], rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["wave", "optimum"])
def test_a_curriculum_with_its_learning_rate(oracle, name):
    o, learner = oracle("order_rate"), le.CurriculumPerceptron()
    signals = {"share": jnp.asarray(o[f"share_{name}"]), "rate": jnp.asarray(o[f"eta_{name}"] / 3 - 1)}
    states, losses, slope, _ = differentiated(learner, signals, {})
    np.testing.assert_allclose(losses, o[f"error_{name}"], rtol=0, atol=1e-13)
    np.testing.assert_allclose(states, o[f"state_{name}"][1:], rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(slope["share"], o[f"gradient_share_{name}"], rtol=0, atol=1e-15)
    np.testing.assert_allclose(slope["rate"] / 3, o[f"gradient_eta_{name}"], rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", ["none", "constant", "ramp", "optimum"])
def test_dropout_and_its_gradients(oracle, name):
    o = oracle("order_dropout")
    signals = {"activation": jnp.asarray(o[f"activation_{name}"])}
    static = {"test_scale": jnp.asarray(o[f"test_scale_{name}"])}
    states, losses, slopes, static_slopes = differentiated(committee(o, substeps=4), signals, static)
    np.testing.assert_allclose(losses, o[f"error_{name}"], rtol=0, atol=3e-10)  # that far from the flow
    np.testing.assert_allclose(states.students, o[f"Q_{name}"][1:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(states.teachers, o[f"R_{name}"][1:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(slopes["activation"], o[f"gradient_activation_{name}"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(static_slopes["test_scale"], o[f"gradient_test_scale_{name}"], rtol=0, atol=1e-13)


@pytest.mark.parametrize("objective", ["published", "exact"])
def test_the_autoencoder_and_its_gradients(oracle, objective):
    o = oracle("order_autoencoder")
    learner = autoencoder(o, objective=objective, substeps=2)
    for name in ("constant", "ramp", "optimum", "optimum_exact"):
        signals = {"noise": jnp.asarray(o[f"noise_{name}"])}
        states, losses, slopes, _ = differentiated(learner, signals, {})
        np.testing.assert_allclose(losses, o[f"mse_{objective}_{name}"], rtol=0, atol=1e-10)
        for found, which in zip(states, ("M", "Q", "b"), strict=True):
            np.testing.assert_allclose(found, o[f"{which}_{objective}_{name}"][1:], rtol=0, atol=1e-10)
        np.testing.assert_allclose(slopes["noise"], o[f"gradient_{objective}_{name}"], rtol=0, atol=1e-14)


def test_the_published_objective_lacks_two_terms(oracle):
    """At the constant noise of the test, with one brace and with both (Mignacco & Mori's is neither)."""
    o = oracle("order_autoencoder")
    noise = {"noise": jnp.full(399, 0.1)}
    exact, published = (autoencoder(o, objective=name, test_noise=0.1) for name in ("exact", "published"))
    states, losses = unrolled(published, noise, {})
    last = jax.tree.map(lambda leaf: leaf[-1], states)
    assert losses[-1] == pytest.approx(8.886736, abs=1e-6)
    assert exact.loss(last, 0, {}) == pytest.approx(9.7996, abs=1e-4)
    assert unrolled(exact, noise, {})[1][-1] == pytest.approx(9.778557, abs=1e-6)


DECAYED = le.CurriculumPerceptron(weight_decay=0.2, initial=(0.9, 0.7, 0.3), step_size=0.1, method="rk4", substeps=3)


def cases(oracle):
    """A learner of each kind, and signals for each of its ports."""
    rng = np.random.default_rng(0)
    rate = jnp.asarray(rng.uniform(-0.5, 0.5, 6))
    activation, noise = jnp.asarray(rng.uniform(0.3, 1, 6)), jnp.asarray(rng.uniform(0.1, 0.9, 6))
    wide = le.DropoutCommittee(
        [[1.0, 0.2], [0.2, 0.7]], [1.0, -0.5, 0.8], [1.0, 0.6], initial=(0.3 * np.eye(3), np.full((3, 2), 0.1)), substeps=1
    )
    return [
        (DECAYED, {"share": activation, "rate": rate}, {}),
        (DECAYED, {"difficulty": 2 * noise, "rate": rate}, {}),
        (wide, {"activation": activation, "rate": rate}, {"test_scale": jnp.asarray(0.8)}),
        (autoencoder(oracle("order_autoencoder"), step_size=0.1), {"noise": noise, "rate": rate}, {}),
    ]


@pytest.mark.parametrize("case", range(4))
def test_gradients_are_finite_differences_and_accumulation_backwards_gives_them(oracle, case):
    learner, signals, static = cases(oracle)[case]
    slopes = differentiated(learner, signals, static)[2:]
    for place, own in ((0, signals), (1, static)):
        for port, value in own.items():
            direction = jnp.asarray(np.random.default_rng(1).normal(size=value.shape))

            def at(h, place=place, port=port, value=value, direction=direction):
                moved = [dict(signals), dict(static)]
                moved[place][port] = value + h * direction
                return float(unrolled(learner, *moved)[1][-1])

            difference = (8 * (at(1e-3) - at(-1e-3)) - at(2e-3) + at(-2e-3)) / 12e-3
            assert jnp.vdot(slopes[place][port], direction) == pytest.approx(difference, rel=1e-7), port
            assert abs(difference) > 1e-4, port


@settings(max_examples=12)
@given(st.floats(0.05, 20.0), st.floats(0.0, 1.0), st.floats(-0.9, 0.9), st.floats(0.3, 4.0), st.floats(0.0, 0.5))
def test_the_teachers_norm_only_sets_the_unit_of_its_overlap(norm, share, cosine, rate, decay):
    def learned(norm):
        learner = le.CurriculumPerceptron(
            teacher_norm=norm, learning_rate=rate, weight_decay=decay, initial=(1.3, 0.8, cosine * np.sqrt(1.3 * norm))
        )
        states, losses = unrolled(learner, {"share": jnp.full(20, share)}, {})
        return states / jnp.array([1, 1, jnp.sqrt(norm)]), losses

    for one, other in zip(learned(1.0), learned(norm), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.floats(0.0, 1.0))
def test_hidden_units_may_change_places_and_signs(seed, activation):
    """A unit w, v is −w, −v; and which is first does not matter."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(3, 5)) / 2
    gram, v = half @ half.T, rng.normal(size=2)
    signals = {"activation": jnp.asarray(activation)}

    def moved(order, signs):
        turned = gram[np.ix_(order, order)] * np.outer(signs, signs)
        places = order[:2]
        weights = v[places] * signs[:2]
        learner = le.DropoutCommittee(turned[2:, 2:], weights, [1.0], initial=(turned[:2, :2], turned[:2, 2:]))
        back = np.argsort(places)
        students, teachers = velocity(learner, signals)
        students = (students * np.outer(signs[:2], signs[:2]))[np.ix_(back, back)]
        return students, (teachers * signs[:2, None])[back], learner.loss(learner.init({}), 0, {})

    plain = moved([0, 1, 2], np.ones(3))
    for other in (moved([1, 0, 2], np.ones(3)), moved([0, 1, 2], np.array([-1.0, 1.0, 1.0]))):
        for a, b in zip(plain, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_no_units_dropped_learn_as_a_committee_does():
    """a = 1 is plain learning, a = 0 none at all; and a unit of weight zero changes nothing."""
    start = (0.3 * np.eye(2), np.array([[0.2], [-0.1]]))
    learner = le.DropoutCommittee([[1.0]], [1.0, 0.7], [1.0], initial=start)
    still = velocity(learner, {"activation": jnp.zeros(())})
    assert all(float(jnp.abs(v).max()) == 0 for v in still)
    padded_start = np.pad(start[0], ((0, 1), (0, 1))), np.pad(start[1], ((0, 1), (0, 0)))
    more = le.DropoutCommittee([[1.0]], [1.0, 0.7, 0.0], [1.0], initial=padded_start)
    plain, padded = (velocity(one, {}) for one in (learner, more))
    np.testing.assert_allclose(padded.students[:2, :2], plain.students, atol=1e-14)
    np.testing.assert_allclose(padded.teachers[:2], plain.teachers, atol=1e-14)


def test_observables_are_named_and_neutral_signals_change_nothing(oracle):
    names = [{"Q", "P", "M", "cosine"}, {"Q", "P", "M", "cosine"}, {"Q", "R", "cosine"}, {"M", "Q", "b", "cosine"}]
    for (learner, signals, _), expected in zip(cases(oracle), names, strict=True):
        state = learner.init({})
        observed = learner.observables(state, 0, {})
        assert set(observed) == expected and all(jnp.isfinite(leaf).all() for leaf in observed.values())
        neutral = {name: jnp.asarray(port.neutral) for name, port in learner.ports.items() if name != "difficulty"}
        for a, b in zip(*map(jax.tree.leaves, (velocity(learner, neutral), velocity(learner, {}))), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-16)
        assert learner.loss(state, 0, neutral) == learner.loss(state, 0, {})
        assert set(signals) <= set(learner.ports) and learner.ports["rate"].neutral == 0.0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: le.CurriculumPerceptron((2.0, 0.0)), "easy samples first"),
        (lambda: le.CurriculumPerceptron(share=1.5), "'share'"),
        (lambda: le.CurriculumPerceptron(initial=(0.0, 1.0, 0.0)), "Q > 0"),
        (lambda: le.CurriculumPerceptron(initial=(1.0, 1.0, 3.0)), "real vectors"),
        (lambda: le.CurriculumPerceptron(method="heun"), "'euler', 'rk4'"),
        (lambda: le.CurriculumPerceptron(substeps=0), "'substeps'"),
        (lambda: le.DropoutCommittee([[1.0]], [1.0], [1.0, 1.0]), "shape"),
        (lambda: le.DropoutCommittee([[1.0]], [1.0], [1.0], noise=-1), "'noise'"),
        (lambda: le.DropoutCommittee([[1.0]], [1.0], [1.0], initial=([[0.1]], [[1.0]])), "real vectors"),
        (lambda: le.DropoutCommittee([[1.0]], [1.0], [1.0], initial=3), "pair"),
        (lambda: le.DenoisingAutoencoder([[1.0]], [0.1], [1.0]), r"\(M, Q, b\)"),
        (lambda: le.DenoisingAutoencoder([[1.0]], [0.1], [0.9], initial=([[0.1]], [[0.2]], 0.0)), "sum to 1"),
        (lambda: le.DenoisingAutoencoder([[1.0]], [-0.1], [1.0], initial=([[0.1]], [[0.2]], 0.0)), "negative"),
        (
            lambda: le.DenoisingAutoencoder([[1.0]], [0.1], [1.0], initial=([[0.1]], [[0.2]], 0.0), objective="best"),
            "published",
        ),
        (lambda: le.DenoisingAutoencoder([[1.0]], [0.1], [1.0], initial=([[1.1]], [[0.2]], 0.0)), "real vectors"),
    ],
)
def test_bad_input_is_told(make, said):
    with pytest.raises(le.LearningEffortError, match=said):
        make()


def test_share_and_difficulty_together_are_refused():
    learner = le.CurriculumPerceptron()
    with pytest.raises(le.LearningEffortError, match="not both"):
        learner.step(learner.init({}), 0, {"share": jnp.asarray(0.5), "difficulty": jnp.asarray(1.0)})
