"""Where to start learning from: initial weights for a set of tasks (paper, figure 3a,b and appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding
from ..labels import Label, chosen, ordered

SPLITS = {"training": "train", "test": "test"}
#: How the weights are found: by the paper's ascent for a fixed number of iterations, and by our solver to convergence.
METHODS = ("ascent", "converged")


@dataclasses.dataclass(frozen=True)
class Maml(Experiment):
    """The initial weights that are best to learn several tasks from, each in n steps, for n of `shortest` = 2 (start and one
    step ahead) and every multiple of `spacing` up to `longest`; then learning from them for `evaluation_steps`.

    `gamma` γ, `learning_rate` Δt, `weight_decay` λ, `hidden` units, `pairs` of digits, a task each, from `source` as for
    `le.tasks.Digits`; `init_scale` and `seed` of the weights that the search starts from.

    Found twice. By the paper's ascent, Adam with step `ascent_step` for `iterations` from the drawn weights, whatever n. And
    converged: there is no cost and the optimum is flat, so weights are improved in rounds of `max_gradients`, at most
    `rounds` of them, until a round raises the value by less than a share `precision` of it.
    """

    name = "maml"
    ascent = (0.005, 1000, "amsgrad")
    description = "initial weights from which a set of MNIST pairs is learned best in n steps (fig. 3a,b)"

    gamma: float = 1.0
    shortest: int = 2
    spacing: int = 20
    longest: int = 340
    evaluation_steps: int = 8000
    learning_rate: float = 5e-3
    weight_decay: float = 0.0
    hidden: int = 40
    pairs: tuple[tuple[int, int], ...] = ((0, 1), (7, 1), (8, 9), (3, 8), (5, 3))
    source: str = "bundled"
    init_scale: float = 1e-2
    seed: int = 0
    ascent_step: float = 0.005
    iterations: int = 1000
    precision: float = 1e-4
    max_gradients: int = 500
    rounds: int = 100

    @property
    def lengths(self) -> list[int]:
        """Every n."""
        return [self.shortest, *range(self.spacing, self.longest + 1, self.spacing)]

    def _problem(self, steps: int, split: str = "train"):
        """Weights for `steps` steps, judged on the digits of `split`, "train" or "test"."""
        import learning_effort as le

        def tasks(split):
            """All pairs."""
            return le.tasks.TaskSet([le.tasks.Digits(pair, source=self.source, split=split) for pair in self.pairs])

        learner = le.LinearNetwork(
            tasks("train"),
            hidden=(self.hidden,),
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            init_scale=self.init_scale,
            seed=self.seed,
            evaluation=None if split == "train" else tasks(split),
        )
        return le.Problem(learner, le.InitialWeights(), le.Steps(steps), discount=self.gamma)

    def problems(self):
        """One for each n."""
        return {Label(f"n={n}", n=n): self._problem(n) for n in self.lengths}

    def solve(self, progress=True):
        """Converged, each from the best of the answers before it and the drawn weights (not always from the last answer: what
        is best over n steps may learn so fast that it diverges soon after); then by the paper's ascent."""
        import learning_effort as le
        from learning_effort.solvers import amsgrad

        problems = self.problems()
        solutions = {}
        for label, problem in problems.items():
            starts = [problem.initial_effort(), *(s.effort for s in solutions.values())]
            values = [float(problem.value(start)) for start in starts]
            converged = Label(label, **label.coordinates, found="converged")
            solutions[converged] = self._converged(problem, starts[int(np.nanargmax(values))], progress)
        method = le.GradientAscent(self.ascent_step, self.iterations, amsgrad)
        ascents = le.solve_many(list(problems.values()), method, progress=progress)
        labels = [Label(f"{label}, ascent", **label.coordinates, found="ascent") for label in problems]
        return solutions | dict(zip(labels, ascents, strict=True))

    def _converged(self, problem, effort, progress):
        """The answer that rounds from `effort` lead to, with the gradients and seconds of all."""
        import learning_effort as le

        # Many pairs: what is left of the problem's bad conditioning after scaling is worth remembering.
        method = le.QuasiNewton(max_gradients=self.max_gradients, memory=120)
        done = []
        for _ in range(self.rounds):
            done.append(le.solve(problem, method, init=effort, progress=progress))
            effort = done[-1].effort
            if gained(done[-1].history.value) < self.precision or done[-1].interrupted:
                break
        gradients, seconds = (sum(getattr(s, name) for s in done) for name in ("gradients", "seconds"))
        return dataclasses.replace(done[-1], gradients=gradients, seconds=seconds)

    def dataset(self, solutions):
        """`loss_training` and `loss_test` (found, n, step), learning from each answer; `…_drawn` (step,), from drawn weights;
        of converged answers `residual` and `gained`, what the last round rose by as a share of V (n,)."""
        import equinox as eqx
        import xarray as xr

        losses = eqx.filter_jit(lambda problem, effort: problem.rollout(effort).loss)
        answers = {method: ordered(chosen(solutions, found=method), {"n": self.lengths}) for method in METHODS}
        converged = answers["converged"]
        variables = {
            "residual": ("n", [s.certificate.residual for s in converged]),
            "gained": ("n", [gained(s.history.value) for s in converged]),
        }
        for name, split in SPLITS.items():
            problem = self._problem(self.evaluation_steps, split)
            curves = np.array([[losses(problem, s.effort) for s in answers[method]] for method in METHODS])
            curves = np.where(np.isfinite(curves), curves, np.inf)  # learning from them diverges
            variables[f"loss_{name}"] = (("found", "n", "step"), curves)
            variables[f"loss_{name}_drawn"] = ("step", np.asarray(losses(problem, problem.initial_effort())))
        coordinates = {"found": list(METHODS), "n": self.lengths, "step": np.arange(self.evaluation_steps)}
        attributes = {name: getattr(self, name) for name in ("learning_rate", "precision", "iterations")}
        return xr.Dataset(variables, coordinates, attributes)

    def findings(self, result):
        """Of both ways to find weights, said before the finding's name, and of convergence."""
        dataset = result.dataset
        found = []
        for method in METHODS:
            losses = {name: dataset[f"loss_{name}"].sel(found=method).values for name in SPLITS}
            drawn = {name: dataset[f"loss_{name}_drawn"].values for name in SPLITS}
            prefix = "converged" if method == "converged" else f"after {dataset.attrs['iterations']} iterations of ascent"
            findings = maml_findings(dataset["n"].values, losses, drawn, dataset.attrs["learning_rate"], method)
            found += [finding._replace(name=f"{prefix}: {finding.name}") for finding in findings]
        return found + [convergence_finding(*(dataset[k].values for k in ("gained", "residual")), dataset.attrs["precision"])]

    def figure(self, result):
        """Losses against n and over learning, a row a way to find weights."""
        from ...figures.carrasco_davis_2023.maml import maml_figure

        return maml_figure(result)

    def quick(self):
        """Few n, two pairs, one round."""
        return dataclasses.replace(
            self, longest=40, evaluation_steps=400, pairs=((0, 1), (8, 9)), max_gradients=100, rounds=1, iterations=50
        )


