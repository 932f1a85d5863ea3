"""The one place where 64-bit numbers are switched on.

Values over whole learning curves are compared to 1e-9 and gradients summed over 10,000 steps: 32-bit numbers
are not enough. Every module that computes imports this one first.
"""

import jax

jax.config.update("jax_enable_x64", True)
