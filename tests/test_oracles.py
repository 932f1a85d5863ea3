"""The reference numbers, computed independently of this project: match means max|a − b| ≤ 1e-6 max|b|."""

import numpy as np
import pytest

import learning_effort as le
from learning_effort.solvers import amsgrad


def assert_matches(ours, reference, tolerance=1e-6):
    ours, reference = np.asarray(ours), np.asarray(reference)
    assert ours.shape == reference.shape
    assert np.abs(ours - reference).max() <= tolerance * max(np.abs(reference).max(), 1e-300)


def task_of(o, suffix=""):
    return le.tasks.FromMoments(*(o[f"{k}{suffix}"] for k in ("Sigma_x", "Sigma_xy", "Sigma_y", "mean_x", "mean_y")))


def tasks_of(o):
    return [task_of(o, f"_task{k}") for k in range(9) if f"Sigma_x_task{k}" in o]


def hyper(o, key):
    return float(o[f"hp_{key}"])


def learner_of(o, task, weights, **extra):
    network = le.TanhNetwork if int(o["setting"].item().split()[0]) == 10 else le.LinearNetwork
    return network(
        task,
        hidden=tuple(w.shape[0] for w in weights[:-1]),
        learning_rate=hyper(o, "learning_rate"),
        weight_decay=hyper(o, "reg_coef"),
        noise=hyper(o, "intrinsic_noise"),
        time_constant=hyper(o, "time_constant"),
        weights=weights,
        **extra,
    )


def problem_of(o, learner, control):
    return le.Problem(
        learner,
        control,
        horizon=le.Steps(int(o["hp_n_steps"])),
        discount=hyper(o, "gamma"),
        reward_scale=hyper(o, "reward_convertion"),
    )


def box(o):
    return (hyper(o, "control_lower_bound"), hyper(o, "control_upper_bound"))


def single_neuron(o):
    cost = le.costs.Quadratic if bool(o["square_cost"]) else le.costs.Exponential
    control = le.Gain(bounds=box(o), cost=cost(hyper(o, "cost_coef")))
    learner = learner_of(o, task_of(o), [o["W_0"]])
    return problem_of(o, learner, control), {"gain": [o["control_g"]]}, {"gain": [o["dV_dg"]]}


def signal(o, layer, shape):
    n = int(o["hp_n_steps"])
    m, amp, kappa, phi = (float(o[f"sig{layer}_{k}"]) for k in ("m", "amp", "kappa", "phi"))
    i, a, b = np.ogrid[:n, : shape[0], : shape[1]]
    return m + amp * np.sin(2 * np.pi * kappa * i / n + 0.7 * a + 1.3 * b + phi)


def gain(o, task=None):
    weights = [o["W1_0"], o["W2_0"]]
    control = le.Gain(bounds=box(o), cost=le.costs.Exponential(hyper(o, "cost_coef")))
    problem = problem_of(o, learner_of(o, task or task_of(o), weights), control)
    if "control_g1" in o:
        effort = [o["control_g1"], o["control_g2"]]
        gradient = [o["dV_dg1"], o["dV_dg2"]]
    else:
        effort, gradient = [signal(o, i + 1, w.shape) for i, w in enumerate(weights)], None
    return problem, {"gain": effort}, {"gain": gradient}


def neuron_basis(o):
    control = le.Gain(bounds=box(o), layers=(1,), basis="neuron", cost=le.costs.Exponential(hyper(o, "cost_coef")))
    problem = problem_of(o, learner_of(o, task_of(o), [o["W1_0"], o["W2_0"]]), control)
    return problem, {"gain": [o["control_nu"]]}, {"gain": [o["dV_dnu"]]}


def learning_rate(o):
    control = le.LearningRate(bounds=box(o), rest=float(o["cost_offset"]), cost=le.costs.Quadratic(hyper(o, "cost_coef")))
    problem = problem_of(o, learner_of(o, task_of(o), [o["W1_0"], o["W2_0"]]), control)
    return problem, {"learning_rate": o["control_u"]}, {"learning_rate": o["dV_du"]}