def gained(values) -> float:
    """What the values of a round (iterations,), in order, rose by, as a share of the last."""
    return float((np.nanmax(values) - values[0]) / max(abs(np.nanmax(values)), 1e-300))


def maml_findings(lengths, losses, drawn, step, method="ascent") -> list[Finding]:
    """The paper's claims, on the n in `lengths`, the losses (n, evaluation steps) and those from drawn weights (evaluation
    steps,) by split, and the time `step` of a step.

    Of converged answers also what must hold at an optimum: more steps lower the loss summed over the largest n.
    """
    longest, evaluated = int(lengths[-1]), losses["training"].shape[1]
    first, within, total = (
        {name: curves[:, :end].sum(1) * step for name, curves in losses.items()} for end in (2, longest, evaluated)
    )
    first = {name: values / (2 * step) for name, values in first.items()}

    def ends(values):
        """Those of the smallest and the largest n, in words."""
        return f"{values[0]:.4g} to {values[-1]:.4g}"

    def rises(values, sign):
        """Whether they rise with n, or fall where `sign` is −1."""
        return bool(sign * _rank_correlation(lengths, values) > 0.8 and sign * (values[-1] - values[0]) > 0)

    def measured(values):
        """The rank correlation and the ends, in words."""
        return f"{_rank_correlation(lengths, values['training']):.2f}, {ends(values['training'])}"

    follows = [_rank_correlation(v["training"], v["test"]) for v in (first, total)]
    findings = [
        Finding(
            "optimising over more steps raises the one-step loss, the mean of start and one step ahead: rank correlation with "
            "n, above 0.8",
            measured(first),
            rises(first["training"], 1),
        ),
        Finding(
            f"it lowers the cumulative loss over {evaluated} steps: rank correlation with n, below −0.8",
            measured(total),
            rises(total["training"], -1),
        ),
        Finding(
            "test follows training: rank correlations over n of the one-step and the cumulative loss, above 0.8",
            f"{follows[0]:.2f} and {follows[1]:.2f}; on test {ends(first['test'])} and {ends(total['test'])}",
            min(follows) > 0.8,
        ),
        Finding(
            "learning from the optimised weights is ahead of learning from drawn ones: cumulative loss, for every n",
            ", ".join(f"{k} at most {total[k].max():.4g} against {drawn[k].sum() * step:.4g}" for k in losses),
            all(bool(total[k].max() < drawn[k].sum() * step) for k in losses),
        ),
    ]
    if method == "converged":
        findings.insert(
            2,
            Finding(
                f"it lowers the loss summed over the {longest} steps of the largest n: rank correlation with n, below −0.8",
                measured(within),
                rises(within["training"], -1),
            ),
        )
    return findings


def convergence_finding(last, residual, precision) -> Finding:
    """Whether the answers are equally converged, on what the last round gained and the residuals reached, (n,)."""
    return Finding(
        f"converged: every n, to the same precision: what the last round gained as a share of V, below {precision:g}",
        f"at most {last.max():.1e}; scaled residuals {residual.min():.1e} to {residual.max():.1e} in flat directions",
        bool(last.max() < precision),
    )


def _rank_correlation(a, b) -> float:
    """Spearman's rank correlation; 0 where one of them is constant."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic) if np.ptp(a) and np.ptp(b) else 0.0
