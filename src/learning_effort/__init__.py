"""learning-effort: how an agent should spend effort on its own learning.

Say how a network learns, what effort can act on and what effort costs; get the effort that maximises value over the
whole of learning, with a certificate. The theory is Carrasco-Davis, Masís & Saxe, arXiv 2310.19919.

Everything public is reached as `le.NAME` after `import learning_effort as le`, and imported when first used; the names
stand in `__init__.pyi`.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
