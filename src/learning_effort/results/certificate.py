"""What is known about an answer: how its search ended, what was examined, and all of it in words (theory.md §8)."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

import numpy as np

from ..files.html import table
from .explored import Explored

#: Learning in which the loss varies by less than this share of its largest value is called a plateau.
PLATEAU = 1e-2
#: Curvatures nearer to zero than this are called flat; the cost's own curvature is one.
FLAT = 1e-4


class Status(Enum):
    """How a search ended."""

    CONVERGED = "converged"
    STUCK = "stuck"
    LIMIT = "limit"
    NOT_FINITE = "not finite"
    INTERRUPTED = "interrupted"
    TIME = "time"


class Method(Enum):
    """What a stage of a search goes by."""

    QUASI_NEWTON = "quasi-Newton"
    REFINEMENT = "refinement from knots"
    ASCENT = "gradient ascent"
    FLOW = "exact solution of the flow"
    CORRECTED = "corrected long steps"
    DYNAMIC_PROGRAMMING = "exact solution by dynamic programming"

    @property
    def exact(self) -> bool:
        """Whether it finds the optimum itself, by no search."""
        return self in (Method.FLOW, Method.DYNAMIC_PROGRAMMING)


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage of a search: its `method`; the number of `steps` that learning had in it, fewer than the learner's own where
    they were longer; and how it ended: `status`, best `value`, scaled `residual`, `gradients` and `seconds` it took."""

    method: Method
    steps: int
    status: Status
    value: float
    residual: float
    gradients: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Curvature:
    """The lower end of the spectrum of −V's Hessian in the metric, over directions no bound forbids.

    - `smallest`: the smallest eigenvalue found, in units of the cost's own curvature at rest (None: every number of effort is
      held at a bound); `error`: some eigenvalue lies within this of it.
    - `flat`: how many eigenvalues within `FLAT` of zero were found; there may be more.
    - `stretches`: of time, over which the directions examined are held; None if all directions were.
    - `products`: Hessian-vector products used.
    """

    smallest: float | None
    error: float | None
    flat: int
    stretches: int | None
    products: int


@dataclasses.dataclass(frozen=True)
class Examination:
    """What `le.certify` finds out. A figure that does not apply is None, and `absent` says why, by its name.

    - `curvature`; `hamiltonian`: how far the Hamiltonian is from its balance, over the largest |v|; `undiscounted`, so that the
      balance is that it is constant.
    - `constant_value`, `neutral_value`, `never_learn_value`, `exact_value`: V of other efforts.
    - `plateau`: whether the loss varies by less than `PLATEAU` over the horizon, with control and without.
    """

    curvature: Curvature
    hamiltonian: float | None
    undiscounted: bool
    constant_value: float | None
    neutral_value: float
    never_learn_value: float | None
    exact_value: float | None
    plateau: bool
    absent: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Spending:
    """What is known of a budget.

    - `of`, whose it is; its `amount`, and what is `spent` of it.
    - `multiplier`, its price: what one more unit of the amount would add to the value; the `stiffness` it was found with.
    - `dual_bound`: the most that the value less what is over budget at that price reaches, searched from the answer. Where that
      search is global, no effort within budget is worth more.
    """

    of: str
    amount: float
    spent: float
    multiplier: float
    stiffness: float
    dual_bound: float

    @property
    def slack(self) -> float:
        """What is left of it; below zero, what is over."""
        return self.amount - self.spent

    @property
    def sentence(self) -> str:
        """All of it in words."""
        return (
            f"Of the budget of {self.of}, {self.amount:.6g}, {self.spent:.9g} is spent, at a price of {self.multiplier:.6g} a "
            f"unit (no effort found is worth more than {self.dual_bound:.9g} at that price)."
        )


#: What a file says of a certificate although it follows from the rest.
FOLLOWING = ("converged", "gain_over_baseline", "constant_value", "sentence")
#: Why a figure of an examination is absent before there is one.
NOT_EXAMINED = "not examined: le.certify(solution) does"


