"""Paths as users give them, and how messages show them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ..errors import Given, LearningEffortError, shown


def printable(text: object, most: int = 500) -> str:
    """`text` as a message shows it: its beginning, every character that cannot be printed as its escape, \\x1b for one."""
    text = str(text)
    clipped = text if len(text) <= most else f"{text[:most]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in clipped)


def given(path: Given[str | os.PathLike[str]]) -> Path:
    """`path` with its ~ expanded. **Raises:** `LearningEffortError` for what cannot be a path."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text:
        raise LearningEffortError(f"A path must be text, such as 'runs/run.nc', or a pathlib.Path. Got {shown(path)} instead.")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        text = "\0"
    if "\0" in text:
        raise LearningEffortError(f"The path {shown(path)} has a character that no name of a file can have.")
    return Path(os.path.expanduser(text))


def replaceable(path: Given[str | os.PathLike[str]]) -> Path:
    """The file that is replaced where `path` is written: the one a link leads to, and `path` otherwise; it need not exist.

    **Raises:** `LearningEffortError` for a folder, a device or the like, and a file that is write-protected.
    """
    path = given(path)
    try:
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return target
    except OSError as error:
        raise not_written(path, error) from None
    if stat.S_ISDIR(mode):
        raise not_written(path, "it is a folder. Give the name of a file in it")
    if not stat.S_ISREG(mode):
        raise not_written(path, "it is not an ordinary file")
    if not (mode & 0o222 and os.access(target, os.W_OK)):  # root may write everywhere, and still minds the file's own mark
        raise not_written(path, "it is write-protected. Choose another name, or allow writing to it")
    return target


def not_written(path: Path, why: OSError | str) -> LearningEffortError:
    """The error that says that `path` cannot be written."""
    reason = why if isinstance(why, str) else why.strerror or why
    return LearningEffortError(f"{printable(path)} cannot be written: {printable(reason)}.")
