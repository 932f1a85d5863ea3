"""The one place where JAX is configured: 64-bit numbers, and compiled programs kept between sessions.

Values over whole learning curves are compared to 1e-9 and gradients summed over 10,000 steps: 32-bit numbers
are not enough. Every module that computes imports this one first.
"""

from __future__ import annotations

import jax

from ..runtime import compile_cache

jax.config.update("jax_enable_x64", True)
compile_cache.switch_on()
