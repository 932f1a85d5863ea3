"""The command `learning-effort`."""

from .main import main

__all__ = ["main"]
