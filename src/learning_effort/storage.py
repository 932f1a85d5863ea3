"""Files written whole or not at all, and problems described so that they can be rebuilt. Nothing is ever pickled."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import tempfile
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .errors import LearningEffortError

#: The parts of this package whose classes a stored problem may name.
DESCRIBED = ("tasks", "learners", "controls", "costs", "horizon", "problem")


def writable_folder(folder) -> Path:
    """`folder`, made if need be and shown to be writable. **Raises:** `LearningEffortError` if it is not."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise LearningEffortError(
            f"The folder {folder} cannot be written: {error.strerror}. Choose another with --out."
        ) from None
    return folder


def replace_file(path, write) -> None:
    """Call `write(temporary path)` and move what it wrote to `path`: whole or not at all."""
    path = Path(path)
    folder = writable_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        write(name)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # temporary files are private; what the user asked for is not
        os.replace(name, path)
    except OSError as error:
        raise LearningEffortError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        Path(name).unlink(missing_ok=True)


def write(dataset, path) -> None:
    """Write an `xarray.Dataset` as compressed netCDF."""
    encoding = {
        name: {"zlib": True, "complevel": 4, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.size > 100 and variable.dtype.kind == "f"
    }
    replace_file(path, lambda name: dataset.to_netcdf(name, engine="h5netcdf", encoding=encoding))


def read(path):
    """An `xarray.Dataset` in memory. **Raises:** `LearningEffortError` if the file is missing or damaged."""
    import xarray as xr

    path = Path(path)
    if path.is_dir() and (path / "run.nc").exists():
        path = path / "run.nc"
    if not path.is_file():
        raise LearningEffortError(f"There is no file {path}. Give a run.nc, or the folder of a run.")
    try:
        with xr.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise LearningEffortError(f"{path} is damaged or not a netCDF file: {str(error).splitlines()[0]}.") from None


def write_text(text: str, path) -> None:
    """Write a text file, whole or not at all."""
    replace_file(path, lambda name: Path(name).write_text(text, encoding="utf-8"))


def describe(module) -> tuple[dict | None, list[np.ndarray]]:
    """A problem as JSON and the arrays it refers to by number; (None, []) if parts of it are not this package's."""
    arrays: list[np.ndarray] = []

    def encode(value):
        if isinstance(value, eqx.Module):
            owner = type(value)
            if not owner.__module__.startswith("learning_effort."):
                raise TypeError
            fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return {"class": f"{owner.__module__}:{owner.__qualname__}", "fields": fields}
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            raise TypeError
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [encode(v) for v in value]}
        if isinstance(value, (np.ndarray, jnp.ndarray)):
            array = np.asarray(value)
            same = (i for i, a in enumerate(arrays) if _identical(a, array))
            place = next(same, len(arrays))
            if place == len(arrays):
                arrays.append(array)
            return {"array": place}
        return {"value": json.loads(json.dumps(value))}

    try:
        return encode(module), arrays
    except TypeError:
        return None, []


def _identical(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def rebuild(description: dict | None, array):
    """What `describe` described; `array` gives an array by its number. None for None."""
    if description is None:
        return None

    def decode(given):
        if "class" in given:
            place, _, name = given["class"].partition(":")
            package, part, *_ = [*place.split("."), ""]
            if package != "learning_effort" or part not in DESCRIBED:
                raise LearningEffortError(f"The file names a class {given['class']} that is no part of a problem.")
            try:
                owner = getattr(importlib.import_module(place), name, None)
            except ImportError:
                owner = None
            if not (isinstance(owner, type) and issubclass(owner, eqx.Module)):
                raise LearningEffortError(f"The file names {given['class']}, which this version does not have.")
            module = object.__new__(owner)
            for field, value in given["fields"].items():
                object.__setattr__(module, field, decode(value))
            return module
        if "array" in given:
            return jnp.asarray(array(given["array"]))
        for kind in (list, tuple):
            if kind.__name__ in given:
                return kind(decode(v) for v in given[kind.__name__])
        return given["value"]

    return decode(description)
