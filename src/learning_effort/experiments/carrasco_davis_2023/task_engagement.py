"""Engagement with tasks: attention to each of three tasks that are learned at once (paper, figure 4a–f)."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np

from ..base import Experiment, Finding, every_seed
from ..collect import courses
from ..labels import Label, chosen, ordered
from .category_engagement import engagement_kept
from .task_difficulty import least_loss

#: Each mode's box (lower, upper), and where its cost rests.
MODES = {"active": ((0.0, 1.0), 0.0), "attentive": ((0.0, 2.0), 1.0), "vector": ((0.0, 2.0), 0.0)}
#: Engagement at the start of the second search: with every task, until these shares of the horizon, easiest task first.
SUSTAINED = (0.4, 0.7, 0.85)
#: Engagement with a task that is left, and the share of the horizon after which a task may be given up.
NEARLY_NONE, GIVEN_UP = 0.04, 0.05


@dataclasses.dataclass(frozen=True)
class TaskEngagement(Experiment):
    """Attention ψ_τ to each of three pairs of digits that one network learns side by side, in three modes.

    *Active*: ψ from 0 to 1, and engagement costs βΣψ². *Attentive*: ψ from 0 to 2, and departing from 1 costs
    βΣ(ψ − 1)². *Vector*: ψ from 0 to 2 at the cost βΣψ², so that engagement can be moved from one task to another.

    `gamma` γ, `beta` β of the quadratic cost, `steps` N, `learning_rate` Δt, `hidden` units, `pairs` of digits from easy
    to hard, `source` as for `le.tasks.Digits`, `knots` of the linearly interpolated control (0: one a step),
    `init_scale` of the initial weights, of which there are `seeds` draws, the first with `seed`; `tolerance` of the
    scaled residual and `max_gradients` for each search.

    Every problem is solved from neutral engagement, from one that stays with the tasks for long, and from one that does so
    with all but the hardest, soon given up; vector engagement also from the answers of active engagement. The best answer
    is kept, and beside it the one that the second start led to: where engagement costs, giving up the hardest task and
    staying with it until it is learned are two optima.
    """

    name = "task-engagement"
    description = "engagement with three pairs of MNIST digits: active, attentive and vector (fig. 4a-f)"
    ascent = (1.0, 800)

    gamma: float = 0.99
    beta: float = 0.1
    steps: int = 13000
    learning_rate: float = 5e-3
    hidden: int = 20
    pairs: tuple[tuple[int, int], ...] = ((0, 1), (7, 1), (8, 9))
    source: str = "bundled"
    knots: int = 200
    init_scale: float = 1e-2
    seeds: int = 5
    seed: int = 0
    tolerance: float = 1e-4
    max_gradients: int = 200

    def task(self):
        """The pairs side by side."""
        import learning_effort as le

        return le.tasks.Concatenated([le.tasks.Digits(pair, source=self.source) for pair in self.pairs])

    def problems(self):
        """A problem a seed in each of `MODES`."""
        import learning_effort as le

        task = self.task()
        knots = {"knots": min(self.knots, self.steps), "interpolation": "linear"} if self.knots else {}

        def problem(mode, seed):
            """The one in a mode, with the weights of a seed."""
            learner = le.LinearNetwork(
                task, hidden=(self.hidden,), learning_rate=self.learning_rate, init_scale=self.init_scale, seed=seed
            )
            bounds, rest = MODES[mode]
            control = le.Engagement(bounds, rest=rest, cost=le.costs.Quadratic(self.beta), **knots)
            return le.Problem(learner, control, le.Steps(self.steps), discount=self.gamma)

        return {Label(mode=mode, seed=seed): problem(mode, seed) for mode in MODES for seed in self._seeds}

    @property
    def _seeds(self) -> range:
        """Every seed."""
        return range(self.seed, self.seed + self.seeds)

    def solve(self, progress=True):
        """Of every problem the best answer, and the one from sustained engagement, "staying"; seeds side by side."""
        import learning_effort as le

        from ...runtime.interruption import Stop
        from ...runtime.threads import in_threads
        from ...solvers.one import best_of

        method = le.CoarseToFine(le.QuasiNewton(tolerance=self.tolerance, max_gradients=self.max_gradients))
        problems, stop = self.problems(), Stop()

        def hear(*_):
            stop.check()

        def of_seed(seed):
            """{mode: (best, staying)} of a seed."""
            answers, found = {}, {}
            for mode in MODES:
                problem = problems[Label(mode=mode, seed=seed)]
                staying = le.solve(problem, method, init=sustained(problem), progress=hear)
                inits = [problem.initial_effort(), given_up(problem)]
                inits += [a.effort for a in answers["active"]] if mode == "vector" else []
                first, *others = (le.solve(problem, method, init=init, progress=hear) for init in inits)
                answers[mode] = [first, staying, *others]
                found[mode] = best_of(problem, answers[mode]), staying
            return found

        found = dict(zip(self._seeds, in_threads(of_seed, self._seeds, stop.request), strict=True))
        points = list(product(MODES, self._seeds))
        best = {Label(f"{mode}, seed {seed}", mode=mode, seed=seed, kept="best"): found[seed][mode][0] for mode, seed in points}
        return best | {Label(mode=mode, kept="staying", seed=seed): found[seed][mode][1] for mode, seed in points}

    def dataset(self, solutions):
        """The courses of the best answers, `effort` ψ (mode, seed, weight_time, task); `value` and `neutral_value` (mode,
        seed), `start_value` (mode, seed, start), what each start reached; `staying_effort` and `staying_value`;
        `difficulty`, the least loss of a linear map (task,)."""
        dims = {"mode": list(MODES), "seed": self._seeds}
        members, staying = (ordered(chosen(solutions, kept=kept), dims) for kept in ("best", "staying"))
        dataset = courses(members, dims, kept={"effort": (engagement_kept, ("task",))})
        dataset = dataset.drop_vars(["reward_control", "reward_baseline"])

        def numbers(read, own=members):
            """A number of every answer, (mode, seed)."""
            return np.array([read(s) for s in own]).reshape(len(MODES), -1)

        most = max(len(s.starts) for s in members)
        starts = np.stack([np.pad(s.starts, (0, most - len(s.starts)), constant_values=np.nan) for s in members])
        dataset["value"] = (("mode", "seed"), numbers(lambda s: s.value))
        dataset["staying_value"] = (("mode", "seed"), numbers(lambda s: s.value, staying))
        efforts = np.stack([engagement_kept(s) for s in staying]).reshape(dataset["effort"].shape)
        dataset["staying_effort"] = (dataset["effort"].dims, efforts)
        dataset["neutral_value"] = (("mode", "seed"), numbers(lambda s: s.neutral_value))
        dataset["start_value"] = (("mode", "seed", "start"), starts.reshape(len(MODES), -1, most))
        dataset["difficulty"] = ("task", [least_loss(task.moments()) for task in self.task().tasks])
        return dataset.assign_coords(task=[f"{a}, {b}" for a, b in self.pairs])

    def findings(self, result):
        """Of each mode, its name before the finding's."""
        d = result.dataset
        own = ("weight_time", "effort", "value", "neutral_value", "loss_control", "loss_baseline", "difficulty")
        other = ("staying_effort", "staying_value")
        return task_findings(*(d[name].values for name in (*own, *other)), names=d["task"].values)

    def figure(self, result):
        """Loss and engagement over time, a column a mode."""
        from ...figures.carrasco_davis_2023.engagement import task_figure

        return task_figure(result)