def initial_weights(o):
    weights = [o["W1_0"], o["W2_0"]]
    problem = problem_of(o, learner_of(o, le.tasks.TaskSet(tasks_of(o)), weights), le.InitialWeights())
    return problem, {"initial_weights": weights}, {"initial_weights": [o["dV_dW1_0"], o["dV_dW2_0"]]}


def task_engagement(o):
    rest = 1.0 if str(o["type_of_engage"]) == "attention" else 0.0
    control = le.Engagement(bounds=box(o), rest=rest, cost=le.costs.Quadratic(hyper(o, "cost_coef")))
    learner = learner_of(o, le.tasks.Concatenated(tasks_of(o)), [o["W1_0"], o["W2_0"]])
    return problem_of(o, learner, control), {"engagement": o["control_phi"]}, {"engagement": o["dV_dphi"]}


def category_engagement(o):
    control = le.Engagement(bounds=box(o), over="outputs", squared=True, cost=le.costs.NormDeviation(hyper(o, "cost_coef")))
    problem = problem_of(o, learner_of(o, task_of(o), [o["W1_0"], o["W2_0"]]), control)
    return problem, {"engagement": o["control_phi"]}, {"engagement": o["dV_dphi"]}


def switching(o):
    return gain(o, le.tasks.Switching(tasks_of(o), every=int(o["change_task_every"])))


def modulation(o, composition=le.tasks.Blend, evaluation=0):
    tasks = tasks_of(o)
    judged = tasks[0] if evaluation == 0 else le.tasks.Mixture(tasks)
    learner = learner_of(o, composition(tasks), [o["W1_0"], o["W2_0"]], evaluation=judged)
    control = le.MixtureControl(bounds=box(o), cost=le.costs.NormDeviation(hyper(o, "cost_coef")))
    return problem_of(o, learner, control), {"mixture": o["control_psi"]}, {"mixture": o["dV_dpsi"]}


CASES = {
    "s01_single_exp": single_neuron,
    "s01_single_square": single_neuron,
    "s02_gain_affine": gain,
    "s02_gain_semantic_h4": gain,
    "s02_long_affine": gain,
    "s03_restricted_semantic_h4": neuron_basis,
    "s04_lr_semantic_h4_offset0": learning_rate,
    "s04_lr_semantic_h4_offset-1": learning_rate,
    "s05_maml_paper_pairs": initial_weights,
    "s06_engage_active_3pairs": task_engagement,
    "s06_engage_attention_3pairs": task_engagement,
    "s06_engage_vector_3pairs": task_engagement,
    "s07_catprop_semantic_h4_beta0.3": category_engagement,
    "s07_catprop_semantic_h4_beta5": category_engagement,
    "s08_switch_affine_every40": switching,
    "s09_taskmod_3pairs": modulation,
    "s10_nonlinear_affine": gain,
    "s10_nonlinear_affine_published": gain,
}


@pytest.mark.parametrize("name", CASES)
def test_loss_cost_value_and_gradient(oracle, name):
    o = oracle(name)
    problem, effort, reference = CASES[name](o)
    rollout, baseline = problem.rollout(effort), problem.baseline()
    if "time" in o:
        assert_matches(rollout.times, o["time"])
    assert_matches(rollout.loss, o["L_control"])
    assert_matches(baseline.loss, o["L_baseline"])
    assert_matches(rollout.cost, np.broadcast_to(o["C_control"], rollout.cost.shape))
    assert_matches(problem.baseline_value(), o["V_baseline"])
    if "V_neutral_with_cost" in o:
        assert_matches(problem.value(problem.neutral_effort()), o["V_neutral_with_cost"])
    for i, weights in enumerate(rollout.weights):
        end = o[f"W{i + 1}_end_control"] if "W1_0" in o else o["W_end_control"]
        assert_matches(weights[-1], end)
    value, gradient = problem.value_and_gradient(effort)
    assert_matches(problem.value(effort), o["V_control"])
    assert_matches(value, o["V_control"])
    (key,) = effort
    ours = gradient[key] if isinstance(gradient[key], list) else [gradient[key]]
    if name == "s02_long_affine":
        steps = o["subset_steps"]
        ours = [g[steps] for g in ours]
        assert_matches(effort["gain"][0][steps], o["control_g1_subset"])
        references = [o["dV_dg1_subset"], o["dV_dg2_subset"]]
    else:
        references = reference[key] if isinstance(reference[key], list) else [reference[key]]
    for a, b in zip(ours, references, strict=True):
        assert_matches(a, b)


