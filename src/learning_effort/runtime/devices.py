"""Every number that is tuned to a kind of processor, in one room.

None of them changes an answer, but for the order in which numbers are added. Those of the CPU were measured on two cores
(benchmarks/); those of accelerators are scaled up from them and not measured yet.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What one kind of device is good at.

    - `block_bytes`: what the states, or the signals, of one block of steps should take, to stay in the fastest memory.
    - `mapped_state`: networks with no more weights than this are mapped together: what a step costs is then overhead.
    - `paired_effort`: efforts of more numbers than this have no room for quasi-Newton pairs of their own.
    - `examined_effort`: the curvature at efforts of more numbers than this is examined over stretches of time.
    """

    block_bytes: int = 2**19
    mapped_state: int = 8
    paired_effort: int = 2_000_000
    examined_effort: int = 500_000


#: By the name that JAX has for the kind of device.
TUNED = {
    "cpu": Tuning(),
    "gpu": Tuning(block_bytes=2**26, mapped_state=4096, paired_effort=20_000_000),
}


def tuning() -> Tuning:
    """The numbers for JAX's default device; those of the CPU for a kind that is not known."""
    import jax

    return TUNED.get(jax.default_backend(), TUNED["cpu"])
