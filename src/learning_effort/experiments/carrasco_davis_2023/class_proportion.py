"""Engagement with categories as the composition of batches: a curriculum for gradient descent (paper, figure 4l,m)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Experiment, Finding, every_seed

KINDS = ("uniform", "curriculum")
#: Losses by class are kept at no more times than this.
KEPT = 500


@dataclasses.dataclass(frozen=True)
class ClassProportion(Experiment):
    """Ten digits learned on batches in which class c has round(φ_c B/10) samples, φ the engagement of `category-engagement`
    at that step, against batches with the same number of every class. Nothing is optimised here.

    The shares are not renormalised: a batch holds (Σφ/10)·B samples. As ‖φ‖² stays near 10 and Σφ² ≥ (Σφ)²/10, engagement
    that is concentrated on some classes makes batches smaller than B, never much larger; the gradient is the mean over the
    samples drawn, so that a small batch is noisier, and not a shorter step. Performance is judged on each step's batch,
    and on a balanced one.

    `steps` N, `learning_rate` Δt, `hidden` units, `batch` B, `digits`, `source` as for `le.tasks.Digits`, `init_scale` of
    the initial weights, of which there are `seeds` draws, the first with `seed`. Engagement is that of the same
    seed; run alone, it is solved for the first seed only, and all follow it.
    """

    name = "class-proportion"
    description = "engagement as the share of each class in batches: a curriculum for SGD (fig. 4l,m)"
    needs = ("category-engagement",)

    steps: int = 5000
    learning_rate: float = 5e-2
    hidden: int = 50
    batch: int = 4048
    digits: tuple[int, ...] = tuple(range(10))
    source: str = "bundled"
    init_scale: float = 1e-2
    seeds: int = 5
    seed: int = 0

    def problems(self):
        """None: nothing is optimised."""
        return {}

    def needed(self, progress=True, earlier=None):
        """Engagement with the digits."""
        return mnist_engagement(self, progress, earlier)

    def run(self, progress=True, earlier=None):
        """Learn on batches with the shares that engagement gives, and on uniform ones."""
        from ..base import Result

        engagement = self.needed(progress, earlier)["category-engagement"]
        times = np.arange(self.steps) * self.learning_rate
        seeds = range(self.seed, self.seed + self.seeds)
        phi = np.stack([engagement_at(engagement, seed, times) for seed in seeds])
        return Result(self, {}, self._learned(seeds, times, phi))

    def _learned(self, seeds, times, phi):
        """The dataset, from φ (seeds, times, digits): `loss_batch_…` and `loss_balanced_…` (seed, time); `loss_class_…` and
        `share` (seed, kept_time, digit) and `batch_size` (seed, kept_time) at no more than `KEPT` times."""
        import xarray as xr

        import learning_effort as le

        task = le.tasks.Digits(self.digits, source=self.source)
        at = np.unique(np.linspace(0, self.steps - 1, KEPT).round().astype(int))
        per_class, variables = round(self.batch / len(self.digits)), {}
        for kind in KINDS:
            followed = phi if kind == "curriculum" else np.ones_like(phi)
            counts = np.round(followed * self.batch / len(self.digits)).astype(int)
            runs = []
            for seed, own in zip(seeds, counts, strict=True):
                learner = le.LinearNetwork(
                    task, (self.hidden,), learning_rate=self.learning_rate, init_scale=self.init_scale, seed=seed
                )
                runs.append(learn_on_batches(learner, task.by_class(), own, per_class, seed))
            on_batches, by_class = (np.stack(parts) for parts in zip(*runs, strict=True))
            variables[f"loss_batch_{kind}"] = (("seed", "time"), on_batches)
            variables[f"loss_balanced_{kind}"] = (("seed", "time"), by_class.mean(-1))
            variables[f"loss_class_{kind}"] = (("seed", "kept_time", "digit"), by_class[:, at])
        variables["share"] = (("seed", "kept_time", "digit"), phi[:, at] / phi[:, at].sum(-1, keepdims=True))
        variables["batch_size"] = (("seed", "kept_time"), counts.sum(-1)[:, at])
        coordinates = {"seed": list(seeds), "time": times, "kept_time": times[at], "digit": list(self.digits)}
        return xr.Dataset(variables, coordinates)

    def findings(self, result):
        """Of the losses on balanced batches."""
        d = result.dataset
        losses = [d[f"loss_balanced_{kind}"].values for kind in ("curriculum", "uniform")]
        return proportion_findings(d["time"].values, *losses, d["batch_size"].values, self.batch)

    def figure(self, result):
        """Losses, shares and sizes of the batches over time."""
        from ...figures.carrasco_davis_2023.class_proportion import proportion_figure

        return proportion_figure(result)

    def quick(self):
        """With fewer units and smaller batches."""
        return dataclasses.replace(super().quick(), hidden=8, batch=400)


def mnist_engagement(experiment, progress=True, earlier=None) -> dict:
    """{"category-engagement": dataset} from `earlier`, or solved for the digits and the first seed of `experiment` alone.

    The network is the experiment's; the horizon the paper's 30,000 steps, or six times the experiment's if that is shorter.
    """
    from .category_engagement import CategoryEngagement

    if earlier and CategoryEngagement.name in earlier:
        return {CategoryEngagement.name: earlier[CategoryEngagement.name]}
    paper = CategoryEngagement()
    one = dataclasses.replace(
        paper,
        mnist_steps=min(paper.mnist_steps, 6 * experiment.steps),
        mnist_learning_rate=experiment.learning_rate,
        mnist_hidden=experiment.hidden,
        mnist_init_scale=experiment.init_scale,
        digits=experiment.digits,
        source=experiment.source,
        seeds=1,
        seed=experiment.seed,
        starts=1,
    )
    return {one.name: one.result(one.solved(one.part_problems("mnist"), progress)).dataset}


def engagement_at(engagement, seed: int, times) -> np.ndarray:
    """φ (times, digits) of `category-engagement`'s dataset, of `seed` if it is there, else of its first."""
    seeds = list(engagement["seed"].values)
    effort = engagement["mnist_effort"].values[seeds.index(seed) if seed in seeds else 0]
    kept = engagement["mnist_weight_time"].values
    return np.stack([np.interp(times, kept, course) for course in effort.T], axis=1)