def test_a_mixture_judged_on_all_tasks(oracle):
    o = oracle("s09_taskmod_3pairs")
    problem, effort, _ = modulation(o, le.tasks.Mixture, evaluation="all")
    value, gradient = problem.value_and_gradient(effort)
    assert_matches(problem.rollout(effort).loss, o["mix_L_control"])
    assert_matches(problem.baseline().loss, o["mix_L_baseline"])
    assert_matches(value, o["mix_V_control"])
    assert_matches(gradient["mixture"], o["mix_dV_dpsi"])


@pytest.mark.parametrize("name", [n for n in CASES if n != "s02_long_affine"])
def test_ascent_reproduces_the_sequence_of_values(oracle, name):
    o = oracle(name)
    problem, effort, _ = CASES[name](o)
    optimizer = None
    if name.startswith(("s04", "s05", "s09")):
        optimizer = amsgrad(hyper(o, "control_lr"), maximum=not name.startswith("s09"))
    method = le.GradientAscent(hyper(o, "control_lr"), int(o["K"]), optimizer=optimizer)
    solution = le.solve(problem, method, init=effort, progress=False)
    assert_matches(solution.history.value, o["V_sequence"])


@pytest.mark.parametrize("name", ["s10_mc_affine_control", "s10_mc_affine_long_smallinit"])
def test_tanh_average_dynamics_on_the_moments_of_samples(oracle, name):
    o = oracle(name)
    task = le.tasks.FromMoments(*(o[f"emp_{k}"] for k in ("Sigma_x", "Sigma_xy", "Sigma_y", "mean_x", "mean_y")))
    weights = [o["W1_0"], o["W2_0"]]
    learner = le.TanhNetwork(
        task, hidden=(8,), learning_rate=float(o["learning_rate"]), weight_decay=float(o["reg_coef"]), weights=weights
    )
    n = o["time"].size
    problem = le.Problem(learner, le.Gain(), le.Steps(n))
    effort = problem.initial_effort()
    if name == "s10_mc_affine_control":
        parameters = {"hp_n_steps": n}
        for layer, (m, amp, kappa, phi) in enumerate([(0, 0.15, 1.5, 0.3), (0, 0.15, 1.0, 0.8)], 1):
            parameters |= {
                f"sig{layer}_{k}": v for k, v in zip(("m", "amp", "kappa", "phi"), (m, amp, kappa, phi), strict=True)
            }
        effort = {"gain": [signal(parameters, i + 1, w.shape) for i, w in enumerate(weights)]}
    rollout = problem.rollout(effort)
    assert_matches(rollout.loss, o["L_ref_b"])
    assert_matches(rollout.weights[0][-1], o["W1_end_ref_b"])
    assert_matches(rollout.weights[1][-1], o["W2_end_ref_b"])
    # The true network on samples of our own: within the sampling error of one full batch of that size.
    sampled = le.Problem(
        le.TanhNetwork(
            le.tasks.CorrelatedGaussians(),
            hidden=(8,),
            learning_rate=float(o["learning_rate"]),
            weight_decay=float(o["reg_coef"]),
            weights=weights,
        ),
        le.Gain(),
        le.Steps(n),
    )
    simulated = le.simulate(sampled, effort, 2000, 2)
    assert np.abs(simulated.mean - o["L_true"]).max() < 0.05 * o["L_true"].max()
