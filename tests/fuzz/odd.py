"""Values that nobody meant: for every argument of every public constructor, and whole files and folders."""

from __future__ import annotations

import fractions
import pathlib
from decimal import Decimal

import numpy as np
import pandas as pd
import scipy.sparse
import xarray as xr

#: By name, what makes it, so that generators are fresh.
ODD = {
    **{repr(v)[:24]: (lambda v=v: v) for v in (None, True, False, 0, -1, 1, 2, 7, 10**9, 2**31, 2**63, 10**400)},
    **{repr(v): (lambda v=v: v) for v in (-0.0, 0.5, 1.5, -3.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf"))},
    **{repr(v)[:24]: (lambda v=v: v) for v in ("", "a", "linear", "0.3", "\0", "x" * 5000, b"x", ..., 1j)},
    "[]": list,
    "[1.0]": lambda: [1.0],
    "(0.1, 0.2)": lambda: (0.1, 0.2),
    "[0.3, 0.7]": lambda: [0.3, 0.7],
    "[nan, 1.0]": lambda: [float("nan"), 1.0],
    "[[1.0]]": lambda: [[1.0]],
    "[[[1.0]]]": lambda: [[[1.0]]],
    "a ragged list": lambda: [[1.0, 2.0], [3.0]],
    "[None]": lambda: [None],
    "['a']": lambda: ["a"],
    "a dict": lambda: {"a": 1.0},
    "an empty dict": dict,
    "a set": lambda: {1.0},
    "a range": lambda: range(3),
    "a generator": lambda: (i for i in range(3)),
    "a slice": lambda: slice(None),
    "an object": object,
    "a class": lambda: int,
    "a function": lambda: lambda *given: None,
    "a fraction": lambda: fractions.Fraction(1, 3),
    "a decimal": lambda: Decimal("0.1"),
    "a path": lambda: pathlib.Path("/nonesuch"),
    "np.int64": lambda: np.int64(3),
    "np.float32": lambda: np.float32(0.5),
    "np.bool_": lambda: np.True_,
    "a date": lambda: np.datetime64("2020-01-01"),
    "masked": lambda: np.ma.masked,
    "a Series": lambda: pd.Series([0.3, 0.7]),
    "a DataFrame": lambda: pd.DataFrame({"a": [0.3, 0.7]}),
    "a DataArray": lambda: xr.DataArray([0.3, 0.7]),
    "sparse": lambda: scipy.sparse.csr_matrix(np.ones((2, 2))),
}


def array(random: np.random.Generator) -> object:
    """An array of any kind, shape and content."""
    shape = tuple(int(n) for n in random.choice([0, 1, 2, 3, 5], size=random.integers(0, 4), p=[0.06, 0.3, 0.3, 0.24, 0.1]))
    kinds = ["f8", "f8", "f8", "f4", "f2", "i8", "u1", "?", "c16", "O", "U5", "M8[D]", "m8[s]", "masked", "nan", "inf"]
    kind = random.choice(kinds)
    with np.errstate(all="ignore"):
        numbers = np.asarray(random.normal(size=shape) * 10.0 ** random.choice([0, 0, 0, 5, -5, 150, 308]))
        if kind in ("nan", "inf"):
            return np.where(random.random(shape) < 0.3, float(kind), numbers)
        if kind == "masked":
            return np.ma.masked_array(numbers, random.random(shape) < 0.5)
        given = (random.integers(0, 9, shape) if kind in ("M8[D]", "m8[s]", "u1", "i8") else numbers).astype(kind)
    given = np.asarray(given)
    return given.tolist() if random.random() < 0.2 else given[..., ::-1] if shape and random.random() < 0.2 else given


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """A file's bytes flipped, cut, doubled, or with a piece of them gone."""
    given, at = bytearray(data), int(random.integers(len(data)))
    match random.choice(["flip", "flip", "flips", "cut", "gone", "zeros", "empty", "longer"]):
        case "flip":
            given[at] ^= 1 << int(random.integers(8))
        case "flips":
            for place in random.integers(len(data), size=20):
                given[place] ^= int(random.integers(1, 256))
        case "cut":
            del given[at:]
        case "gone":
            del given[at : at + int(random.integers(1, 200))]
        case "zeros":
            given[at : at + 64] = bytes(len(given[at : at + 64]))
        case "empty":
            given.clear()
        case "longer":
            given += random.bytes(100)
    return bytes(given)


#: What may stand in JSON in the place of anything.
JSON = [None, True, 0, -1, 10**30, 1.5, float("nan"), float("inf"), "", "a", "\x1b[31m", "1e400"]
JSON += [[], [None], {}, {"a": []}, [[[[]]]]]


def changed(given: object, random: np.random.Generator) -> object:
    """JSON with one value of another type, one gone, or one too many."""
    if isinstance(given, dict) and given and random.random() < 0.85:
        key = str(random.choice(list(given)))
        rest = {k: v for k, v in given.items() if k != key}
        return rest if random.random() < 0.15 else {**rest, key: changed(given[key], random)}
    if isinstance(given, list) and given and random.random() < 0.7:
        at = int(random.integers(len(given)))
        return [*given[:at], changed(given[at], random), *given[at + 1 :]]
    return JSON[int(random.integers(len(JSON)))]
