"""What every task, learner, control and cost promises, tried on one of each at least.

A public class without an instance here fails `test_every_public_class_is_tried`: add one to the registry of its kind, and all
tests of that kind run on it.
"""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import learning_effort as le
from learning_effort import controls, costs, learners, tasks
from learning_effort.tasks.base import data_moments

RNG = np.random.default_rng(0)
PAIR = [tasks.CorrelatedGaussians(), tasks.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]
ROWS = [tasks.Arrays(RNG.normal(size=(n, 3)), RNG.normal(size=(n, 2))) for n in (6, 9)]
#: A task that gives its learner every port.
TASK = tasks.Mixture(ROWS, (0.3, 0.7))
STEPS = 8

TASKS = {
    "two Gaussians": tasks.TwoGaussians(2.0, 0.5),
    "correlated Gaussians": PAIR[0],
    "class Gaussians": tasks.ClassGaussians([1.0, -0.5], [[1.0, 0.3], [0.3, 0.5]]),
    "semantic": tasks.SemanticHierarchy(3),
    "arrays": tasks.Arrays(RNG.normal(size=(40, 3)), RNG.normal(size=(40, 2))),
    "moments alone": tasks.FromMoments(*PAIR[0].moments()),
    "digits": tasks.Digits((1, 3), size=2),
    "concatenated": tasks.Concatenated([PAIR[0], tasks.SemanticHierarchy(2)]),
    "switching": tasks.Switching(PAIR, every=5),
    "mixture": tasks.Mixture(PAIR, (0.3, 0.7)),
    "blend": tasks.Blend(PAIR, (0.3, 0.7)),
    "task set": tasks.TaskSet(PAIR),
}
#: Those that cannot be sampled, and say so.
UNSAMPLED = {"moments alone"}


class Network(eqx.Module):
    """A user's own module: tanh, with a bias that gains leave alone."""

    first: jax.Array
    bias: jax.Array
    second: jax.Array

    def __init__(self):
        self.first, self.bias, self.second = (
            jnp.asarray(0.5 * np.random.default_rng(1).normal(size=s)) for s in ((4, 3), (4,), (2, 4))
        )

    def __call__(self, x):
        return self.second @ jnp.tanh(self.first @ x + self.bias)


SETTINGS = {"hidden": (4,), "learning_rate": 0.05, "weight_decay": 0.05, "noise": 0.3, "time_constant": 1.3, "init_scale": 0.4}
LEARNERS = {
    "linear": learners.LinearNetwork(TASK, **SETTINGS),
    "tanh": learners.TanhNetwork(TASK, **SETTINGS),
    "sampled": learners.SampledNetwork(TASK, Network(), optax.adam(0.02, eps_root=1e-6), step_size=0.05),
    "sampled in batches": learners.SampledNetwork(TASK, Network(), optax.sgd(0.05), batch_size=5, step_size=0.05),
    "curriculum": learners.CurriculumPerceptron(step_size=0.3, method="rk4", weight_decay=0.02),
    "dropout": learners.DropoutCommittee([[1.0]], [1.0, 0.7], [1.0], noise=0.5, step_size=0.3, substeps=1),
    "autoencoder": learners.DenoisingAutoencoder(
        [[1.0, 0.1], [0.1, 0.8]], [0.1, 0.2], [0.4, 0.6], initial=([[0.3], [-0.1]], [[0.5]], 0.1), step_size=0.1
    ),
}
#: Those that learn by order parameters, without a task.
TASKLESS = {"curriculum", "dropout", "autoencoder"}
#: A control for each port that only they have.
ORDER_PORTS = [
    controls.Control("share", cost=costs.Linear(0.1)),
    controls.Control("activation", rest=1.0, cost=costs.Quadratic(0.1), knots=3),
    controls.Control("test_scale", (0, 2), rest=1.0),
    controls.Control("noise", rest=0.3, cost=costs.Quadratic(0.1), knots=4, interpolation="linear"),
]
#: Those whose problem cannot be rebuilt from a file, because the module is the user's.
UNBOUND = {"sampled", "sampled in batches"}

CONTROLS = {
    "gain": controls.Gain(cost=costs.Exponential(0.2), knots=3, interpolation="linear"),
    "gain by neuron": controls.Gain(layers=1, basis="neuron", cost=costs.Quadratic(0.2)),
    "rate": controls.LearningRate(rest=-1.0),
    "engagement by task": controls.Engagement(knots=3),
    "engagement by output": controls.Engagement(over="outputs", squared=True, cost=costs.NormDeviation(2.0)),
    "mixture": controls.MixtureControl(bounds=(-3, 3)),
    "initial weights": controls.InitialWeights(costs.Quadratic(0.1)),
    "shares": controls.Shares(cost=costs.Quadratic(0.1)),
    "any port": controls.Control("rate", (-1, 1), rest=-1.0, cost=costs.Linear(0.1), knots=3),
}
#: One control for each port.
EACH_PORT = [CONTROLS[name] for name in ("gain", "rate", "engagement by output", "mixture", "initial weights")]

