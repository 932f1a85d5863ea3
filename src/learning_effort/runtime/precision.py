"""The one place where JAX is configured: 64-bit numbers, one random generator, compiled programs kept between sessions.

Values over whole learning curves are compared to 1e-9 and gradients summed over 10,000 steps: 32-bit numbers are not enough.
Seeds name initial weights and batches, so what is drawn must not hang on a flag of the environment. The modules at the
bottom of every room (tasks, learners, costs, losses, the horizon) import this one, so it is loaded before anything is computed.

Some of JAX's switches forbid what is ordinary here: whole numbers beside others, arrays made of Python's numbers, and infinite
bounds. They are switched back when this file is loaded, which is said in a line.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import jax

from ..errors import LearningEffortError
from ..runtime import compile_cache, fork

#: Switches of JAX, the values with which nothing here works, and the value that is needed.
SWITCHED_BACK = {
    "jax_numpy_dtype_promotion": (("strict",), "standard"),
    "jax_numpy_rank_promotion": (("raise",), "allow"),
    "jax_transfer_guard_host_to_device": (("disallow", "disallow_explicit"), "allow"),
    "jax_transfer_guard_device_to_device": (("disallow", "disallow_explicit"), "allow"),
    "jax_transfer_guard_device_to_host": (("disallow", "disallow_explicit"), "allow"),
    "jax_debug_infs": ((True,), False),
}


def _given(switch: str) -> object:
    """The value that a switch of JAX has now, in this thread; None for one that this version of JAX lacks."""
    value = getattr(jax.config, switch, None)
    return value if value is None or isinstance(value, bool) else str(getattr(value, "value", value))


def _in_the_way() -> dict[str, object]:
    """The switches with which nothing here works, and what each must be."""
    return {switch: needed for switch, (not_so, needed) in SWITCHED_BACK.items() if _given(switch) in not_so}


def require_settings(owner: str) -> None:
    """**Raises:** `LearningEffortError` if 64-bit numbers were switched off after this package was imported, or a switch of JAX
    that forbids what `owner` does was set; and in a process that was forked."""
    fork.require_not_forked()
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise LearningEffortError(
            f"{owner} needs 64-bit numbers, but jax_enable_x64 is off: arrays would come in as float32. "
            "Remove the line that switches it off, or call jax.config.update('jax_enable_x64', True)."
        )
    for switch, needed in _in_the_way().items():
        raise LearningEffortError(
            f"{owner} does not work where {switch} is {_given(switch)}. Remove the line, or leave the context, that sets it, "
            f"or call jax.config.update({switch!r}, {needed!r})."
        )


@contextlib.contextmanager
def nans_allowed() -> Iterator[None]:
    """While it lasts, in this thread, numbers that are not finite come back as such, though JAX_DEBUG_NANS be set: searching
    meets them (a step too long, a trace not filled yet), and says in words those that the problem brings with it."""
    with jax.debug_nans(False):
        yield


def _switch_on() -> None:
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_threefry_partitionable", True)
    changed = _in_the_way()
    for switch, needed in changed.items():
        jax.config.update(switch, needed)
    if changed:
        said = ", ".join(f"{switch}={needed}" for switch, needed in changed.items())
        print(f"learning-effort: it needs, and has set, {said}.", file=sys.stderr)
    compile_cache.switch_on()
    _require_devices()


def _require_devices() -> None:
    """**Raises:** `LearningEffortError` if JAX is told to compute on a kind of device that is not there."""
    platforms = jax.config.jax_platforms  # type: ignore[attr-defined]
    if not platforms:
        return
    try:
        jax.devices()
    except Exception as error:
        why = " ".join(str(error).split())
        raise LearningEffortError(
            f"JAX is told to compute on {platforms!r} (JAX_PLATFORMS), which is not there{': ' if why else '.'}{why} "
            "Remove that setting, or set JAX_PLATFORMS=cpu."
        ) from None


_switch_on()
