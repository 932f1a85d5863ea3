"""What is particular to each task, and bad input explained. What all promise is in test_contracts.py."""

import gzip
import struct
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import learning_effort as le
from learning_effort.tasks.digits import resize, resize_matrix

T = le.tasks
PAIR = [T.CorrelatedGaussians(), T.CorrelatedGaussians((-2.0, 2.0), flip_probability=0.2)]
RNG = np.random.default_rng(0)


def test_semantic_properties_follow_the_tree():
    properties = T.SemanticHierarchy(3).properties
    np.testing.assert_array_equal(properties[2], [1, 0, 1, 0, 0, 1, 0])
    assert T.SemanticHierarchy(4).output_size == 15 and T.SemanticHierarchy(4).input_size == 8


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 28), st.integers(0, 255))
def test_resizing_keeps_a_flat_image_flat(size, level):
    images = np.full((1, 28, 28), level)
    np.testing.assert_allclose(resize(images, size), level / 255, atol=1e-12)
    assert resize_matrix(size).shape == (size, 28)


def test_digits_are_class_by_class_with_a_constant():
    digits = T.Digits((3, 1))
    assert digits.x.shape == (800, 26) and (digits.x[:, -1] == 1).all()
    assert digits.x.min() >= 0 and digits.x.max() <= 1
    np.testing.assert_array_equal(np.asarray(digits.y)[[0, 399, 400, 799]], [[1, 0], [1, 0], [0, 1], [0, 1]])
    classes = digits.by_class()
    assert [len(c.x) for c in classes] == [400, 400] and classes[1].output_size == 2
    assert T.Digits(np.int64(3)).digits == (3,)
    assert len(T.Digits((1, 3), split="test").x) == 200 and len(T.Digits((1, 3), split="all").x) == 1000


def write_idx(path, array):
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def test_digits_from_a_folder(tmp_path):
    labels = np.array([3, 1, 1, 3])
    images = RNG.integers(0, 255, (4, 28, 28))
    write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", images)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", labels)
    task = T.Digits((1, 3), size=28, source=str(tmp_path), split="test")
    np.testing.assert_allclose(task.x[:, :-1], images[[1, 2, 0, 3]].reshape(4, -1) / 255)
    assert len(T.Digits((1, 3), source=str(tmp_path), split="all").x) == 4
    with pytest.raises(le.LearningEffortError, match="no IDX files of the split 'train'. It has the split test"):
        T.Digits(source=str(tmp_path))
    whole = (tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes()
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(whole[:200] + bytes(100) + whole[300:])
    with pytest.raises(le.LearningEffortError, match="damaged"):
        T.Digits(source=str(tmp_path), split="test")
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(whole)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01\0\0\0\x09abc")
    with pytest.raises(le.LearningEffortError, match="damaged"):
        T.Digits(source=str(tmp_path), split="test")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: T.Digits((1, 11)), "different digits from 0 to 9"),
        (lambda: T.Digits((1, 1)), "different digits"),
        (lambda: T.Digits((True, 3)), "different digits"),
        (lambda: T.Digits(5.0), "different digits"),
        (lambda: T.Digits(None), "different digits"),
        (lambda: T.Digits(size=29), "at most 28"),
        (lambda: T.Digits(split="dev"), "'train', 'test', 'all'"),
        (lambda: T.Digits(source="nowhere"), "no folder 'nowhere'"),
        (lambda: T.TwoGaussians(std=-1), r"\[0, inf\)"),
        (lambda: T.CorrelatedGaussians(flip_probability=1.5), r"\[0, 1\]"),
        (lambda: T.ClassGaussians([1.0], [[-1.0]]), "positive semi-definite"),
        (lambda: T.SemanticHierarchy(0), "at least 1"),
        (lambda: T.Arrays(np.ones((3, 2)), np.ones((4, 1))), "same number of rows"),
        (lambda: T.Arrays([[np.nan]], [[1.0]]), r"finite. Got nan at index \(0, 0\)"),
        (lambda: T.FromMoments(np.eye(2), np.full((2, 1), 9.0), np.eye(1), np.zeros(2), np.zeros(1)), "some distribution"),
        (lambda: T.FromMoments(np.eye(3), np.zeros((2, 1)), np.eye(1), np.zeros(2), np.zeros(1)), r"shape \(2, 2\)"),
        (lambda: T.Mixture(PAIR, (0.5, 0.6)), "sum to 1"),
        (lambda: T.Switching([PAIR[0], T.TwoGaussians()]), "same numbers of inputs"),
        (lambda: T.Concatenated([]), "at least one task"),
        (lambda: PAIR[0].moments(proportions=jnp.ones(1)), "takes no proportions"),
    ],
)
def test_bad_input_is_explained(build, message):
    with pytest.raises(le.LearningEffortError, match=message):
        build()


def passed_on(kind):
    """How people have MNIST's files: a function of (name with dashes) that gives the path in the folder."""
    return {
        "as Kaggle has them": lambda name: Path(name.replace("-idx", ".idx")) / name.replace("-idx", ".idx"),
        "in a folder of their name": lambda name: Path(name) / name,
        "with dots": lambda name: Path(name.replace("-idx", ".idx")),
        "as torchvision has them": lambda name: Path("MNIST") / "raw" / name,
        "in raw": lambda name: Path("raw") / f"{name}.gz",
    }[kind]


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize(
    "kind", ["as Kaggle has them", "in a folder of their name", "with dots", "as torchvision has them", "in raw"]
)
def test_digits_lie_about_in_many_ways(kind, compressed, tmp_path):
    images, labels = np.arange(4 * 28 * 28, dtype=np.uint8).reshape(4, 28, 28), np.array([1, 3, 1, 3], np.uint8)
    for name, numbers in (("t10k-images-idx3-ubyte", images), ("t10k-labels-idx1-ubyte", labels)):
        path = tmp_path / passed_on(kind)(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        header = struct.pack(f">HBB{numbers.ndim}I", 0, 8, numbers.ndim, *numbers.shape)
        content = header + numbers.tobytes()
        path.write_bytes(gzip.compress(content) if compressed else content)  # whatever the name says
    task = le.tasks.Digits((1, 3), size=28, source=str(tmp_path), split="test")
    np.testing.assert_allclose(np.asarray(task.x)[0, :-1], images[0].ravel() / 255)


def test_a_folder_without_digits_says_what_it_holds(tmp_path):
    with pytest.raises(le.LearningEffortError, match="It is empty"):
        le.tasks.Digits(source=str(tmp_path))
    (tmp_path / "mnist.csv").write_text("1,2")
    with pytest.raises(le.LearningEffortError, match="It holds mnist.csv"):
        le.tasks.Digits(source=str(tmp_path))