COSTS = {
    "quadratic": costs.Quadratic(0.7),
    "exponential": costs.Exponential(0.3),
    "norm deviation": costs.NormDeviation(0.4),
    "linear": costs.Linear(0.6),
}


def driving(learner):
    """A control for each port that the learner has, but for difficulty, which is not driven with share."""
    return [control for control in (*EACH_PORT, *ORDER_PORTS) if control.port in learner.ports]


def problem_of(learner, given, discount=0.8):
    return le.Problem(learner, given, le.Steps(STEPS), discount=discount, reward_scale=1.3)


PROBLEMS = {
    **{f"learner: {name}": problem_of(learner, driving(learner)) for name, learner in LEARNERS.items()},
    **{f"control: {name}": problem_of(LEARNERS["linear"], control) for name, control in CONTROLS.items()},
    **{
        f"task: {name}": problem_of(
            learners.LinearNetwork(task, **SETTINGS | {"learning_rate": 0.01}),
            [controls.Gain(), controls.LearningRate(), controls.Engagement(), *[controls.MixtureControl()] * (task.parts > 0)],
        )
        for name, task in TASKS.items()
    },
}
COMPOSED = [name for name in PROBLEMS if not name.startswith("task")]


def moved(problem):
    rng = np.random.default_rng(3)
    return jax.tree.map(lambda e: e + 0.1 * rng.uniform(-1, 1, e.shape), problem.initial_effort())


@pytest.mark.parametrize(
    ("module", "base", "registry"),
    [(tasks, tasks.Task, TASKS), (learners, learners.Learner, LEARNERS), (controls, controls.Control, CONTROLS)]
    + [(costs, costs.Cost, COSTS)],
    ids=["tasks", "learners", "controls", "costs"],
)
def test_every_public_class_is_tried(module, base, registry):
    exported = {name: getattr(le, name) for name in le.__all__} | vars(module)
    public = {c for name, c in exported.items() if inspect.isclass(c) and issubclass(c, base) and not name.startswith("_")}
    abstract = {tasks.Task, learners.Learner, learners.GradientLearner, costs.Cost}
    untried = public - abstract - {type(instance) for instance in registry.values()}
    assert not untried, f"{untried}: no instance in the registry"


# Tasks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("step", [0, 7])
def test_moments_are_those_of_samples(name, step):
    task, batch = TASKS[name], 40_000
    if name in UNSAMPLED:
        with pytest.raises(le.LearningEffortError, match="cannot be sampled"):
            task.sample(jax.random.key(step), batch, step)
        return
    x, y = task.sample(jax.random.key(step), batch, step)
    leading = (len(task.tasks),) if task.is_set else ()
    assert x.shape == (*leading, batch, task.input_size) and y.shape == (*leading, batch, task.output_size)
    exact = task.moments(step)
    for i in range(leading[0] if leading else 1):
        own_x, own_y, own = (x[i], y[i], [m[i] for m in exact]) if leading else (x, y, exact)
        joint = np.hstack([own_x, own_y])
        spread = (joint[:, :, None] * joint[:, None, :]).std(0).max() + joint.std(0).max()
        for a, b in zip(data_moments(own_x, own_y), own, strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() < 6 * spread / np.sqrt(batch) + 1e-12


@pytest.mark.parametrize("name", TASKS)
def test_a_prepared_task_has_the_same_moments(name):
    for step in (0, 6):
        for a, b in zip(TASKS[name].moments(step), TASKS[name].prepared().moments(step), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-14)


# Costs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("rest", [0.0, -1.0])
def test_a_cost_has_its_derivative_and_is_zero_at_its_least(name, rest):
    cost = COSTS[name]
    shapes = ((2, 3), (4,))
    least = [np.full(s, 1.0 if isinstance(cost, costs.NormDeviation) else rest) for s in shapes]
    assert float(cost(least, rest)) == 0.0
    rng = np.random.default_rng(2)
    away = [e + 0.4 * rng.normal(size=e.shape) for e in least]
    if isinstance(cost, costs.Linear):  # it is a price: below rest it is negative
        away = [e + abs(a - e) for e, a in zip(least, away, strict=True)]
    assert float(cost(away, rest)) > 0.0
    for effort in ([np.full(s, rest) for s in shapes], least, away):
        slopes = jax.grad(lambda e: cost(e, rest))(effort)
        assert all(jnp.isfinite(s).all() for s in slopes)
        direction = [rng.normal(size=e.shape) for e in effort]
        ahead, behind = (cost([e + h * d for e, d in zip(effort, direction, strict=True)], rest) for h in (1e-6, -1e-6))
        slope = sum(jnp.vdot(s, d) for s, d in zip(slopes, direction, strict=True))
        assert slope == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-6, abs=1e-8)


# Learners and controls, in problems ----------------------------------------------------------------------------------


