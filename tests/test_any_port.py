"""Any port by its name, static signals at every step, what a learner has to show, and performance at the end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import learning_effort as le
from learning_effort.controls.knots import Knots
from learning_effort.learners import GradientLearner, Learner
from learning_effort.learners.ports import Port, named, rate


class Pupil(Learner):
    """Two traces that approach a goal; a static `scale` acts in step and loss, `push` (2,) and `rate` on the way."""

    file_name = "tests.Pupil"

    goal: jax.Array

    def __init__(self, goal=(1.0, -0.5)):
        self.goal = jnp.asarray(goal)

    @property
    def step_size(self):
        return jnp.asarray(0.1)

    @property
    def ports(self):
        static = Port("scale", (), 1.0, static=True), Port("begin", (2,), 0.2, static=True)
        return named(rate(), Port("push", (2,), 0.0), *static)

    def init(self, static):
        return jnp.broadcast_to(static.get("begin", 0.2), (2,)) * static.get("scale", 1.0)

    def step(self, state, k, signals):
        speed = 0.1 * (1 + signals.get("rate", 0.0)) * signals.get("scale", 1.0)
        return state + speed * (self.goal - state + signals.get("push", 0.0) - 0.3 * state**3)

    def loss(self, state, k, signals):
        return jnp.sum((signals.get("scale", 1.0) * state - self.goal) ** 2)

    def observables(self, state, k, signals):
        outer = jnp.outer(state, state) * signals.get("scale", 1)
        return {"cosine": state @ self.goal / jnp.linalg.norm(self.goal), "outer": outer}


class Falling(GradientLearner):
    """One weight that falls down ½(w − 1)²."""

    step_size = property(lambda self: jnp.asarray(0.02))
    ports = property(lambda self: named(rate()))

    def init(self, static):
        return jnp.zeros(())

    def field(self, state, k, signals):
        return 1.0 - state

    def loss(self, state, k, signals):
        return (state - 1.0) ** 2 / 2


CONTROLS = [
    le.Control("push", (-1, 1), cost=le.costs.Quadratic(0.2), knots=5, interpolation="linear"),
    le.Control("rate", (-0.5, 1), cost=le.costs.Linear(0.1), rest=-0.5, name="speed"),
    le.Control("scale", (0.1, 3), rest=1.0, cost=le.costs.Quadratic(0.3)),
    le.Control("begin", (-2, 2), start=[0.1, 0.3]),
]
EXPENSIVE = le.costs.Exponential(0.3)
LENGTHS = ((20, 1, 0), (14, 0.5, 1), (17, 1, 2))
WORTH = {
    "on the way": {},
    "both": {"reward_scale": 0.7, "terminal_scale": 1.7},
    "at the end": {"reward_scale": 0, "terminal_scale": 2},
}


def problem(steps=12, **worth):
    return le.Problem(Pupil(), CONTROLS, steps, discount=0.8, **worth)


def moved(problem):
    rng = np.random.default_rng(3)
    return jax.tree.map(lambda e: e + 0.2 * rng.uniform(0, 1, e.shape), problem.initial_effort())


@pytest.mark.parametrize("worth", WORTH)
def test_value_gradient_costates_and_sensitivities_are_those_of_the_formula(worth):
    given = problem(**WORTH[worth])
    effort = moved(given)
    rollout = given.rollout(effort)
    weights = 0.8 ** (0.1 * np.arange(12)) * 0.1
    eta, end = (WORTH[worth].get(name, default) for name, default in (("reward_scale", 1.0), ("terminal_scale", 0.0)))
    by_hand = weights @ (-eta * rollout.loss - rollout.cost) - end * 0.8**1.1 * rollout.loss[-1]
    assert float(given.value(effort)) == pytest.approx(float(by_hand), rel=1e-13) == given.worth(rollout)
    value, gradient = given.value_and_gradient(effort)
    assert float(value) == pytest.approx(float(by_hand), rel=1e-13)
    flat, unravel = ravel_pytree(effort)
    ahead, behind = (jax.vmap(lambda d, h=h: given.value(unravel(flat + h * d)))(jnp.eye(flat.size)) for h in (1e-6, -1e-6))
    slopes = (ahead - behind) / 2e-6
    np.testing.assert_allclose(ravel_pytree(gradient)[0], np.array(slopes), rtol=1e-6, atol=1e-9)
    last = given.costates(effort)[0][-1]
    scale = effort["scale"]
    state = rollout.weights[0][-1]
    slope = 2 * scale * (scale * state - given.learner.goal)
    np.testing.assert_allclose(last, -(eta * weights[-1] + end * 0.8**1.1) * slope, rtol=1e-12)
    solution = le.solve(given, le.QuasiNewton(max_gradients=3), progress=False)
    slope = le.sensitivities(solution)["terminal_scale"]
    assert slope == pytest.approx(-float(0.8**1.1 * solution.rollout.loss[-1]), rel=1e-12)
    assert solution.value == pytest.approx(float(given.value(solution.effort)), rel=1e-13)


def test_a_control_has_the_shape_the_neutral_and_the_time_of_its_port():
    given = problem()
    effort = given.initial_effort()
    assert {name: e.shape for name, e in effort.items()} == {"push": (5, 2), "speed": (12,), "scale": (), "begin": (2,)}
    assert float(effort["scale"]) == 1.0 and list(effort["begin"]) == [0.1, 0.3]
    assert given.signals_at(effort, jnp.arange(3))["scale"].shape == (3,)
    network = le.LinearNetwork(le.tasks.SemanticHierarchy(2), (3,), init_scale=0.3)
    ours = le.Problem(network, [le.Control("gain", (-0.5, 0.5), cost=EXPENSIVE), le.Control("initial_weights", (-9, 9))], 6)
    own = le.Problem(network, [le.Gain(), le.InitialWeights(bounds=(-9, 9))], 6)
    start = own.initial_effort()
    gain = jax.tree.map(lambda e: e + 0.1, start["gain"])
    both = {"gain": gain, "initial_weights": start["initial_weights"]}
    ours_value, ours_gradient = ours.value_and_gradient(both)
    own_value, own_gradient = own.value_and_gradient(both)
    assert ours_value == own_value
    for a, b in zip(jax.tree.leaves(ours_gradient), jax.tree.leaves(own_gradient), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: le.Problem(Pupil(), le.Control("mood"), 5), "drives the port 'mood', which this Pupil does not have.*push"),
        (lambda: le.Control(3), "'port' of Control must be the name"),
        (lambda: le.Problem(Pupil(), le.Control("scale", (2, 3)), 5), "start of Control lies outside"),
        (lambda: problem(terminal_scale=-1), "terminal_scale"),
    ],
)
def test_what_does_not_fit_is_said(make, message):
    with pytest.raises(le.LearningEffortError, match=message):
        make()


def test_observables_are_kept_saved_and_read(tmp_path):
    solution = le.solve(problem(terminal_scale=1.0), le.QuasiNewton(max_gradients=4), progress=False)
    outer = solution.rollout.observables["outer"]
    state = solution.rollout.weights[0]
    np.testing.assert_allclose(outer, solution.effort["scale"] * state[:, :, None] * state[:, None, :], rtol=1e-13)
    whole = solution.problem.rollout(solution.effort).observables
    np.testing.assert_allclose(whole["cosine"], solution.rollout.observables["cosine"], rtol=1e-13)
    thinned = solution.problem.thinned_rollout(solution.effort, np.array([2, 7])).observables["cosine"]
    np.testing.assert_allclose(thinned, whole["cosine"][np.array([2, 7])], rtol=1e-13)
    solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    np.testing.assert_array_equal(loaded.rollout.observables["outer"], outer)
    np.testing.assert_array_equal(loaded.to_xarray()["cosine_baseline"], solution.baseline.observables["cosine"])
    assert float(loaded.problem.value(loaded.effort)) == pytest.approx(solution.value, rel=1e-13)
    assert loaded.problem.space.on_updates is False and loaded.problem.controls[2].static


def test_names_of_observables_that_files_need_themselves_are_refused():
    class Clashing(Pupil):
        """Shows a loss of its own under a name that is taken."""

        file_name = None

        def observables(self, state, k, signals):
            return {"loss": state[0]}

    with pytest.raises(le.LearningEffortError, match="'loss'"):
        le.Problem(Clashing(), le.Control("rate"), 5)


@pytest.mark.parametrize("number", [1, 3, 5, 11, 12])
def test_knots_held_on_updates_share_the_updates(number):
    knots = Knots(number, 12, "hold", updates=True)
    wanted = [min(k * number // 11, number - 1) if number < 12 else k for k in range(12)]
    values = np.arange(number, dtype=float)
    np.testing.assert_array_equal(knots.at(values, np.arange(12)), wanted)
    np.testing.assert_array_equal(knots.positions, [wanted.index(j) for j in range(number)])
    np.testing.assert_allclose(knots.fitted(np.array(wanted, float)), values)
    for length in (1, 2, 5):
        for start in range(13 - length):
            ks = start + np.arange(length)
            matrix = knots.matrix(ks, knots.first(jnp.asarray(start), length), knots.window(length))
            window = values[int(knots.first(jnp.asarray(start), length)) :][: knots.window(length)]
            if not knots.one_a_step:
                np.testing.assert_array_equal(matrix @ window, np.array(wanted)[ks])


def test_at_the_end_alone_the_last_control_does_nothing_and_the_hamiltonian_is_constant():
    given = le.Problem(Falling(), le.Control("rate", (-1, 3), cost=le.costs.Quadratic(0.3)), 200, 1.0, 0, 1)
    assert given.on_updates and given.space.knots(given.controls[0]).updates
    gradient = given.value_and_gradient(jax.tree.map(lambda e: e + 0.3, given.initial_effort()))[1]["rate"]
    assert float(gradient[-1]) == pytest.approx(-0.02 * 2 * 0.3 * 0.3, rel=1e-12)  # its cost alone
    solution = le.solve(given, progress=False)
    certificate = le.certify(solution)
    assert certificate.converged and certificate.curvature > 0 and certificate.hamiltonian < 0.02
    assert certificate.why_absent("exact_value") is not None
    far = le.certify(le.solve(given, le.GradientAscent(1e-3, 1), init={"rate": np.linspace(0, 2, 200)}, progress=False))
    assert far.hamiltonian > 0.2


def test_longer_steps_end_when_the_learner_does():
    from learning_effort.problem.variants import in_longer_steps

    network = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), weights=[[[0.1]]], learning_rate=1e-3)
    given = le.Problem(network, le.LearningRate(knots=5), 2401, terminal_scale=1.5)
    coarse = in_longer_steps(given, 24)
    assert coarse.horizon.length == 101
    ends = [0.99 ** (float(p.learner.step_size) * (p.horizon.length - 1)) for p in (given, coarse)]
    assert ends[0] == pytest.approx(ends[1], rel=1e-13)
    assert float(coarse.value(coarse.neutral_effort())) == pytest.approx(float(given.value(given.neutral_effort())), rel=1e-2)


def test_problems_of_other_lengths_and_ends_are_solved_together_as_alone():
    network = le.LinearNetwork(le.tasks.TwoGaussians(2.0, 1.0), hidden=(), weights=[[[0.1]]], learning_rate=0.05)
    problems = [
        le.Problem(network, le.LearningRate((-1, 2)), n, 0.9, eta, end) for n, eta, end in LENGTHS
    ]
    method = le.QuasiNewton()
    for given, together in zip(problems, le.solve_many(problems, method, progress=False), strict=True):
        alone = le.solve(given, method, progress=False)
        assert together.value == pytest.approx(alone.value, rel=1e-10)


def test_exact_solutions_of_the_published_objective_refuse_another():
    network = le.LinearNetwork(le.tasks.TwoGaussians(2.0, 1.0), hidden=(), weights=[[[0.1]]], learning_rate=0.05)
    for control in (le.LearningRate(), le.Gain()):
        with pytest.raises(le.LearningEffortError, match="terminal_scale"):
            le.solve(le.Problem(network, control, 20, terminal_scale=1.0), le.Exact(), progress=False)


def test_shares_reach_a_corner_of_the_simplex_that_softmax_does_not():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 3))
    useless = le.tasks.Arrays(x, rng.normal(size=(20, 1)))
    parts = [useless, le.tasks.Arrays(x, x[:, :1]), le.tasks.Arrays(x, -x[:, :1])]
    network = le.LinearNetwork(le.tasks.Mixture(parts, (0.3, 0.4, 0.3)), (), 0.1, evaluation=parts[1])
    given = le.Problem(network, le.Shares(knots=2), 12)
    np.testing.assert_allclose(given.rollout(given.neutral_effort()).loss, given.baseline().loss, rtol=1e-12)
    solution = le.solve(given, progress=False)
    assert solution.certificate.converged
    pure = given.signals_at(solution.effort, np.arange(12))["proportions"]
    np.testing.assert_allclose(pure[:11], np.tile([0.0, 1.0, 0.0], (11, 1)), atol=1e-6)
    with pytest.raises(le.LearningEffortError, match="le.Shares"):
        le.Control("proportions")
