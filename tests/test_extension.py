"""One class in one file: a task with data, a learner without a task, and a control that shares a port, all from outside.

Each is solved, simulated, saved, loaded, certified and drawn with everything else as it is.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import learning_effort as le
from learning_effort.controls import Control
from learning_effort.learners import Learner, ports
from learning_effort.tasks import Task


class Parity(Task):
    """The product of two signs: a data set of four rows, and nothing else is said."""

    file_name = "tests.Parity"

    input_size: int = eqx.field(static=True, default=4)
    output_size: int = eqx.field(static=True, default=2)

    def dataset(self):
        signs = np.array([(a, b) for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
        odd = signs.prod(1) > 0
        return jnp.column_stack([signs, signs.prod(1), np.ones(4)]), jnp.column_stack([odd, ~odd]).astype(float)


class Memory(Learner):
    """Two traces that strengthen towards 1 where they are attended to, and fade. It has no task.

    Ports: attention to each trace (in one group each), the shares of practice (neutral: even), and the rate.
    """

    file_name = "tests.Memory"

    strength: jax.Array
    speed: jax.Array

    def __init__(self, strength=(0.2, 0.1), speed=0.05):
        self.strength, self.speed = jnp.asarray(strength), jnp.asarray(speed)

    @property
    def step_size(self):
        return self.speed

    @property
    def ports(self):
        return ports.named(ports.rate(), ports.attention(2, (1, 1)), ports.proportions(jnp.full(2, 0.5)))

    def init(self, static):
        return self.strength

    def step(self, state, k, signals):
        practice = 2 * signals.get("proportions", jnp.full(2, 0.5)) * signals.get("attention", 1.0)
        return state + self.speed * (1 + signals.get("rate", 0.0)) * (practice * (1 - state) - 0.1 * state)

    def loss(self, state, k, signals):
        return jnp.sum((1 - state) ** 2) / 2

    def on_samples(self, batch_size, seed):
        return Noisy(self, seed, batch_size)


class Noisy(Learner):
    """`Memory` with noise that falls with the size of the batch."""

    memory: Memory
    seed: jax.Array
    batch_size: int = eqx.field(static=True)

    step_size = property(lambda self: self.memory.step_size)
    ports = property(lambda self: self.memory.ports)

    def init(self, static):
        return self.memory.init(static)

    def step(self, state, k, signals):
        noise = jax.random.normal(jax.random.fold_in(jax.random.key(self.seed), k), state.shape)
        return self.memory.step(state, k, signals) + 1e-3 * noise / jnp.sqrt(self.batch_size)

    def loss(self, state, k, signals):
        return self.memory.loss(state, k, signals)


class Alertness(Control):
    """How much everything is attended to: one factor for all outputs. Shares the attention port with `Engagement`."""

    file_name = "tests.Alertness"
    port = ports.ATTENTION
    default_name = "alertness"

    def __init__(self, bounds=(0.0, 2.0), rest=1.0, cost=le.costs.Quadratic(0.5), knots=None, interpolation="hold"):
        self._keep(bounds, rest, cost, knots, interpolation)

    def parameter_shapes(self, learner):
        return ()

    def signal(self, parameters, learner):
        return jnp.full(self.port_of(learner).shape, parameters)


def network(task, **settings):
    return le.LinearNetwork(task, (3,), init_scale=0.3, learning_rate=0.02, **settings)


PROBLEMS = {
    "a task with data": lambda: le.Problem(network(Parity()), le.Gain(knots=4), le.Steps(60)),
    "in a mixture": lambda: le.Problem(
        network(le.tasks.Mixture([Parity(), le.tasks.Arrays(np.eye(4), np.eye(4)[:, :2])])), le.MixtureControl(), le.Steps(40)
    ),
    "a learner without a task": lambda: le.Problem(
        Memory(), [le.Engagement(knots=5, cost=le.costs.Quadratic(0.05)), le.MixtureControl(knots=5)], le.Steps(60)
    ),
    "a control that shares a port": lambda: le.Problem(
        network(le.tasks.Concatenated([Parity(), le.tasks.TwoGaussians()])),
        [le.Engagement(knots=5), Alertness(knots=6), le.LearningRate(knots=3)],
        le.Steps(60),
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_it_is_solved_simulated_saved_and_drawn(name, tmp_path):
    problem = PROBLEMS[name]()
    effort = jax.tree.map(lambda e: e + 0.1 * np.random.default_rng(0).uniform(-1, 1, e.shape), problem.initial_effort())
    value, gradient = problem.value_and_gradient(effort)
    for control in problem.controls:
        direction = jax.tree.map(lambda e: np.random.default_rng(1).normal(size=e.shape), effort[control.name])
        moved = [
            problem.value(effort | {control.name: jax.tree.map(lambda e, d, h=h: e + h * d, effort[control.name], direction)})
            for h in (1e-5, -1e-5)
        ]
        slope = sum(jnp.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (gradient[control.name], direction)), strict=True))
        assert slope == pytest.approx(float(moved[0] - moved[1]) / 2e-5, rel=1e-5, abs=1e-10) and abs(slope) > 1e-8
    neutral = problem.rollout(problem.neutral_effort())
    np.testing.assert_allclose(neutral.loss, problem.baseline().loss, rtol=1e-12)

    solution = le.solve(problem, le.QuasiNewton(tolerance=1e-4, max_gradients=80), progress=False)
    assert solution.certificate.converged and solution.value > max(solution.baseline_value, solution.neutral_value)
    assert le.certify(solution).curvature is not None
    simulated = le.simulate(problem, solution.effort, 4000, 4)
    np.testing.assert_allclose(simulated.mean, solution.rollout.loss, rtol=0.1)
    solution.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    assert float(loaded.problem.value(loaded.effort)) == pytest.approx(solution.value, rel=1e-13)
    assert len(loaded.plot(kind="effort").axes) == len(problem.controls)


def test_two_controls_of_one_port_do_what_both_say():
    problem = PROBLEMS["a control that shares a port"]()
    effort = problem.constant_effort({"engagement": [0.5, 2.0], "alertness": 0.5, "learning_rate": 0})
    signals = problem.signals_at(effort, jnp.arange(60))
    np.testing.assert_allclose(signals[ports.ATTENTION], np.tile([0.25, 0.25, 1.0], (60, 1)))
    rates = le.Problem(problem.learner, [le.LearningRate(), le.LearningRate(name="other")], le.Steps(4))
    half = {"learning_rate": jnp.full(4, 0.5), "other": jnp.full(4, 1.0)}
    np.testing.assert_allclose(rates.signals_at(half, jnp.arange(4))[ports.RATE], 2.0)  # 1 + u = 1.5 · 2


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ([le.Gain(), le.Gain(name="other")], "'gain' and 'other' both drive the port 'gain' of layer 0"),
        ([le.Gain(layers=0), le.Gain(layers=(0, 1), name="other")], "of layer 0"),
        ([le.InitialWeights(), le.InitialWeights(name="other")], "both drive the port 'initial_weights'"),
    ],
)
def test_ports_that_cannot_be_shared_say_so(controls, message):
    with pytest.raises(le.LearningEffortError, match=message):
        le.Problem(network(Parity()), controls, le.Steps(4))


def test_a_control_must_vary_in_time_as_its_port_does():
    class Drifting(Control):
        """Initial weights that vary in time, which makes no sense."""

        port, default_name = ports.INITIAL_WEIGHTS, "drifting"

        def __init__(self):
            self._keep((-1, 1), 0.0, None)

    with pytest.raises(le.LearningEffortError, match="is one value for all of learning, but Drifting varies in time"):
        le.Problem(network(Parity()), Drifting(), le.Steps(4))


def test_a_learner_that_says_only_the_shapes_of_its_ports_has_standard_ones():
    class Short(Memory):
        """`Memory`, with ports in short."""

        file_name = None
        ports = Learner.ports

        @property
        def port_shapes(self):
            return {"rate": (), "attention": (2,), "mood": ()}

    found = Short().ports
    assert found["attention"].neutral == 1.0 and found["rate"].neutral == 0.0 == found["mood"].neutral
    assert found["rate"].join(1.0, 1.0) == 3.0
    with pytest.raises(le.LearningEffortError):
        found["mood"].join(1.0, 1.0)
    assert float(le.Problem(Short(), le.LearningRate(), le.Steps(5)).baseline_value()) < 0


def test_what_cannot_be_simulated_says_so():
    class Silent(Memory):
        """`Memory` that does not say how it learns on samples."""

        file_name = None
        on_samples = Learner.on_samples

    with pytest.raises(le.LearningEffortError, match="Got Silent, which does not"):
        le.simulate(le.Problem(Silent(), le.LearningRate(), le.Steps(5)), None, 4)


def test_a_number_that_is_no_array_is_refused_by_its_place():
    learner = eqx.tree_at(lambda learner: learner.learning_rate, network(Parity()), 0.02)
    with pytest.raises(le.LearningEffortError, match=r"'learner.learning_rate' of Problem must be an array.*Got 0.02"):
        le.Problem(learner, le.Gain(), le.Steps(4))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [({"rate": 0.5}, "names as keys"), (0.5, "names as keys"), ({"learning_rate": [0.5, 0.5]}, "a number or have shape")],
)
def test_constant_efforts_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(le.LearningEffortError, match=message):
        le.Problem(network(Parity()), le.LearningRate(), le.Steps(4)).constant_effort(parameters)