def test_each_cost_is_paid_in_a_problem():
    assert {type(cost) for cost in COSTS.values()} <= {type(control.cost) for control in CONTROLS.values()}


def test_each_port_of_every_learner_is_driven():
    for name, learner in LEARNERS.items():
        if name in TASKLESS:
            assert set(learner.port_shapes) - {"difficulty"} == {control.port for control in driving(learner)}
            continue
        assert set(learner.port_shapes) == {control.port for control in EACH_PORT}, name


@pytest.mark.parametrize("name", COMPOSED)
def test_the_gradient_of_each_control_is_that_of_the_value(name):
    problem = PROBLEMS[name]
    effort = moved(problem)
    value, gradient = problem.value_and_gradient(effort)
    assert value == pytest.approx(float(problem.value(effort)), rel=1e-12)
    assert jax.tree.structure(gradient) == jax.tree.structure(effort)
    rng = np.random.default_rng(1)
    for control in problem.controls:
        own = effort[control.name]
        direction = jax.tree.map(lambda e: rng.normal(size=e.shape), own)
        ahead, behind = (
            problem.value(effort | {control.name: jax.tree.map(lambda e, d, h=h: e + h * d, own, direction)})
            for h in (1e-5, -1e-5)
        )
        slope = sum(jnp.vdot(g, d) for g, d in zip(*map(jax.tree.leaves, (gradient[control.name], direction)), strict=True))
        assert slope == pytest.approx(float(ahead - behind) / 2e-5, rel=1e-5, abs=1e-9), control.name
        assert abs(slope) > 1e-6, control.name


@pytest.mark.parametrize("name", PROBLEMS)
def test_neutral_effort_leaves_the_learner_alone(name):
    problem = PROBLEMS[name]
    neutral, baseline = problem.rollout(problem.neutral_effort()), problem.baseline()
    np.testing.assert_allclose(neutral.loss, baseline.loss, rtol=1e-12, atol=1e-12)
    assert (baseline.cost == 0).all() and np.ptp(baseline.loss) > 0
    np.testing.assert_allclose(neutral.reward, -1.3 * neutral.loss - neutral.cost, rtol=1e-12)


@pytest.mark.parametrize("name", COMPOSED)
def test_problems_map_over_a_batch(name):
    learner, given = PROBLEMS[name].learner, PROBLEMS[name].controls
    problems = [problem_of(learner, list(given), discount) for discount in (0.8, 0.95)]
    effort = moved(problems[0])
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
    values, gradients = eqx.filter_vmap(lambda p: p.value_and_gradient(effort))(stacked)
    for i, problem in enumerate(problems):
        value, gradient = problem.value_and_gradient(effort)
        assert values[i] == pytest.approx(float(value), rel=1e-12)
        for mapped, own in zip(*map(jax.tree.leaves, (gradients, gradient)), strict=True):
            np.testing.assert_allclose(mapped[i], own, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("name", LEARNERS)
def test_solving_together_equals_one_by_one(name):
    method = le.QuasiNewton(max_gradients=4)
    problems = [problem_of(LEARNERS[name], controls.LearningRate(knots=3), discount) for discount in (0.8, 0.95)]
    for problem, together in zip(problems, le.solve_many(problems, method, progress=False), strict=True):
        alone = le.solve(problem, method, progress=False)
        assert together.value == pytest.approx(alone.value, rel=1e-11)
        assert together.value > together.baseline_value
        np.testing.assert_allclose(together.effort["learning_rate"], alone.effort["learning_rate"], rtol=1e-9, atol=1e-11)


def numbers(solution):
    """Every number of a solution."""
    rollouts = [*solution.rollout[:4], *solution.rollout.weights, *solution.baseline[:4], *solution.baseline.weights]
    values = [solution.value, solution.baseline_value, solution.neutral_value, solution.weight_steps]
    return [*jax.tree.leaves(solution.effort), *rollouts, *values, *vars(solution.history).values()]


@pytest.mark.parametrize("name", COMPOSED)
def test_save_then_load_is_identity(name, tmp_path):
    problem = PROBLEMS[name]
    solved = le.solve(problem, le.GradientAscent(1e-3, 1), progress=False)
    solved.save(tmp_path / "run.nc")
    loaded = le.load(tmp_path / "run.nc")
    bound = le.load(tmp_path / "run.nc", problem=problem)
    assert bound.problem is problem
    for other in (loaded, bound):
        assert jax.tree.structure(other.effort) == jax.tree.structure(solved.effort)
        for a, b in zip(numbers(solved), numbers(other), strict=True):
            np.testing.assert_array_equal(a, b)
        assert other.certificate == solved.certificate and other.summary() == solved.summary()
    if name.removeprefix("learner: ") in UNBOUND:
        assert loaded.problem is None
    else:
        assert jax.tree.structure(loaded.problem) == jax.tree.structure(problem)
        assert float(loaded.problem.value(loaded.effort)) == pytest.approx(solved.value, rel=1e-13)
