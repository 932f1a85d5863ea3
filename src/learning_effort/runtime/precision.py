"""The one place where JAX is configured: 64-bit numbers, one random generator, compiled programs kept between sessions.

Values over whole learning curves are compared to 1e-9 and gradients summed over 10,000 steps: 32-bit numbers are not enough.
Seeds name initial weights and batches, so what is drawn must not hang on a flag of the environment. The modules at the
bottom of every room (tasks, learners, costs, losses, the horizon) import this one, so it is loaded before anything is computed.
"""

from __future__ import annotations

import jax

from ..runtime import compile_cache

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_threefry_partitionable", True)
compile_cache.switch_on()
