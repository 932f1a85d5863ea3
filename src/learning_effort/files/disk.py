"""Files written whole or not at all, and onto the disk itself. Nothing is ever pickled."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Given, LearningEffortError
from .paths import given, not_written, printable, replaceable
from .reading import reading, seal, unsealed

if TYPE_CHECKING:  # loads pandas
    import xarray

#: What names of temporary files begin with; the number of the process that writes them follows.
TEMPORARY = ".learning-effort-"
#: A temporary file is abandoned if its process is gone and nothing was written to it for so many seconds.
ABANDONED = 60.0
#: What file systems say that cannot be asked to bring a file onto the disk.
UNABLE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)

# Writing ----------------------------------------------------------------------------------------------------------


def writable_folder(folder: Given[str | os.PathLike[str]]) -> Path:
    """`folder`, made if need be and shown to be writable. **Raises:** `LearningEffortError` if it is not."""
    folder = given(folder)
    try:
        _made(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise LearningEffortError(
            f"The folder {printable(folder)} cannot be written: {error.strerror}. Choose another with --out."
        ) from None
    return folder


def replace_file(path: Given[str | os.PathLike[str]], write: Callable[[str], object]) -> None:
    """Call `write(temporary path)` and move what it wrote to `path`: whole or not at all. A link at `path` stays, and so does
    who may read the file.

    **Raises:** `LearningEffortError` if that cannot be done; what was at `path` is then still there.
    """
    target = replaceable(path)
    try:
        _made(target.parent)
        with _temporary(target.parent, target.suffix[:16]) as new:
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            write(str(new))
            if target.exists():
                new.chmod(stat.S_IMODE(target.stat().st_mode))
            _onto_disk(new)
            os.replace(new, target)
        _onto_disk(target.parent)
    except OSError as error:
        raise not_written(given(path), error) from None


def replace_folder(folder: Given[str | os.PathLike[str]], write: Callable[[Path], object], last: str) -> None:
    """Call `write(temporary folder)` and move the files it wrote into `folder`, that of the name `last` at the end.

    Nothing in `folder` changes before all are written. While they are moved, there is no `last`: a folder that has it is of one
    piece.

    **Raises:** `LearningEffortError` if that cannot be done.
    """
    folder = writable_folder(folder)
    try:
        with _temporary(folder, "") as new:
            new.mkdir()
            try:
                write(new)
            except LearningEffortError as error:  # what is asked for is not there, but in `folder`
                raise type(error)(str(error).replace(printable(new), printable(folder))) from None
            files = sorted(new.iterdir(), key=lambda file: file.name == last)
            targets = [replaceable(folder / file.name) for file in files]
            replaceable(folder / last).unlink(missing_ok=True)
            for file, target in zip(files, targets, strict=True):
                _onto_disk(folder)
                if target.parent == folder:
                    os.replace(file, target)
                else:  # where a link leads may be another disk
                    replace_file(target, functools.partial(shutil.copyfile, file))
        _onto_disk(folder)
    except OSError as error:
        raise not_written(folder, error) from None


def write(dataset: xarray.Dataset, path: Given[str | os.PathLike[str]]) -> None:
    """Write an `xarray.Dataset` as compressed netCDF, with a checksum behind it. **Raises:** as `replace_file`."""
    encoding = {
        name: {"zlib": True, "complevel": 4, "shuffle": True}
        for name, variable in dataset.variables.items()
        if variable.size > 100 and variable.dtype.kind == "f"
    }
    content = dataset.to_netcdf(None, engine="h5netcdf", encoding=encoding)  # in memory: on a full disk HDF5 crashes
    replace_file(path, lambda name: Path(name).write_bytes(b"".join((content, seal(content)))))


def write_text(text: str, path: Given[str | os.PathLike[str]]) -> None:
    """Write a text file. **Raises:** as `replace_file`."""
    replace_file(path, lambda name: Path(name).write_text(text, encoding="utf-8"))


def _made(folder: Path) -> None:
    """Make a folder, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None


@contextlib.contextmanager
def _temporary(folder: Path, suffix: str) -> Iterator[Path]:
    """A new name in `folder`; what is there in the end is removed, and so is what processes left that are gone."""
    for left in folder.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError, ValueError, OverflowError):
            if time.time() - left.lstat().st_mtime > ABANDONED and _gone(int(left.name[len(TEMPORARY) :].split("-")[0])):
                _remove(left)
    new = folder / f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}{suffix}"
    try:
        yield new
    finally:
        _remove(new)


def _remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _gone(process: int) -> bool:
    """Whether there is no such process any more, where it can be known."""
    try:
        if os.name == "posix":  # elsewhere a signal, even this one, is not a question
            os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def _onto_disk(path: Path) -> None:
    """Wait until a file is on the disk itself, or a folder's names are, where that can be had."""
    whole = path.is_dir()
    try:
        handle = os.open(path, os.O_RDONLY if whole else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if not (whole or error.errno in UNABLE):
            raise


# Reading ----------------------------------------------------------------------------------------------------------


def read(path: Given[str | os.PathLike[str]]) -> xarray.Dataset:
    """An `xarray.Dataset` in memory, from a file or from a run's folder.

    **Raises:** `LearningEffortError` if the file is missing or damaged.
    """
    import xarray as xr

    path = given(path)
    with reading(path):
        try:
            file = path / "run.nc" if (path / "run.nc").exists() else path
            if not file.is_file():
                raise LearningEffortError(f"There is no file {file}. Give a run.nc, or the folder of a run.")
            content = file.read_bytes()
        except OSError as error:
            raise LearningEffortError(f"{path} cannot be read: {error.strerror}.") from None
    with reading(file), xr.open_dataset(io.BytesIO(unsealed(content)), engine="h5netcdf") as dataset:
        return dataset.load()
