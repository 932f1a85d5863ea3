"""Files are read only if they are what was written: a checksum is compared first, and whatever fails ends in one message."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import LearningEffortError
from .paths import printable

#: Behind the HDF5 bytes, as far as which no other program reads, stand this, the checksum of all before it, and a line's end.
SEAL = b"\nlearning-effort SHA-256 "
#: Where the superblock of HDF5 says how long a file is, by the superblock's version (HDF5 file format, II.A).
LENGTH_AT = {0: 40, 1: 44, 2: 28, 3: 28}


def seal(content: bytes | memoryview) -> bytes:
    """What is written behind `content`, so that damage to it shows."""
    return SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def unsealed(data: bytes) -> bytes:
    """The content of a file that was sealed; all of a file that never was, as version 0.1.0 wrote them.

    **Raises:** `ValueError` if the content does not fit its seal, or ends elsewhere than HDF5 itself says and has none.
    """
    size = len(seal(b""))
    content, end = data[:-size], data[-size:]
    if end.startswith(SEAL):
        if end != seal(content):
            raise ValueError("its checksum does not fit its content")
        return content
    at = LENGTH_AT.get(data[8]) if data.startswith(b"\x89HDF\r\n\x1a\n") and len(data) > 8 else None
    if at is None:
        raise ValueError("it does not begin as one")
    if int.from_bytes(data[at : at + 8], "little") != len(data):
        raise ValueError("it does not end where it should")
    return data


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """While it lasts, whatever is raised says that the file `path` is damaged: by what decides what is raised.

    **Raises:** `LearningEffortError`; those from inside keep their words, and name the file.
    """
    try:
        yield
    except LearningEffortError as error:
        words = printable(error)
        raise type(error)(words if printable(path) in words else f"{printable(path)}: {words}") from None
    except Exception as error:
        why = f"is damaged or not a netCDF file of learning-effort: {_why(error)}."
        raise LearningEffortError(f"{printable(path)} {why}") from None


def _why(error: Exception) -> str:
    """What went wrong, in a line."""
    text = str(error).strip().partition("\n")[0].rstrip(".")
    if isinstance(error, KeyError):
        name = str(error.args[0] if error.args else "").partition(". ")[0]  # xarray says what there is besides
        text = name if " " in name else f"it lacks {name!r}"
    return printable(text, 200) or type(error).__name__