@dataclasses.dataclass(frozen=True)
class Certificate:
    """What is known about an effort. `le.solve` gives the first fields; `examination` is None until `le.certify`.

    - `status`: how the solver ended. `residual`: the scaled residual, in units of effort.
    - `share_at_bounds`: the share of effort's numbers on a bound.
    - `value`, `baseline_value`: V under it, and of the uncontrolled learner.
    - `optima`: of several starts, the value of each distinct optimum and how many starts reached it, the best first.
    - `explored`: how far other starts were tried where gradients are cheap; None if they were not.
    - `finished`: the search met its tolerance, although the status is INTERRUPTED, as what came after it was.
    - `flow_value`: V as the learner's steps get ever shorter, extrapolated at this effort; None where it was not estimated.

    - `budgets`: what is known of each budget, a `Spending`.

    The figures of the examination, and `converged`, `gain_over_baseline` and `sentence`, are attributes of the certificate too;
    `why_absent(name)` says why one of them is None.
    """

    status: Status
    residual: float
    share_at_bounds: float
    value: float
    baseline_value: float
    optima: tuple[tuple[float, int], ...] = ()
    examination: Examination | None = None
    budgets: tuple[Spending, ...] = ()
    explored: Explored | None = None
    finished: bool = False
    flow_value: float | None = None

    @property
    def converged(self) -> bool:
        """Whether the solver met its tolerance."""
        return self.status is Status.CONVERGED

    @property
    def gain_over_baseline(self) -> float:
        """V − V of the uncontrolled learner."""
        return self.value - self.baseline_value

    @property
    def curvature(self) -> float | None:
        """The smallest curvature of −V found: positive at a maximum, negative at a saddle."""
        return self._of_curvature("smallest")

    @property
    def curvature_error(self) -> float | None:
        """Some curvature is within this of the smallest found."""
        return self._of_curvature("error")

    @property
    def flat_directions(self) -> int | None:
        """How many directions of a curvature within `FLAT` of zero were found."""
        return self._of_curvature("flat")

    @property
    def curvature_stretches(self) -> int | None:
        """The stretches of time over which the directions examined are held; None if all directions were."""
        return self._of_curvature("stretches")

    @property
    def hessian_products(self) -> int | None:
        """Hessian-vector products that the curvature took."""
        return self._of_curvature("products")

    @property
    def hamiltonian(self) -> float | None:
        """How far the Hamiltonian is from its balance, over the largest |v|; of the order of Δt at an optimum."""
        return self._of_examination("hamiltonian")

    @property
    def constant_value(self) -> float | None:
        """V of the best effort that is constant in time, found by the same solver."""
        return self._of_examination("constant_value")

    @property
    def neutral_value(self) -> float | None:
        """V of the neutral effort, paid for."""
        return self._of_examination("neutral_value")

    @property
    def never_learn_value(self) -> float | None:
        """V of not learning at all: rate −1 throughout, other controls at rest."""
        return self._of_examination("never_learn_value")

    @property
    def exact_value(self) -> float | None:
        """V under the exact solution (`le.Exact`); exact for the flow may be worth less on the learner's steps, by O(Δt)."""
        return self._of_examination("exact_value")

    @property
    def plateau(self) -> bool | None:
        """Whether the loss hardly varies over the horizon, with control and without."""
        return self._of_examination("plateau")

    def why_absent(self, name: str) -> str | None:
        """Why the attribute `name` is None, in words; None if it is not."""
        if getattr(self, name) is not None:
            return None
        if self.examination is None:
            return NOT_EXAMINED
        return self.examination.absent.get(name, "not known")

    def _of_examination(self, name: str) -> Any:
        """A figure of the examination; None before there is one."""
        return None if self.examination is None else getattr(self.examination, name)

    def _of_curvature(self, name: str) -> Any:
        """A figure of the curvature; None before it is examined."""
        return None if self.examination is None else getattr(self.examination.curvature, name)

    # Words --------------------------------------------------------------------------------------------------------

    @property
    def sentence(self) -> str:
        """All of it in words."""
        text = (
            f"{self._verdict()}: the scaled residual is {self.residual:.1e}; "
            f"{self.share_at_bounds:.1%} of the control is at its bounds."
        )
        if self.examination is not None and self.curvature is not None:
            where = (
                f" along directions held over {self.curvature_stretches} stretches of time" if self.curvature_stretches else ""
            )
            text += (
                f" The smallest curvature of −V{where} is {self.curvature:.3g} ± {self.curvature_error:.1g}, in units of the "
                f"cost's own ({self.hessian_products} Hessian-vector products)."
            )
        text += self._compared()
        if self.examination is not None and self.hamiltonian is not None:
            kept = "is constant" if self.examination.undiscounted else "balances"
            text += f" The Hamiltonian {kept} to {self.hamiltonian:.1g} of the largest reward."
        if self.plateau:
            text += (
                f" Near a saddle of learning: with control and without, the loss varies by less than {PLATEAU:.0%} over the "
                "horizon, so a small residual says little."
            )
        text += "".join(f" {budget.sentence}" for budget in self.budgets)
        if self.flow_value is not None:
            text += f" In ever shorter steps it would be worth {self.flow_value:.8g}."
        if self.explored is not None:
            text += f" {self.explored.sentence}"
        return text + (f" {self.optima_in_words()}" if self.optima else "")

    def optima_in_words(self) -> str:
        """What several starts reached: each distinct optimum's value and how many starts reached it."""
        if not self.optima:
            return "There was a single start."
        reached = ", ".join(f"{value:.8g} ({count}×)" for value, count in self.optima)
        number = "one optimum" if len(self.optima) == 1 else f"{len(self.optima)} distinct optima"
        return f"{sum(count for _, count in self.optima)} starts reached {number}: {reached}."

    def _verdict(self) -> str:
        """What the effort is, in a few words."""
        if not (self.converged or self.finished):
            return "NOT CONVERGED"
        if self.examination is None:
            return "Stationary"
        c = self.examination.curvature
        if c.smallest is None or c.error is None:
            return "A strict local maximum, held at its bounds throughout"
        if c.smallest < -FLAT:
            return "A saddle: there is a direction in which value rises"
        if c.smallest <= FLAT:
            return f"Stationary, with flat directions (at least {max(c.flat, 1)})"
        if c.smallest - c.error <= FLAT or not np.isfinite(c.smallest):
            return "Stationary; whether a maximum is not settled"
        return "A strict local maximum"

    def _compared(self) -> str:
        """What it is worth beside other efforts."""
        text = f" It is worth {self.gain_over_baseline:.6g} more than no control"
        free = self.neutral_value is None or abs(self.neutral_value - self.baseline_value) <= 1e-12 * abs(self.baseline_value)
        others = {
            "neutral effort, paid for": None if free else self.neutral_value,
            "the best constant control": self.constant_value,
            "never learning": self.never_learn_value,
        }
        more = [f"{self.value - other:.6g} more than {name}" for name, other in others.items() if other is not None]
        text += "".join(f", {phrase}" for phrase in more[:-1]) + "".join(f", and {phrase}" for phrase in more[-1:]) + "."
        if self.exact_value is not None:
            gap = self.exact_value - self.value
            text += f" The exact solution is worth {abs(gap):.3g} {'more' if gap > 0 else 'less'}."
        return text

    def _repr_html_(self) -> str:
        """The certificate as notebooks show it: its figures that are known, and its sentence."""
        names = ("residual", "share_at_bounds", "gain_over_baseline", "curvature", "constant_value", "neutral_value",
                 "never_learn_value", "hamiltonian", "exact_value")
        known = [(name.replace("_", " "), value) for name in names if (value := getattr(self, name)) is not None]
        return table("Certificate", [("status", self.status.value), *known], after=self.sentence)

    # Files --------------------------------------------------------------------------------------------------------

    def described(self) -> dict[str, Any]:
        """The certificate as JSON takes it, with what follows from it for who reads the file."""
        own = dataclasses.asdict(self) | {"status": self.status.value, "optima": [list(pair) for pair in self.optima]}
        return own | {name: getattr(self, name) for name in FOLLOWING}

    @classmethod
    def from_flat(
        cls, given: dict[str, Any], status: Status, worth: dict[str, Any], optima: tuple[tuple[float, int], ...]
    ) -> Certificate:
        """The certificate of version 0.1.0, whose figures stood side by side and were None where they were not known; `worth`
        has "value" and "baseline_value"."""
        examination = None
        if given.get("hessian_products") is not None:
            names = ("curvature", "curvature_error", "flat_directions", "curvature_stretches", "hessian_products")
            figures: list[Any] = [given.get(name) for name in names]
            curvature = Curvature(*figures)
            kept = ("hamiltonian", "constant_value", "neutral_value", "never_learn_value")
            others: dict[str, Any] = {n: given.get(n) for n in kept}
            absent = {name: "not said by the version that wrote the file" for name in (*others, "exact_value")}
            examination = Examination(
                curvature, undiscounted=False, exact_value=given.get("exact_value"), plateau=bool(given.get("plateau")),
                absent=absent, **others,
            )
        known = (float(given["residual"]), float(given["share_at_bounds"]), worth["value"], worth["baseline_value"])
        return cls(status, *known, optima, examination)

    @classmethod
    def from_description(cls, given: dict[str, Any]) -> Certificate:
        """What `described` gave. **Raises:** `KeyError`, `TypeError` or `ValueError` if it is something else."""
        given = {name: value for name, value in given.items() if name not in FOLLOWING}
        examined = given["examination"]
        if examined is not None:
            examined = Examination(**(examined | {"curvature": Curvature(**examined["curvature"])}))
        own: dict[str, Any] = {
            "status": Status(given["status"]),
            "optima": tuple((float(value), int(count)) for value, count in given["optima"]),
            "examination": examined,
            "budgets": tuple(Spending(**budget) for budget in given.get("budgets", ())),
            "explored": Explored.from_description(given.get("explored")),
        }
        return cls(**(given | own))
