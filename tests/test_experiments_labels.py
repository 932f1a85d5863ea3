"""Labels: their text is what saved runs contain, and what code asks of them are named coordinates."""

import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest

import learning_effort as le
from learning_effort.experiments import Experiment, Label, Result, chosen, registry, runs
from learning_effort.experiments.collect import answered, with_coordinates
from learning_effort.experiments.labels import coordinates_of, ordered
from learning_effort.files import disk

#: The first and the last label of each experiment's problems in runs that version 0.1.0 saved.
TEXTS = {
    "single-neuron": ("control", "control"),
    "single-neuron-sweeps": ("gamma=1e-08", "steps=1200"),
    "gain-gaussians": ("seed 0", "seed 4"),
    "gain-semantic": ("seed 0", "seed 4"),
    "gain-mnist": ("seed 0", "seed 4"),
    "category-assimilation": ("semantic, seed 0", "mnist, seed 4"),
    "learning-rate": ("rest 0, gamma=0.6", "rest -1, beta=2"),
    "maml": ("n=2", "n=340"),
    "task-engagement": ("active, seed 0", "vector, seed 4"),
    "category-engagement": ("semantic, seed 0", "mnist, seed 0, start 2"),
    "optimal-proportion": ("control", "constant"),
    "task-switch": ("seed 0", "seed 4"),
    "task-modulation": ("blend judged on first, seed 0", "mixture judged on all, seed 4"),
    "nonlinear": ("gaussians, seed 0", "mnist, seed 4"),
    "tractability": ("solver", "samples"),
}


def neuron(gamma):
    learner = le.LinearNetwork(le.tasks.TwoGaussians(), hidden=(), learning_rate=1e-2, weights=[[[0.0]]])
    control = le.Gain(bounds=(0.0, 0.5), cost=le.costs.Quadratic(0.3))
    return le.Problem(learner, control, le.Steps(20), discount=gamma)


@dataclasses.dataclass(frozen=True)
class Two(Experiment):
    """The same problems under labels of the kinds that there may be; `extra` names a coordinate."""

    extra: str = "seed"

    def problems(self):
        labels = Label(part="semantic", **{self.extra: 3}), Label(part="mnist", gamma=0.5), "a plain text"
        return dict(zip(labels, map(neuron, (0.5, 0.9, 0.99)), strict=True))

    def dataset(self, solutions):
        import xarray as xr

        return xr.Dataset({"value": ("solution", [s.value for s in solutions.values()])})


@pytest.fixture(scope="module")
def two():
    return Two().run(progress=False)


def test_a_label_is_its_text():
    label = Label(part="semantic", seed=np.int64(3), start=1)
    assert label == "semantic, seed 3, start 1" and {label: 1}["semantic, seed 3, start 1"] == 1
    assert json.dumps({label: [label]}) == '{"semantic, seed 3, start 1": ["semantic, seed 3, start 1"]}'
    assert label.coordinates == {"part": "semantic", "seed": 3, "start": 1} and type(label.coordinates["seed"]) is int
    assert Label(gamma=1 / 3) == "gamma=0.333333" and Label("n=2", n=2).coordinates == {"n": 2}
    for copied in (copy.deepcopy(label), pickle.loads(pickle.dumps(label))):
        assert copied == label and copied.coordinates == label.coordinates
    assert coordinates_of("semantic, seed 3") == {}


def test_solutions_are_chosen_by_coordinates():
    labels = Label(part="a", seed=1), Label(part="a", seed=0), Label(part="a", seed=0, start=1), Label(part="b", seed=0), "a"
    all_ = {label: i for i, label in enumerate(labels)}
    assert list(chosen(all_, part="a").values()) == [0, 1, 2]
    assert list(chosen(all_, part="a", start=None).values()) == [0, 1]
    assert list(chosen(all_, "start").values()) == [2] and list(chosen(all_, seed=7)) == []
    assert ordered(chosen(all_, start=None, part="a"), {"seed": range(2)}) == [1, 0]
    neutral = chosen(all_, "part", start=None) | {Label(part="b", seed=1): 4}
    assert ordered(neutral, {"part": ("b", "a"), "seed": (1, 0)}) == [4, 3, 0, 1]


@pytest.mark.parametrize("name", TEXTS)
def test_labels_read_as_they_did_and_have_coordinates(name):
    labels = list(registry[name]().problems())
    assert (labels[0], labels[-1]) == TEXTS[name]
    if name not in ("single-neuron", "tractability"):
        assert all(coordinates_of(label) for label in labels)


def test_answers_have_the_coordinates_of_their_labels(two, tmp_path):
    disk.write(two.dataset, tmp_path / "run.nc")
    for d in (two.dataset, disk.read(tmp_path / "run.nc")):
        assert d["answer"].values.tolist() == ["semantic, seed 3", "mnist, gamma=0.5", "a plain text"]
        assert d["answer_part"].dims == ("answer",) and d["answer_part"].values.tolist() == ["semantic", "mnist", ""]
        np.testing.assert_array_equal(d["answer_seed"], [3, np.nan, np.nan])
        np.testing.assert_array_equal(d["answer_gamma"], [np.nan, 0.5, np.nan])
        assert answered(d, "value", part="mnist").tolist() == [d["value"].values[1]]
        assert answered(d, "value", part="mnist", seed=3).size == 0


def test_a_coordinate_cannot_have_the_name_of_what_is_known_of_answers(two):
    experiment = Two(extra="value")
    with pytest.raises(le.LearningEffortError, match="cannot be called 'value'"):
        experiment.result(dict(zip(experiment.problems(), two.solutions.values(), strict=True)))


def test_a_dataset_with_texts_alone_is_given_the_coordinates(two):
    bare = two.dataset.drop_vars([name for name in two.dataset.coords if str(name).startswith("answer_")])
    assert "answer_part" not in bare.coords
    assert with_coordinates(bare, list(Two().problems())).identical(two.dataset)


def test_a_run_of_several_parts_saved_before_labels_had_coordinates_is_judged_the_same(tmp_path):
    short = {"steps": 40, "other_steps": 40, "levels": 2, "semantic_hidden": 4, "mnist_hidden": 4, "hidden": 4, "knots": 4}
    experiment = dataclasses.replace(le.experiments.Nonlinear().quick(), **short)
    solutions = {
        label: le.solve(p, le.GradientAscent(1.0, 1 + i), progress=False)
        for i, (label, p) in enumerate(experiment.problems().items())
    }
    result = experiment.result(solutions)
    runs.save_result(experiment, result, tmp_path)
    dataset = disk.read(tmp_path / "run.nc")
    disk.write(dataset.drop_vars(["answer_part", "answer_seed"]), tmp_path / "run.nc")
    read = runs.read_result(tmp_path)
    assert experiment.findings(read) == experiment.findings(result)
    # The parts are told by their coordinates, not by the order in which they were solved.
    shuffled = experiment.result(dict(reversed(solutions.items())))
    assert experiment.findings(Result(experiment, {}, shuffled.dataset)) == experiment.findings(result)
