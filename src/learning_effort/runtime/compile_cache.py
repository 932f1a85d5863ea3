"""Compiled programs kept between sessions, so that a problem of a known shape starts at once.

They lie in the user's cache folder (or where `JAX_COMPILATION_CACHE_DIR` says). `LEARNING_EFFORT_CACHE=off` in the
environment, or `--no-cache` on the command line, keeps none.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import platformdirs

#: The variable of the environment that switches it off.
SWITCH = "LEARNING_EFFORT_CACHE"
#: Programs that take less than this to compile are not kept, in seconds.
WORTH_KEEPING = 0.02


def folder() -> Path:
    """Where compiled programs are kept: the user's cache folder, in the place that the system has for it."""
    return Path(platformdirs.user_cache_dir("learning-effort", appauthor=False)) / "compiled"


def _folder_chosen() -> bool:
    """Whether the user has told JAX where to keep programs."""
    import jax

    return bool(jax.config.jax_compilation_cache_dir)  # type: ignore[attr-defined]


def switch_on() -> None:
    """Keep compiled programs, unless it is switched off, or the user has chosen a folder already, or none can be written."""
    import jax

    if os.environ.get(SWITCH, "").lower() in ("off", "0", "no", "false") or _folder_chosen():
        return
    try:
        kept = folder()
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=kept):
            pass
    except (OSError, RuntimeError, KeyError) as error:  # no home, or none that can be written, as in containers
        print(f"learning-effort: compiled programs are not kept ({error}); {SWITCH}=off asks for that.", file=sys.stderr)
        return
    jax.config.update("jax_compilation_cache_dir", str(kept))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", WORTH_KEEPING)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
