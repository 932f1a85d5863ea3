"""Numerical methods on vectors, which know nothing of problems."""