def sustained(problem) -> dict:
    """Engagement ψ (values in time, tasks) with each task until its share of the horizon, as effort."""
    start = np.asarray(problem.initial_effort()["engagement"])
    times = np.linspace(0, 1, len(start))[:, None]
    until = np.interp(np.linspace(0, 1, start.shape[1]), np.linspace(0, 1, len(SUSTAINED)), SUSTAINED)
    return {"engagement": np.where(times < until, start, NEARLY_NONE)}


def given_up(problem) -> dict:
    """As `sustained`, but the last task is left soon: after what all tasks have in common is learned."""
    engagement = sustained(problem)["engagement"]
    engagement[np.linspace(0, 1, len(engagement)) > GIVEN_UP, -1] = NEARLY_NONE
    return {"engagement": engagement}


def half_times(times, excess) -> np.ndarray:
    """When each column of an excess over rest (T, n) is last above half of its largest: of the times (T,), (n,)."""
    above = excess > 0.5 * excess.max(0)
    return times[len(times) - 1 - above[::-1].argmax(0)]


def task_findings(
    times, effort, value, neutral, loss, baseline, difficulty, staying_effort, staying_value, names=None
) -> list[Finding]:
    """The paper's claims, mode by mode, each over seeds.

    **Arguments:** times (T,), ψ (modes, seeds, T, tasks), values and neutral values (modes, seeds), losses (modes, seeds,
    N), the difficulty of each task (tasks,), ψ and values of the answers that stay with the hardest task, and the tasks'
    names. Modes and tasks are in the order of the experiment.
    """
    names = [str(i + 1) for i in range(len(difficulty))] if names is None else names
    harder = bool((np.diff(difficulty) > 0).all())
    findings = [
        Finding(
            f"difficulty rises from ({names[0]}) to ({names[-1]}): loss of the best linear map",
            ", ".join(f"{d:.4f}" for d in difficulty),
            harder,
        )
    ]
    for m, (mode, ((_, upper), rest)) in enumerate(MODES.items()):
        excess = (effort[m] - rest) / (upper - rest)
        halves = np.array([half_times(times, e) for e in excess])
        rows = [
            every_seed(
                "all tasks are engaged at first: the least (ψ(0) − rest) over the box above rest, above 0.25",
                excess[:, 0].min(1) > 0.25,
                f"{excess[:, 0].min(1).mean():.2f}",
            ),
            every_seed(
                f"engagement falls in the order of difficulty, ({names[-1]}) last: time of half its largest excess",
                (np.diff(halves, axis=1) > 0).all(1) & harder,
                ", ".join(f"{t:.1f}" for t in halves.mean(0)),
            ),
            every_seed(
                "value above that of neutral engagement paid for",
                value[m] > neutral[m],
                f"{value[m].mean():.4f} against {neutral[m].mean():.4f}",
            ),
        ]
        if upper > 1:
            ahead = (baseline[m] - loss[m]).mean(1)
            rows.append(every_seed("the loss is below baseline: mean of L_B − L_C", ahead > 0, f"{ahead.mean():.4f}"))
        last = excess[:, -1].max(1)
        rows.append(
            every_seed(
                "converged: engagement is back at rest at the end: largest excess over the box above rest, below 0.05",
                last < 0.05,
                f"{last.mean():.3f}",
            )
        )
        if rest == 0:
            stays = np.array([half_times(times, e) for e in staying_effort[m]])
            rows.append(
                every_seed(
                    f"converged: staying with ({names[-1]}) until it is learned is an optimum in which engagement falls in the "
                    "order of difficulty, and is worth no more than the best found: V, and times of half its largest excess",
                    (np.diff(stays, axis=1) > 0).all(1) & harder & (staying_value[m] <= value[m]),
                    f"{staying_value[m].mean():.4f} against {value[m].mean():.4f}; "
                    + ", ".join(f"{t:.1f}" for t in stays.mean(0)),
                )
            )
        findings += [f._replace(name=f"{mode}: {f.name}") for f in rows]
    return findings
