"""What reaches the terminal: nothing it cannot show, nothing that controls it, and a quiet end when nobody reads on."""

from __future__ import annotations

import contextlib
import os
import sys

#: What the shell says of a program that SIGPIPE (13) ended, as it ends `yes | head -1`.
_NOBODY_READS = 128 + 13


def escaped(text: str) -> str:
    """`text` with every character that cannot be printed as its escape, \\x1b for one; lines and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


@contextlib.contextmanager
def readable_output():
    """While it lasts, standard output is escaped, and what an encoding lacks is written as its escape.

    Where the output cannot be written, the program ends: quietly if its reader has gone, else with a message.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with contextlib.redirect_stdout(sys.stdout and _Escaped(sys.stdout)):
            try:
                yield
            finally:
                print(end="", flush=True)
    except BrokenPipeError:
        _discard_output()
        sys.exit(_NOBODY_READS)
    except OSError as error:
        with contextlib.suppress(OSError):
            print(f"learning-effort: the output cannot be written: {error.strerror or error}.", file=sys.stderr)
        _discard_output()
        sys.exit(1)


class _Escaped:
    """A text stream on which characters that cannot be printed are written as their escapes."""

    def __init__(self, stream):
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, escaped."""
        return self._stream.write(escaped(text))

    def __getattr__(self, name: str):
        """Everything else is the stream's own."""
        return getattr(self._stream, name)


def _discard_output() -> None:
    """Let what is still to be written go nowhere, so that nothing fails again when the program ends."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
