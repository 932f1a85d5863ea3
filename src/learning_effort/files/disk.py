"""Files written whole or not at all, and problems described so that they can be rebuilt. Nothing is ever pickled."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import LearningEffortError


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
