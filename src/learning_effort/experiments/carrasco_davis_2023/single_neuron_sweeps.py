"""The single neuron, one parameter at a time (paper, figure 2e–h and appendix)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..base import Finding
from ..labels import Label, chosen, ordered
from .single_neuron import SingleNeuron

SWEEPS = {
    "gamma": 10.0 ** np.linspace(-8, 0, 30),
    "std": np.linspace(1e-5, 5, 30),
    "beta": np.linspace(1e-5, 2, 30),
    "weight_decay": np.linspace(0, 5, 30),
    "steps": np.arange(200, 1201, 50),
}


@dataclasses.dataclass(frozen=True)
class SingleNeuronSweeps(SingleNeuron):
    """`single-neuron` with γ, σ, β, λ and N varied one at a time: 141 problems, solved together.

    Its fields are those of `single-neuron`, the values the others keep while one is varied.
    """

    name = "single-neuron-sweeps"
    description = "the single neuron over discount, noise, cost, decay and horizon, 141 problems at once (fig. 2e-h)"

    def problems(self):
        """One for each value of each parameter in `SWEEPS`."""
        base = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

        def problem(field, value):
            """The single neuron with one field changed."""
            value = int(value) if field == "steps" else float(value)
            return SingleNeuron(**(base | {field: value})).problem()

        return {Label(**{field: float(x)}): problem(field, x) for field, values in SWEEPS.items() for x in values}

    def dataset(self, solutions):
        """Of each sweep, `gain_…` g*(t) and `reward_gained_…` v_C − v_B (values, step), NaN past the end; `value_…`,
        `baseline_value_…` and `residual_…` (values,)."""
        import xarray as xr

        variables = {}
        longest = max(s.rollout.times.size for s in solutions.values())
        for field, values in SWEEPS.items():
            members = ordered(chosen(solutions, field), {field: values})
            dims = (field, "step")
            variables[f"gain_{field}"] = (dims, np.stack([_padded(s.effort["gain"][0], longest) for s in members]))
            ahead = [_padded(s.rollout.reward - s.baseline.reward, longest) for s in members]
            variables[f"reward_gained_{field}"] = (dims, np.stack(ahead))
            variables[f"value_{field}"] = (field, [s.value for s in members])
            variables[f"baseline_value_{field}"] = (field, [s.baseline_value for s in members])
            variables[f"residual_{field}"] = (field, [s.certificate.residual for s in members])
        coordinates = {field: values.astype(float) for field, values in SWEEPS.items()}
        return xr.Dataset(variables, coordinates | {"step": np.arange(longest)}, {"learning_rate": self.learning_rate})

    def findings(self, result):
        """Of the gains of every sweep."""
        return sweep_findings({field: result.dataset[f"gain_{field}"].values for field in SWEEPS}, self.upper)

    def figure(self, result):
        """Gain, and reward gained, over time: a column a sweep."""
        from ...figures.carrasco_davis_2023.single_neuron import sweeps_figure

        return sweeps_figure(result)


def sweep_findings(gains: dict[str, np.ndarray], upper: float) -> list[Finding]:
    """The paper's claims, on g*(t) of each sweep, (values, N) in increasing order of the parameter, NaN past its end."""
    initial = {field: g[:, 0] for field, g in gains.items()}
    mean = {field: np.nanmean(g, axis=1) for field, g in gains.items()}
    last = {field: np.array([row[np.isfinite(row)][-1] for row in g]) for field, g in gains.items()}
    half = np.array([row[np.isfinite(row)][np.isfinite(row).sum() // 2] for row in gains["steps"]])

    def ends(curve):
        """Its first and last number, in words."""
        return f"{curve[0]:.3f} to {curve[-1]:.3f}"

    def rises(curve):
        """Whether it never falls, and rises in all."""
        return bool((np.diff(curve) >= -1e-4).all() and curve[-1] > curve[0] + 1e-3)

    left = last["weight_decay"] / initial["weight_decay"]
    return [
        Finding("larger γ raises the initial control g(0)", ends(initial["gamma"]), rises(initial["gamma"])),
        Finding("smaller σ recruits more control: mean g", ends(mean["std"]), rises(-mean["std"])),
        Finding("larger β recruits less control: mean g", ends(mean["beta"]), rises(-mean["beta"])),
        Finding(
            "β → 0 saturates at the bound: mean g over the bound",
            f"{mean['beta'][0] / upper:.3f}",
            bool(mean["beta"][0] > 0.95 * upper),
        ),
        Finding(
            "with the largest λ control stays up: g at the end over g(0), above a half",
            f"{left[-1]:.2f}",
            bool(left[-1] > 0.5),
        ),
        Finding("with λ = 0 control decays: g at the end over g(0), below a half", f"{left[0]:.2f}", bool(left[0] < 0.5)),
        Finding("a shorter horizon leaves control higher in normalised time: g at T/2", ends(half), rises(-half)),
    ]


def _padded(curve, length):
    """A curve of any shape as (length,), NaN past its end."""
    curve = np.asarray(curve).ravel()
    return np.concatenate([curve, np.full(length - curve.size, np.nan)])
