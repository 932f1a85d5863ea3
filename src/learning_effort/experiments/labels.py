"""Labels of problems and solutions: a text for people and files, named coordinates for code."""

from __future__ import annotations

from itertools import product


class Label(str):
    """The label of one of an experiment's problems: a text, and the named coordinates that it stands for.

    `Label(part="semantic", seed=3)` reads "semantic, seed 3": a word stands alone, a whole number follows its name, and any
    other number is written to six digits, "gamma=0.6". As a key, and in files, it is this text and nothing else.

    **Arguments:** `text`, where it is to read otherwise, as in `Label("n=2", n=2)`; the coordinates, words or numbers.
    """

    #: {name: word or number}, in order.
    coordinates: dict[str, str | int | float]

    def __new__(cls, text: str | None = None, /, **coordinates):
        """A label with these coordinates; NumPy's numbers become Python's."""
        coordinates = {name: value.item() if hasattr(value, "item") else value for name, value in coordinates.items()}
        label = super().__new__(cls, ", ".join(map(_worded, coordinates.items())) if text is None else text)
        label.coordinates = coordinates
        return label


def _worded(coordinate: tuple[str, str | int | float]) -> str:
    """A coordinate, (name, value), as it reads in a label."""
    name, value = coordinate
    if isinstance(value, str):
        return value
    return f"{name} {value}" if isinstance(value, int) else f"{name}={value:.6g}"


def coordinates_of(label: str) -> dict[str, str | int | float]:
    """The coordinates of a label; {} of a plain text."""
    return label.coordinates if isinstance(label, Label) else {}


def chosen(labelled: dict, /, *named: str, **coordinates) -> dict:
    """Those of {label: problem or solution} that lie at these coordinates, in the order in which they are.

    **Arguments:** `named`, coordinates that they must have, at whatever value; `coordinates`, their values, None where they
    must not have one: `chosen(solutions, part="semantic", start=None)`.
    """

    def fits(own: dict) -> bool:
        """Whether a label with the coordinates `own` is meant."""
        return all(name in own for name in named) and all(own.get(name) == value for name, value in coordinates.items())

    return {label: value for label, value in labelled.items() if fits(coordinates_of(label))}


def ordered(labelled: dict, dims: dict) -> list:
    """The problems or solutions of {label: one} at every point of `dims`, {coordinate: values}, in row-major order."""
    at = {tuple(coordinates_of(label).get(name) for name in dims): value for label, value in labelled.items()}
    return [at[point] for point in product(*dims.values())]