def learn_on_batches(learner, classes, counts, balanced: int, seed: int):
    """Stochastic gradient descent on batches with `counts` (N, classes) samples of each class, drawn with replacement.

    **Arguments:** `learner`, a linear network; `classes`, a task with data for each class; `balanced`, the samples a class
    in the batches it is judged on; `seed` of the samples.

    **Returns:** the loss on each step's batch (N,), and on a balanced batch for each class (N, classes); its mean over
    classes is the loss on the balanced batch.
    """
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from ...runtime.random_keys import key as key_of
    from ...tasks.base import Moments

    smallest = min(task.x.shape[0] for task in classes)
    x, y = (jnp.stack([getattr(task, name)[:smallest] for task in classes]) for name in "xy")
    most = int(counts.max())

    def moments(images, targets, weights):
        """The moments of samples (…, n) with weights that sum to one over all."""
        flat_x, flat_y, w = images.reshape(-1, images.shape[-1]), targets.reshape(-1, targets.shape[-1]), weights.ravel()
        weighted = flat_x * w[:, None]
        return Moments(weighted.T @ flat_x, weighted.T @ flat_y, (flat_y * w[:, None]).T @ flat_y, w @ flat_x, w @ flat_y)

    def drawn(key, number):
        """`number` samples of every class: x (classes, number, I) and y (classes, number, O)."""
        rows = jax.random.randint(key, (x.shape[0], number), 0, smallest)
        return tuple(jnp.take_along_axis(a, rows[..., None], axis=1) for a in (x, y))

    @eqx.filter_jit
    def run(learner, counts):
        """Learn; the losses on the batches and by class."""

        def step(weights, inputs):
            """One step on a batch of `inputs`, the count of each class and a key."""
            count, key = inputs
            learning, judging = jax.random.split(key)
            used = (jnp.arange(most) < count[:, None]) / jnp.maximum(count.sum(), 1)
            batch = moments(*drawn(learning, most), used)
            even = jnp.full((balanced,), 1 / balanced)
            judged = jax.vmap(lambda a, b: learner.moment_loss(weights, moments(a, b, even), {}))(*drawn(judging, balanced))
            field = learner.moment_field(weights, batch, {})
            after = [w + learner.learning_rate * f for w, f in zip(weights, field, strict=True)]
            return after, (learner.moment_loss(weights, batch, {}), judged)

        keys = jax.random.split(key_of(seed), len(counts))
        return jax.lax.scan(step, learner.init({}), (counts, keys))[1]

    return tuple(np.asarray(loss) for loss in run(learner, jnp.asarray(counts)))


def proportion_findings(times, curriculum, uniform, sizes, batch: int) -> list[Finding]:
    """The paper's claim, on times (N,), losses on balanced batches (seeds, N), and the sizes of the batches (seeds, kept)."""
    half = len(times) // 2
    lead = uniform - curriculum
    noise = np.diff(lead, axis=1).std(1) / np.sqrt(half)
    behind = lead.mean(0)[:half] < 0
    since = times[half - 1 - behind[::-1].argmax()] if behind.any() else 0.0
    return [
        every_seed(
            "the curriculum is ahead on balanced batches early: mean of L uniform − L curriculum over the first half, above "
            "three standard errors",
            lead[:, :half].mean(1) > 3 * noise,
            f"{lead[:, :half].mean():.5f} ± {noise.mean():.5f}, ahead from t = {since:.1f} on",
        ),
        every_seed(
            "not renormalised, batches are no larger than uniform ones by more than a tenth: the largest over B",
            sizes.max(1) <= 1.1 * batch,
            f"{sizes.min() / batch:.2f} to {sizes.max() / batch:.2f} of B",
        ),
    ]
